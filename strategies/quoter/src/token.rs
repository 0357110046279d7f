//! One token: what is quoted there.

use polytrader_sdk::units::SECOND;
use polytrader_sdk::{Intents, OrderEvent, OrderState, Quote, Side, Tracker};

/// How long a refused leg waits; doubled each time, up to the most.
const WAIT_MIN: u64 = 2 * SECOND;
const WAIT_MAX: u64 = 64 * SECOND;

/// One side of a token's quote.
#[derive(Debug, Default)]
struct Leg {
    sent: Option<Quote>,
    retry_at: u64,
    wait: u64,
}

/// A token.
#[derive(Debug)]
pub(crate) struct TokenSide {
    pub(crate) handle: u32,
    bid: Leg,
    ask: Leg,
}

/// What should rest on a token.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Target {
    pub(crate) bid: Option<Quote>,
    pub(crate) ask: Option<Quote>,
}

impl TokenSide {
    pub(crate) fn new(handle: u32) -> Self {
        Self { handle, bid: Leg::default(), ask: Leg::default() }
    }

    /// Forgets what was quoted, because the host has.
    pub(crate) fn forget(&mut self) {
        (self.bid, self.ask) = (Leg::default(), Leg::default());
    }

    /// Hears of an order of ours. What the venue refused waits like what the host refused.
    pub(crate) fn on_order(&mut self, event: &OrderEvent, now: u64, out: &mut Intents) {
        match event.state {
            OrderState::Refused => {
                self.leg(event.side).back_off(now);
                self.send(out, "the venue refused");
            }
            OrderState::Live | OrderState::PartlyFilled => self.leg(event.side).wait = 0,
            _ => {}
        }
    }

    /// Hears that the host refused this token's quote: the leg that has no order was meant.
    pub(crate) fn on_refused(&mut self, rule: &str, tracker: &Tracker, out: &mut Intents) {
        let mut changed = false;
        for side in [Side::Buy, Side::Sell] {
            let served = tracker.open(self.handle, side) > 0;
            let leg = self.leg(side);
            if leg.sent.is_some() && !served {
                leg.back_off(tracker.now());
                changed = true;
            }
        }
        if changed {
            self.send(out, rule);
        }
    }

    /// Sets what should rest here, if it differs enough to be worth new orders. Retreats are made at once, anything
    /// else only if it is `due`. Returns whether something was said.
    pub(crate) fn set(&mut self, target: Target, now: u64, due: bool, reason: &str, out: &mut Intents) -> bool {
        let bid = self.bid.renew(target.bid, now, due, |new, old| new < old);
        let ask = self.ask.renew(target.ask, now, due, |new, old| new > old);
        if bid || ask {
            self.send(out, reason);
        }
        bid || ask
    }

    fn leg(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::Buy => &mut self.bid,
            Side::Sell => &mut self.ask,
        }
    }

    fn send(&self, out: &mut Intents, reason: &str) {
        out.quote(self.handle.into(), self.handle, self.bid.sent, self.ask.sent, reason);
    }
}

impl Leg {
    fn back_off(&mut self, now: u64) {
        self.sent = None;
        self.wait = self.wait.saturating_mul(2).clamp(WAIT_MIN, WAIT_MAX);
        self.retry_at = now.saturating_add(self.wait);
    }

    /// Takes over a wish; returns whether that changed what should rest.
    fn renew(&mut self, want: Option<Quote>, now: u64, due: bool, retreats: fn(u32, u32) -> bool) -> bool {
        let change = match (self.sent, want) {
            (None, None) => false,
            (None, Some(_)) => due && now >= self.retry_at,
            (Some(_), None) => true,
            (Some(old), Some(new)) if old.price == new.price => due && differ(old.size, new.size),
            (Some(old), Some(new)) => due || retreats(new.price, old.price),
        };
        if change {
            self.sent = want;
        }
        change
    }
}

/// Whether one size is more than twice the other: a new order loses its place in the queue.
fn differ(a: u64, b: u64) -> bool {
    a.max(b) > a.min(b).saturating_mul(2)
}
