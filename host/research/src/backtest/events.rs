//! Generated book events of one market: a random walk of the price, ten levels per side, and changes of both tokens as
//! sent by the venue. They are generated while they are read, so that their number needs no memory.

use crate::events::{EventSource, Hindsight, ListedMarket, TapeEvent, TapeEventKind};
use model::event::{MarketEvent, MarketEventKind};
use model::{ConditionId, Level, Market, MarketIx, Price, Side, Size, Time};
use sim::Rng;
use std::collections::VecDeque;

/// Time of the first event.
pub(super) const START: Time = Time(1_795_424_400_000_000);
/// Interval between changes.
const APART_MICROS: u64 = 5_000;
const LEVELS: u32 = 10;
const TICK: u32 = 10_000;
/// One change in this many moves the price.
const MOVES_ONE_IN: u64 = 50;
/// Range of the price, in ticks.
const LOWEST: u32 = 30;
const HIGHEST: u32 = 70;

/// Returns the market of the generated events. The fields visible to a strategy must not change between versions, so
/// that a seed always gives the same run.
pub(super) fn market() -> Market {
    let (condition, slug, question) = (ConditionId([1; 32]), "made-up".to_owned(), "Made up?".to_owned());
    Market { condition, slug, question, ..Market::synthetic(1) }
}

/// Returns the listing of a market with books, at `at`.
pub(super) fn listing(market: Market, at: Time) -> TapeEvent {
    let (fee_known, assumed, has_books, invented) = (true, Vec::new(), true, false);
    let listed = ListedMarket { market, fee_known, assumed, has_books, invented };
    let kind = TapeEventKind::Listed(Box::new(listed));
    TapeEvent { frame: 0, venue_at: at, received_at: Some(at), kind }
}

/// Generated events as a source: a listing, two books, and changes of levels.
#[derive(Debug)]
pub(super) struct Generated {
    maker: Maker,
    left: usize,
    listed: bool,
}

impl Generated {
    /// Returns `count` events after the listing.
    pub(super) fn new(seed: u64, count: usize) -> Self {
        let mut maker = Maker { rng: Rng::new(seed), bid: 49, at: START, frame: 1, tape: VecDeque::new() };
        maker.books();
        Self { maker, left: count, listed: false }
    }

    /// Returns all events.
    pub(super) fn collect(mut self) -> VecDeque<TapeEvent> {
        std::iter::from_fn(|| self.take()).collect()
    }

    fn take(&mut self) -> Option<TapeEvent> {
        if !self.listed {
            self.listed = true;
            return Some(listing(market(), START));
        }
        self.left = self.left.checked_sub(1)?;
        let maker = &mut self.maker;
        while maker.tape.is_empty() {
            maker.at = maker.at.plus_micros(APART_MICROS);
            if maker.rng.below(MOVES_ONE_IN) == 0 { maker.walk() } else { maker.resize() }
        }
        maker.tape.pop_front()
    }
}

impl EventSource for Generated {
    fn next_event(&mut self) -> anyhow::Result<Option<TapeEvent>> {
        Ok(self.take())
    }

    fn hindsight(&self) -> &[Hindsight] {
        &[]
    }
}

#[derive(Debug)]
struct Maker {
    rng: Rng,
    /// The best bid of YES in ticks; the best ask is three above.
    bid: u32,
    at: Time,
    frame: u64,
    tape: VecDeque<TapeEvent>,
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
            self.push(outcome, kind);
        }
        self.frame = self.frame.saturating_add(1);
    }

    fn push(&mut self, outcome: u32, kind: MarketEventKind) {
        let event = MarketEvent { token: MarketIx(0).token(outcome), venue_time: self.at, kind };
        let kind = TapeEventKind::market(event, false);
        self.tape.push_back(TapeEvent { frame: self.frame, venue_at: self.at, received_at: None, kind });
    }

    /// Changes the size of one level.
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

    /// Moves the price by one tick; levels that would cross are removed first.
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

    /// Changes a level of YES, and the mirrored level of NO.
    fn level(&mut self, side: Side, ticks: u32, size: Size) {
        for (outcome, side, ticks) in [(0, side, ticks), (1, side.opposite(), 100u32.saturating_sub(ticks))] {
            if let Some(price) = price(ticks) {
                let kind = MarketEventKind::Level { side, price, size };
                self.push(outcome, kind);
            }
        }
        self.frame = self.frame.saturating_add(1);
    }
}

fn price(ticks: u32) -> Option<Price> {
    Price::from_micros(ticks.saturating_mul(TICK))
}
