//! Encoding of parsed frames in the cache, in words of eight bytes (little-endian), so that reading takes few steps: a
//! frame's head is a word, and a change of a level two.

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

/// Flags of a frame, in the lowest bits of its word. Most frames have the venue's time or the time of receipt as their
/// order time; a time that differs has a word of its own.
const HAS_RECEIVED: u64 = 1;
const OTHER_RECEIVED: u64 = 2;
const OTHER_VENUE: u64 = 4;
/// The order time and the count have words of their own, because they do not fit in [`STEP_BITS`] and [`COUNT_BITS`].
const LONG: u64 = 8;
/// Bits above the flags for the count of a frame's events, and above them for the time since the frame before.
const COUNT_BITS: u32 = 12;
const STEP_BITS: u32 = 48;

/// An event's kind is in the lowest four bits of its word, and above it are its side or grid, and whether it has a time
/// other than its frame's, which follows as a word.
const KIND: u64 = 0xf;
const FLAG: u64 = 0x10;
const OTHER_TIME: u64 = 0x20;
/// Above them are a price and, in the upper half, a token, a market or a count.
const PRICE_AT: u32 = 8;
const PRICE: u64 = 0xff_ffff;
const TOKEN_AT: u32 = 32;
/// A level of a whole book is a word with its price in the lowest bits and its size above; this size stands for one that
/// follows as a word.
const SIZE_AT: u32 = 24;
const LONG_SIZE: u64 = 0xff_ffff_ffff;

/// The head of a frame; its events follow in the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    let flag = |flag, set| if set { flag } else { 0 };
    let other_received = frame.received_us.is_some_and(|at| at != frame.order_us);
    let other_venue = frame.venue_us != frame.order_us;
    let count = u64::try_from(frame.kinds.len()).unwrap_or(u64::MAX);
    let step = frame.order_us.checked_sub(before_us).filter(|step| *step < 1 << STEP_BITS);
    let short = step.filter(|_| count < 1 << COUNT_BITS);
    let flags = flag(HAS_RECEIVED, frame.received_us.is_some())
        | flag(OTHER_RECEIVED, other_received)
        | flag(OTHER_VENUE, other_venue)
        | flag(LONG, short.is_none());
    match short {
        Some(step) => word(out, flags | count << 4 | step << 4 << COUNT_BITS),
        None => [flags, frame.order_us, count].into_iter().for_each(|value| word(out, value)),
    }
    if other_venue {
        word(out, frame.venue_us);
    }
    if let Some(at) = frame.received_us.filter(|_| other_received) {
        word(out, at);
    }
    frame.kinds.iter().for_each(|kind| event(out, kind, frame.venue_us));
}

fn event(out: &mut Vec<u8>, kind: &TapeEventKind, venue_us: u64) {
    match kind {
        // Second tokens' events are derived on reading.
        TapeEventKind::Level(change) => market(out, &change.event(), venue_us),
        TapeEventKind::Market(event) | TapeEventKind::Both(event) => market(out, event, venue_us),
        TapeEventKind::Blind { markets, cause } => {
            let named = if markets.len() > NAMED_MAX { &[] } else { markets.as_slice() };
            word(out, head(BLIND, cause_code(*cause), u64::try_from(named.len()).unwrap_or(0)));
            named.iter().for_each(|market| word(out, u64::from(market.0)));
        }
        TapeEventKind::Closed { market } => word(out, head(CLOSED, 0, u64::from(market.0))),
        TapeEventKind::Signal(signal) => {
            word(out, head(SIGNAL, 0, 0));
            text(out, &signal.name);
            text(out, &signal.value);
        }
        // A tape's listings are in its manifest.
        TapeEventKind::Listed(_) => word(out, head(BLIND, cause_code(GapCause::Damaged), 0)),
    }
}

/// Returns the first word of an event: its kind, a number in the place of a price, and one in the place of a token.
const fn head(kind: u64, price: u64, token: u64) -> u64 {
    kind | price << PRICE_AT | token << TOKEN_AT
}

fn market(out: &mut Vec<u8>, event: &MarketEvent, venue_us: u64) {
    let (kind, flag, price) = match &event.kind {
        MarketEventKind::Book { .. } => (BOOK, false, 0),
        MarketEventKind::Level { side, price, .. } => (LEVEL, *side == Side::Sell, price.micros()),
        MarketEventKind::Trade { side, price, .. } => (TRADE, *side == Side::Sell, price.micros()),
        MarketEventKind::TickSize { tick } => (TICK, false, tick.micros()),
        MarketEventKind::Resolved { .. } => (RESOLVED, false, 0),
        MarketEventKind::Unread { grid } => (UNREAD, *grid, 0),
    };
    let other_time = event.venue_time.0 != venue_us;
    let flags = if flag { FLAG } else { 0 } | if other_time { OTHER_TIME } else { 0 };
    word(out, head(kind, u64::from(price), u64::from(event.token.0)) | flags);
    match &event.kind {
        MarketEventKind::Book { bids, asks } => {
            let [bids_len, asks_len] = [bids, asks].map(|levels| u64::try_from(levels.len()).unwrap_or(0));
            word(out, bids_len | asks_len << 32);
            bids.iter().chain(asks).for_each(|level| book_level(out, *level));
        }
        MarketEventKind::Level { size, .. } | MarketEventKind::Trade { size, .. } => word(out, size.0),
        MarketEventKind::Resolved { pays } => word(out, u64::try_from(pays.0).unwrap_or(0)),
        MarketEventKind::TickSize { .. } | MarketEventKind::Unread { .. } => {}
    }
    if other_time {
        word(out, event.venue_time.0);
    }
}

fn book_level(out: &mut Vec<u8>, level: Level) {
    let size = level.size.0.min(LONG_SIZE);
    word(out, u64::from(level.price.micros()) | size << SIZE_AT);
    if size == LONG_SIZE {
        word(out, level.size.0);
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
    word(out, u64::try_from(text.len()).unwrap_or(0));
    out.extend_from_slice(text.as_bytes());
}

fn word(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// Reads frames from a block.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    at: usize,
    before_us: u64,
}

impl Decoder {
    /// Takes the next block; returns the buffer of the last one.
    pub(super) fn block(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        (self.at, self.before_us) = (0, 0);
        std::mem::replace(&mut self.bytes, bytes)
    }

    /// Reads the head of the block's next frame to its place; false at the end. The events before it must have been read.
    #[inline]
    pub(super) fn frame(&mut self, head: &mut FrameHead) -> anyhow::Result<bool> {
        if self.at >= self.bytes.len() {
            return Ok(false);
        }
        let word = self.word()?;
        if word & (LONG | OTHER_VENUE | OTHER_RECEIVED) != 0 {
            *head = self.long_frame(word)?;
            return Ok(true);
        }
        let order_us = self.before_us.saturating_add(word >> 4 >> COUNT_BITS);
        self.before_us = order_us;
        let received_us = if word & HAS_RECEIVED == 0 { None } else { Some(order_us) };
        *head = FrameHead { order_us, venue_us: order_us, received_us, events: count_of(word) };
        Ok(true)
    }

    /// Reads the head of a frame that has more words than one.
    fn long_frame(&mut self, word: u64) -> anyhow::Result<FrameHead> {
        let (order_us, events) = if word & LONG == 0 {
            (self.before_us.saturating_add(word >> 4 >> COUNT_BITS), count_of(word))
        } else {
            let (order_us, count) = (self.word()?, self.word()?);
            (order_us, self.bounded(count)?)
        };
        self.before_us = order_us;
        let venue_us = if word & OTHER_VENUE == 0 { order_us } else { self.word()? };
        let received_us = match (word & HAS_RECEIVED, word & OTHER_RECEIVED) {
            (0, _) => None,
            (_, 0) => Some(order_us),
            _ => Some(self.word()?),
        };
        Ok(FrameHead { order_us, venue_us, received_us, events })
    }

    /// Reads the next event of a frame.
    pub(super) fn event(&mut self, venue_us: u64) -> anyhow::Result<TapeEventKind> {
        if let Some(change) = self.level(venue_us)? {
            return Ok(TapeEventKind::Level(change));
        }
        let head = self.word()?;
        let (price, token) = (head >> PRICE_AT & PRICE, u32::try_from(head >> TOKEN_AT)?);
        Ok(match head & KIND {
            BLIND => {
                let count = self.bounded(u64::from(token))?;
                let markets = (0..count).map(|_| Ok(MarketIx(u32::try_from(self.word()?)?)));
                TapeEventKind::Blind { markets: markets.collect::<anyhow::Result<_>>()?, cause: cause(price)? }
            }
            CLOSED => TapeEventKind::Closed { market: MarketIx(token) },
            SIGNAL => TapeEventKind::Signal(Box::new(Signal { name: self.text()?, value: self.text()? })),
            _ => TapeEventKind::Market(Box::new(self.market(head, venue_us)?)),
        })
    }

    /// Reads the next event of a frame if it is a change of a level; otherwise `None`, and [`Decoder::event`] reads it.
    /// Almost every event is one, and it must not pass through memory on its way to its place.
    #[inline(always)]
    pub(super) fn level(&mut self, venue_us: u64) -> anyhow::Result<Option<LevelChange>> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some((head, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
        let Some(size) = rest.first_chunk::<8>() else { return Ok(None) };
        let (head, size) = (u64::from_le_bytes(*head), Size(u64::from_le_bytes(*size)));
        if head & KIND != LEVEL {
            return Ok(None);
        }
        self.at = self.at.saturating_add(16);
        let venue_time = Time(if head & OTHER_TIME == 0 { venue_us } else { self.word()? });
        let (token, side, price) = (token_of(head), side_of(head), price_of(head)?);
        Ok(Some(LevelChange { token, venue_time, side, price, size, both: false }))
    }

    fn market(&mut self, head: u64, venue_us: u64) -> anyhow::Result<MarketEvent> {
        let kind = match head & KIND {
            BOOK => {
                let counts = self.word()?;
                let (bids, asks) = (self.levels(counts & 0xffff_ffff)?, self.levels(counts >> 32)?);
                MarketEventKind::Book { bids, asks }
            }
            TRADE => MarketEventKind::Trade { side: side_of(head), price: price_of(head)?, size: Size(self.word()?) },
            TICK => {
                let tick = TickSize::from_micros(u32::try_from(head >> PRICE_AT & PRICE)?).context("tick size")?;
                MarketEventKind::TickSize { tick }
            }
            RESOLVED => MarketEventKind::Resolved { pays: Usd(i64::try_from(self.word()?)?) },
            UNREAD => MarketEventKind::Unread { grid: head & FLAG != 0 },
            kind => bail!("unknown event {kind} in the cache"),
        };
        let venue_time = Time(if head & OTHER_TIME == 0 { venue_us } else { self.word()? });
        Ok(MarketEvent { token: token_of(head), venue_time, kind })
    }

    fn levels(&mut self, count: u64) -> anyhow::Result<Vec<Level>> {
        let count = self.bounded(count)?;
        let mut levels = Vec::with_capacity(count);
        for _ in 0..count {
            let word = self.word()?;
            let size = match word >> SIZE_AT {
                LONG_SIZE => self.word()?,
                size => size,
            };
            let price = u32::try_from(word & PRICE).ok().and_then(Price::from_micros).context("price in the cache")?;
            levels.push(Level { price, size: Size(size) });
        }
        Ok(levels)
    }

    /// Returns a count of things of which each has a word, so that the block's length bounds it.
    fn bounded(&self, count: u64) -> anyhow::Result<usize> {
        let count = usize::try_from(count)?;
        anyhow::ensure!(count <= self.bytes.len() / 8, "a count in the cache exceeds its block");
        Ok(count)
    }

    fn text(&mut self) -> anyhow::Result<String> {
        let length = usize::try_from(self.word()?)?;
        let end = self.at.saturating_add(length);
        let bytes = self.bytes.get(self.at..end).context("text in the cache")?;
        self.at = end;
        Ok(std::str::from_utf8(bytes)?.to_owned())
    }

    #[inline(always)]
    fn word(&mut self) -> anyhow::Result<u64> {
        let Some(bytes) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>()) else {
            bail!("the cache is cut");
        };
        self.at = self.at.saturating_add(8);
        Ok(u64::from_le_bytes(*bytes))
    }
}

fn count_of(word: u64) -> usize {
    usize::try_from(word >> 4 & ((1 << COUNT_BITS) - 1)).unwrap_or(0)
}

fn token_of(head: u64) -> TokenIx {
    TokenIx(u32::try_from(head >> TOKEN_AT).unwrap_or(u32::MAX))
}

#[inline(always)]
fn price_of(head: u64) -> anyhow::Result<Price> {
    let micros = u32::try_from(head >> PRICE_AT & PRICE).unwrap_or(0);
    match Price::from_micros(micros) {
        Some(price) => Ok(price),
        None => bail!("price {micros} in the cache"),
    }
}

const fn side_of(head: u64) -> Side {
    if head & FLAG == 0 { Side::Buy } else { Side::Sell }
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

    fn read(bytes: Vec<u8>, before_us: u64) -> anyhow::Result<Vec<Parsed>> {
        let mut decoder = Decoder { bytes, at: 0, before_us };
        let mut frames = Vec::new();
        let mut head = FrameHead::default();
        while decoder.frame(&mut head)? {
            let kinds = (0..head.events).map(|_| decoder.event(head.venue_us)).collect::<anyhow::Result<_>>()?;
            let (order_us, venue_us, received_us) = (head.order_us, head.venue_us, head.received_us);
            frames.push(Parsed { order_us, venue_us, received_us, kinds });
        }
        Ok(frames)
    }

    /// Returns frames with every kind of event, and with times and sizes that are small, large and the same.
    fn frames() -> Vec<Parsed> {
        let market = |token, venue_time, kind| {
            TapeEventKind::market(MarketEvent { token: TokenIx(token), venue_time: Time(venue_time), kind }, false)
        };
        let (price, size) = (Price::from_micros(999_999).unwrap(), Size(u64::MAX));
        let levels = |sizes: &[u64]| sizes.iter().map(|size| Level { price, size: Size(*size) }).collect::<Vec<_>>();
        let level = |side, size| MarketEventKind::Level { side, price, size };
        let kinds = vec![
            market(0, 1_000, level(Side::Buy, Size::ZERO)),
            market(u32::MAX, 999, level(Side::Sell, size)),
            market(2, 1_000, MarketEventKind::Trade { side: Side::Sell, price, size: Size(7) }),
            market(2, 5, MarketEventKind::Trade { side: Side::Buy, price: Price::MIN, size }),
            market(4, 1_000, MarketEventKind::Book { bids: levels(&[1, LONG_SIZE - 1, LONG_SIZE]), asks: levels(&[]) }),
            market(4, 1, MarketEventKind::Book { bids: levels(&[]), asks: levels(&[u64::MAX, 0]) }),
            market(6, 1_000, MarketEventKind::TickSize { tick: TickSize::CENT }),
            market(6, 7, MarketEventKind::Resolved { pays: Usd(500_000) }),
            market(6, 1_000, MarketEventKind::Unread { grid: true }),
            market(6, 1_000, MarketEventKind::Unread { grid: false }),
            TapeEventKind::Blind { markets: vec![MarketIx(3), MarketIx(u32::MAX)], cause: GapCause::Stopped },
            TapeEventKind::Blind { markets: Vec::new(), cause: GapCause::Silence },
            TapeEventKind::Closed { market: MarketIx(9) },
            TapeEventKind::Signal(Box::new(Signal { name: "btc".to_owned(), value: "1.5".to_owned() })),
        ];
        let frame = |order_us, venue_us, received_us, kinds: &[TapeEventKind]| Parsed {
            order_us,
            venue_us,
            received_us,
            kinds: kinds.to_vec(),
        };
        let many = vec![kinds[0].clone(); 1 << COUNT_BITS];
        vec![
            frame(1_000, 1_000, None, &kinds),
            frame(1_000, 1_000, Some(1_000), &kinds[..1]),
            frame(2_000, 1_000, Some(2_000), &[]),
            frame(3_000, 3_000, Some(2_500), &kinds[..2]),
            frame(4_000, 1_000, Some(2_500), &kinds[..2]),
            frame(5_000, 1_000, None, &many),
            frame(5_000 + (1 << STEP_BITS), 1_000, Some(u64::MAX), &kinds[..1]),
            // Before the frame before, as a clock that was set back makes it.
            frame(10, 10, None, &kinds[..1]),
        ]
    }

    #[test]
    fn frames_are_read_as_they_were_written() {
        let (mut bytes, mut before_us) = (Vec::new(), 1_000);
        for frame in &frames() {
            encode(frame, before_us, &mut bytes);
            before_us = frame.order_us;
        }
        assert_eq!(read(bytes, 1_000).unwrap(), frames());
    }

    #[test]
    fn a_cut_or_damaged_block_is_an_error() {
        let frame = frames().swap_remove(0);
        let mut bytes = Vec::new();
        encode(&frame, 0, &mut bytes);
        for length in 1..bytes.len() {
            assert!(read(bytes[..length].to_vec(), 0).is_err(), "{length} of {} bytes", bytes.len());
        }
        for (place, wrong) in [(8, 0xf), (9, 0), (0, 0xff)] {
            let mut bytes = bytes.clone();
            bytes[place..place + 3].fill(wrong);
            assert!(read(bytes, 0).is_err(), "{wrong} at {place}");
        }
    }
}
