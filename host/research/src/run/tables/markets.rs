//! `markets.parquet`.

use super::{Definition, maybe_time, optional, read_maybe_time, read_time, read_usd, required, time, usd};
use crate::parquet_file::{Field, Kind, Row, Value};
use crate::run::MarketRow;

const FIELDS: &[Field<MarketRow>] = &[
    required("market", Kind::I64, |row| Value::Int(row.market.into())),
    required("condition", Kind::Text, |row| Value::Text(&row.condition)),
    required("token_0", Kind::Text, |row| Value::Text(&row.tokens[0])),
    required("token_1", Kind::Text, |row| Value::Text(&row.tokens[1])),
    required("slug", Kind::Text, |row| Value::Text(&row.slug)),
    required("question", Kind::Text, |row| Value::Text(&row.question)),
    required("outcome_0", Kind::Text, |row| Value::Text(&row.outcomes[0])),
    required("outcome_1", Kind::Text, |row| Value::Text(&row.outcomes[1])),
    required("event_group", Kind::Text, |row| Value::Text(&row.group)),
    required("listed_us", Kind::Time, |row| time(row.listed_at)),
    optional("ends_us", Kind::Time, |row| maybe_time(row.ends_at)),
    optional("pays_micros", Kind::I64, |row| row.pays.map_or(Value::Null, usd)),
    optional("resolved_us", Kind::Time, |row| maybe_time(row.resolved_at)),
    required("traded", Kind::Bool, |row| Value::Bool(row.traded)),
    required("fee_rate_micros", Kind::I64, |row| Value::Int(row.fee_rate_micros.into())),
];

/// The table.
pub(crate) const MARKETS: Definition<MarketRow> = Definition { name: "markets", fields: FIELDS, read };

fn read(row: Row<'_>) -> anyhow::Result<MarketRow> {
    let text = |name: &str| row.text(name).map(str::to_owned);
    let pays = row.maybe_int("pays_micros")?.map(|_| read_usd(row, "pays_micros")).transpose()?;
    Ok(MarketRow {
        market: row.int("market")?,
        condition: text("condition")?,
        tokens: [text("token_0")?, text("token_1")?],
        slug: text("slug")?,
        question: text("question")?,
        outcomes: [text("outcome_0")?, text("outcome_1")?],
        group: text("event_group")?,
        listed_at: read_time(row, "listed_us")?,
        ends_at: read_maybe_time(row, "ends_us")?,
        pays,
        resolved_at: read_maybe_time(row, "resolved_us")?,
        traded: row.bool("traded")?,
        fee_rate_micros: row.int("fee_rate_micros")?,
    })
}
