//! The columns of the exported tables. Their schemas are golden files.

use super::Shared;
use crate::parquet_file::{Field, Kind, Value};
use model::{Price, Side, Size};
use tape::Manifest;
use tape::manifest::{HindsightEntry, MarketEntry};

/// A row of `deltas`: a level, or the beginning of a snapshot.
pub(crate) struct Delta {
    pub(super) seq: i64,
    pub(super) shared: Shared,
    pub(super) kind: &'static str,
    /// `None` for `clear`.
    pub(super) level: Option<(Side, Price, Size)>,
}

/// A row of `trades`.
pub(crate) struct TradeRow {
    pub(super) seq: i64,
    pub(super) shared: Shared,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) size: Size,
    pub(super) fee_rate_micros: Option<i64>,
    pub(super) tx_hash: Option<String>,
}

/// A row of `markets`.
pub(crate) struct MarketTableRow {
    condition: String,
    entry: MarketEntry,
    hindsight: HindsightEntry,
}

const fn required<R>(name: &'static str, kind: Kind, get: for<'r> fn(&'r R) -> Value<'r>) -> Field<R> {
    Field { name, kind, optional: false, get }
}

const fn optional<R>(name: &'static str, kind: Kind, get: for<'r> fn(&'r R) -> Value<'r>) -> Field<R> {
    Field { name, kind, optional: true, get }
}

fn int<'r>(value: impl TryInto<i64>) -> Value<'r> {
    value.try_into().map_or(Value::Null, Value::Int)
}

fn maybe<'r>(value: Option<impl TryInto<i64>>) -> Value<'r> {
    value.map_or(Value::Null, int)
}

const fn source(inferred: bool) -> Value<'static> {
    Value::Text(if inferred { "inferred" } else { "feed" })
}

/// Columns of `deltas`.
pub(crate) const DELTAS: &[Field<Delta>] = &[
    required("seq", Kind::I64, |row| Value::Int(row.seq)),
    required("frame", Kind::I64, |row| Value::Int(row.shared.frame)),
    optional("recv_us", Kind::Time, |row| maybe(row.shared.recv_us)),
    required("venue_us", Kind::Time, |row| Value::Int(row.shared.venue_us)),
    required("condition", Kind::Text, |row| Value::Text(&row.shared.condition)),
    required("token", Kind::Text, |row| Value::Text(&row.shared.token)),
    required("outcome", Kind::I8, |row| Value::Int(row.shared.outcome)),
    required("kind", Kind::Text, |row| Value::Text(row.kind)),
    optional("side", Kind::Text, |row| match row.level {
        Some((Side::Buy, ..)) => Value::Text("bid"),
        Some((Side::Sell, ..)) => Value::Text("ask"),
        None => Value::Null,
    }),
    optional("price_micros", Kind::I32, |row| maybe(row.level.map(|(_, price, _)| price.micros()))),
    optional("size_micros", Kind::I64, |row| maybe(row.level.map(|(_, _, size)| size.0))),
    required("source", Kind::Text, |row| source(row.shared.inferred)),
];

/// Columns of `trades`.
pub(crate) const TRADES: &[Field<TradeRow>] = &[
    required("seq", Kind::I64, |row| Value::Int(row.seq)),
    required("frame", Kind::I64, |row| Value::Int(row.shared.frame)),
    optional("recv_us", Kind::Time, |row| maybe(row.shared.recv_us)),
    required("venue_us", Kind::Time, |row| Value::Int(row.shared.venue_us)),
    required("condition", Kind::Text, |row| Value::Text(&row.shared.condition)),
    required("token", Kind::Text, |row| Value::Text(&row.shared.token)),
    required("outcome", Kind::I8, |row| Value::Int(row.shared.outcome)),
    required("taker_side", Kind::Text, |row| Value::Text(if row.side == Side::Buy { "buy" } else { "sell" })),
    required("price_micros", Kind::I32, |row| int(row.price.micros())),
    required("size_micros", Kind::I64, |row| int(row.size.0)),
    optional("fee_rate_micros", Kind::I32, |row| maybe(row.fee_rate_micros)),
    optional("tx_hash", Kind::Text, |row| row.tx_hash.as_deref().map_or(Value::Null, Value::Text)),
    required("inferred", Kind::Bool, |row| Value::Bool(row.shared.inferred)),
];

/// Columns of `markets`. What was published after the close begins with `hindsight_`.
pub(crate) const MARKETS: &[Field<MarketTableRow>] = &[
    required("condition", Kind::Text, |row| Value::Text(&row.condition)),
    required("token_0", Kind::Text, |row| Value::Text(&row.entry.tokens[0])),
    required("token_1", Kind::Text, |row| Value::Text(&row.entry.tokens[1])),
    required("outcome_0", Kind::Text, |row| Value::Text(&row.entry.outcomes[0])),
    required("outcome_1", Kind::Text, |row| Value::Text(&row.entry.outcomes[1])),
    required("slug", Kind::Text, |row| Value::Text(&row.entry.slug)),
    required("question", Kind::Text, |row| Value::Text(&row.entry.question)),
    optional("listed_us", Kind::Time, |row| maybe(row.entry.listed_us)),
    optional("end_us", Kind::Time, |row| maybe(row.entry.end_us)),
    optional("tick_micros", Kind::I32, |row| maybe(row.entry.ticks.first().map(|tick| tick.tick_micros))),
    optional("min_size_micros", Kind::I64, |row| maybe(row.entry.min_size_micros)),
    optional("fee_rate_micros", Kind::I32, |row| maybe(row.entry.fees.first().map(|fee| fee.rate_micros))),
    required("neg_risk", Kind::Bool, |row| Value::Bool(row.entry.neg_risk)),
    optional("event", Kind::Text, |row| row.entry.event.as_deref().map_or(Value::Null, Value::Text)),
    required("has_books", Kind::Bool, |row| Value::Bool(row.entry.has_books)),
    required("invented", Kind::Bool, |row| Value::Bool(row.entry.invented)),
    optional("hindsight_pays_micros", Kind::I64, |row| maybe(row.hindsight.pays_micros)),
    optional("hindsight_resolved_us", Kind::Time, |row| maybe(row.hindsight.resolved_us)),
    required("hindsight_implied", Kind::Bool, |row| Value::Bool(row.hindsight.implied)),
];

/// Returns the rows of `markets`.
pub(super) fn markets(manifest: &Manifest) -> anyhow::Result<Vec<MarketTableRow>> {
    let rows = manifest.markets.iter().map(|(condition, entry)| MarketTableRow {
        condition: condition.clone(),
        entry: entry.clone(),
        hindsight: manifest.hindsight.get(condition).cloned().unwrap_or_default(),
    });
    Ok(rows.collect())
}
