//! One market: its price drift, and the order that follows from it.

use crate::parameters::Settings;
use polytrader_sdk::parameters::decimal;
use polytrader_sdk::units::{complement, cost, shares_for, whole_size};
use polytrader_sdk::window::Window;
use polytrader_sdk::{Intents, Market, OrderKind, Place, Quote, Side, Tracker};

/// The venue's minimum order value, with a margin.
const WORTH_MIN: u64 = 1_100_000;

/// A watched market.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) yes: u32,
    /// End of the cool-down: no order is placed before this time.
    pub(crate) not_before: u64,
    no: u32,
    min_size: u64,
    end: u64,
    mids: Window,
}

impl Watched {
    pub(crate) fn new(market: &Market, settings: &Settings) -> Self {
        let (yes, no, min_size, end) = (market.yes.handle, market.no.handle, market.min_size, market.end);
        Self { yes, not_before: 0, no, min_size, end, mids: Window::new(settings.window) }
    }

    pub(crate) const fn has(&self, token: u32) -> bool {
        self.yes == token || self.no == token
    }

    /// Applies changed parameters; the price window starts over.
    pub(crate) fn adapt(&mut self, settings: &Settings) {
        self.mids = Window::new(settings.window);
    }

    /// Clears the price window.
    pub(crate) fn forget(&mut self) {
        self.mids.clear();
    }

    /// Starts the cool-down.
    pub(crate) fn wait(&mut self, now: u64, settings: &Settings) {
        self.not_before = now.saturating_add(settings.cool_down);
    }

    /// Evaluates new best prices of YES, and buys if they have drifted far enough.
    pub(crate) fn evaluate(&mut self, tracker: &Tracker, settings: &Settings, out: &mut Intents) {
        let now = tracker.now();
        let Some(mid) = tracker.mid(self.yes) else { return };
        self.mids.add(now, mid);
        let drift = self.mids.drift();
        let ends = self.end > 0 && now.saturating_add(settings.leave) >= self.end;
        let waits = now < self.not_before || !self.mids.is_full(now) || ends;
        if !tracker.trading() || waits || drift.unsigned_abs() < u64::from(settings.drift) {
            return;
        }
        let (token, other) = if drift > 0 { (self.yes, self.no) } else { (self.no, self.yes) };
        let Some(order) = self.order(token, other, tracker, settings) else { return };
        let reason = format!("the mid price moved by {} in {} s", decimal(drift), decimal(seconds(settings.window)));
        out.place(self.yes.into(), order, reason);
        self.wait(now, settings);
    }

    /// Returns the order for a token: the best offer, limited by the order size and by the rest of the market's cap.
    fn order(&self, token: u32, other: u32, tracker: &Tracker, settings: &Settings) -> Option<Place> {
        // The prices of NO are those of YES mirrored: the venue has one book for both, and the event that led here
        // brought YES.
        let (bid, ask) = (tracker.bid(self.yes)?, tracker.ask(self.yes)?);
        let mirrored = |quote: Quote| Quote { price: complement(quote.price), size: quote.size };
        let (bid, ask) = if token == self.yes { (bid, ask) } else { (mirrored(ask), mirrored(bid)) };
        let priced = (settings.lowest..=settings.highest).contains(&ask.price);
        let tight = ask.price.saturating_sub(bid.price) <= settings.spread;
        // Holding both outcomes is worth a dollar whatever happens, so only one is bought; and one order at a time is
        // enough.
        let busy = tracker.held(other) >= self.min_size || tracker.open(token, Side::Buy) > 0;
        if !priced || !tight || busy {
            return None;
        }
        let spent = tracker.token(token).map_or(0, |token| u64::try_from(token.cost).unwrap_or(0));
        let money = settings.order.min(settings.position.saturating_sub(spent));
        let size = whole_size(shares_for(money, ask.price).min(ask.size));
        let worth = cost(ask.price, size);
        let enough = size >= self.min_size && worth >= WORTH_MIN;
        let (side, kind) = (Side::Buy, OrderKind::Fak);
        enough.then_some(Place { token, side, price: ask.price, size, kind, until: None })
    }
}

fn seconds(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}
