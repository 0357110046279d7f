//! Standing quotes: the orders that a strategy wants to rest on a token. The engine keeps them there.

use crate::effect::Effects;
use crate::orders::{By, OrderEntry};
use crate::risk::{Origin, Wish};
use crate::step::Engine;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use model::event::Reason;
use model::{Intent, OrderId, OrderKind, OrderState, Price, Quote, Side, StrategyId, Time, TokenIx};

/// How long a leg that was refused waits before it is tried again unchanged.
const REFUSED_WAIT_MICROS: u64 = 1_000_000;

/// One side of a target.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Leg {
    want: Option<Quote>,
    /// After a refusal: not before this moment.
    not_before: Time,
    /// The order that serves it, as long as it is not over.
    order: Option<OrderId>,
}

/// What a strategy wants to rest on one token.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Target {
    tag: u64,
    reason: Reason,
    fair: Option<Price>,
    bid: Leg,
    ask: Leg,
}

impl Target {
    fn leg(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::Buy => &mut self.bid,
            Side::Sell => &mut self.ask,
        }
    }
}

/// All standing quotes. A strategy has at most one a token, so there are never more than grants.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Targets {
    by_token: BTreeMap<(StrategyId, TokenIx), Target>,
}

impl Targets {
    /// Sets what a strategy wants on a token. A leg that is the same as before keeps waiting if it was refused.
    pub(crate) fn set(
        &mut self,
        strategy: StrategyId,
        token: TokenIx,
        intent: &Intent,
        [bid, ask]: [Option<Quote>; 2],
    ) {
        let target = self.by_token.entry((strategy, token)).or_default();
        target.tag = intent.tag;
        target.fair = intent.fair;
        target.reason.clone_from(&intent.reason);
        for (leg, want) in [(&mut target.bid, bid), (&mut target.ask, ask)] {
            if leg.want != want {
                leg.want = want;
                leg.not_before = Time(0);
            }
        }
    }
}

impl Engine {
    /// Clears the targets that `of` picks and cancels the orders that served them, as the host decided.
    pub(crate) fn clear_targets(&mut self, of: impl Fn(StrategyId, TokenIx) -> bool, effects: &mut Effects) {
        self.clear_targets_by(By::Host, of, effects);
    }

    /// Clears the targets that `of` picks and cancels the orders that served them.
    pub(crate) fn clear_targets_by(&mut self, by: By, of: impl Fn(StrategyId, TokenIx) -> bool, effects: &mut Effects) {
        self.targets.by_token.retain(|(strategy, token), _| !of(*strategy, *token));
        self.cancel_where(|entry| entry.target && of(entry.order.strategy, entry.order.token), by, effects);
    }

    /// Clears the targets that `of` picks and cancels all orders that it picks, as the host decided.
    pub(crate) fn withdraw(&mut self, of: impl Fn(StrategyId, TokenIx) -> bool, effects: &mut Effects) {
        self.withdraw_by(By::Host, of, effects);
    }

    /// Clears the targets that `of` picks and cancels all orders that it picks.
    pub(crate) fn withdraw_by(&mut self, by: By, of: impl Fn(StrategyId, TokenIx) -> bool, effects: &mut Effects) {
        self.clear_targets_by(by, &of, effects);
        self.cancel_where(|entry| of(entry.order.strategy, entry.order.token), by, effects);
    }

    /// Compares all targets with the orders that serve them.
    pub(crate) fn renew_targets(&mut self, effects: &mut Effects) {
        let keys: Vec<(StrategyId, TokenIx)> = self.targets.by_token.keys().copied().collect();
        for (strategy, token) in keys {
            self.renew_target(strategy, token, effects);
        }
    }

    /// Compares one target with the orders that serve it: what does not fit is cancelled at once; what is missing is
    /// placed when nothing of that leg is open any more.
    pub(crate) fn renew_target(&mut self, strategy: StrategyId, token: TokenIx, effects: &mut Effects) {
        for side in [Side::Sell, Side::Buy] {
            self.renew_leg(strategy, token, side, effects);
        }
    }

    fn renew_leg(&mut self, strategy: StrategyId, token: TokenIx, side: Side, effects: &mut Effects) {
        let Some(target) = self.targets.by_token.get_mut(&(strategy, token)) else {
            return;
        };
        let (tag, reason, fair) = (target.tag, target.reason.clone(), target.fair);
        let leg = target.leg(side);
        let served = leg.order.and_then(|order| self.orders.get(order));
        // The venue refused the leg's last order (it would have crossed, say): the book has moved, so wait a moment.
        if served.is_some_and(|entry| entry.state == OrderState::Refused) {
            leg.not_before = self.now.plus_micros(REFUSED_WAIT_MICROS);
        }
        let open = served.filter(|entry| entry.is_open());
        if open.is_none() {
            leg.order = None;
        }
        match (leg.want, open) {
            (Some(want), Some(entry)) if fits(entry, want) => {}
            (_, Some(entry)) => {
                let order = entry.order.id;
                self.cancel(order, By::Wish, effects);
            }
            (Some(want), None) if self.now >= leg.not_before && !want.size.is_zero() => {
                let kind = OrderKind::Gtc { post_only: true };
                let (price, size, target, origin) = (want.price, want.size, true, Origin::Strategy);
                let wish = Wish { strategy, tag, token, side, price, size, kind, reason, fair, target, origin };
                let placed = self.submit(wish, effects);
                let again = self.now.plus_micros(REFUSED_WAIT_MICROS);
                if let Some(target) = self.targets.by_token.get_mut(&(strategy, token)) {
                    let leg = target.leg(side);
                    match placed {
                        Some(order) => leg.order = Some(order),
                        None => leg.not_before = again,
                    }
                }
            }
            (_, None) => {}
        }
    }
}

/// Says whether an order is what the leg wants. A part that was filled does not make it another order.
fn fits(entry: &OrderEntry, want: Quote) -> bool {
    entry.order.price == want.price && entry.order.size == want.size && entry.cancel.is_none()
}
