//! The quote of one token.

use polytrader_sdk::units::SECOND;
use polytrader_sdk::{Intents, OrderEvent, OrderState, Quote, Side, Tracker};

/// Bounds of the wait after a refused leg, which doubles each time.
const WAIT_MIN: u64 = 2 * SECOND;
const WAIT_MAX: u64 = 64 * SECOND;

/// One side of a token's quote.
#[derive(Debug, Default)]
struct Leg {
    sent: Option<Quote>,
    retry_at: u64,
    wait: u64,
}

/// The quote of a token as last sent to the host.
#[derive(Debug)]
pub(crate) struct TokenSide {
    pub(crate) handle: u32,
    bid: Leg,
    ask: Leg,
}

/// The quote that should rest on a token.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Target {
    pub(crate) bid: Option<Quote>,
    pub(crate) ask: Option<Quote>,
}

impl TokenSide {
    pub(crate) fn new(handle: u32) -> Self {
        Self { handle, bid: Leg::default(), ask: Leg::default() }
    }

    /// Clears the quote, because the host has dropped it.
    pub(crate) fn forget(&mut self) {
        (self.bid, self.ask) = (Leg::default(), Leg::default());
    }

    /// Handles an order event. A leg refused by the venue waits like one refused by the host.
    pub(crate) fn on_order(&mut self, event: &OrderEvent, now: u64, out: &mut Intents) {
        match event.state {
            OrderState::Refused => {
                self.leg(event.side).back_off(now);
                self.send(out, "refused by the venue");
            }
            OrderState::Live | OrderState::PartlyFilled => self.leg(event.side).wait = 0,
            _ => {}
        }
    }

    /// Handles the host's refusal of this token's quote, which concerns the legs without an order.
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

    /// Sets the target quote, if it differs enough to be worth new orders. Retreats are made at once, other changes
    /// only if `due`. Returns whether an intent was sent.
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

    /// Applies a target; returns whether the leg changed.
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

/// Returns whether one size is more than twice the other. Smaller changes are not worth the place in the queue that a
/// new order loses.
fn differ(a: u64, b: u64) -> bool {
    a.max(b) > a.min(b).saturating_mul(2)
}
