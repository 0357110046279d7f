//! Readers of recordings that flattened the market channel: each frame is rebuilt in the venue's format and parsed.

use super::Seen;
use crate::parse::{TokenMap, book, parse_market};
use model::{MarketEvent, MarketEventKind, TokenId, TokenIx};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Maximum lines that are not rows, such as two writes that ran together; the recordings are known to have one in
/// total.
const TORN_MAX: usize = 1;
/// Placeholders for a market's condition and for a token where the recording has none.
const CONDITION: &str = "0x7d952222f137be0fa2fc4b082f0c47870c4494c5d8715a7427526fd67faeb9cd";
const TOKEN: &str = "80115633646367339699475248800343367663167908877586879904098815053665872762211";

/// Parses frames and compares the output with the input.
#[derive(Default)]
struct Channel {
    tokens: TokenMap,
    count: u32,
    events: Vec<MarketEvent>,
    seen: Seen,
}

impl Channel {
    fn name(&mut self, token: &str) -> Result<(), String> {
        let id = TokenId::parse(token).ok_or_else(|| format!("{token} is not a token"))?;
        if self.tokens.get(token.as_bytes()).is_none() {
            self.tokens.insert(&id, TokenIx(self.count)).map_err(|error| error.to_string())?;
            self.count += 1;
        }
        Ok(())
    }

    /// Parses a frame that contains `said` items: levels of a book, changes, or a trade.
    fn take(&mut self, frame: &str, expected: usize) -> Result<(), String> {
        self.events.clear();
        let counts = parse_market(frame.as_bytes(), &self.tokens, &mut self.events)
            .map_err(|error| format!("{error}: {frame}"))?;
        let parsed: usize = self
            .events
            .iter()
            .map(|event| match &event.kind {
                MarketEventKind::Book { bids, asks } => bids.len() + asks.len(),
                _ => 1,
            })
            .sum();
        if parsed != expected || counts.unknown + counts.unused + counts.foreign > 0 {
            return Err(format!("{parsed} of {expected} items were parsed, {counts:?}: {frame}"));
        }
        if counts.fields > 0 {
            *self.seen.unread.entry("of frames".to_owned()).or_insert(0) += usize::try_from(counts.fields).unwrap();
        }
        self.seen.read += 1;
        Ok(())
    }
}

/// Reads rows of levels, CSV: adjacent rows of one token, kind, time and hash are one frame.
pub(super) fn level_rows(bytes: &[u8]) -> Result<Seen, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let place = |column: &str| header.iter().position(|name| *name == column).ok_or_else(|| format!("no {column}"));
    let key = [place("asset_id")?, place("event_type")?, place("timestamp")?, place("hash")?];
    let level = [place("side")?, place("price")?, place("size")?];
    let mut channel = Channel::default();
    let (mut torn, mut frame): (usize, Vec<[&str; 3]>) = (0, Vec::new());
    let mut before = [""; 4];
    for line in lines.filter(|line| !line.is_empty()) {
        let row: Vec<&str> = line.split(',').collect();
        if row.len() != header.len() {
            torn += 1;
            continue;
        }
        let now = key.map(|place| row[place]);
        if now != before && !frame.is_empty() {
            channel.recorded(before, &frame)?;
            frame.clear();
        }
        before = now;
        frame.push(level.map(|place| row[place]));
    }
    if !frame.is_empty() {
        channel.recorded(before, &frame)?;
    }
    if torn > TORN_MAX {
        return Err(format!("{torn} lines are not rows"));
    }
    Ok(channel.seen)
}

impl Channel {
    fn recorded(&mut self, [token, kind, time, hash]: [&str; 4], levels: &[[&str; 3]]) -> Result<(), String> {
        self.name(token)?;
        let is_bid = |side: &str| match side {
            "bid" | "BUY" => Ok(true),
            "ask" | "SELL" => Ok(false),
            other => Err(format!("{other} is not a side")),
        };
        let frame = if kind == "book" {
            let side = |bids: bool| -> Result<Vec<Value>, String> {
                let mut of_side = Vec::new();
                for [side, price, size] in levels {
                    if is_bid(side)? == bids {
                        of_side.push(json!({"price": price, "size": size}));
                    }
                }
                Ok(of_side)
            };
            json!({"event_type": "book", "market": CONDITION, "asset_id": token, "timestamp": time, "hash": hash,
                "bids": side(true)?, "asks": side(false)?})
        } else {
            let mut changes = Vec::new();
            for [side, price, size] in levels {
                let side = if is_bid(side)? { "BUY" } else { "SELL" };
                changes.push(json!({"asset_id": token, "price": price, "size": size, "side": side, "hash": hash,
                    "best_bid": "", "best_ask": ""}));
            }
            json!({"event_type": kind, "market": CONDITION, "price_changes": changes, "timestamp": time})
        };
        self.take(&frame.to_string(), levels.len())
    }
}

/// Reads whole books, one JSON array of them: as frames of the channel, and as responses of REST.
pub(super) fn book_snapshots(bytes: &[u8]) -> Result<Seen, String> {
    let rows: Vec<BTreeMap<String, Value>> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut channel = Channel::default();
    channel.name(TOKEN)?;
    for row in rows {
        let (bids, asks) = (&row["bids"], &row["asks"]);
        let levels = bids.as_array().map_or(0, Vec::len) + asks.as_array().map_or(0, Vec::len);
        let answer = json!({"market": CONDITION, "asset_id": TOKEN, "timestamp": row["timestamp"], "hash": "00",
            "bids": bids, "asks": asks, "min_order_size": "5", "tick_size": "0.01", "neg_risk": false});
        let read = book(answer.to_string().as_bytes()).map_err(|error| format!("{error}: {answer}"))?;
        if read.bids.len() + read.asks.len() != levels || levels == 0 {
            return Err(format!("read {read:?} from {answer}"));
        }
        let mut frame = answer;
        frame["event_type"] = "book".into();
        channel.take(&frame.to_string(), levels)?;
    }
    Ok(channel.seen)
}

/// Reads trades of one token, one JSON array of them; the recorder wrote the side in lower case.
pub(super) fn trade_tape(bytes: &[u8]) -> Result<Seen, String> {
    let rows: Vec<BTreeMap<String, Value>> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut channel = Channel::default();
    channel.name(TOKEN)?;
    for row in rows {
        let side = row["side"].as_str().unwrap_or_default().to_ascii_uppercase();
        let frame = json!({"event_type": "last_trade_price", "market": CONDITION, "asset_id": TOKEN,
            "price": row["price"], "size": row["size"], "side": side, "fee_rate_bps": "0", "timestamp": row["timestamp"]});
        channel.take(&frame.to_string(), 1)?;
    }
    Ok(channel.seen)
}
