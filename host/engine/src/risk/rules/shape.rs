//! Rules on the order itself, and on its price and size against the book.

use super::{Check, refusal};
use crate::risk::gate::Origin;
use crate::risk::{Refusal, Rule};
use model::{Level, Price, Side, Size};

pub(super) fn tick(check: &Check<'_>) -> Result<(), Refusal> {
    let tick = check.entry.market.tick;
    if check.order.price.is_on(tick) {
        return Ok(());
    }
    Err(refusal(Rule::Tick, check.order.price.micros(), tick.micros()))
}

pub(super) fn size(check: &Check<'_>) -> Result<(), Refusal> {
    let (size, least) = (check.order.size, check.entry.market.min_size);
    let whole = size.floor_to_cents() == size;
    if whole && size >= least && !size.is_zero() { Ok(()) } else { Err(refusal(Rule::Size, size.0, least.0)) }
}

/// The venue accepts no order that expires sooner than two minutes from now (PROTOCOL 6), and sending it takes time.
const SOONEST_S: u64 = 125;

/// Refuses an order that would expire too soon for the venue to accept it.
pub(super) fn expiry(check: &Check<'_>) -> Result<(), Refusal> {
    let Some(until) = check.order.kind.until() else { return Ok(()) };
    let left = until.since(check.engine.now) / 1_000_000;
    if left >= SOONEST_S { Ok(()) } else { Err(refusal(Rule::Expiry, left, SOONEST_S)) }
}

/// Refuses a size that can only be a mistake, such as micro-shares taken for shares. A FOK or FAK BUY counts as the
/// shares that its dollars buy at the best ask less the collar: a check of the units and not a guarantee, because an
/// even better price buys more shares.
pub(super) fn max_order_shares(check: &Check<'_>) -> Result<(), Refusal> {
    let (size, limit) = (check.shares_below_ask(), check.engine.limits.max_order_size);
    if !check.increases_risk() || size <= limit {
        return Ok(());
    }
    Err(refusal(Rule::MaxOrderShares, size.0, limit.0))
}

/// The narrowest collar, in micro-dollars: a few percent of a cheap token are less than a tick.
const COLLAR_MIN: u64 = 50_000;

/// Refuses a price too far on the wrong side of the mid price: a BUY above it, a SELL below it. Prices that wait for
/// the market to come are harmless. Without both sides there is no mid price, and only the slippage rule applies.
pub(super) fn price_collar(check: &Check<'_>) -> Result<(), Refusal> {
    let Some((bid, ask)) = check.touch() else { return Ok(()) };
    let (Some(bid), Some(ask)) = (bid, ask) else { return Ok(()) };
    let middle = u64::from(bid.price.micros().midpoint(ask.price.micros()));
    let width = check.collar(middle);
    let price = u64::from(check.order.price.micros());
    let (good, limit) = match check.order.side {
        Side::Buy => (price <= middle.saturating_add(width), middle.saturating_add(width)),
        Side::Sell => (price >= middle.saturating_sub(width), middle.saturating_sub(width)),
    };
    if good || check.origin == Origin::Guard { Ok(()) } else { Err(refusal(Rule::PriceCollar, price, limit)) }
}

/// Refuses an order that would sweep the book: its worst price is too many ticks beyond the best opposite one. Guards
/// have their own range.
pub(super) fn slippage(check: &Check<'_>) -> Result<(), Refusal> {
    let Some(limit) = check.reach().filter(|_| check.origin != Origin::Guard) else { return Ok(()) };
    let price = check.order.price.micros();
    let good = match check.order.side {
        Side::Buy => price <= limit,
        Side::Sell => price >= limit,
    };
    if good { Ok(()) } else { Err(refusal(Rule::Slippage, price, limit)) }
}

/// Refuses an order that takes too large a part of the visible size within its range.
pub(super) fn depth(check: &Check<'_>) -> Result<(), Refusal> {
    let order = check.order;
    if check.origin == Origin::Guard || !check.takes() {
        return Ok(());
    }
    let Some(reach) = check.reach() else { return Ok(()) };
    let Some(state) = check.engine.markets.token(order.token) else { return Ok(()) };
    let within = |price: Price| match order.side {
        Side::Buy => price.micros() <= reach,
        Side::Sell => price.micros() >= reach,
    };
    let levels = state.book.levels(order.side.opposite()).take_while(|level| within(level.price));
    let visible = levels.fold(0u128, |sum, level| sum.saturating_add(u128::from(level.size.0)));
    let limit = visible.saturating_mul(u128::from(check.engine.limits.max_depth_bps)) / 10_000;
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let size = check.shares_at(check.best_to_pay());
    if size.0 <= limit { Ok(()) } else { Err(refusal(Rule::Depth, size.0, limit)) }
}

impl Check<'_> {
    /// Returns the best bid and ask of the order's token.
    fn touch(&self) -> Option<(Option<Level>, Option<Level>)> {
        self.engine.markets.token(self.order.token).map(|state| (state.book.best_bid(), state.book.best_ask()))
    }

    /// Returns the width of the collar around `middle`, in micro-dollars.
    fn collar(&self, middle: u64) -> u64 {
        let part = middle.saturating_mul(u64::from(self.engine.limits.price_collar_bps)) / 10_000;
        part.max(COLLAR_MIN)
    }

    /// Returns the best price that a BUY could pay now: the best ask, or its own limit if no ask is within it.
    fn best_to_pay(&self) -> Price {
        let ask = self.touch().and_then(|(_, ask)| ask).map(|level| level.price);
        ask.map_or(self.order.price, |ask| ask.min(self.order.price))
    }

    /// Returns the shares of the order; for a FOK or FAK BUY the shares that its dollars buy at `price`, if they are
    /// more.
    fn shares_at(&self, price: Price) -> Size {
        let bought = self.order.dollars().map(|dollars| price.shares_for(dollars));
        bought.map_or(self.order.size, |bought| bought.max(self.order.size))
    }

    /// Returns the shares of the order; for a FOK or FAK BUY the shares that its dollars buy if the best ask falls by
    /// the collar.
    fn shares_below_ask(&self) -> Size {
        let best = self.best_to_pay();
        let (bid, ask) = self.touch().unwrap_or_default();
        let middle = bid.zip(ask).map_or(best.micros(), |(bid, ask)| bid.price.micros().midpoint(ask.price.micros()));
        let width = u32::try_from(self.collar(middle.into())).unwrap_or(u32::MAX);
        let lowest = best.micros().saturating_sub(width).max(self.entry.market.tick.micros());
        self.shares_at(Price::from_micros(lowest).unwrap_or(best))
    }

    /// Returns the worst price, in micro-dollars, that an order may reach on the other side of the book; `None` if that
    /// side is empty.
    fn reach(&self) -> Option<u32> {
        let (bid, ask) = self.touch()?;
        let away = self.entry.market.tick.micros().saturating_mul(self.engine.limits.max_slippage_ticks);
        match self.order.side {
            Side::Buy => ask.map(|level| level.price.micros().saturating_add(away)),
            Side::Sell => bid.map(|level| level.price.micros().saturating_sub(away)),
        }
    }

    /// Returns true if the order would match at once.
    fn takes(&self) -> bool {
        if self.order.kind.is_post_only() {
            return false;
        }
        match (self.touch(), self.order.side) {
            (Some((_, Some(ask))), Side::Buy) => self.order.price >= ask.price,
            (Some((Some(bid), _)), Side::Sell) => self.order.price <= bid.price,
            _ => false,
        }
    }
}
