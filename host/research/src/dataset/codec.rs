//! Encoding of parsed frames in the cache: numbers as LEB128, times as differences to the frame before in the block.

use crate::events::{GapCause, LevelChange, TapeEventKind};
use anyhow::{Context, bail};
use model::event::{MarketEvent, MarketEventKind};
use model::{Level, MarketIx, Price, Side, Signal, Size, TickSize, Time, TokenIx, Usd};

/// A frame of the venue after parsing, with market numbers of its tape. Books and levels are those of first tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Parsed {
    /// Highest time of the tape up to it, by which tapes are merged.
    pub(super) order_us: u64,
    /// The venue's time.
    pub(super) venue_us: u64,
    /// Time of receipt.
    pub(super) received_us: Option<u64>,
    /// Its events, none of which is a listing.
    pub(super) kinds: Vec<TapeEventKind>,
}

/// Number of markets that a blind event can name in the cache; more are all.
const NAMED_MAX: usize = 1_000;

const BOOK: u64 = 0;
const LEVEL: u64 = 1;
const TRADE: u64 = 2;
const TICK: u64 = 3;
const RESOLVED: u64 = 4;
const UNREAD: u64 = 5;
const BLIND: u64 = 6;
const CLOSED: u64 = 7;
const SIGNAL: u64 = 8;

/// Flags of a frame, which share a number with the count of its events. Most frames have the venue's time or the time
/// of receipt as their order time.
const HAS_RECEIVED: u64 = 1;
const OTHER_RECEIVED: u64 = 2;
const OTHER_VENUE: u64 = 4;

/// The head of a frame; its events follow in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHead {
    /// See [`Parsed::order_us`].
    pub(super) order_us: u64,
    /// The venue's time.
    pub(super) venue_us: u64,
    /// Time of receipt.
    pub(super) received_us: Option<u64>,
    /// Number of its events.
    pub(super) events: usize,
}

/// Appends a frame; `before_us` is the order time of the frame before in the block.
pub(super) fn encode(frame: &Parsed, before_us: u64, out: &mut Vec<u8>) {
    number(out, frame.order_us.wrapping_sub(before_us));
    let flag = |flag, set| if set { flag } else { 0 };
    let other_received = frame.received_us.is_some_and(|at| at != frame.order_us);
    let other_venue = frame.venue_us != frame.order_us;
    let flags = flag(HAS_RECEIVED, frame.received_us.is_some())
        | flag(OTHER_RECEIVED, other_received)
        | flag(OTHER_VENUE, other_venue);
    number(out, u64::try_from(frame.kinds.len()).unwrap_or(0) << 3 | flags);
    if other_venue {
        difference(out, frame.venue_us, frame.order_us);
    }
    if let Some(at) = frame.received_us.filter(|_| other_received) {
        difference(out, at, frame.order_us);
    }
    frame.kinds.iter().for_each(|kind| event(out, kind, frame.venue_us));
}

fn event(out: &mut Vec<u8>, kind: &TapeEventKind, venue_us: u64) {
    match kind {
        // Second tokens' events are derived on reading.
        TapeEventKind::Level(change) => market(out, &change.event(), venue_us),
        TapeEventKind::Market(event) | TapeEventKind::Both(event) => market(out, event, venue_us),
        TapeEventKind::Blind { markets, cause } => {
            number(out, BLIND);
            number(out, cause_code(*cause));
            let named = if markets.len() > NAMED_MAX { &[] } else { markets.as_slice() };
            number(out, u64::try_from(named.len()).unwrap_or(0));
            named.iter().for_each(|market| number(out, u64::from(market.0)));
        }
        TapeEventKind::Closed { market } => {
            number(out, CLOSED);
            number(out, u64::from(market.0));
        }
        TapeEventKind::Signal(signal) => {
            number(out, SIGNAL);
            text(out, &signal.name);
            text(out, &signal.value);
        }
        // A tape's listings are in its manifest.
        TapeEventKind::Listed(_) => {
            number(out, BLIND);
            number(out, cause_code(GapCause::Damaged));
            number(out, 0);
        }
    }
}

fn market(out: &mut Vec<u8>, event: &MarketEvent, venue_us: u64) {
    // Kind, side and whether the time differs from the frame's share one number.
    let (kind, flag) = match &event.kind {
        MarketEventKind::Book { .. } => (BOOK, 0),
        MarketEventKind::Level { side, .. } => (LEVEL, side_code(*side)),
        MarketEventKind::Trade { side, .. } => (TRADE, side_code(*side)),
        MarketEventKind::TickSize { .. } => (TICK, 0),
        MarketEventKind::Resolved { .. } => (RESOLVED, 0),
        MarketEventKind::Unread { grid } => (UNREAD, u64::from(*grid)),
    };
    let other_time = u64::from(event.venue_time.0 != venue_us);
    number(out, kind | flag << 4 | other_time << 5);
    number(out, u64::from(event.token.0));
    if other_time == 1 {
        difference(out, event.venue_time.0, venue_us);
    }
    match &event.kind {
        MarketEventKind::Book { bids, asks } => [bids, asks].iter().for_each(|levels| {
            number(out, u64::try_from(levels.len()).unwrap_or(0));
            levels.iter().for_each(|level| price_and_size(out, level.price, level.size));
        }),
        MarketEventKind::Level { price, size, .. } | MarketEventKind::Trade { price, size, .. } => {
            price_and_size(out, *price, *size);
        }
        MarketEventKind::TickSize { tick } => number(out, u64::from(tick.micros())),
        MarketEventKind::Resolved { pays } => number(out, u64::try_from(pays.0).unwrap_or(0)),
        MarketEventKind::Unread { .. } => {}
    }
}

fn price_and_size(out: &mut Vec<u8>, price: Price, size: Size) {
    number(out, u64::from(price.micros()));
    number(out, size.0);
}

const fn side_code(side: Side) -> u64 {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

const fn cause_code(cause: GapCause) -> u64 {
    match cause {
        GapCause::Silence => 0,
        GapCause::Disconnected => 1,
        GapCause::Dropped => 2,
        GapCause::Damaged => 3,
        GapCause::Stopped => 4,
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, u64::try_from(text.len()).unwrap_or(0));
    out.extend_from_slice(text.as_bytes());
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// Appends the signed difference of two times.
fn difference(out: &mut Vec<u8>, value: u64, from: u64) {
    let difference = value.wrapping_sub(from).cast_signed();
    number(out, (difference.wrapping_shl(1) ^ (difference >> 63)).cast_unsigned());
}

/// Reads frames from a block.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    at: usize,
    before_us: u64,
}

impl Decoder {
    /// Takes the next block, which begins at this time; returns the buffer of the last one.
    pub(super) fn block(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        (self.at, self.before_us) = (0, 0);
        std::mem::replace(&mut self.bytes, bytes)
    }

    /// Reads the head of the block's next frame; `None` at the end. The events before it must have been read.
    pub(super) fn frame(&mut self) -> anyhow::Result<Option<FrameHead>> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let order_us = self.before_us.wrapping_add(self.number()?);
        self.before_us = order_us;
        let (flags, events) = {
            let number = self.number()?;
            (number & 7, usize::try_from(number >> 3)?)
        };
        // Each event has bytes, so that the block's length bounds their number.
        anyhow::ensure!(events <= self.bytes.len(), "a count in the cache exceeds its block");
        let venue_us = if flags & OTHER_VENUE == 0 { order_us } else { self.difference(order_us)? };
        let received_us = match (flags & HAS_RECEIVED, flags & OTHER_RECEIVED) {
            (0, _) => None,
            (_, 0) => Some(order_us),
            _ => Some(self.difference(order_us)?),
        };
        Ok(Some(FrameHead { order_us, venue_us, received_us, events }))
    }

    /// Reads the next event of a frame.
    pub(super) fn event(&mut self, venue_us: u64) -> anyhow::Result<TapeEventKind> {
        if let Some(change) = self.level(venue_us)? {
            return Ok(TapeEventKind::Level(change));
        }
        let head = self.number()?;
        Ok(match head & 0xf {
            BLIND => {
                let cause = cause(self.number()?)?;
                let count = self.length()?;
                let markets = (0..count).map(|_| self.small().map(MarketIx)).collect::<anyhow::Result<_>>()?;
                TapeEventKind::Blind { markets, cause }
            }
            CLOSED => TapeEventKind::Closed { market: MarketIx(self.small()?) },
            SIGNAL => TapeEventKind::Signal(Box::new(Signal { name: self.text()?, value: self.text()? })),
            kind => TapeEventKind::Market(Box::new(self.market(kind, head, venue_us)?)),
        })
    }

    /// Reads the next event of a frame if it is a change of a level; otherwise `None`, and [`Decoder::event`] reads it.
    /// Almost every event is one, and it must not pass through memory on its way to its place.
    #[inline(always)]
    pub(super) fn level(&mut self, venue_us: u64) -> anyhow::Result<Option<LevelChange>> {
        // The head of a market's event has one byte.
        let head = match self.bytes.get(self.at) {
            Some(head) if u64::from(*head & 0x8f) == LEVEL => u64::from(*head),
            _ => return Ok(None),
        };
        self.at = self.at.saturating_add(1);
        let (token, venue_time, side) = self.head(head, venue_us)?;
        let (price, size) = (self.price()?, Size(self.number()?));
        Ok(Some(LevelChange { token, venue_time, side, price, size, both: false }))
    }

    /// Reads what every event of a market begins with.
    #[inline(always)]
    fn head(&mut self, head: u64, venue_us: u64) -> anyhow::Result<(TokenIx, Time, Side)> {
        let token = TokenIx(self.small()?);
        let venue_time = Time(if head & 0x20 == 0 { venue_us } else { self.difference(venue_us)? });
        Ok((token, venue_time, if head & 0x10 == 0 { Side::Buy } else { Side::Sell }))
    }

    fn market(&mut self, kind: u64, head: u64, venue_us: u64) -> anyhow::Result<MarketEvent> {
        let (token, venue_time, side) = self.head(head, venue_us)?;
        let kind = match kind {
            BOOK => MarketEventKind::Book { bids: self.levels()?, asks: self.levels()? },
            TRADE => MarketEventKind::Trade { side, price: self.price()?, size: Size(self.number()?) },
            TICK => MarketEventKind::TickSize { tick: TickSize::from_micros(self.small()?).context("tick size")? },
            RESOLVED => MarketEventKind::Resolved { pays: Usd(i64::try_from(self.number()?)?) },
            UNREAD => MarketEventKind::Unread { grid: head & 0x10 != 0 },
            _ => bail!("unknown event {kind} in the cache"),
        };
        Ok(MarketEvent { token, venue_time, kind })
    }

    fn levels(&mut self) -> anyhow::Result<Vec<Level>> {
        let count = self.length()?;
        (0..count).map(|_| Ok(Level { price: self.price()?, size: Size(self.number()?) })).collect()
    }

    #[inline(always)]
    fn price(&mut self) -> anyhow::Result<Price> {
        Price::from_micros(self.small()?).context("price in the cache")
    }

    #[inline(always)]
    fn small(&mut self) -> anyhow::Result<u32> {
        Ok(u32::try_from(self.number()?)?)
    }

    /// Reads a count, which the block's length bounds.
    fn length(&mut self) -> anyhow::Result<usize> {
        let count = usize::try_from(self.number()?)?;
        anyhow::ensure!(count <= self.bytes.len(), "a count in the cache exceeds its block");
        Ok(count)
    }

    fn text(&mut self) -> anyhow::Result<String> {
        let length = self.length()?;
        let end = self.at.saturating_add(length);
        let bytes = self.bytes.get(self.at..end).context("text in the cache")?;
        self.at = end;
        Ok(std::str::from_utf8(bytes)?.to_owned())
    }

    #[inline(always)]
    fn number(&mut self) -> anyhow::Result<u64> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.first_chunk::<8>() {
            // Most numbers have one byte, and almost all at most eight.
            Some([byte, ..]) if *byte < 0x80 => {
                self.at = self.at.saturating_add(1);
                Ok(u64::from(*byte))
            }
            Some(bytes) => match short_number(*bytes) {
                Some((value, length)) => {
                    self.at = self.at.saturating_add(length);
                    Ok(value)
                }
                None => self.long_number(),
            },
            None => self.long_number(),
        }
    }

    /// Reads a number of any length.
    #[cold]
    fn long_number(&mut self) -> anyhow::Result<u64> {
        let (mut value, mut shift) = (0u64, 0u32);
        loop {
            let byte = *self.bytes.get(self.at).context("the cache is cut")?;
            self.at = self.at.saturating_add(1);
            value |= u64::from(byte & 0x7f).checked_shl(shift).context("number in the cache")?;
            if byte < 0x80 {
                return Ok(value);
            }
            shift = shift.saturating_add(7);
        }
    }

    fn difference(&mut self, from: u64) -> anyhow::Result<u64> {
        let value = self.number()?;
        let difference = (value >> 1) ^ 0u64.wrapping_sub(value & 1);
        Ok(from.wrapping_add(difference))
    }
}

/// Returns the number that begins these bytes, and its length; `None` if it has more than eight bytes.
#[inline(always)]
fn short_number(bytes: [u8; 8]) -> Option<(u64, usize)> {
    let word = u64::from_le_bytes(bytes);
    // The bit of the first byte that ends a number.
    let end = (!word & 0x8080_8080_8080_8080).trailing_zeros();
    let length = usize::try_from(end / 8).ok()?.checked_add(1).filter(|length| *length <= 8)?;
    let word = word & (u64::MAX >> 63u32.checked_sub(end)?) & 0x7f7f_7f7f_7f7f_7f7f;
    // The groups of seven bits move together: pairs of bytes, then of pairs, then of halves.
    let word = (word & 0x007f_007f_007f_007f) | ((word & 0x7f00_7f00_7f00_7f00) >> 1);
    let word = (word & 0x0000_3fff_0000_3fff) | ((word & 0x3fff_0000_3fff_0000) >> 2);
    let word = (word & 0x0fff_ffff) | ((word & 0x0fff_ffff_0000_0000) >> 4);
    Some((word, length))
}

fn cause(code: u64) -> anyhow::Result<GapCause> {
    Ok(match code {
        0 => GapCause::Silence,
        1 => GapCause::Disconnected,
        2 => GapCause::Dropped,
        3 => GapCause::Damaged,
        4 => GapCause::Stopped,
        _ => bail!("unknown cause {code} in the cache"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_read_as_they_were_written() {
        let mut numbers: Vec<u64> = (0..64).flat_map(|bit| [1u64 << bit, (1u64 << bit) - 1, u64::MAX >> bit]).collect();
        numbers.extend([490_000, 175_000_000, 0x1234_5678_9abc_def0]);
        // The last ones are near the end of the block.
        for count in 1..=numbers.len() {
            let mut bytes = Vec::new();
            numbers.iter().take(count).for_each(|value| number(&mut bytes, *value));
            let mut decoder = Decoder { bytes, at: 0, before_us: 0 };
            for value in numbers.iter().take(count) {
                assert_eq!(decoder.number().unwrap(), *value);
            }
            assert!(decoder.number().is_err(), "the end of the block");
        }
        let mut cut = Decoder { bytes: vec![0xff; 7], at: 0, before_us: 0 };
        assert!(cut.number().is_err());
        let mut endless = Decoder { bytes: vec![0xff; 20], at: 0, before_us: 0 };
        assert!(endless.number().is_err());
    }
}
