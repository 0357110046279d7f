//! The tables of a run, each with its columns and the conversion of its rows.

mod equity;
mod fills;
mod markets;
mod orders;
mod tops;

pub(crate) use equity::EQUITY;
pub(crate) use fills::FILLS;
pub(crate) use markets::MARKETS;
pub(crate) use orders::ORDERS;
pub(crate) use tops::TOPS;

use crate::parquet_file::{Field, Kind, Row, Value};
use model::{Price, Side, Size, Time, Usd};

/// A table: its file name without extension, its columns, and the conversion of a row that was read.
pub(crate) struct Definition<R: 'static> {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field<R>],
    pub(crate) read: fn(Row<'_>) -> anyhow::Result<R>,
}

/// Returns a column whose values are all there.
const fn required<R>(name: &'static str, kind: Kind, get: for<'r> fn(&'r R) -> Value<'r>) -> Field<R> {
    Field { name, kind, optional: false, get }
}

/// Returns a column whose values may be missing.
const fn optional<R>(name: &'static str, kind: Kind, get: for<'r> fn(&'r R) -> Value<'r>) -> Field<R> {
    Field { name, kind, optional: true, get }
}

/// Returns a number that counts or identifies. One above 2^63 does not occur, and is refused when it is read.
fn unsigned(value: u64) -> Value<'static> {
    Value::Int(i64::try_from(value).unwrap_or(-1))
}

/// Returns all 64 bits of a tag as a signed number.
fn bits(value: u64) -> Value<'static> {
    Value::Int(value.cast_signed())
}

fn time(value: Time) -> Value<'static> {
    unsigned(value.0)
}

fn maybe_time(value: Option<Time>) -> Value<'static> {
    value.map_or(Value::Null, time)
}

fn size(value: Size) -> Value<'static> {
    unsigned(value.0)
}

fn usd(value: Usd) -> Value<'static> {
    Value::Int(value.0)
}

fn price(value: Option<Price>) -> Value<'static> {
    value.map_or(Value::Null, |price| Value::Int(price.micros().into()))
}

fn side(value: Side) -> Value<'static> {
    Value::Text(match value {
        Side::Buy => "buy",
        Side::Sell => "sell",
    })
}

fn read_time(row: Row<'_>, name: &str) -> anyhow::Result<Time> {
    row.int(name).map(Time)
}

fn read_maybe_time(row: Row<'_>, name: &str) -> anyhow::Result<Option<Time>> {
    if row.maybe_int(name)?.is_none() { Ok(None) } else { read_time(row, name).map(Some) }
}

fn read_usd(row: Row<'_>, name: &str) -> anyhow::Result<Usd> {
    row.int(name).map(Usd)
}

fn read_maybe_price(row: Row<'_>, name: &str) -> anyhow::Result<Option<Price>> {
    if row.maybe_int(name)?.is_none() { Ok(None) } else { read_price(row, name).map(Some) }
}

fn read_price(row: Row<'_>, name: &str) -> anyhow::Result<Price> {
    let micros: u32 = row.int(name)?;
    Price::from_micros(micros).ok_or_else(|| row.refused(name, &format!("a price from 1 to 999999, got {micros}")))
}

fn read_side(row: Row<'_>, name: &str) -> anyhow::Result<Side> {
    match row.text(name)? {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        other => Err(row.refused(name, &format!("`buy` or `sell`, got `{other}`"))),
    }
}

fn read_bits(row: Row<'_>, name: &str) -> anyhow::Result<u64> {
    row.int::<i64>(name).map(i64::cast_unsigned)
}
