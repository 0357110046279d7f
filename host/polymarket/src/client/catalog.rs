//! Gamma, the venue's catalog (PROTOCOL 15.1): which markets there are to trade, found by rules. What it says of a market is
//! hearsay: the order book is asked before anything is traded.

use super::transport::{ClientError, Timeouts, Transport, split};
use super::{Client, RequestError};
use crate::parse::{self, Found};
use model::{Market, Time, Usd};
use std::collections::BTreeSet;

/// The most markets of one page (PROTOCOL 15.1).
const PAGE: &str = "100";
/// The most pages of one look: rules that let more through are too wide to be met in the order of the list.
const PAGES_MAX: usize = 200;

/// Which markets are wanted. A rule that is not set lets everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Tags by their number; one of them is enough.
    pub tags: Vec<u64>,
    /// Beginnings of slugs, such as `btc-updown-5m-`; one of them is enough.
    pub slugs: Vec<String>,
    /// The least that is in the book, in dollars, as the venue counts it.
    pub min_liquidity: Usd,
    /// The market must end at least this many microseconds from now.
    pub ends_after: u64,
    /// The market must end at most this many microseconds from now; 0 is no limit.
    pub ends_within: u64,
    /// Whether negative-risk markets are wanted, and whether others are.
    pub neg_risk: NegRisk,
}

/// What is wanted of markets that exclude each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NegRisk {
    /// Both kinds.
    #[default]
    Any,
    /// Only those.
    Only,
    /// None of them.
    Never,
}

impl Rules {
    /// Says whether a market is wanted at `now`. The catalog filters too, but not everything, and not everywhere.
    pub fn want(&self, found: &Found, now: Time) -> bool {
        let begins = |slug: &String| found.slug().starts_with(slug.as_str());
        let left = found.end().map(|end| end.since(now));
        self.liquid(found)
            && (self.slugs.is_empty() || self.slugs.iter().any(begins))
            && (self.ends_after == 0 || left.is_none_or(|left| left >= self.ends_after))
            && (self.ends_within == 0 || left.is_some_and(|left| left <= self.ends_within))
            && match self.neg_risk {
                NegRisk::Any => true,
                NegRisk::Only => found.neg_risk,
                NegRisk::Never => !found.neg_risk,
            }
    }

    fn liquid(&self, found: &Found) -> bool {
        self.min_liquidity == Usd::ZERO || found.liquidity.is_some_and(|liquidity| liquidity >= self.min_liquidity)
    }

    /// Returns what the catalog is asked for one tag, or for all.
    fn query(&self, tag: Option<u64>, now: Time) -> Vec<(&'static str, String)> {
        let mut query = vec![("limit", PAGE.to_owned()), ("closed", "false".to_owned()), ("active", "true".to_owned())];
        query.extend(tag.map(|tag| ("tag_id", tag.to_string())));
        if self.min_liquidity > Usd::ZERO {
            query.push(("liquidity_num_min", self.min_liquidity.to_string()));
        }
        if self.ends_after > 0 {
            query.push(("end_date_min", now.plus_micros(self.ends_after).iso()));
        }
        if self.ends_within > 0 {
            query.push(("end_date_max", now.plus_micros(self.ends_within).iso()));
            // What ends first is what such rules are about.
            query.extend([("order", "endDate".to_owned()), ("ascending", "true".to_owned())]);
        } else {
            query.extend([("order", "liquidityNum".to_owned()), ("ascending", "false".to_owned())]);
        }
        query
    }
}

/// A client of the catalog. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalog {
    transport: Transport,
    /// What stands before every path.
    prefix: String,
}

impl Catalog {
    /// Returns a client of the catalog at `address`, such as `https://gamma-api.polymarket.com`; a path in it, as the local
    /// exchange has one, stands before every request's.
    ///
    /// # Errors
    /// If the address is none, or not private.
    pub fn new(address: &str, timeouts: Timeouts) -> Result<Self, ClientError> {
        let (base, prefix) = split(address);
        Ok(Self { transport: Transport::new(base, timeouts)?, prefix: prefix.to_owned() })
    }

    /// Returns at most `limit` markets that the rules want and that can be traded now, without those that are `known`, as the
    /// order book describes them. A market that we do not understand is left out with a warning.
    ///
    /// # Errors
    /// If a page of the catalog or a market cannot be read.
    pub async fn find(
        &self,
        client: &Client,
        rules: &Rules,
        now: Time,
        limit: usize,
        known: impl Fn(&model::ConditionId) -> bool,
    ) -> Result<Vec<Market>, RequestError> {
        let mut listed = Vec::new();
        let mut seen = BTreeSet::new();
        let tags: Vec<Option<u64>> =
            if rules.tags.is_empty() { vec![None] } else { rules.tags.iter().copied().map(Some).collect() };
        for tag in tags {
            let mut cursor: Option<String> = None;
            for _ in 0..PAGES_MAX {
                let page = self.page(rules.query(tag, now), cursor.as_deref()).await?;
                let wanted = page.items.into_iter().filter(|found| rules.want(found, now) && !known(found.condition()));
                listed.extend(wanted.filter(|found| seen.insert(*found.condition())).map(|found| found.listed));
                cursor = page.next;
                if listed.len() >= limit || cursor.is_none() {
                    break;
                }
            }
        }
        listed.truncate(limit);
        client.described(listed).await
    }

    async fn page(
        &self,
        mut query: Vec<(&'static str, String)>,
        cursor: Option<&str>,
    ) -> Result<parse::Items<Found>, RequestError> {
        query.extend(cursor.map(|cursor| ("after_cursor", cursor.to_owned())));
        let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.transport.get(&format!("{}/markets/keyset", self.prefix), &query, parse::catalog_page).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::catalog_page;
    use serde_json::json;

    const NOW: Time = Time(1_795_424_400_000_000);
    const MINUTE: u64 = 60_000_000;

    /// A market that ends five minutes from now, with 500 dollars in its book.
    fn found(neg_risk: bool) -> Found {
        let row = json!({
            "conditionId": format!("0x{}", "12".repeat(32)), "slug": "btc-updown-5m-1795424400", "negRisk": neg_risk,
            "endDate": NOW.plus_micros(5 * MINUTE).iso(), "liquidityNum": 500, "active": true, "acceptingOrders": true,
            "enableOrderBook": true,
        });
        catalog_page(json!({"markets": [row]}).to_string().as_bytes()).unwrap().items.remove(0)
    }

    #[test]
    fn each_rule_keeps_out_what_it_is_about() {
        let wants = |rules: &Rules| rules.want(&found(false), NOW);
        assert!(wants(&Rules::default()));
        for (good, bad) in [
            (
                Rules { slugs: vec!["eth".into(), "btc-".into()], ..Rules::default() },
                Rules { slugs: vec!["updown".into()], ..Rules::default() },
            ),
            (
                Rules { min_liquidity: Usd::dollars(500), ..Rules::default() },
                Rules { min_liquidity: Usd::dollars(501), ..Rules::default() },
            ),
            (
                Rules { ends_after: 5 * MINUTE, ..Rules::default() },
                Rules { ends_after: 6 * MINUTE, ..Rules::default() },
            ),
            (
                Rules { ends_within: 5 * MINUTE, ..Rules::default() },
                Rules { ends_within: 4 * MINUTE, ..Rules::default() },
            ),
            (
                Rules { neg_risk: NegRisk::Never, ..Rules::default() },
                Rules { neg_risk: NegRisk::Only, ..Rules::default() },
            ),
        ] {
            assert!(wants(&good) && !wants(&bad), "{good:?} {bad:?}");
        }
        assert!(Rules { neg_risk: NegRisk::Only, ..Rules::default() }.want(&found(true), NOW));
    }

    #[test]
    fn the_catalog_is_asked_for_no_more_than_is_wanted() {
        let rules = Rules { min_liquidity: Usd(1_500_000), ends_within: MINUTE, tags: vec![7], ..Rules::default() };
        let query = rules.query(Some(7), NOW);
        let has = |name: &str, value: &str| query.iter().any(|(key, text)| *key == name && text == value);
        assert!(has("tag_id", "7") && has("liquidity_num_min", "1.5") && has("closed", "false"), "{query:?}");
        assert!(has("end_date_max", "2026-11-23T09:01:00Z") && has("order", "endDate"), "{query:?}");
        assert!(!query.iter().any(|(key, _)| *key == "end_date_min"), "{query:?}");
    }

    #[test]
    fn an_address_may_have_a_path() {
        let prefix = |address| Catalog::new(address, Timeouts::default()).unwrap().prefix;
        assert_eq!(prefix("https://gamma-api.polymarket.com"), "");
        assert_eq!(prefix("http://127.0.0.1:8100/gamma/"), "/gamma");
        assert!(Catalog::new("http://venue.example/gamma", Timeouts::default()).is_err(), "in the open");
    }
}
