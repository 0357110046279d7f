//! Resolved markets as the catalog lists them: JSON Lines with ids, window, strike, outcome and the whole catalog row.
//! The row was fetched after the close; what it says about the outcome is hindsight.

use super::lines::{self, json, plain};
use super::rtds::decimal;
use super::sink::Sink;
use super::source::Source;
use super::timeline::Timeline;
use model::amount::parse_micros;
use model::{ConditionId, TokenId, Usd};
use polymarket::parse::moment;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use tape::Stamp;
use tape::manifest::{FeeEntry, HindsightEntry, MarketEntry, RewardEntry};

/// Fields of a catalog row that were published or changed after the close.
const HINDSIGHT: [&str; 9] = [
    "closedTime",
    "outcomePrices",
    "lastTradePrice",
    "umaResolutionStatus",
    "orderPriceMinTickSize",
    "volume",
    "liquidity",
    "bestBid",
    "bestAsk",
];
/// Maximum bytes of a rule that is kept.
const RULE_MAX: usize = 4_000;

#[derive(Deserialize)]
struct Row {
    slug: String,
    condition_id: String,
    token_ids: [String; 2],
    start_sec: u64,
    end_sec: u64,
    #[serde(default)]
    resolved: bool,
    #[serde(default)]
    outcome_prices: Option<[String; 2]>,
    #[serde(default)]
    strike_value: Option<String>,
    #[serde(default)]
    raw: BTreeMap<String, Value>,
}

/// Imports a file: markets, their strikes as signals, their closes, and their outcomes.
pub(super) fn import(source: &Source, sink: &mut Sink) -> anyhow::Result<()> {
    let mut timeline = Timeline::default();
    lines::each(source, sink, |line, number, sink| {
        let row: Row = match json(line) {
            Ok(row) => row,
            Err(reason) => return Ok(Err(reason)),
        };
        Ok(add(row, number, &mut timeline, sink))
    })?;
    timeline.write(sink)
}

fn add(row: Row, line: u64, timeline: &mut Timeline, sink: &mut Sink) -> Result<(), String> {
    let condition =
        ConditionId::parse(&row.condition_id).ok_or_else(|| format!("condition_id {:?}", row.condition_id))?;
    for token in &row.token_ids {
        TokenId::parse(token).ok_or_else(|| format!("token id {token:?}"))?;
    }
    if row.start_sec >= row.end_sec {
        return Err(format!("end_sec is {}, expected a time after start_sec", row.end_sec));
    }
    let (start_us, end_us) = (row.start_sec.saturating_mul(1_000_000), row.end_sec.saturating_mul(1_000_000));
    let key = condition.to_string();
    if sink.manifest().markets.contains_key(&key) {
        sink.report.issue("duplicate", line, || format!("market {}", row.slug));
        return Ok(());
    }
    let hindsight = hindsight(&row);
    let strike = row.strike_value.as_deref().and_then(decimal);
    match strike {
        Some(strike) => {
            timeline.signal(line, Stamp::venue(start_us), start_us, format!("strike.{}", row.slug), strike);
        }
        None => sink.report.issue("without_strike", line, || row.slug.clone()),
    }
    timeline.closed(line, end_us, condition);
    let entry = entry(row, end_us);
    let manifest = sink.manifest();
    manifest.hindsight.insert(key.clone(), hindsight);
    manifest.markets.insert(key, entry);
    sink.report.wrote("market");
    Ok(())
}

fn entry(row: Row, end_us: u64) -> MarketEntry {
    let raw = &row.raw;
    let text = |name: &str| raw.get(name).map(plain).unwrap_or_default();
    let time = |name: &str| moment(&text(name)).map(|time| time.0);
    let micros = |value: &Value| parse_micros(&plain(value));
    let rate = raw.get("feeSchedule").and_then(|fee| micros(fee.get("rate")?)).and_then(|rate| rate.try_into().ok());
    let rebate = raw.get("feeSchedule").and_then(|schedule| schedule.get("rebateRate")).and_then(micros);
    let rebate_micros = rebate.and_then(|rebate| u32::try_from(rebate).ok()).unwrap_or(0);
    let fees = rate.map(|rate_micros| FeeEntry { from_us: 0, rate_micros, category: text("feeType"), rebate_micros });
    let outcomes: Option<[String; 2]> = serde_json::from_str(&text("outcomes")).ok();
    let rewards = raw.get("rewardsMinSize").and_then(micros).zip(raw.get("rewardsMaxSpread").and_then(micros));
    // The spread is in cents.
    let rewards = rewards.map(|(min_size_micros, cents)| RewardEntry {
        from_us: 0,
        max_spread_micros: cents / 100,
        min_size_micros,
        daily_micros: 0,
    });
    let rule = text("description");
    MarketEntry {
        outcomes: outcomes.unwrap_or_else(|| ["Up".to_owned(), "Down".to_owned()]),
        question: text("question"),
        listed_us: time("acceptingOrdersTimestamp").or_else(|| time("startDate")).or_else(|| time("createdAt")),
        min_size_micros: raw.get("orderMinSize").and_then(micros),
        fees: fees.into_iter().collect(),
        neg_risk: raw.get("negRisk").and_then(Value::as_bool).unwrap_or(false),
        end_us: Some(end_us),
        rule: rule.char_indices().take_while(|(at, _)| *at < RULE_MAX).map(|(_, letter)| letter).collect(),
        rule_source: text("resolutionSource"),
        rewards: rewards.into_iter().collect(),
        assumed: vec!["fee schedule, minimum size and rewards as of the close".to_owned()],
        tokens: row.token_ids,
        slug: row.slug,
        ..MarketEntry::default()
    }
}

fn hindsight(row: &Row) -> HindsightEntry {
    let pays = row.outcome_prices.as_ref().filter(|_| row.resolved).and_then(|prices| {
        let [first, second] = [Usd::parse(&prices[0])?, Usd::parse(&prices[1])?];
        // Two zeros are an unresolved market.
        (first.checked_add(second) == Some(Usd::dollars(1))).then_some(first.0)
    });
    let text = |name: &str| row.raw.get(name).map(plain).filter(|text| !text.is_empty());
    // The catalog writes hours of its zone without minutes: `2026-07-24 00:00:16+00`.
    let closed = text("closedTime").and_then(|text| moment(&text)).map(|time| time.0);
    let fields = HINDSIGHT.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?)));
    HindsightEntry { pays_micros: pays, resolved_us: closed, fields: fields.collect(), ..HindsightEntry::default() }
}
