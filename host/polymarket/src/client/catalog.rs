//! Gamma, the venue's catalog (PROTOCOL 15.1): which markets there are to trade, found by rules. What it says of a market is
//! hearsay: the order book is asked before anything is traded.

use super::transport::{ClientError, Timeouts, Transport, split};
use super::{Client, RequestError};
use crate::parse::{self, Found};
use model::{Market, Time, Usd};
use std::cmp::Reverse;
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
                NegRisk::Only => found.is_neg_risk(),
                NegRisk::Never => !found.is_neg_risk(),
            }
    }

    fn liquid(&self, found: &Found) -> bool {
        self.min_liquidity == Usd::ZERO || found.liquidity.is_some_and(|liquidity| liquidity >= self.min_liquidity)
    }

    /// Sorts as the catalog lists one tag, over all of them: what ends first where the end is what the rules are about, and the most liquid
    /// first otherwise. A market that does not say comes last.
    fn sort(&self, found: &mut [Found]) {
        let liquid = |found: &Found| Reverse(found.liquidity);
        let ends = |found: &Found| found.end().map_or((true, Time(0)), |end| (false, end));
        if self.ends_within > 0 {
            found.sort_by_key(|found| (ends(found), liquid(found), *found.condition()));
        } else {
            found.sort_by_key(|found| (liquid(found), *found.condition()));
        }
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
    /// order book describes them; of several tags those that come first over all of them. A market that is not understood is left out
    /// and named, and the next one takes its place.
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
        let want = |found: &Found| rules.want(found, now) && !known(found.condition());
        let tags: Vec<Option<u64>> =
            if rules.tags.is_empty() { vec![None] } else { rules.tags.iter().copied().map(Some).collect() };
        for tag in tags {
            let mut cursor: Option<String> = None;
            // Each tag could have the first ones of all, whatever the tags before it had.
            let mut of_tag = 0usize;
            for _ in 0..PAGES_MAX {
                let page = self.page(rules.query(tag, now), cursor.as_deref()).await?;
                let page = client.transport.noted("the catalog", page);
                let wanted = page.items.into_iter().filter(want).inspect(|_| of_tag = of_tag.saturating_add(1));
                listed.extend(wanted.filter(|found| seen.insert(*found.condition())));
                cursor = page.next;
                if of_tag >= limit || cursor.is_none() {
                    break;
                }
            }
        }
        rules.sort(&mut listed);
        client.described(listed.into_iter().map(|found| found.listed), limit).await
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
    #![allow(clippy::arithmetic_side_effects, reason = "test code may fail loudly")]

    use super::*;
    use crate::client::fake::server;
    use crate::parse::catalog_page;
    use serde_json::{Value, json};

    const NOW: Time = Time(1_795_424_400_000_000);
    const MINUTE: u64 = 60_000_000;

    /// A market that ends five minutes from now, with 500 dollars in its book.
    fn one(neg_risk: bool) -> Found {
        let row = json!({
            "conditionId": format!("0x{}", "12".repeat(32)), "slug": "btc-updown-5m-1795424400", "negRisk": neg_risk,
            "endDate": NOW.plus_micros(5 * MINUTE).iso(), "liquidityNum": 500, "active": true, "acceptingOrders": true,
            "enableOrderBook": true,
        });
        catalog_page(json!({"markets": [row]}).to_string().as_bytes()).unwrap().items.remove(0)
    }

    #[test]
    fn each_rule_keeps_out_what_it_is_about() {
        let wants = |rules: &Rules| rules.want(&one(false), NOW);
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
        assert!(Rules { neg_risk: NegRisk::Only, ..Rules::default() }.want(&one(true), NOW));
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

    fn condition(digit: u64) -> String {
        format!("0x{}", format!("{digit:02x}").repeat(32))
    }

    fn row(digit: u64, liquidity: u64) -> Value {
        json!({
            "conditionId": condition(digit), "slug": format!("market-{digit}"), "negRisk": false, "liquidityNum": liquidity,
            "endDate": NOW.plus_micros(digit * MINUTE).iso(), "active": true, "acceptingOrders": true, "enableOrderBook": true,
        })
    }

    /// The catalog's and the order book's answers: the first tag has markets 1 and 2, the second 2 and 3, the third odd ones.
    fn answer(line: &str) -> (u16, String) {
        if let Some((_, rest)) = line.split_once("/clob-markets/0x") {
            let digit: u64 = u64::from_str_radix(&rest[..2], 16).unwrap();
            let tick = if digit == 5 { json!(0.02) } else { json!(0.01) };
            let market = json!({"c": condition(digit), "t": [{"t": format!("{digit}1"), "o": "Up"}, {"t": format!("{digit}2"), "o": "Down"}],
                "mts": tick, "mos": 5, "nr": false});
            return (200, market.to_string());
        }
        let odd = |field: &str, value: Value| {
            let mut row = row(9, 900);
            row[field] = value;
            row
        };
        let rows = match line {
            line if line.contains("tag_id=1&") => vec![row(1, 100), row(2, 50)],
            line if line.contains("tag_id=2&") => vec![row(3, 1_000_000), row(2, 50)],
            line if line.contains("tag_id=3&") => vec![
                odd("negRisk", json!("perhaps")),
                odd("active", json!({"is": true})),
                odd("liquidityNum", json!([900])),
                odd("endDate", json!("soon")),
                odd("conditionId", json!(5)),
                json!(null),
                row(4, 10),
            ],
            line if line.contains("tag_id=4&") => {
                let mut certain = row(6, 5);
                for (field, value) in [
                    ("negRisk", json!("false")),
                    ("active", json!(1)),
                    ("acceptingOrders", json!("true")),
                    ("liquidityNum", json!("5.25")),
                    ("endDate", json!(NOW.seconds() + 60)),
                    ("slug", json!(null)),
                ] {
                    certain[field] = value;
                }
                vec![certain]
            }
            line if line.contains("tag_id=5&") => vec![row(5, 500), row(7, 400), row(8, 300)],
            other => panic!("{other}"),
        };
        (200, json!({"markets": rows}).to_string())
    }

    async fn found(tags: &[u64], limit: usize, ends_within: u64) -> (Vec<String>, Client) {
        let (address, _) = server(answer).await;
        let client = Client::new(&address, Timeouts::default()).unwrap();
        let catalog = Catalog::new(&address, Timeouts::default()).unwrap();
        let rules = Rules { tags: tags.to_vec(), ends_within, ..Rules::default() };
        let markets = catalog.find(&client, &rules, NOW, limit, |_| false).await.unwrap();
        (markets.into_iter().map(|market| market.slug).collect(), client)
    }

    #[tokio::test]
    async fn of_several_tags_the_most_liquid_come_first_over_all_of_them() {
        for tags in [[1, 2], [2, 1]] {
            assert_eq!(found(&tags, 1, 0).await.0, ["market-3"], "{tags:?}");
            assert_eq!(found(&tags, 2, 0).await.0, ["market-3", "market-1"], "{tags:?}");
            assert_eq!(found(&tags, 9, 0).await.0, ["market-3", "market-1", "market-2"], "{tags:?}");
            // Where the end is what the rules are about, it is what comes first.
            assert_eq!(found(&tags, 2, 60 * MINUTE).await.0, ["market-1", "market-2"], "{tags:?}");
        }
    }

    #[tokio::test]
    async fn an_odd_market_costs_no_other_and_is_named() {
        let (slugs, client) = found(&[3], 9, 0).await;
        assert_eq!(slugs, ["market-4"]);
        let [left_out] = &client.left_out().lists()[..] else { panic!("{:?}", client.left_out()) };
        assert_eq!((&*left_out.list, left_out.count, &*left_out.name), ("the catalog", 6, "#5"));
        let (slugs, client) = found(&[4], 9, 0).await;
        assert_eq!((slugs, client.left_out().lists()), (vec![String::new()], vec![]), "all of it can be understood");
    }

    #[tokio::test]
    async fn the_next_market_takes_the_place_of_one_that_the_order_book_does_not_describe_understandably() {
        let (slugs, client) = found(&[5], 2, 0).await;
        assert_eq!(slugs, ["market-7", "market-8"], "no market is traded on a grid that is not understood");
        let lists = client.left_out().lists();
        assert_eq!((&*lists[0].list, &*lists[0].reason), ("/clob-markets", "field mts is \"0.02\""));
        assert!(lists[0].name.starts_with("/0x0505"), "{lists:?}");
    }

    #[test]
    fn an_address_may_have_a_path() {
        let prefix = |address| Catalog::new(address, Timeouts::default()).unwrap().prefix;
        assert_eq!(prefix("https://gamma-api.polymarket.com"), "");
        assert_eq!(prefix("http://127.0.0.1:8100/gamma/"), "/gamma");
        assert!(Catalog::new("http://venue.example/gamma", Timeouts::default()).is_err(), "in the open");
    }
}
