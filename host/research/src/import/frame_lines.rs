//! Raw frames of the market channel: JSON Lines. A line is a frame, or an object with the frame in `frame`, `data`,
//! `message` or `raw` (as JSON or as text) and its time of receipt in `received_at`, `recv_ts`, `recv_us`, `recv_ms`,
//! `local_timestamp` or `ts`.

use super::l2_csv::derived;
use super::lines::{self, json, plain};
use super::metadata::Names;
use super::sink::Sink;
use super::source::Source;
use model::{ConditionId, TokenId};
use polymarket::parse::moment;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use tape::Stamp;
use tape::manifest::{FeeEntry, MarketEntry, TickEntry};
use tape::record::Origin;

const BODIES: [&str; 4] = ["frame", "data", "message", "raw"];
const TIMES: [&str; 6] = ["received_at", "recv_ts", "recv_us", "recv_ms", "local_timestamp", "ts"];

/// Imports a file.
pub(super) fn import(source: &Source, sink: &mut Sink, names: &Names) -> anyhow::Result<()> {
    let mut markets: BTreeMap<ConditionId, Seen> = BTreeMap::new();
    let mut last_us = 0;
    lines::each(source, sink, |line, number, sink| {
        let value: Value = match json(line) {
            Ok(value) => value,
            Err(reason) => return Ok(Err(reason)),
        };
        let (frame, received) = match unwrapped(value, line) {
            Ok(parts) => parts,
            Err(reason) => return Ok(Err(reason)),
        };
        let Ok(parsed) = serde_json::from_slice::<Value>(&frame) else {
            return Ok(Err("the frame is not JSON".to_owned()));
        };
        let elements: &[Value] = match &parsed {
            Value::Array(list) => list,
            one => std::slice::from_ref(one),
        };
        let venue_us = elements.iter().find_map(|element| moment(&plain(&element["timestamp"]))).map(|time| time.0);
        let Some(at_us) = received.or(venue_us) else { return Ok(Err("no timestamp".to_owned())) };
        if elements.iter().all(|element| element.get("event_type").is_none()) {
            return Ok(Err("no event_type, expected a frame of the market channel".to_owned()));
        }
        if at_us < last_us {
            sink.report.issue("unsorted", number, || format!("{at_us} us after {last_us} us"));
        }
        last_us = at_us;
        elements.iter().for_each(|element| see(element, &mut markets));
        let stamp = if received.is_some() { Stamp::received(at_us) } else { Stamp::venue(at_us) };
        sink.frame("frame", stamp, Origin::Feed, frame)?;
        Ok(Ok(()))
    })?;
    for (condition, seen) in markets {
        match seen.entry(condition, names) {
            Some(entry) => drop(sink.manifest().markets.insert(condition.to_string(), entry)),
            None => sink.report.issue("market_with_other_than_two_tokens", 0, || condition.to_string()),
        }
    }
    Ok(())
}

/// Returns the bytes of the frame and the time of receipt. A frame that stands alone keeps its bytes.
fn unwrapped(value: Value, line: &[u8]) -> Result<(Vec<u8>, Option<u64>), String> {
    let time = TIMES.iter().filter_map(|name| value.get(name)).find_map(|time| moment(&plain(time)));
    let body = BODIES.iter().find_map(|name| value.get(name)).filter(|_| value.get("event_type").is_none());
    match body {
        None => Ok((line.trim_ascii().to_vec(), None)),
        Some(Value::String(text)) => Ok((text.clone().into_bytes(), time.map(|time| time.0))),
        Some(frame) => Ok((serde_json::to_vec(frame).map_err(|error| error.to_string())?, time.map(|time| time.0))),
    }
}

/// Properties of a market that its frames tell.
#[derive(Debug, Default)]
struct Seen {
    tokens: BTreeSet<TokenId>,
    /// From `new_market`, in the venue's order.
    listed: Option<MarketEntry>,
    tick: Option<String>,
    min_size: Option<String>,
    neg_risk: bool,
    has_books: bool,
}

fn see(element: &Value, markets: &mut BTreeMap<ConditionId, Seen>) {
    let Some(condition) = element["market"].as_str().and_then(ConditionId::parse) else { return };
    let seen = markets.entry(condition).or_default();
    let mut token = |value: &Value| {
        if let Some(id) = value.as_str().and_then(TokenId::parse) {
            seen.tokens.insert(id);
        }
    };
    token(&element["asset_id"]);
    for list in ["price_changes", "assets_ids"] {
        for item in element[list].as_array().into_iter().flatten() {
            token(item.get("asset_id").unwrap_or(item));
        }
    }
    match element["event_type"].as_str() {
        Some("book") => {
            seen.has_books = true;
            let text = |name: &str| Some(plain(&element[name])).filter(|text| !text.is_empty());
            // The first book has the values nearest to the listing; later ticks are events.
            if seen.tick.is_none() {
                (seen.tick, seen.min_size) = (text("tick_size"), text("min_order_size"));
            }
            seen.neg_risk |= element["neg_risk"].as_bool().unwrap_or(false);
        }
        Some("new_market") => seen.listed = listing(element),
        _ => {}
    }
}

/// Returns the market of a `new_market` frame.
fn listing(element: &Value) -> Option<MarketEntry> {
    let pair = |name: &str| -> Option<[String; 2]> {
        let [first, second] = element[name].as_array()?.as_slice() else { return None };
        Some([first.as_str()?.to_owned(), second.as_str()?.to_owned()])
    };
    let rate = element["fee_schedule"].get("rate").and_then(|rate| model::amount::parse_micros(&plain(rate)));
    let fees = rate.and_then(|rate| u32::try_from(rate).ok());
    Some(MarketEntry {
        tokens: pair("assets_ids")?,
        outcomes: pair("outcomes").unwrap_or_default(),
        slug: plain(&element["slug"]),
        question: plain(&element["question"]),
        rule: plain(&element["description"]),
        listed_us: moment(&plain(&element["timestamp"])).map(|time| time.0),
        fees: fees.map(|rate_micros| FeeEntry { rate_micros, ..FeeEntry::default() }).into_iter().collect(),
        ticks: tick(&plain(&element["order_price_min_tick_size"])),
        ..MarketEntry::default()
    })
}

fn tick(text: &str) -> Vec<TickEntry> {
    let tick = model::TickSize::parse(text);
    tick.map(|tick| TickEntry { from_us: 0, tick_micros: tick.micros() }).into_iter().collect()
}

impl Seen {
    /// Returns the market's entry; `None` if it has more than two tokens.
    fn entry(self, condition: ConditionId, names: &Names) -> Option<MarketEntry> {
        let mut entry = match self.listed {
            Some(entry) => entry,
            None => unlisted(condition, self.tokens.into_iter().collect(), names)?,
        };
        entry.has_books = self.has_books;
        entry.neg_risk |= self.neg_risk;
        if entry.ticks.is_empty() {
            entry.ticks = tick(&self.tick.unwrap_or_default());
        }
        entry.min_size_micros =
            entry.min_size_micros.or_else(|| model::amount::parse_micros(&self.min_size.unwrap_or_default()));
        Some(entry)
    }
}

/// Returns a market of which the frames name only tokens.
fn unlisted(condition: ConditionId, mut tokens: Vec<TokenId>, names: &Names) -> Option<MarketEntry> {
    let mut assumed = vec!["order of the outcomes by token id".to_owned()];
    if let [only] = tokens.as_slice() {
        let mut hash = Sha256::new();
        hash.update(b"polytrader other token");
        hash.update(derived([*only, *only]).0);
        tokens.push(TokenId(hash.finalize().into()));
        assumed = vec!["id of the second token, which has no frame".to_owned()];
    } else {
        tokens.sort_by_key(|token| (names.position(token).unwrap_or(usize::MAX), token.0));
    }
    let tokens = <[TokenId; 2]>::try_from(tokens).ok()?;
    Some(MarketEntry {
        outcomes: tokens.map(|token| names.outcome(&token).unwrap_or_default().to_owned()),
        tokens: tokens.map(|token| token.to_string()),
        slug: condition.to_string(),
        assumed,
        ..MarketEntry::default()
    })
}
