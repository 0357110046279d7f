//! Gamma, the venue's market catalog (PROTOCOL 15.1): finds tradable markets by rules. Its data is not authoritative:
//! each market is confirmed with the order book before it is traded.

use super::public::Failures;
use super::transport::{ClientError, Timeouts, Transport, split};
use super::{Client, RequestError};
use crate::parse::{self, EventMembers, Found, MarketTerms};
use model::{ConditionId, Market, Time, Usd};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Maximum markets per page (PROTOCOL 15.1).
const PAGE: &str = "100";
/// Markets whose terms are read at once; longer addresses may be refused.
const TERMS_PAGE: usize = 25;
/// Maximum pages of one scan. Rules that need more are too wide to be matched in list order.
const PAGES_MAX: usize = 200;
/// The catalog's name in the record of what was left out.
const LIST: &str = "the catalog";

/// Selection rules for markets. An unset rule allows everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Tag ids; one match is enough.
    pub tags: Vec<u64>,
    /// Slug prefixes, such as `btc-updown-5m-`; one match is enough.
    pub slugs: Vec<String>,
    /// Minimum liquidity in the book, in dollars, as the venue counts it.
    pub min_liquidity: Usd,
    /// The market must end at least this many microseconds from now.
    pub ends_after: u64,
    /// The market must end at most this many microseconds from now; 0 means no limit.
    pub ends_within: u64,
    /// Filter on negative-risk markets.
    pub neg_risk: NegRisk,
}

/// Filter on markets whose outcomes exclude each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NegRisk {
    /// Both kinds.
    #[default]
    Any,
    /// Only negative-risk markets.
    Only,
    /// No negative-risk markets.
    Never,
}

impl Rules {
    /// Returns true if a market matches at `now`. The catalog filters too, but not every rule and not for every query.
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

    /// Sorts across all tags in the catalog's order for one tag: by end time if the rules limit it, otherwise by
    /// liquidity, highest first. Markets without the value come last.
    fn sort(&self, found: &mut [Found]) {
        let liquid = |found: &Found| Reverse(found.liquidity);
        let ends = |found: &Found| found.end().map_or((true, Time(0)), |end| (false, end));
        if self.ends_within > 0 {
            found.sort_by_key(|found| (ends(found), liquid(found), *found.condition()));
        } else {
            found.sort_by_key(|found| (liquid(found), *found.condition()));
        }
    }

    /// Returns the catalog query for one tag, or for all.
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
            // Rules that limit the end time need the earliest ends first.
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
    /// Path prefix of every request.
    prefix: String,
}

impl Catalog {
    /// Returns a client of the catalog at `address`, such as `https://gamma-api.polymarket.com`. A path in it is
    /// prefixed to every request; the local exchange has one.
    ///
    /// # Errors
    /// If the address is invalid or not private.
    pub fn new(address: &str, timeouts: Timeouts) -> Result<Self, ClientError> {
        let (base, prefix) = split(address);
        Ok(Self { transport: Transport::new(base, timeouts)?, prefix: prefix.to_owned() })
    }

    /// Shares the record of parse failures with `client`.
    #[must_use]
    pub fn noting_with(mut self, client: &Client) -> Self {
        self.transport.left_out = client.left_out().clone();
        self
    }

    /// Returns at most `limit` markets that match the rules and can be traded now, without the `known` ones, as the
    /// order book describes them. With several tags, the first in order across all of them are returned. A market that
    /// fails to parse is skipped and recorded by name, and the next one takes its place. A page or a market that cannot
    /// be read now is recorded by name too, the others are used, and a later scan reads it again.
    ///
    /// # Errors
    /// If a page or a market could not be read and no market is left.
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
        let mut failures = Failures::default();
        for tag in tags {
            if failures.is_over() {
                break;
            }
            let mut cursor: Option<String> = None;
            // Each tag may hold the first markets in order, so earlier tags do not reduce its limit.
            let mut of_tag = 0usize;
            for _ in 0..PAGES_MAX {
                let page = match self.page(rules.query(tag, now), cursor.as_deref()).await {
                    Ok(page) => client.transport.noted(LIST, page),
                    Err(error) => {
                        let name = tag.map_or_else(|| "a page".to_owned(), |tag| format!("a page of tag {tag}"));
                        let reason = parse::cut(&error.to_string());
                        client.left_out().record(LIST, &name, &reason, "read again in the next scan");
                        failures.add(error);
                        break;
                    }
                };
                let wanted = page.items.into_iter().filter(want).inspect(|_| of_tag = of_tag.saturating_add(1));
                listed.extend(wanted.filter(|found| seen.insert(*found.condition())));
                cursor = page.next;
                if of_tag >= limit || cursor.is_none() {
                    break;
                }
            }
        }
        if let (Some(error), true) = (failures.first, listed.is_empty()) {
            return Err(error);
        }
        rules.sort(&mut listed);
        client.described(listed.into_iter().map(|found| found.listed), limit).await
    }

    /// Returns the terms of markets beside trading; those that the catalog does not know are missing.
    ///
    /// # Errors
    /// If a page cannot be read.
    pub async fn terms(&self, conditions: &[ConditionId]) -> Result<Vec<MarketTerms>, RequestError> {
        let mut all = Vec::new();
        for part in conditions.chunks(TERMS_PAGE) {
            let ids: Vec<String> = part.iter().map(ToString::to_string).collect();
            let mut query = vec![("limit", PAGE)];
            query.extend(ids.iter().map(|id| ("condition_ids", id.as_str())));
            let path = format!("{}/markets/keyset", self.prefix);
            all.extend(self.transport.get(&path, &query, parse::market_terms).await?);
        }
        Ok(all)
    }

    /// Returns the event with this slug and its markets, if they exclude each other.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn event(&self, slug: &str) -> Result<Vec<EventMembers>, RequestError> {
        let path = format!("{}/events/keyset", self.prefix);
        self.transport.get(&path, &[("limit", PAGE), ("slug", slug)], parse::event_members).await
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

    /// Returns a market that ends five minutes from now, with 500 dollars in its book.
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

    /// Responses of the catalog and the order book: the first tag has markets 1 and 2, the second 2 and 3, the third
    /// odd ones.
    fn answer(line: &str) -> (u16, String) {
        if let Some((_, rest)) = line.split_once("/clob-markets/0x") {
            let digit: u64 = u64::from_str_radix(&rest[..2], 16).unwrap();
            match digit {
                0xe1..=0xef => return (500, r#"{"error":"internal"}"#.to_owned()),
                0xf1 => return (429, String::new()),
                _ => {}
            }
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
            line if line.contains("tag_id=6&") => vec![row(0xe1, 500), row(7, 400), row(8, 300)],
            line if line.contains("tag_id=7&") => (0xe1..=0xef).map(|digit| row(digit, 5_000 - digit)).collect(),
            line if line.contains("tag_id=8&") => vec![row(7, 900), row(0xf1, 500), row(8, 300)],
            line if line.contains("tag_id=9&") => return (502, "bad gateway".to_owned()),
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

    fn left_out(client: &Client) -> Vec<String> {
        let lists = client.left_out().lists();
        lists.iter().map(|list| format!("{}, {} of {}: {}", list.name, list.count, list.list, list.reason)).collect()
    }

    #[tokio::test]
    async fn a_market_that_cannot_be_read_now_costs_no_other_is_named_and_keeps_its_place() {
        let (slugs, client) = found(&[6], 9, 0).await;
        assert_eq!(slugs, ["market-7", "market-8"]);
        let named = "market-225, 1 of /clob-markets: the venue answered 500: internal";
        assert_eq!(left_out(&client), [named]);
        let (slugs, _) = found(&[6], 2, 0).await;
        assert_eq!(slugs, ["market-7"], "the next scan has room for market 225");
        let (slugs, client) = found(&[8], 9, 0).await;
        assert_eq!(slugs, ["market-7"], "a rate limit ends the scan, and what was read is used");
        assert!(left_out(&client)[0].starts_with("market-241, 1 of /clob-markets: the venue answered 429"));
    }

    #[tokio::test]
    async fn a_page_that_cannot_be_read_costs_no_other_tag() {
        let (slugs, client) = found(&[9, 1], 9, 0).await;
        assert_eq!(slugs, ["market-1", "market-2"]);
        assert_eq!(left_out(&client), ["a page of tag 9, 1 of the catalog: the venue answered 502: "]);
    }

    #[tokio::test]
    async fn a_venue_that_describes_nothing_is_an_error_after_a_few_requests() {
        let (address, asked) = server(answer).await;
        let client = Client::new(&address, Timeouts::default()).unwrap();
        let catalog = Catalog::new(&address, Timeouts::default()).unwrap();
        for tag in [7, 9] {
            let rules = Rules { tags: vec![tag], ..Rules::default() };
            let none = catalog.find(&client, &rules, NOW, 15, |_| false).await.unwrap_err();
            assert!(matches!(none, RequestError::Status { status: 500 | 502, .. }), "{none}");
        }
        let asked = asked.lock().unwrap().iter().filter(|line| line.contains("/clob-markets/")).count();
        assert!((8..15).contains(&asked), "{asked} of 15 markets were asked for");
    }

    #[tokio::test]
    async fn of_several_tags_the_most_liquid_come_first_over_all_of_them() {
        for tags in [[1, 2], [2, 1]] {
            assert_eq!(found(&tags, 1, 0).await.0, ["market-3"], "{tags:?}");
            assert_eq!(found(&tags, 2, 0).await.0, ["market-3", "market-1"], "{tags:?}");
            assert_eq!(found(&tags, 9, 0).await.0, ["market-3", "market-1", "market-2"], "{tags:?}");
            // If the rules limit the end time, markets are ordered by it.
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
        assert_eq!((slugs, client.left_out().lists()), (vec![String::new()], vec![]), "every row parses");
    }

    #[tokio::test]
    async fn the_next_market_takes_the_place_of_one_that_the_order_book_does_not_describe_understandably() {
        let (slugs, client) = found(&[5], 2, 0).await;
        assert_eq!(slugs, ["market-7", "market-8"], "a market with an unknown tick size is not traded");
        let lists = client.left_out().lists();
        assert_eq!((&*lists[0].list, &*lists[0].reason), ("/clob-markets", "field mts is \"0.02\""));
        assert!(lists[0].name.starts_with("/0x0505"), "{lists:?}");
    }

    #[test]
    fn an_address_may_have_a_path() {
        let prefix = |address| Catalog::new(address, Timeouts::default()).unwrap().prefix;
        assert_eq!(prefix("https://gamma-api.polymarket.com"), "");
        assert_eq!(prefix("http://127.0.0.1:8100/gamma/"), "/gamma");
        assert!(Catalog::new("http://venue.example/gamma", Timeouts::default()).is_err(), "http to a remote host");
    }
}
