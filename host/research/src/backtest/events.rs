//! Made-up book events of one market: a price that wanders, ten levels a side, the changes of both tokens as the venue tells
//! them.

use model::event::{MarketEvent, MarketEventKind};
use model::{ConditionId, Level, Market, MarketIx, Price, Side, Size, Time, TokenIx};
use sim::Rng;

/// When the events begin.
pub(super) const START: Time = Time(1_795_424_400_000_000);
/// From one change to the next.
const APART_MICROS: u64 = 5_000;
const LEVELS: u32 = 10;
const TICK: u32 = 10_000;
/// The price moves at one change in so many.
const MOVES_ONE_IN: u64 = 50;
/// The price stays within these, in ticks.
const LOWEST: u32 = 30;
const HIGHEST: u32 = 70;

/// An event and when it is heard.
pub(super) type Heard = (Time, MarketEvent);

/// Returns the market that the events are about. What a strategy is shown of it stays from version to version, so that the same seed
/// gives the same run.
pub(super) fn market() -> Market {
    let (condition, slug, question) = (ConditionId([1; 32]), "made-up".to_owned(), "Made up?".to_owned());
    Market { condition, slug, question, ..Market::synthetic(1) }
}

/// Returns `count` events; the first two are whole books.
pub(super) fn tape(seed: u64, count: usize) -> Vec<Heard> {
    let mut maker =
        Maker { rng: Rng::new(seed), bid: 49, at: START, tape: Vec::with_capacity(count.saturating_add(64)) };
    maker.books();
    while maker.tape.len() < count {
        maker.at = maker.at.plus_micros(APART_MICROS);
        if maker.rng.below(MOVES_ONE_IN) == 0 { maker.walk() } else { maker.resize() }
    }
    maker.tape.truncate(count);
    maker.tape
}

struct Maker {
    rng: Rng,
    /// The best bid of YES in ticks; the best ask is three above.
    bid: u32,
    at: Time,
    tape: Vec<Heard>,
}

impl Maker {
    const fn ask(&self) -> u32 {
        self.bid.saturating_add(3)
    }

    fn size(&mut self) -> Size {
        Size::shares(self.rng.below(500).saturating_add(10))
    }

    fn books(&mut self) {
        for outcome in [0, 1] {
            let top = if outcome == 0 {
                (self.bid, self.ask())
            } else {
                (100u32.saturating_sub(self.ask()), 100u32.saturating_sub(self.bid))
            };
            let mut levels = |from: u32, down: bool| -> Vec<Level> {
                let at = |step: u32| if down { from.saturating_sub(step) } else { from.saturating_add(step) };
                (0..LEVELS).filter_map(|step| Some(Level { price: price(at(step))?, size: self.size() })).collect()
            };
            let kind = MarketEventKind::Book { bids: levels(top.0, true), asks: levels(top.1, false) };
            self.tape.push((self.at, event(MarketIx(0).token(outcome), self.at, kind)));
        }
    }

    /// One level has another size.
    fn resize(&mut self) {
        // The best levels change most often.
        let step = u32::try_from(self.rng.below(u64::from(LEVELS)))
            .unwrap_or(0)
            .min(u32::try_from(self.rng.below(u64::from(LEVELS))).unwrap_or(0));
        let size = self.size();
        if self.rng.below(2) == 0 {
            self.level(Side::Buy, self.bid.saturating_sub(step), size);
        } else {
            self.level(Side::Sell, self.ask().saturating_add(step), size);
        }
    }

    /// The price moves by a tick: what is in the way goes first.
    fn walk(&mut self) {
        let up = if self.bid <= LOWEST { true } else { self.bid < HIGHEST && self.rng.below(2) == 0 };
        let (gone, come) = if up { (Side::Sell, Side::Buy) } else { (Side::Buy, Side::Sell) };
        let best = |maker: &Self, side| if side == Side::Buy { maker.bid } else { maker.ask() };
        let far = |maker: &Self, side| match side {
            Side::Buy => maker.bid.saturating_sub(LEVELS.saturating_sub(1)),
            Side::Sell => maker.ask().saturating_add(LEVELS.saturating_sub(1)),
        };
        let (lost, left) = (best(self, gone), far(self, come));
        self.level(gone, lost, Size::ZERO);
        self.level(come, left, Size::ZERO);
        self.bid = if up { self.bid.saturating_add(1) } else { self.bid.saturating_sub(1) };
        let (near, new) = (best(self, come), far(self, gone));
        let sizes = [self.size(), self.size()];
        self.level(come, near, sizes[0]);
        self.level(gone, new, sizes[1]);
    }

    /// A level of YES, and its mirror of NO.
    fn level(&mut self, side: Side, ticks: u32, size: Size) {
        for (outcome, side, ticks) in [(0, side, ticks), (1, side.opposite(), 100u32.saturating_sub(ticks))] {
            if let Some(price) = price(ticks) {
                let kind = MarketEventKind::Level { side, price, size };
                self.tape.push((self.at, event(MarketIx(0).token(outcome), self.at, kind)));
            }
        }
    }
}

fn price(ticks: u32) -> Option<Price> {
    Price::from_micros(ticks.saturating_mul(TICK))
}

const fn event(token: TokenIx, venue_time: Time, kind: MarketEventKind) -> MarketEvent {
    MarketEvent { token, venue_time, kind }
}
