//! `fills.parquet`.

use super::{
    Definition, bits, optional, price, read_bits, read_maybe_price, read_price, read_side, read_time, read_usd,
    required, side, size, time, unsigned, usd,
};
use crate::parquet_file::{Field, Kind, Row, Value};
use crate::run::FillRow;
use model::{Price, Size};

/// Columns of the mid prices, in the order of [`FillRow::mids`].
const MIDS: [&str; 5] = ["mid_micros", "mid_1s_micros", "mid_5s_micros", "mid_30s_micros", "mid_60s_micros"];

const FIELDS: &[Field<FillRow>] = &[
    required("order", Kind::I64, |row| unsigned(row.order)),
    required("strategy", Kind::I64, |row| Value::Int(row.strategy.into())),
    required("market", Kind::I64, |row| Value::Int(row.market.into())),
    required("outcome", Kind::I8, |row| Value::Int(row.outcome.into())),
    required("side", Kind::Text, |row| side(row.side)),
    required("price_micros", Kind::I32, |row| price(Some(row.price))),
    required("size_micros", Kind::I64, |row| size(row.size)),
    required("fee_micros", Kind::I64, |row| usd(row.fee)),
    required("maker", Kind::Bool, |row| Value::Bool(row.maker)),
    required("tag", Kind::I64, |row| bits(row.tag)),
    required("at_us", Kind::Time, |row| time(row.at)),
    required("realised_micros", Kind::I64, |row| usd(row.realised)),
    optional(MIDS[0], Kind::I32, |row| price(row.mids[0])),
    optional(MIDS[1], Kind::I32, |row| price(row.mids[1])),
    optional(MIDS[2], Kind::I32, |row| price(row.mids[2])),
    optional(MIDS[3], Kind::I32, |row| price(row.mids[3])),
    optional(MIDS[4], Kind::I32, |row| price(row.mids[4])),
];

/// The table.
pub(crate) const FILLS: Definition<FillRow> = Definition { name: "fills", fields: FIELDS, read };

fn read(row: Row<'_>) -> anyhow::Result<FillRow> {
    let mut mids: [Option<Price>; 5] = [None; 5];
    for (mid, name) in mids.iter_mut().zip(MIDS) {
        *mid = read_maybe_price(row, name)?;
    }
    Ok(FillRow {
        order: row.int("order")?,
        strategy: row.int("strategy")?,
        market: row.int("market")?,
        outcome: row.int("outcome")?,
        side: read_side(row, "side")?,
        price: read_price(row, "price_micros")?,
        size: row.int("size_micros").map(Size)?,
        fee: read_usd(row, "fee_micros")?,
        maker: row.bool("maker")?,
        tag: read_bits(row, "tag")?,
        at: read_time(row, "at_us")?,
        realised: read_usd(row, "realised_micros")?,
        mids,
    })
}
