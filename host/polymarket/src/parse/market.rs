//! The market channel (PROTOCOL 13.2). This is the hot path: one pass, borrowed text, no allocation for a level change.

mod odd;

pub use odd::Odd;

use super::scan::Scanner;
use super::{ParseError, TokenMap};
use crate::wire::text::parse_time;
use model::book::LEVELS_MAX;
use model::{Level, MarketEvent, MarketEventKind, Price, Side, Size, TickSize, Time, TokenIx, Usd};
use std::hash::BuildHasher;

/// Counts of a frame's content that did not become events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MarketCounts {
    /// Events of known kinds that are not used: `best_bid_ask`, `new_market`.
    pub unused: u32,
    /// Events of unknown kinds.
    pub unknown: u32,
    /// Entries about tokens that are not in the map.
    pub foreign: u32,
    /// Unknown fields in events that are used: the venue has extended its format.
    pub fields: u32,
}

/// Parses one frame, an event or an array of events, and appends the events about tokens of the map to `out`.
///
/// # Errors
/// If the frame is torn or has an invalid value; `out` is then unchanged. The books of its tokens have missed an
/// update, so they need a fresh snapshot.
pub fn parse_market(frame: &[u8], tokens: &TokenMap, out: &mut Vec<MarketEvent>) -> Result<MarketCounts, ParseError> {
    let start = out.len();
    let mut odd = Vec::new();
    let mut reader = Reader { tokens, out, counts: MarketCounts::default(), odd: &mut odd };
    let read = reader.frame(frame, |_, _| {});
    let counts = reader.counts;
    match read.err().or(odd.into_iter().next().map(|odd| odd.error)) {
        None => Ok(counts),
        Some(error) => {
            out.truncate(start);
            Err(error)
        }
    }
}

/// One element of a frame. An array of events may be one frame on one connection and several on another, so connections
/// are compared by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// End of its part of the appended events; it begins at the end of the last element.
    pub end: usize,
    /// A digest of its text.
    pub digest: u64,
}

/// Parses one frame element by element and records which appended events came from which element; elements about
/// foreign tokens only are omitted. The valid parts of an element that fails to parse are still appended; a token with
/// an invalid part gets [`MarketEventKind::Unread`], and `odd` holds the error. `elements` and `odd` are cleared first.
///
/// # Errors
/// If the frame is torn, so that no element can be read; `out` is then unchanged.
pub fn parse_elements(
    frame: &[u8],
    tokens: &TokenMap,
    out: &mut Vec<MarketEvent>,
    elements: &mut Vec<Element>,
    odd: &mut Vec<Odd>,
) -> Result<MarketCounts, ParseError> {
    let start = out.len();
    elements.clear();
    odd.clear();
    let mut reader = Reader { tokens, out, counts: MarketCounts::default(), odd };
    let read = reader.frame(frame, |out, span| {
        if out.len() > elements.last().map_or(start, |last| last.end) {
            elements.push(Element { end: out.len(), digest: foldhash::fast::FixedState::default().hash_one(span) });
        }
    });
    let counts = reader.counts;
    if read.is_err() {
        out.truncate(start);
        elements.clear();
        odd.clear();
    }
    read.map(|()| counts)
}

/// The fields of one event, in any order of arrival.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<&'a [u8]>,
    asset: &'a [u8],
    token: Option<TokenIx>,
    time: &'a [u8],
    price: &'a [u8],
    size: &'a [u8],
    side: &'a [u8],
    tick: &'a [u8],
    winner: &'a [u8],
    grid: &'a [u8],
    assets: Option<Scanner<'a>>,
    bids: Option<Vec<Level>>,
    asks: Option<Vec<Level>>,
    changes: bool,
}

struct Reader<'m, 'o> {
    tokens: &'m TokenMap,
    out: &'o mut Vec<MarketEvent>,
    counts: MarketCounts,
    odd: &'o mut Vec<Odd>,
}

impl Reader<'_, '_> {
    /// Reads all events and passes each with its text to `seen`.
    fn frame(&mut self, frame: &[u8], mut seen: impl FnMut(&[MarketEvent], &[u8])) -> Result<(), ParseError> {
        let mut scanner = Scanner::new(frame);
        let mut one = |scanner: &mut Scanner<'_>| {
            let (before, counts, start) = (*scanner, self.counts, self.out.len());
            if let Err(error) = self.event(scanner) {
                // Decide whether the frame is torn, or only this element is invalid.
                *scanner = before;
                scanner.skip()?;
                self.out.truncate(start);
                self.counts = counts;
                self.read_odd(before.until(scanner), error)?;
            }
            seen(self.out, before.until(scanner));
            Ok(())
        };
        if scanner.peek() == Some(b'[') {
            scanner.array(one)?;
        } else {
            one(&mut scanner)?;
        }
        scanner.end()
    }

    fn event(&mut self, scanner: &mut Scanner<'_>) -> Result<(), ParseError> {
        // `event_type` and `timestamp` may come last, so level changes are appended as they arrive, without their time.
        let start = self.out.len();
        let before = self.counts;
        let mut fields = Fields::default();
        scanner.object(|scanner, key| self.take(scanner, key, &mut fields))?;
        let kind = fields.kind.ok_or(ParseError::Missing { field: "event_type" })?;
        if kind == b"price_change" {
            return self.finish_changes(start, &fields);
        }
        self.out.truncate(start);
        self.counts.foreign = before.foreign;
        match kind {
            b"book" => self.book(fields),
            b"last_trade_price" => self.trade(&fields),
            b"tick_size_change" => self.tick(&fields),
            b"market_resolved" => self.resolved(&fields),
            b"best_bid_ask" | b"new_market" => {
                self.counts = MarketCounts { unused: before.unused.saturating_add(1), ..before };
                Ok(())
            }
            b"" => Err(ParseError::Missing { field: "event_type" }),
            _ => {
                self.counts = MarketCounts { unknown: before.unknown.saturating_add(1), ..before };
                Ok(())
            }
        }
    }

    fn take<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        key: &'a [u8],
        fields: &mut Fields<'a>,
    ) -> Result<(), ParseError> {
        let slot = match key {
            b"event_type" => return scanner.string().map(|kind| fields.kind = Some(kind)),
            b"price_changes" => {
                fields.changes = true;
                return scanner.array(|scanner| self.change(scanner));
            }
            b"bids" => return self.levels(scanner, fields.asset).map(|levels| fields.bids = Some(levels)),
            b"asks" => return self.levels(scanner, fields.asset).map(|levels| fields.asks = Some(levels)),
            b"asset_id" => {
                fields.asset = scanner.scalar()?;
                fields.token = self.tokens.get(fields.asset);
                return Ok(());
            }
            b"assets_ids" => {
                fields.assets = Some(*scanner);
                return scanner.skip();
            }
            b"timestamp" => &mut fields.time,
            b"price" => &mut fields.price,
            b"size" => &mut fields.size,
            b"side" => &mut fields.side,
            b"new_tick_size" => &mut fields.tick,
            b"winning_asset_id" => &mut fields.winner,
            b"tick_size" => &mut fields.grid,
            _ => {
                self.count(key);
                return scanner.skip();
            }
        };
        *slot = scanner.scalar()?;
        Ok(())
    }

    /// Counts an unknown field, unless the venue is known to send it.
    fn count(&mut self, key: &[u8]) {
        let known = matches!(
            key,
            b"market"
                | b"hash"
                | b"best_bid"
                | b"best_ask"
                | b"last_trade_price"
                | b"transaction_hash"
                | b"fee_rate_bps"
                | b"min_order_size"
                | b"neg_risk"
                | b"old_tick_size"
                | b"id"
                | b"winning_outcome"
                | b"event_message"
                | b"tags"
        );
        self.counts.fields = self.counts.fields.saturating_add(u32::from(!known));
    }

    /// Reads one entry of `price_changes`.
    fn change(&mut self, scanner: &mut Scanner<'_>) -> Result<(), ParseError> {
        let (mut asset, mut price, mut size, mut side) = (&b""[..], &b""[..], &b""[..], &b""[..]);
        scanner.object(|scanner, key| {
            let slot = match key {
                b"asset_id" => &mut asset,
                b"price" => &mut price,
                b"size" => &mut size,
                b"side" => &mut side,
                _ => {
                    self.count(key);
                    return scanner.skip();
                }
            };
            *slot = scanner.scalar()?;
            Ok(())
        })?;
        let Some(token) = self.ours(asset)? else { return Ok(()) };
        let kind = MarketEventKind::Level { side: read_side(side)?, price: read_price(price)?, size: read_size(size)? };
        self.out.push(MarketEvent { token, venue_time: Time(0), kind });
        Ok(())
    }

    fn finish_changes(&mut self, start: usize, fields: &Fields<'_>) -> Result<(), ParseError> {
        if !fields.changes {
            return Err(ParseError::Missing { field: "price_changes" });
        }
        let time = read_time(fields.time)?;
        for event in self.out.iter_mut().skip(start) {
            event.venue_time = time;
        }
        Ok(())
    }

    fn levels(&mut self, scanner: &mut Scanner<'_>, asset: &[u8]) -> Result<Vec<Level>, ParseError> {
        let mut levels = Vec::new();
        // The real venue sends the asset before the levels. If it follows them, at worst the levels are parsed in vain.
        if !asset.is_empty() && self.tokens.get(asset).is_none() {
            return scanner.skip().map(|()| levels);
        }
        scanner.array(|scanner| {
            if levels.len() >= LEVELS_MAX {
                return Err(ParseError::TooMany { field: "levels", limit: LEVELS_MAX });
            }
            levels.push(read_level(scanner)?);
            Ok(())
        })?;
        Ok(levels)
    }

    fn book(&mut self, fields: Fields<'_>) -> Result<(), ParseError> {
        let Some(token) = self.ours(fields.asset)? else { return Ok(()) };
        let bids = fields.bids.ok_or(ParseError::Missing { field: "bids" })?;
        let asks = fields.asks.ok_or(ParseError::Missing { field: "asks" })?;
        if !fields.grid.is_empty() {
            read("tick_size", fields.grid, TickSize::parse)?;
        }
        self.push(token, fields.time, MarketEventKind::Book { bids, asks })
    }

    fn trade(&mut self, fields: &Fields<'_>) -> Result<(), ParseError> {
        let Some(token) = self.ours(fields.asset)? else { return Ok(()) };
        let kind = MarketEventKind::Trade {
            side: read_side(fields.side)?,
            price: read_price(fields.price)?,
            size: read_size(fields.size)?,
        };
        self.push(token, fields.time, kind)
    }

    fn tick(&mut self, fields: &Fields<'_>) -> Result<(), ParseError> {
        let Some(token) = self.ours(fields.asset)? else { return Ok(()) };
        let tick = read("new_tick_size", fields.tick, TickSize::parse)?;
        self.push(token, fields.time, MarketEventKind::TickSize { tick })
    }

    /// Appends one event for each of our tokens. A frame without a winner, which may be a draw, yields no event: a
    /// guess would settle a position wrongly, and the host queries resolutions separately.
    fn resolved(&mut self, fields: &Fields<'_>) -> Result<(), ParseError> {
        let mut assets = fields.assets.ok_or(ParseError::Missing { field: "assets_ids" })?;
        if fields.winner.is_empty() {
            self.counts.unused = self.counts.unused.saturating_add(1);
            return Ok(());
        }
        let mut winners: u32 = 0;
        assets.array(|scanner| {
            let asset = scanner.scalar()?;
            let won = asset == fields.winner;
            winners = winners.saturating_add(u32::from(won));
            match self.ours(asset)? {
                Some(token) => {
                    let pays = if won { Usd::dollars(1) } else { Usd::ZERO };
                    self.push(token, fields.time, MarketEventKind::Resolved { pays })
                }
                None => Ok(()),
            }
        })?;
        if winners == 1 { Ok(()) } else { Err(ParseError::invalid("winning_asset_id", fields.winner)) }
    }

    /// Returns the index of a token, or `None` if it is not ours.
    fn ours(&mut self, asset: &[u8]) -> Result<Option<TokenIx>, ParseError> {
        if asset.is_empty() {
            return Err(ParseError::Missing { field: "asset_id" });
        }
        let token = self.tokens.get(asset);
        if token.is_none() {
            if !asset.iter().all(u8::is_ascii_digit) {
                return Err(ParseError::invalid("asset_id", asset));
            }
            self.counts.foreign = self.counts.foreign.saturating_add(1);
        }
        Ok(token)
    }

    fn push(&mut self, token: TokenIx, time: &[u8], kind: MarketEventKind) -> Result<(), ParseError> {
        self.out.push(MarketEvent { token, venue_time: read_time(time)?, kind });
        Ok(())
    }
}

fn read_level(scanner: &mut Scanner<'_>) -> Result<Level, ParseError> {
    let (mut price, mut size) = (&b""[..], &b""[..]);
    scanner.object(|scanner, key| {
        let slot = match key {
            b"price" => &mut price,
            b"size" => &mut size,
            _ => return scanner.skip(),
        };
        *slot = scanner.scalar()?;
        Ok(())
    })?;
    Ok(Level { price: read_price(price)?, size: read_size(size)? })
}

fn read<T>(field: &'static str, text: &[u8], parse: impl FnOnce(&str) -> Option<T>) -> Result<T, ParseError> {
    std::str::from_utf8(text).ok().and_then(parse).ok_or_else(|| ParseError::invalid(field, text))
}

fn read_side(text: &[u8]) -> Result<Side, ParseError> {
    match text {
        b"BUY" => Ok(Side::Buy),
        b"SELL" => Ok(Side::Sell),
        _ => Err(ParseError::invalid("side", text)),
    }
}

fn read_price(text: &[u8]) -> Result<Price, ParseError> {
    read("price", text, Price::parse)
}

fn read_size(text: &[u8]) -> Result<Size, ParseError> {
    read("size", text, Size::parse)
}

fn read_time(text: &[u8]) -> Result<Time, ParseError> {
    read("timestamp", text, parse_time)
}

#[cfg(test)]
mod tests;
