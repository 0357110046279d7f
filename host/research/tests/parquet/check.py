"""Opens the Parquet files of a run with pyarrow, DuckDB and pandas. RUN is the folder of the run."""

import json
import os
import unittest
from pathlib import Path

import duckdb
import pandas
import pyarrow as arrow
import pyarrow.parquet as parquet

RUN = Path(os.environ["RUN"])
EXPECTED = json.loads((RUN / "expected.json").read_text())
TABLES = ["markets", "orders", "fills", "equity", "tops"]
TIME = arrow.timestamp("us", tz="UTC")


def path(table):
    return RUN / f"{table}.parquet"


class Pyarrow(unittest.TestCase):
    def test_rows_types_and_metadata(self):
        for table in TABLES:
            found = parquet.read_table(path(table))
            self.assertEqual(found.num_rows, EXPECTED[table], table)
            metadata = found.schema.metadata
            self.assertEqual(metadata[b"polytrader.schema"], b"1")
            self.assertEqual(metadata[b"polytrader.tapes"], b"ef" * 32)
            self.assertIn(b"millionths", metadata[b"polytrader.units"])
            for field in found.schema:
                if field.name.endswith("_us"):
                    self.assertEqual(field.type, TIME, field.name)
                elif field.name.endswith("_micros"):
                    self.assertIn(field.type, (arrow.int32(), arrow.int64()), field.name)
                self.assertFalse(arrow.types.is_floating(field.type) or arrow.types.is_decimal(field.type), field.name)

    def test_compression_and_statistics(self):
        for table in TABLES:
            metadata = parquet.ParquetFile(path(table)).metadata
            for group in range(metadata.num_row_groups):
                self.assertLessEqual(metadata.row_group(group).num_rows, 1_000_000)
                for column in range(metadata.num_columns):
                    self.assertEqual(metadata.row_group(group).column(column).compression, "ZSTD")

    def test_values(self):
        fills = parquet.read_table(path("fills"))
        self.assertEqual(sum(fills["size_micros"].to_pylist()), EXPECTED["size_micros"])
        first = min(fills["at_us"].cast(arrow.int64()).to_pylist())
        self.assertEqual(first, EXPECTED["first_us"])
        tops = parquet.read_table(path("tops"))
        self.assertEqual(sum(bid for bid in tops["bid_micros"].to_pylist() if bid is not None), EXPECTED["bid_micros"])
        markets = parquet.read_table(path("markets"))
        self.assertEqual(markets["question"][0].as_py(), EXPECTED["question"])
        orders = parquet.read_table(path("orders"))
        self.assertEqual(orders["fair_micros"].null_count, EXPECTED["fair_missing"])


class DuckDb(unittest.TestCase):
    def test_a_query_joins_fills_and_markets(self):
        query = f"""
            SELECT count(*), sum(f.size_micros)::BIGINT, epoch_us(min(f.at_us))
            FROM '{path("fills")}' f JOIN '{path("markets")}' m USING (market)
        """
        count, size, first = duckdb.sql(query).fetchone()
        self.assertEqual((count, size, first), (EXPECTED["fills"], EXPECTED["size_micros"], EXPECTED["first_us"]))

    def test_times_have_a_zone(self):
        types = duckdb.sql(f"DESCRIBE SELECT * FROM '{path('equity')}'").fetchall()
        self.assertEqual({name: kind for name, kind, *_ in types}["at_us"], "TIMESTAMP WITH TIME ZONE")


class Pandas(unittest.TestCase):
    def test_the_example_of_the_documentation(self):
        # As in docs/reports.md.
        fills = pandas.read_parquet(path("fills"))
        markets = pandas.read_parquet(path("markets"))
        fills["dollars"] = fills.price_micros * fills.size_micros / 1e12
        joined = fills.merge(markets[["market", "question"]], on="market")
        turnover = joined.groupby("question").dollars.sum().sort_values(ascending=False)
        self.assertEqual(len(joined), EXPECTED["fills"])
        self.assertGreater(turnover.iloc[0], 0)


if __name__ == "__main__":
    unittest.main()
