//! The catalog's pages (PROTOCOL 15.1).

use super::list::{Items, document};
use super::rest::{Open, Tradable};
use super::{ParseError, field, flag, maybe, text_field};
use crate::wire::Text;
use model::amount::parse_micros;
use model::{ConditionId, Time, Usd};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A page of markets.
#[derive(Debug, Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    markets: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    next_cursor: Text<'a>,
}

/// The fields of a market that decide whether it is selected.
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
    #[serde(borrow, default)]
    neg_risk: Text<'a>,
    #[serde(borrow, default)]
    active: Text<'a>,
    #[serde(borrow, default)]
    closed: Text<'a>,
    #[serde(borrow, default)]
    archived: Text<'a>,
    #[serde(borrow, default)]
    accepting_orders: Text<'a>,
    #[serde(borrow, default)]
    enable_order_book: Text<'a>,
}

/// A market that the catalog lists as tradable.
#[derive(Debug)]
pub struct Found {
    pub(crate) listed: Tradable,
    /// Liquidity in its book, as the catalog counts it; `None` if absent.
    pub liquidity: Option<Usd>,
}

impl Found {
    /// Returns the condition.
    pub const fn condition(&self) -> &ConditionId {
        &self.listed.condition
    }

    /// Returns the slug.
    pub fn slug(&self) -> &str {
        &self.listed.slug
    }

    /// Returns true if it is a negative-risk market.
    pub fn is_neg_risk(&self) -> bool {
        self.listed.neg_risk == Some(true)
    }

    /// Returns the scheduled end, if present.
    pub const fn end(&self) -> Option<Time> {
        self.listed.end
    }
}

impl Row<'_> {
    /// Returns true if its positions are of the generation that we sign for.
    fn is_ours(&self) -> Result<bool, ParseError> {
        match self.version.as_str() {
            "" | "v1" => Ok(true),
            _ => field("version", &self.version, |word| word.strip_prefix('v')?.parse().ok()).map(|_: u8| false),
        }
    }

    fn found(&self) -> Result<Option<Found>, ParseError> {
        let open = Open {
            yes: [
                flag("active", &self.active)?,
                flag("acceptingOrders", &self.accepting_orders)?,
                flag("enableOrderBook", &self.enable_order_book)?,
            ],
            names: ["active", "acceptingOrders", "enableOrderBook"],
            no: [flag("closed", &self.closed)?, flag("archived", &self.archived)?],
        };
        if !self.is_ours()? || !open.is_tradable()? {
            return Ok(None);
        }
        let neg_risk_fields = (flag("negRisk", &self.neg_risk)?, ("negRiskMarketID", &self.event));
        let words = (text_field("slug", &self.slug)?, text_field("question", &self.question)?);
        let Some(condition) = super::rest::condition("conditionId", &self.condition_id)? else { return Ok(None) };
        let listed = Tradable::new(condition, words, ("endDate", &self.end_date), neg_risk_fields)?;
        Ok(Some(Found { listed, liquidity: self.liquidity()? }))
    }

    /// Reads the liquidity. The catalog uses floating point: digits beyond a micro-dollar are ignored. A book cannot
    /// have negative liquidity, so a negative number counts as absent.
    fn liquidity(&self) -> Result<Option<Usd>, ParseError> {
        let micros = maybe("liquidityNum", &self.liquidity_num, |text| {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let whole = digits.split_once('.').map_or(digits, |(whole, rest)| {
                let end = whole.len().saturating_add(1).saturating_add(rest.len().min(6));
                digits.get(..end).unwrap_or(digits)
            });
            let micros = parse_micros(whole).and_then(|micros| i64::try_from(micros).ok())?;
            Some((text == digits).then_some(Usd(micros)))
        })?;
        Ok(micros.flatten())
    }
}

/// Reads a page and keeps the tradable markets. The last page has no cursor.
pub(crate) fn catalog_page(bytes: &[u8]) -> Result<Items<Found>, ParseError> {
    let page: Page<'_> = document(bytes)?;
    let next = maybe("next_cursor", &page.next_cursor, |cursor| Some(cursor.to_owned()))?;
    Ok(Items::read(&page.markets, next, |row: Row<'_>| row.found()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::bounds::{QUESTION_MAX, SLUG_MAX};
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
        let Items { items, next, .. } = page(|_| {});
        let [found] = &items[..] else { panic!("{items:?}") };
        assert_eq!((found.slug(), found.end()), ("btc-updown-5m-1", Some(Time(1_795_424_700_000_000))));
        assert_eq!((found.liquidity, found.is_neg_risk()), (Some(Usd(20_328_371_234)), false));
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
