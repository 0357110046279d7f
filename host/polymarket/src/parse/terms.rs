//! Terms of markets in the catalog beside trading: reward parameters, rebates, resolution rules, and the members of
//! events whose markets exclude each other (PROTOCOL 15.1, 16). Recordings keep it. A value that is absent or cannot be
//! read is left out, because nothing here decides on an order.

use super::ParseError;
use model::amount::parse_micros;
use model::{ConditionId, EventId};
use serde_json::Value;

/// Maximum bytes of a rule that are kept.
const RULE_MAX: usize = 4_000;

/// The terms of a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketTerms {
    /// The market.
    pub condition: ConditionId,
    /// Parameters of liquidity rewards, if something is paid.
    pub rewards: Option<Rewards>,
    /// The part of a taker's fee that goes to the resting order, in millionths; 0 if unknown.
    pub rebate_micros: u32,
    /// The resolution rule.
    pub rule: String,
    /// The source of the resolution.
    pub rule_source: String,
    /// Slug of its event, if its markets exclude each other.
    pub event_slug: Option<String>,
}

/// Parameters of liquidity rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rewards {
    /// The largest distance from the mid price, in millionths of a dollar.
    pub max_spread_micros: u64,
    /// The smallest order, in millionths of a share.
    pub min_size_micros: u64,
    /// Dollars a day, in millionths.
    pub daily_micros: u64,
}

/// An event whose markets exclude each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventMembers {
    /// Its id.
    pub event: EventId,
    /// All its markets, closed ones too.
    pub members: Vec<ConditionId>,
    /// False if outcomes may be added later, so that no member may win.
    pub complete: bool,
}

/// Reads a page of markets.
pub(crate) fn market_terms(bytes: &[u8]) -> Result<Vec<MarketTerms>, ParseError> {
    let page: Value = serde_json::from_slice(bytes)?;
    Ok(rows(&page, "markets").iter().filter_map(terms).collect())
}

/// Reads a page of events.
pub(crate) fn event_members(bytes: &[u8]) -> Result<Vec<EventMembers>, ParseError> {
    let page: Value = serde_json::from_slice(bytes)?;
    Ok(rows(&page, "events").iter().filter_map(members).collect())
}

/// Returns the rows of a page, or of a plain list.
fn rows<'v>(page: &'v Value, name: &str) -> &'v [Value] {
    page.get(name).unwrap_or(page).as_array().map_or(&[], Vec::as_slice)
}

fn text<'v>(row: &'v Value, name: &str) -> &'v str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Reads a number, or one in a text, in millionths.
fn micros(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => parse_micros(text),
        Value::Number(number) => parse_micros(&number.to_string()),
        _ => None,
    }
}

fn terms(row: &Value) -> Option<MarketTerms> {
    let condition = ConditionId::parse(text(row, "conditionId"))?;
    let rebate = row.get("feeSchedule").and_then(|fees| micros(fees.get("rebateRate")?));
    let rule: String = {
        let letters = text(row, "description").char_indices();
        letters.take_while(|(at, _)| *at < RULE_MAX).map(|(_, letter)| letter).collect()
    };
    let event = row.get("events").and_then(Value::as_array).and_then(|events| events.first());
    let exclusive = row.get("negRisk").and_then(Value::as_bool) == Some(true);
    let slug = event.map(|event| text(event, "slug")).filter(|slug| exclusive && !slug.is_empty());
    Some(MarketTerms {
        condition,
        rewards: rewards(row),
        rebate_micros: rebate.and_then(|rebate| u32::try_from(rebate).ok()).unwrap_or(0),
        rule,
        rule_source: text(row, "resolutionSource").to_owned(),
        event_slug: slug.map(ToOwned::to_owned),
    })
}

fn rewards(row: &Value) -> Option<Rewards> {
    // The spread is in cents.
    let cents = row.get("rewardsMaxSpread").and_then(micros)?;
    let pools = row.get("clobRewards").and_then(Value::as_array)?;
    let daily = pools.iter().filter_map(|pool| micros(pool.get("rewardsDailyRate")?));
    let daily_micros = daily.fold(0, u64::saturating_add);
    let min_size_micros = row.get("rewardsMinSize").and_then(micros).unwrap_or(0);
    (daily_micros > 0).then_some(Rewards { max_spread_micros: cents / 100, min_size_micros, daily_micros })
}

fn members(row: &Value) -> Option<EventMembers> {
    let markets = row.get("markets").and_then(Value::as_array)?;
    let named = |row: &Value| EventId::parse(text(row, "negRiskMarketID"));
    let event = named(row).or_else(|| markets.iter().find_map(named))?;
    let members: Vec<ConditionId> =
        markets.iter().filter_map(|market| ConditionId::parse(text(market, "conditionId"))).collect();
    let grows = row.get("negRiskAugmented").and_then(Value::as_bool) == Some(true);
    // A member that cannot be read is missing.
    let complete = !grows && members.len() == markets.len();
    Some(EventMembers { event, members, complete })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "test code may fail loudly")]

    use super::*;
    use serde_json::json;

    const CONDITION: &str = "0x7d952222f137be0fa2fc4b082f0c47870c4494c5d8715a7427526fd67faeb9cd";
    const EVENT: &str = "0x8d952222f137be0fa2fc4b082f0c47870c4494c5d8715a7427526fd67faeb900";

    #[test]
    fn terms_of_a_market_are_read_and_bad_values_are_left_out() {
        let row = json!({
            "conditionId": CONDITION, "description": "Up if above.", "resolutionSource": "https://x", "negRisk": true,
            "rewardsMinSize": 50, "rewardsMaxSpread": 4.5, "feeSchedule": {"rate": 0.07, "rebateRate": 0.2},
            "clobRewards": [{"rewardsDailyRate": 12.5}, {"rewardsDailyRate": "0.5"}],
            "events": [{"slug": "who-wins"}],
        });
        let page = json!({"markets": [row, {"conditionId": "0x12"}, 7]}).to_string();
        let [found] = &market_terms(page.as_bytes()).unwrap()[..] else { panic!("one market") };
        let expected = Rewards { max_spread_micros: 45_000, min_size_micros: 50_000_000, daily_micros: 13_000_000 };
        assert_eq!((found.rewards, found.rebate_micros), (Some(expected), 200_000));
        assert_eq!((found.rule.as_str(), found.event_slug.as_deref()), ("Up if above.", Some("who-wins")));
        let plain = json!([{"conditionId": CONDITION, "rewardsMaxSpread": "x", "feeSchedule": null}]).to_string();
        let found = market_terms(plain.as_bytes()).unwrap();
        assert_eq!((found[0].rewards, found[0].rebate_micros, &found[0].event_slug), (None, 0, &None));
        assert!(market_terms(b"{").is_err() && market_terms(b"{}").unwrap().is_empty());
    }

    #[test]
    fn an_event_is_complete_unless_outcomes_may_be_added_or_a_member_cannot_be_read() {
        let event = |more: Value, augmented: bool| {
            let markets = json!([{"conditionId": CONDITION}, more]);
            let row = json!({"negRiskMarketID": EVENT, "negRiskAugmented": augmented, "markets": markets});
            event_members(json!({ "events": [row] }).to_string().as_bytes()).unwrap().remove(0)
        };
        let closed = json!({"conditionId": EVENT, "closed": true});
        assert_eq!((event(closed.clone(), false).members.len(), event(closed.clone(), false).complete), (2, true));
        assert!(!event(closed, true).complete);
        assert!(!event(json!({"conditionId": "?"}), false).complete);
    }
}
