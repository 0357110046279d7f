//! Order placement with the venue's checks, in its order, and cancels.

use super::matching::{Plan, Taker, plan};
use super::order_book::BookKey;
use super::types::{AccountId, Change, Event, OpenOrder, Order, Placed, Reject};
use super::{ORDERS_MAX, SEEN_MAX, Venue};
use alloc::vec::Vec;
use model::{FeeRate, Market, MarketIx, OrderKind, Side, Size, Time, TokenIx, Usd, VenueOrderId};

/// The largest order: a billion shares, so that no sum of an order's amounts exceeds 64 bits.
const SIZE_MAX: Size = Size::shares(1_000_000_000);
/// The least that a BUY that matches at once may spend.
const MARKETABLE_MIN: Usd = Usd::dollars(1);

impl Venue {
    /// Places an order: matches it as far as its kind permits, and rests the remainder if the kind rests.
    ///
    /// # Errors
    /// [`Reject`]; nothing was changed then.
    pub fn place(&mut self, now: Time, account: AccountId, order: &Order) -> Result<Placed, Reject> {
        self.check_new(order.id)?;
        let (taker, plan) = self.consider(account, order)?;
        self.remember(order.id);
        Ok(self.accept(now, &taker, order, &plan, None))
    }

    /// Checks an order against everything except earlier uses of its id, and returns its matching plan.
    pub(super) fn consider(&self, account: AccountId, order: &Order) -> Result<(Taker, Plan), Reject> {
        let fee = self.check(account, order)?;
        let taker = Taker {
            order: Some(order.id),
            account,
            token: order.token,
            side: order.side,
            price: order.price,
            size: order.size,
            spend: order.spend,
            fee,
        };
        let listing = self.listing(order.token.market()).ok_or(Reject::UnknownToken)?;
        let plan = plan(&listing.shelves, &self.orders, &taker);
        self.check_balance(account, order, fee, &plan)?;
        check_kind(order, &plan)?;
        Ok((taker, plan))
    }

    pub(super) fn check_new(&self, id: VenueOrderId) -> Result<(), Reject> {
        if self.orders.contains_key(&id) || self.seen.contains(&id) { Err(Reject::Duplicate) } else { Ok(()) }
    }

    /// Checks everything that does not depend on the book, and returns the market's fee.
    fn check(&self, account: AccountId, order: &Order) -> Result<FeeRate, Reject> {
        let listing = self.listing(order.token.market()).ok_or(Reject::UnknownToken)?;
        if account == AccountId::HOUSE || !self.ledger.has(account) {
            return Err(Reject::UnknownAccount);
        }
        if !listing.open {
            return Err(Reject::Closed);
        }
        check_amounts(order, &listing.market)?;
        if order.kind.rests() && self.ledger.order_count(account) >= ORDERS_MAX {
            return Err(Reject::TooManyOrders);
        }
        Ok(listing.market.fee)
    }

    fn check_balance(&self, account: AccountId, order: &Order, fee: FeeRate, plan: &Plan) -> Result<(), Reject> {
        let (balance, needed) = match order.side {
            Side::Sell => (self.ledger.shares(account, order.token), i64::try_from(order.size.micros()).ok()),
            Side::Buy => (self.ledger.cash(account), cash_needed(order, fee, plan)),
        };
        let needed = needed.ok_or(Reject::Range)?;
        if balance.free() < needed {
            return Err(Reject::Balance { balance: balance.total, reserved: balance.reserved, needed });
        }
        Ok(())
    }

    /// Accepts an order. A released order was already reported when its delay began at `delayed`; only that it now
    /// rests is reported.
    pub(super) fn accept(
        &mut self,
        now: Time,
        taker: &Taker,
        order: &Order,
        plan: &Plan,
        delayed: Option<Time>,
    ) -> Placed {
        let mut own = order.opened(taker.account, delayed.unwrap_or(now));
        if delayed.is_none() {
            self.events.push(Event::Order { at: now, change: Change::Placement, order: own });
        }
        let mut placed = self.execute(now, taker, plan, Some(&mut own));
        if !own.is_whole() {
            if order.kind.rests() {
                self.rest(&own);
                placed.resting = true;
                if delayed.is_some() && plan.is_empty() {
                    self.events.push(Event::Order { at: now, change: Change::Unmatched, order: own });
                }
            } else if order.kind == OrderKind::Fak {
                self.events.push(Event::Order { at: now, change: Change::Cancellation, order: own });
            }
        }
        self.publish_levels();
        placed
    }

    fn rest(&mut self, order: &OpenOrder) {
        let market = order.token.market();
        let spot = BookKey::of(order.token, order.side, order.price);
        self.ledger.rest(order);
        self.orders.insert(order.id, *order);
        if let Some(until) = order.kind.until() {
            self.ending.insert((until, order.id));
        }
        if let Some(listing) = self.listing_mut(market) {
            listing.shelves.add(spot, order.id, order.rest());
        }
        self.touch(market, spot);
    }

    pub(super) fn remember(&mut self, id: VenueOrderId) {
        if self.seen_order.len() >= SEEN_MAX
            && let Some(oldest) = self.seen_order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen.insert(id);
        self.seen_order.push_back(id);
    }

    /// Cancels an open order of `account`; returns false if there is no such order.
    pub fn cancel(&mut self, now: Time, account: AccountId, id: VenueOrderId) -> bool {
        let done = self.remove_order(now, account, id);
        self.publish_levels();
        done
    }

    /// Cancels all open orders of `account` and returns their ids.
    pub fn cancel_all(&mut self, now: Time, account: AccountId) -> Vec<VenueOrderId> {
        self.cancel_where(now, account, |_| true)
    }

    /// Cancels the open orders of `account` in a market, or on one token of it, and returns their ids.
    pub fn cancel_market(
        &mut self,
        now: Time,
        account: AccountId,
        market: MarketIx,
        token: Option<TokenIx>,
    ) -> Vec<VenueOrderId> {
        self.cancel_where(now, account, |order| {
            order.token.market() == market && token.is_none_or(|token| token == order.token)
        })
    }

    fn cancel_where(
        &mut self,
        now: Time,
        account: AccountId,
        wanted: impl Fn(&OpenOrder) -> bool,
    ) -> Vec<VenueOrderId> {
        let mut ids: Vec<_> = self.orders(account).filter(|order| wanted(order)).map(|order| order.id).collect();
        ids.retain(|id| self.remove_order(now, account, *id));
        self.publish_levels();
        ids
    }

    /// Cancels the orders that have expired.
    pub fn expire(&mut self, now: Time) {
        while let Some((until, id)) = self.ending.first().copied().filter(|(until, _)| *until <= now) {
            self.ending.remove(&(until, id));
            if let Some(account) = self.orders.get(&id).map(|order| order.account) {
                self.remove_order(now, account, id);
            }
        }
        self.publish_levels();
    }

    /// Removes a finished order from the open ones.
    pub(super) fn forget(&mut self, order: &OpenOrder) {
        self.orders.remove(&order.id);
        if let Some(until) = order.kind.until() {
            self.ending.remove(&(until, order.id));
        }
    }

    pub(super) fn remove_order(&mut self, now: Time, account: AccountId, id: VenueOrderId) -> bool {
        let Some(order) = self.orders.get(&id).filter(|order| order.account == account).copied() else { return false };
        self.forget(&order);
        self.ledger.release(&order, order.rest(), Size::ZERO);
        let market = order.token.market();
        let spot = BookKey::of(order.token, order.side, order.price);
        if let Some(listing) = self.listing_mut(market) {
            listing.shelves.remove(spot, id, order.rest());
        }
        self.touch(market, spot);
        self.events.push(Event::Order { at: now, change: Change::Cancellation, order });
        true
    }
}

fn check_amounts(order: &Order, market: &Market) -> Result<(), Reject> {
    let in_dollars = order.side == Side::Buy && !order.kind.rests();
    let spend_fits = match order.spend {
        Some(spend) => in_dollars && spend > Usd::ZERO && order.size.face_value().is_some_and(|face| spend < face),
        None => !in_dollars,
    };
    if order.size.is_zero() || order.size > SIZE_MAX || !spend_fits {
        return Err(Reject::Range);
    }
    if !order.price.is_on(market.tick) {
        return Err(Reject::Tick { price: order.price, tick: market.tick });
    }
    // Orders that cannot rest are exempt from the minimum size, so that a smaller holding can be sold.
    if order.kind.rests() && order.size < market.min_size {
        return Err(Reject::Small { size: order.size, min: market.min_size });
    }
    Ok(())
}

/// Performs the checks that depend on the matching plan.
fn check_kind(order: &Order, plan: &Plan) -> Result<(), Reject> {
    let value = most_spent(order).ok_or(Reject::Range)?;
    if order.kind.is_post_only() && !plan.is_empty() {
        return Err(Reject::PostOnly);
    }
    if order.side == Side::Buy && value < MARKETABLE_MIN && (!plan.is_empty() || !order.kind.rests()) {
        return Err(Reject::SmallMarketable { value });
    }
    match order.kind {
        OrderKind::Fok if !plan.whole => Err(Reject::FokKilled),
        OrderKind::Fok | OrderKind::Fak if plan.is_empty() => {
            Err(if order.kind == OrderKind::Fok { Reject::FokKilled } else { Reject::FakKilled })
        }
        _ => Ok(()),
    }
}

/// Returns the most that a BUY spends, before fees.
fn most_spent(order: &Order) -> Option<Usd> {
    order.spend.or_else(|| order.price.cost_ceil(order.size))
}

/// Returns the micro-dollars that a BUY needs: its cost and, if it takes at once, the worst fee; at least what it
/// really moves, because its parts are rounded one by one.
pub(super) fn cash_needed(order: &Order, fee: FeeRate, plan: &Plan) -> Option<i64> {
    let cost = most_spent(order)?;
    if plan.is_empty() {
        return Some(cost.micros());
    }
    let worst = cost.checked_add(fee.taker_fee_worst(order.price, order.size)?)?;
    let rest = if order.kind.rests() { order.size.saturating_sub(plan.matched) } else { Size::ZERO };
    let exact = plan.value.checked_add(plan.fee)?.checked_add(order.price.cost_ceil(rest)?)?;
    Some(worst.max(exact).micros())
}
