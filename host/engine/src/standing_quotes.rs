//! Standing quotes: the orders that a strategy wants to rest on a token. The engine keeps them on the book.

use crate::effect::Effects;
use crate::orders::{By, OrderEntry};
use crate::risk::{OrderRequest, Origin};
use crate::step::Engine;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use model::event::Reason;
use model::{Intent, OrderId, OrderKind, OrderState, Price, Quote, Side, StrategyId, Time, TokenIx};

/// The time that a refused leg waits before it is tried again unchanged.
const REFUSED_WAIT_MICROS: u64 = 1_000_000;

/// One side of a standing quote.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
struct QuoteLeg {
    want: Option<Quote>,
    /// After a refusal: not before this time.
    not_before: Time,
    /// The order of this leg, while it is open.
    order: Option<OrderId>,
}

/// A strategy's standing quote on one token.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct StandingQuote {
    tag: u64,
    reason: Reason,
    fair: Option<Price>,
    bid: QuoteLeg,
    ask: QuoteLeg,
}

impl StandingQuote {
    const fn leg(&self, side: Side) -> &QuoteLeg {
        match side {
            Side::Buy => &self.bid,
            Side::Sell => &self.ask,
        }
    }

    fn leg_mut(&mut self, side: Side) -> &mut QuoteLeg {
        match side {
            Side::Buy => &mut self.bid,
            Side::Sell => &mut self.ask,
        }
    }
}

/// All standing quotes. A strategy has at most one per token, so there are never more than grants.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct StandingQuotes {
    by_token: BTreeMap<(StrategyId, TokenIx), StandingQuote>,
}

impl StandingQuotes {
    /// Sets a strategy's standing quote on a token. A refused leg that is unchanged keeps waiting.
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
    /// Clears the standing quotes selected by `of` and cancels their orders, as decided by the host.
    pub(crate) fn clear_quotes(&mut self, of: impl Fn(StrategyId, TokenIx) -> bool, effects: &mut Effects) {
        self.clear_quotes_by(By::Host, of, effects);
    }

    /// Clears the standing quotes selected by `of` and cancels their orders.
    pub(crate) fn clear_quotes_by(&mut self, by: By, of: impl Fn(StrategyId, TokenIx) -> bool, effects: &mut Effects) {
        self.targets.by_token.retain(|(strategy, token), _| !of(*strategy, *token));
        self.cancel_where(|entry| entry.target && of(entry.order.strategy, entry.order.token), by, effects);
    }

    /// Clears the standing quotes and cancels all orders selected by `of`, as decided by the host.
    pub(crate) fn withdraw(&mut self, of: impl Fn(StrategyId, TokenIx) -> bool, effects: &mut Effects) {
        self.withdraw_by(By::Host, of, effects);
    }

    /// Clears the standing quotes and cancels all orders selected by `of`.
    pub(crate) fn withdraw_by(&mut self, by: By, of: impl Fn(StrategyId, TokenIx) -> bool, effects: &mut Effects) {
        self.clear_quotes_by(by, &of, effects);
        self.cancel_where(|entry| of(entry.order.strategy, entry.order.token), by, effects);
    }

    /// Compares all standing quotes with their orders.
    pub(crate) fn renew_quotes(&mut self, effects: &mut Effects) {
        let keys: Vec<(StrategyId, TokenIx)> = self.targets.by_token.keys().copied().collect();
        for (strategy, token) in keys {
            self.renew_quote(strategy, token, effects);
        }
    }

    /// Compares one standing quote with its orders: orders that do not fit are cancelled at once; a missing order is
    /// placed when no order of that leg is open any more.
    pub(crate) fn renew_quote(&mut self, strategy: StrategyId, token: TokenIx, effects: &mut Effects) {
        for side in [Side::Sell, Side::Buy] {
            self.renew_leg(strategy, token, side, effects);
        }
    }

    fn renew_leg(&mut self, strategy: StrategyId, token: TokenIx, side: Side, effects: &mut Effects) {
        let Some(target) = self.targets.by_token.get(&(strategy, token)) else { return };
        let QuoteLeg { want, mut not_before, order } = *target.leg(side);
        let served = order.and_then(|order| self.orders.get(order));
        let refused = served.is_some_and(|entry| entry.state == OrderState::Refused);
        let open = served.filter(|entry| entry.is_open());
        let open = open.map(|entry| (entry.order.id, want.is_some_and(|want| fits(entry, want))));
        if order.is_some() && open.is_none() {
            // The venue refused the leg's last order (it may have crossed): the book has moved, so wait a moment.
            if refused {
                not_before = self.now.plus_micros(REFUSED_WAIT_MICROS);
            }
            self.change_leg((strategy, token), side, |leg| (leg.order, leg.not_before) = (None, not_before));
        }
        match (want, open) {
            (_, Some((_, true))) => {}
            (_, Some((order, false))) => self.cancel(order, By::Wish, effects),
            (Some(want), None) if self.now >= not_before && !want.size.is_zero() => {
                self.place_leg((strategy, token), side, want, effects);
            }
            (_, None) => {}
        }
    }

    /// Places the missing order of a leg.
    fn place_leg(&mut self, key: (StrategyId, TokenIx), side: Side, want: Quote, effects: &mut Effects) {
        let Some(target) = self.targets.by_token.get(&key) else { return };
        let (tag, reason, fair) = (target.tag, target.reason.clone(), target.fair);
        let ((strategy, token), kind) = (key, OrderKind::Gtc { post_only: true });
        let (price, size, target, origin) = (want.price, want.size, true, Origin::Strategy);
        let wish = OrderRequest { strategy, tag, token, side, price, size, kind, reason, fair, target, origin };
        let placed = self.submit(wish, effects);
        let again = self.now.plus_micros(REFUSED_WAIT_MICROS);
        self.change_leg(key, side, |leg| match placed {
            Some(order) => leg.order = Some(order),
            None => leg.not_before = again,
        });
    }

    fn change_leg(&mut self, key: (StrategyId, TokenIx), side: Side, change: impl FnOnce(&mut QuoteLeg)) {
        if let Some(target) = self.targets.by_token.get_mut(&key) {
            change(target.leg_mut(side));
        }
    }
}

/// Returns true if an order matches the wanted leg. A partial fill does not change that.
fn fits(entry: &OrderEntry, want: Quote) -> bool {
    entry.order.price == want.price && entry.order.size == want.size && entry.cancel.is_none()
}
