//! `equity.parquet`.

use super::{Definition, read_time, read_usd, required, time, usd};
use crate::parquet_file::{Field, Kind, Row};
use crate::run::EquityRow;

const FIELDS: &[Field<EquityRow>] = &[
    required("at_us", Kind::Time, |row| time(row.at)),
    required("cash_micros", Kind::I64, |row| usd(row.cash)),
    required("positions_micros", Kind::I64, |row| usd(row.positions)),
    required("locked_micros", Kind::I64, |row| usd(row.locked)),
    required("exposure_micros", Kind::I64, |row| usd(row.exposure)),
    required("realised_micros", Kind::I64, |row| usd(row.realised)),
    required("fees_micros", Kind::I64, |row| usd(row.fees)),
];

/// The table.
pub(crate) const EQUITY: Definition<EquityRow> = Definition { name: "equity", fields: FIELDS, read };

fn read(row: Row<'_>) -> anyhow::Result<EquityRow> {
    Ok(EquityRow {
        at: read_time(row, "at_us")?,
        cash: read_usd(row, "cash_micros")?,
        positions: read_usd(row, "positions_micros")?,
        locked: read_usd(row, "locked_micros")?,
        exposure: read_usd(row, "exposure_micros")?,
        realised: read_usd(row, "realised_micros")?,
        fees: read_usd(row, "fees_micros")?,
    })
}
