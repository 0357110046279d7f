//! The catalog's pages (PROTOCOL 15.1).

use super::rest::{Items, Tradable};
use super::{ParseError, cut_to, slug};
use crate::wire::Text;
use crate::wire::text::parse_iso_time;
use model::amount::parse_micros;
use model::bounds::QUESTION_MAX;
use model::{ConditionId, EventId, Time, Usd};
use serde::Deserialize;

/// A page of markets.
#[derive(Debug, Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    markets: Vec<Row<'a>>,
    #[serde(borrow, default)]
    next_cursor: Text<'a>,
}

/// A market, as far as it decides whether it is wanted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row<'a> {
    #[serde(borrow, default)]
    version: Text<'a>,
    #[serde(borrow, default)]
    condition_id: Text<'a>,
    #[serde(borrow, default)]
    slug: Text<'a>,
    #[serde(borrow, default)]
    question: Text<'a>,
    #[serde(borrow, default)]
    end_date: Text<'a>,
    #[serde(borrow, default, rename = "negRiskMarketID")]
    event: Text<'a>,
    #[serde(borrow, default)]
    liquidity_num: Text<'a>,
    #[serde(default)]
    neg_risk: Option<bool>,
    #[serde(default)]
    active: Option<bool>,
    #[serde(default)]
    closed: Option<bool>,
    #[serde(default)]
    archived: Option<bool>,
    #[serde(default)]
    accepting_orders: Option<bool>,
    #[serde(default)]
    enable_order_book: Option<bool>,
}

/// A market of the catalog that can be traded, as it says.
#[derive(Debug)]
pub struct Found {
    pub(crate) listed: Tradable,
    /// What is in its book, as the catalog counts it; none if it does not say.
    pub liquidity: Option<Usd>,
    /// Whether it is a negative-risk market.
    pub neg_risk: bool,
}

impl Found {
    /// Returns the condition.
    pub const fn condition(&self) -> &ConditionId {
        &self.listed.condition
    }

    /// Returns the short name in addresses.
    pub fn slug(&self) -> &str {
        &self.listed.slug
    }

    /// Returns when it is due to end, if it says.
    pub const fn end(&self) -> Option<Time> {
        self.listed.end
    }
}

impl Row<'_> {
    /// Says whether orders can be placed now, on positions that we can sign for.
    fn is_tradable(&self) -> bool {
        let yes = |flag: Option<bool>| flag == Some(true);
        let of_ours = self.version.is_empty() || self.version.as_str() == "v1";
        of_ours
            && yes(self.active)
            && !yes(self.closed)
            && !yes(self.archived)
            && yes(self.accepting_orders)
            && yes(self.enable_order_book)
    }

    fn found(&self) -> Option<Found> {
        // The catalog counts with floating point: what is beyond a micro-dollar is not money.
        let text = self.liquidity_num.as_str();
        let whole = text.split_once('.').map_or(text, |(whole, rest)| {
            let end = whole.len().saturating_add(1).saturating_add(rest.len().min(6));
            text.get(..end).unwrap_or(text)
        });
        Some(Found {
            listed: Tradable {
                condition: ConditionId::parse(self.condition_id.as_str())?,
                slug: slug(self.slug.as_str())?,
                question: cut_to(self.question.as_str(), QUESTION_MAX),
                end: parse_iso_time(self.end_date.as_str()),
                event: EventId::parse(self.event.as_str()),
            },
            liquidity: parse_micros(whole).and_then(|micros| i64::try_from(micros).ok()).map(Usd),
            neg_risk: self.neg_risk == Some(true),
        })
    }
}

/// Reads a page and keeps what can be traded. The last page has no cursor.
pub(crate) fn catalog_page(bytes: &[u8]) -> Result<Items<Found>, ParseError> {
    let page: Page<'_> = serde_json::from_slice(bytes)?;
    let items = page.markets.iter().filter(|row| row.is_tradable()).filter_map(Row::found).collect();
    let next = Some(page.next_cursor.as_str()).filter(|cursor| !cursor.is_empty()).map(ToOwned::to_owned);
    Ok(Items { items, next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::bounds::SLUG_MAX;
    use serde_json::{Value, json};

    const CONDITION: &str = "0x7d952222f137be0fa2fc4b082f0c47870c4494c5d8715a7427526fd67faeb9cd";

    fn page(change: impl FnOnce(&mut Value)) -> Items<Found> {
        let mut row = json!({
            "version": "v1", "conditionId": CONDITION, "slug": "btc-updown-5m-1", "question": "Up?",
            "endDate": "2026-11-23T09:05:00Z", "liquidityNum": 20328.371234567, "active": true, "closed": false,
            "archived": false, "acceptingOrders": true, "enableOrderBook": true, "negRisk": null, "more": [1],
        });
        change(&mut row);
        catalog_page(json!({"markets": [row], "next_cursor": "abc"}).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_market_of_the_catalog_is_read() {
        let Items { items, next } = page(|_| {});
        let [found] = &items[..] else { panic!("{items:?}") };
        assert_eq!((found.slug(), found.end()), ("btc-updown-5m-1", Some(Time(1_795_424_700_000_000))));
        assert_eq!((found.liquidity, found.neg_risk), (Some(Usd(20_328_371_234)), false));
        assert_eq!(next.as_deref(), Some("abc"));
        assert!(catalog_page(br#"{"markets":[]}"#).unwrap().next.is_none());
    }

    #[test]
    fn long_texts_are_cut_and_a_long_slug_leaves_its_market_out() {
        for length in [QUESTION_MAX, QUESTION_MAX + 1, 70_000] {
            let found = page(|row| row["question"] = json!("q".repeat(length)));
            assert_eq!(found.items[0].listed.question.len(), QUESTION_MAX);
        }
        let slug = |length| page(|row| row["slug"] = json!("s".repeat(length))).items.len();
        assert_eq!((slug(SLUG_MAX), slug(SLUG_MAX + 1)), (1, 0));
    }

    #[test]
    fn what_cannot_be_traded_is_left_out() {
        for (field, value) in [
            ("active", json!(false)),
            ("closed", json!(true)),
            ("archived", json!(true)),
            ("acceptingOrders", json!(null)),
            ("enableOrderBook", json!(false)),
            ("version", json!("v2")),
            ("conditionId", json!("0x12")),
        ] {
            let there = page(|row| row[field] = value).items;
            assert!(there.is_empty(), "{field}: {there:?}");
        }
        assert!(page(|row| row["liquidityNum"] = json!("-5")).items[0].liquidity.is_none());
    }
}
