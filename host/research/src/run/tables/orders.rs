//! `orders.parquet`.

use super::{
    Definition, bits, maybe_time, optional, price, read_bits, read_maybe_price, read_maybe_time, read_price, read_side,
    read_time, required, side, size, time, unsigned,
};
use crate::parquet_file::{Field, Kind, Row, Value};
use crate::run::OrderRow;
use model::{OrderState, Size};

const STATES: [OrderState; 7] = [
    OrderState::Pending,
    OrderState::Live,
    OrderState::PartlyFilled,
    OrderState::Filled,
    OrderState::Cancelled,
    OrderState::Refused,
    OrderState::Unknown,
];

const FIELDS: &[Field<OrderRow>] = &[
    required("order", Kind::I64, |row| unsigned(row.order)),
    required("strategy", Kind::I64, |row| Value::Int(row.strategy.into())),
    required("market", Kind::I64, |row| Value::Int(row.market.into())),
    required("outcome", Kind::I8, |row| Value::Int(row.outcome.into())),
    required("side", Kind::Text, |row| side(row.side)),
    required("price_micros", Kind::I32, |row| price(Some(row.price))),
    required("size_micros", Kind::I64, |row| size(row.size)),
    required("kind", Kind::Text, |row| Value::Text(&row.kind)),
    required("tag", Kind::I64, |row| bits(row.tag)),
    required("reason", Kind::Text, |row| Value::Text(&row.reason)),
    optional("fair_micros", Kind::I32, |row| price(row.fair)),
    required("placed_us", Kind::Time, |row| time(row.placed_at)),
    optional("ended_us", Kind::Time, |row| maybe_time(row.ended_at)),
    required("state", Kind::Text, |row| Value::Text(row.state.as_str())),
    required("filled_micros", Kind::I64, |row| size(row.filled)),
    optional("ahead_micros", Kind::I64, |row| row.ahead.map_or(Value::Null, size)),
];

/// The table.
pub(crate) const ORDERS: Definition<OrderRow> = Definition { name: "orders", fields: FIELDS, read };

fn read(row: Row<'_>) -> anyhow::Result<OrderRow> {
    let state = row.text("state")?;
    let known = STATES.into_iter().find(|known| known.as_str() == state);
    let ahead = row.maybe_int("ahead_micros")?.map(|_| row.int("ahead_micros").map(Size)).transpose()?;
    Ok(OrderRow {
        order: row.int("order")?,
        strategy: row.int("strategy")?,
        market: row.int("market")?,
        outcome: row.int("outcome")?,
        side: read_side(row, "side")?,
        price: read_price(row, "price_micros")?,
        size: row.int("size_micros").map(Size)?,
        kind: row.text("kind")?.to_owned(),
        tag: read_bits(row, "tag")?,
        reason: row.text("reason")?.to_owned(),
        fair: read_maybe_price(row, "fair_micros")?,
        placed_at: read_time(row, "placed_us")?,
        ended_at: read_maybe_time(row, "ended_us")?,
        state: known.ok_or_else(|| row.refused("state", &format!("a state of an order, got `{state}`")))?,
        filled: row.int("filled_micros").map(Size)?,
        ahead,
    })
}
