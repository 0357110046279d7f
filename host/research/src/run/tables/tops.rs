//! `tops.parquet`.

use super::{Definition, optional, price, read_maybe_price, read_time, required, time};
use crate::parquet_file::{Field, Kind, Row, Value};
use crate::run::TopRow;

const FIELDS: &[Field<TopRow>] = &[
    required("at_us", Kind::Time, |row| time(row.at)),
    required("market", Kind::I64, |row| Value::Int(row.market.into())),
    optional("bid_micros", Kind::I32, |row| price(row.bid)),
    optional("ask_micros", Kind::I32, |row| price(row.ask)),
];

/// The table.
pub(crate) const TOPS: Definition<TopRow> = Definition { name: "tops", fields: FIELDS, read };

fn read(row: Row<'_>) -> anyhow::Result<TopRow> {
    Ok(TopRow {
        at: read_time(row, "at_us")?,
        market: row.int("market")?,
        bid: read_maybe_price(row, "bid_micros")?,
        ask: read_maybe_price(row, "ask_micros")?,
    })
}
