//! One token: what is owned, what is quoted, and which orders serve it.

use polytrader_sdk::units::SECOND;
use polytrader_sdk::{Intents, OpenOrder, OrderEvent, OrderState, Quote, Side};
use std::collections::BTreeMap;

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

/// One of our orders that is not over.
#[derive(Debug, Clone, Copy)]
struct Order {
    side: Side,
    price: u32,
    left: u64,
}

/// A token.
#[derive(Debug)]
pub(crate) struct TokenSide {
    pub(crate) handle: u32,
    /// Shares owned.
    pub(crate) owned: u64,
    bid: Leg,
    ask: Leg,
    orders: BTreeMap<u64, Order>,
}

/// What should rest on a token.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Target {
    pub(crate) bid: Option<Quote>,
    pub(crate) ask: Option<Quote>,
}

impl TokenSide {
    pub(crate) fn new(handle: u32) -> Self {
        Self { handle, owned: 0, bid: Leg::default(), ask: Leg::default(), orders: BTreeMap::new() }
    }

    /// Returns how many of our own shares rest at a price.
    pub(crate) fn resting(&self, side: Side, price: u32) -> u64 {
        let here = self.orders.values().filter(|order| order.side == side && order.price == price);
        here.fold(0, |sum, order| sum.saturating_add(order.left))
    }

    /// Forgets what was quoted, because the host has.
    pub(crate) fn forget(&mut self) {
        (self.bid, self.ask) = (Leg::default(), Leg::default());
    }

    /// Takes over an order of a previous instance.
    pub(crate) fn adopt(&mut self, order: &OpenOrder) {
        let left = order.size.saturating_sub(order.filled);
        self.orders.insert(order.order, Order { side: order.side, price: order.price, left });
    }

    /// Hears of an order of ours. What the venue refused waits like what the host refused.
    pub(crate) fn on_order(&mut self, event: &OrderEvent, now: u64, out: &mut Intents) {
        let left = event.size.saturating_sub(event.filled);
        match event.state {
            OrderState::Filled | OrderState::Cancelled => {
                self.orders.remove(&event.order);
            }
            OrderState::Refused => {
                self.orders.remove(&event.order);
                self.leg(event.side).back_off(now);
                self.send(out, "the venue refused");
            }
            OrderState::Pending | OrderState::Unknown | OrderState::Live | OrderState::PartlyFilled => {
                self.orders.insert(event.order, Order { side: event.side, price: event.price, left });
                if matches!(event.state, OrderState::Live | OrderState::PartlyFilled) {
                    self.leg(event.side).wait = 0;
                }
            }
        }
    }

    /// Hears that the host refused this token's quote: the leg that has no order was meant.
    pub(crate) fn on_refused(&mut self, rule: &str, now: u64, out: &mut Intents) {
        let mut changed = false;
        for side in [Side::Buy, Side::Sell] {
            let served = self.orders.values().any(|order| order.side == side);
            let leg = self.leg(side);
            if leg.sent.is_some() && !served {
                leg.back_off(now);
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
