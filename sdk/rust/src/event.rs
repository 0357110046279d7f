//! Typed events. The host packs market events into words; this module decodes them and, for tests, encodes them.

use crate::bindings::polytrader::strategy::types::{Batch, OwnEvent, Quote, Side};

/// The word layout of market events that this version decodes.
pub const WORD_LAYOUT: u32 = 2;

const TOP: u8 = 1;
/// Words in a `TOP` event in this layout.
const TOP_WORDS: u8 = 6;
const TRADE: u8 = 2;
const STATUS: u8 = 3;
const DEPTH: u8 = 4;
/// The payout of a resolved market while it is unknown.
const UNKNOWN: u64 = 0xffff_ffff;
/// The most book levels per side that a strategy can subscribe to.
pub const DEPTH_MAX: u32 = 20;
/// The id of the regular timer that [`Manifest::every`](crate::Manifest::every) requests.
pub const REGULAR_TIMER: u32 = u32::MAX;
const HEAD_WORDS: usize = 3;

/// An event that a strategy receives.
#[derive(Debug, Clone)]
pub enum Event {
    /// New best bid and ask of a token.
    Top(Top),
    /// A trade.
    Trade(Trade),
    /// New best levels of a token's book.
    Depth(Depth),
    /// A market opened, lost its book, was paused or was resolved, or its tick changed.
    Status(Status),
    /// An event for this strategy alone, such as a fill.
    Own(OwnEvent),
}

/// The best prices of a token.
#[derive(Debug, Clone, Copy)]
pub struct Top {
    /// The token's handle.
    pub token: u32,
    /// The best bid, if there is one.
    pub bid: Option<Quote>,
    /// The best ask, if there is one.
    pub ask: Option<Quote>,
    /// The venue's time in microseconds.
    pub venue_time: u64,
    /// The host's time in microseconds.
    pub host_time: u64,
}

/// The best levels of a token's book, up to the number that the manifest subscribed to.
#[derive(Debug, Clone)]
pub struct Depth {
    /// The token's handle.
    pub token: u32,
    /// Bid levels, best first.
    pub bids: Vec<Quote>,
    /// Ask levels, best first.
    pub asks: Vec<Quote>,
    /// The venue's time in microseconds.
    pub venue_time: u64,
    /// The host's time in microseconds.
    pub host_time: u64,
}

/// A trade of this or any other account.
#[derive(Debug, Clone, Copy)]
pub struct Trade {
    /// The token's handle.
    pub token: u32,
    /// The taker's side.
    pub side: Side,
    /// Micro-dollars a share.
    pub price: u32,
    /// Micro-shares.
    pub size: u64,
    /// The venue's time in microseconds.
    pub venue_time: u64,
    /// The host's time in microseconds.
    pub host_time: u64,
}

/// The state of a token's market.
#[derive(Debug, Clone, Copy)]
pub struct Status {
    /// The token's handle.
    pub token: u32,
    /// The market's state.
    pub state: MarketState,
    /// The tick size in micro-dollars.
    pub tick: u32,
    /// The payout of one share of the token in micro-dollars, once it is known.
    pub pays: Option<u32>,
    /// The venue's time in microseconds.
    pub venue_time: u64,
    /// The host's time in microseconds.
    pub host_time: u64,
}

/// Trading state of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketState {
    /// The market trades and its book is known.
    Open,
    /// The book is currently unknown.
    Blind,
    /// The market has ended.
    Resolved,
    /// The host currently takes no new risk in the market.
    Paused,
}

impl Event {
    /// Returns the host's time in microseconds.
    pub const fn time(&self) -> u64 {
        match self {
            Self::Top(top) => top.host_time,
            Self::Trade(trade) => trade.host_time,
            Self::Depth(depth) => depth.host_time,
            Self::Status(status) => status.host_time,
            Self::Own(own) => own.at,
        }
    }
}

/// Iterates over a batch in order. An item is `None` for an event that this version does not know: it is skipped, but
/// counted.
///
/// Ends early at words that do not decode.
#[derive(Debug)]
pub struct Events<'a> {
    words: &'a [u64],
    own: &'a [OwnEvent],
    market_seen: u32,
}

impl<'a> Events<'a> {
    /// Returns an iterator over a batch.
    pub const fn new(batch: &'a Batch) -> Self {
        Self { words: batch.words.as_slice(), own: batch.own.as_slice(), market_seen: 0 }
    }
}

impl Events<'_> {
    /// Returns the next event if it is the common case: a `Top` with no own events left in the batch.
    #[inline]
    pub(crate) fn top(&mut self) -> Option<Top> {
        let [head, venue_time, host_time, prices, bid_size, ask_size, rest @ ..] = self.words else { return None };
        let [TOP, TOP_WORDS, ..] = head.to_be_bytes() else { return None };
        if !self.own.is_empty() {
            return None;
        }
        self.words = rest;
        self.market_seen = self.market_seen.saturating_add(1);
        Some(top(*head, *venue_time, *host_time, [*prices, *bid_size, *ask_size]))
    }

    /// Returns the next event of any kind.
    pub(crate) fn other(&mut self) -> Option<Option<Event>> {
        if let Some((own, rest)) = self.own.split_first()
            && (own.after <= self.market_seen || self.words.is_empty())
        {
            self.own = rest;
            return Some(Some(Event::Own(own.clone())));
        }
        let [_, count, ..] = self.words.first()?.to_be_bytes();
        let count = usize::from(count);
        if count < HEAD_WORDS {
            return None;
        }
        let (words, rest) = self.words.split_at_checked(count)?;
        self.words = rest;
        self.market_seen = self.market_seen.saturating_add(1);
        Some(market_event(words))
    }
}

impl Iterator for Events<'_> {
    type Item = Option<Event>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.top() {
            Some(top) => Some(Some(Event::Top(top))),
            None => self.other(),
        }
    }
}

#[inline]
fn top(head: u64, venue_time: u64, host_time: u64, [prices, bid_size, ask_size]: [u64; 3]) -> Top {
    let ((_, token), (bid, ask)) = (halves(head), halves(prices));
    let (bid, ask) = (level(bid, bid_size), level(ask, ask_size));
    Top { token, bid, ask, venue_time, host_time }
}

fn market_event(words: &[u64]) -> Option<Event> {
    let [head, venue_time, host_time, body @ ..] = words else { return None };
    let (venue_time, host_time) = (*venue_time, *host_time);
    let [kind, ..] = head.to_be_bytes();
    let (_, token) = halves(*head);
    match (kind, body) {
        (TOP, [prices, bid_size, ask_size, ..]) => {
            Some(Event::Top(top(*head, venue_time, host_time, [*prices, *bid_size, *ask_size])))
        }
        (TRADE, [side_price, size, ..]) => {
            let (side, price) = halves(*side_price);
            let side = match side {
                0 => Side::Buy,
                1 => Side::Sell,
                _ => return None,
            };
            Some(Event::Trade(Trade { token, side, price, size: *size, venue_time, host_time }))
        }
        (STATUS, [state_tick, pays, ..]) => {
            let (state, tick) = halves(*state_tick);
            let state = match state {
                0 => MarketState::Open,
                1 => MarketState::Blind,
                2 => MarketState::Resolved,
                3 => MarketState::Paused,
                _ => return None,
            };
            let known = state == MarketState::Resolved && *pays != UNKNOWN;
            let pays = known.then(|| halves(*pays).1);
            Some(Event::Status(Status { token, state, tick, pays, venue_time, host_time }))
        }
        (DEPTH, [counts, levels @ ..]) => {
            let (bids, asks) = halves(*counts);
            let (bids, levels) = side(bids, levels)?;
            let (asks, _) = side(asks, levels)?;
            Some(Event::Depth(Depth { token, bids, asks, venue_time, host_time }))
        }
        _ => None,
    }
}

/// Reads `count` levels and returns them with the remaining words.
fn side(count: u32, words: &[u64]) -> Option<(Vec<Quote>, &[u64])> {
    let (levels, rest) = words.split_at_checked(usize::try_from(count).ok()?.checked_mul(2)?)?;
    let level = |pair: &[u64]| match pair {
        [price, size] => Some(Quote { price: halves(*price).1, size: *size }),
        _ => None,
    };
    Some((levels.chunks_exact(2).filter_map(level).collect(), rest))
}

fn level(price: u32, size: u64) -> Option<Quote> {
    (price > 0).then_some(Quote { price, size })
}

/// Returns the upper and lower 32 bits.
fn halves(word: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = word.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

fn join(upper: u32, lower: u32) -> u64 {
    (u64::from(upper) << 32) | u64::from(lower)
}

/// Packs a market event as the host does. An own event has no words and adds none.
pub fn pack(event: &Event, words: &mut Vec<u64>) {
    let head = |kind: u8, count: u8, token: u32| join(u32::from_be_bytes([kind, count, 0, 0]), token);
    match event {
        Event::Top(top) => {
            let [bid, ask] = [top.bid, top.ask].map(|side| side.unwrap_or(Quote { price: 0, size: 0 }));
            words.extend([head(TOP, TOP_WORDS, top.token), top.venue_time, top.host_time]);
            words.extend([join(bid.price, ask.price), bid.size, ask.size]);
        }
        Event::Trade(trade) => {
            words.extend([head(TRADE, 5, trade.token), trade.venue_time, trade.host_time]);
            words.extend([join(u32::from(trade.side == Side::Sell), trade.price), trade.size]);
        }
        Event::Status(status) => {
            let state = match status.state {
                MarketState::Open => 0,
                MarketState::Blind => 1,
                MarketState::Resolved => 2,
                MarketState::Paused => 3,
            };
            let pays = match (status.state, status.pays) {
                (MarketState::Resolved, pays) => pays.map_or(UNKNOWN, u64::from),
                _ => 0,
            };
            words.extend([head(STATUS, 5, status.token), status.venue_time, status.host_time]);
            words.extend([join(state, status.tick), pays]);
        }
        Event::Depth(depth) => pack_depth(depth, head, words),
        Event::Own(_) => {}
    }
}

/// Packs at most [`DEPTH_MAX`] levels per side, as the host does.
fn pack_depth(depth: &Depth, head: impl Fn(u8, u8, u32) -> u64, words: &mut Vec<u64>) {
    let most = usize::try_from(DEPTH_MAX).unwrap_or(0);
    let [bids, asks] = [&depth.bids, &depth.asks].map(|side| side.get(..most).unwrap_or(side));
    let [bid_count, ask_count] = [bids, asks].map(|side| u8::try_from(side.len()).unwrap_or(0));
    let count = bid_count.saturating_add(ask_count).saturating_mul(2).saturating_add(4);
    words.extend([head(DEPTH, count, depth.token), depth.venue_time, depth.host_time]);
    words.push(join(bid_count.into(), ask_count.into()));
    words.extend(bids.iter().chain(asks).flat_map(|level| [level.price.into(), level.size]));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

    use super::*;
    use crate::OwnKind;

    fn top(token: u32) -> Event {
        let (bid, ask) = (Some(Quote { price: 410_000, size: 5_000_000 }), None);
        Event::Top(Top { token, bid, ask, venue_time: 7, host_time: 9 })
    }

    fn own(after: u32, timer: u32) -> OwnEvent {
        OwnEvent { after, at: 5, what: OwnKind::Timer(timer) }
    }

    /// Decodes a batch into text: market events by token, own events by timer, unknown ones as a dash.
    fn read(words: Vec<u64>, own: Vec<OwnEvent>) -> Vec<String> {
        let batch = Batch { first: 0, words, own };
        let name = |event| match event {
            None => "-".to_owned(),
            Some(Event::Top(top)) => format!("top {}", top.token),
            Some(Event::Trade(trade)) => format!("trade {}", trade.token),
            Some(Event::Depth(depth)) => format!("depth {}", depth.token),
            Some(Event::Status(status)) => format!("status {}", status.token),
            Some(Event::Own(OwnEvent { what: OwnKind::Timer(timer), .. })) => format!("timer {timer}"),
            Some(Event::Own(_)) => "own".to_owned(),
        };
        Events::new(&batch).map(name).collect()
    }

    #[test]
    fn words_are_laid_out_as_the_contract_says() {
        let mut words = Vec::new();
        pack(&top(3), &mut words);
        assert_eq!(words, [0x0106_0000_0000_0003, 7, 9, 410_000 << 32, 5_000_000, 0]);
        words.clear();
        let (side, price, size) = (Side::Sell, 20_000, 1);
        pack(&Event::Trade(Trade { token: 1, side, price, size, venue_time: 7, host_time: 9 }), &mut words);
        assert_eq!(words, [0x0205_0000_0000_0001, 7, 9, (1 << 32) | 20_000, 1]);
        words.clear();
        let (state, tick, pays) = (MarketState::Resolved, 1_000, Some(1_000_000));
        pack(&Event::Status(Status { token: 1, state, tick, pays, venue_time: 7, host_time: 9 }), &mut words);
        assert_eq!(words, [0x0305_0000_0000_0001, 7, 9, (2 << 32) | 1_000, 1_000_000]);
        words.clear();
        let [bid, ask] = [400_000, 420_000].map(|price| Quote { price, size: 6 });
        let (bids, asks) = (vec![bid, Quote { price: 390_000, size: 8 }], vec![ask]);
        pack(&Event::Depth(Depth { token: 1, bids, asks, venue_time: 7, host_time: 9 }), &mut words);
        let levels = [400_000, 6, 390_000, 8, 420_000, 6];
        assert_eq!(words, [[0x040a_0000_0000_0001, 7, 9, (2 << 32) | 1].as_slice(), &levels].concat());
    }

    #[test]
    fn what_was_packed_is_read_again() {
        let (venue_time, host_time, token) = (1, 2, u32::MAX);
        let trade = Trade { token, side: Side::Sell, price: 999_999, size: u64::MAX, venue_time, host_time };
        let status = |state, pays| Event::Status(Status { token, state, tick: 100, pays, venue_time, host_time });
        let deep = |count: u32| (1..=count).map(|price| Quote { price, size: u64::MAX }).collect::<Vec<_>>();
        let depth =
            |bids, asks| Event::Depth(Depth { token, bids: deep(bids), asks: deep(asks), venue_time, host_time });
        let events = [
            top(4),
            Event::Trade(trade),
            status(MarketState::Blind, None),
            status(MarketState::Paused, None),
            status(MarketState::Resolved, None),
            status(MarketState::Resolved, Some(0)),
            depth(DEPTH_MAX, DEPTH_MAX),
            depth(0, 3),
            depth(0, 0),
        ];
        let mut words = Vec::new();
        events.iter().for_each(|event| pack(event, &mut words));
        let batch = Batch { first: 0, words, own: Vec::new() };
        let read: Vec<_> = Events::new(&batch).map(Option::unwrap).collect();
        assert_eq!(format!("{read:?}"), format!("{events:?}"));
    }

    #[test]
    fn own_events_come_at_their_place_among_the_market_events() {
        let mut words = Vec::new();
        [top(0), top(1)].iter().for_each(|event| pack(event, &mut words));
        let own = vec![own(0, 10), own(1, 11), own(1, 12), own(9, 13)];
        assert_eq!(read(words, own), ["timer 10", "top 0", "timer 11", "timer 12", "top 1", "timer 13"]);
    }

    #[test]
    fn unknown_kinds_and_values_are_skipped_but_counted() {
        let mut words = vec![0x6304_0000_0000_0000, 0, 0, 0, 0x0204_0000_0000_0000, 0, 0, 0];
        words.extend([0x0205_0000_0000_0000, 0, 0, 7 << 32, 0]);
        // The counts promise more levels than there are words.
        words.extend([0x0406_0000_0000_0000, 0, 0, 2 << 32, 1, 1]);
        pack(&top(2), &mut words);
        assert_eq!(read(words, Vec::new()), ["-", "-", "-", "-", "top 2"]);
    }

    #[test]
    fn words_without_sense_end_the_batch() {
        let mut words = Vec::new();
        pack(&top(2), &mut words);
        for bad in [0, 0x0102_0000_0000_0000, 0x01ff_0000_0000_0000, u64::MAX] {
            let mut words = words.clone();
            words.push(bad);
            assert_eq!(read(words, Vec::new()), ["top 2"], "{bad:x}");
        }
    }
}
