//! Matching: first a plan of the orders that a taker would meet, then, if it is accepted, its execution.

use super::ledger::Leg;
use super::order_book::{BookKey, OrderBook, PriceLevel};
use super::types::{AccountId, Change, Event, OpenOrder, Part, Placed, Trade, is_spent};
use super::{ListedMarket, Venue};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use model::{FeeRate, Price, SCALE, Side, Size, Time, TokenIx, Usd, VenueOrderId};

/// The taker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taker {
    pub(super) order: Option<VenueOrderId>,
    pub(super) account: AccountId,
    pub(super) token: TokenIx,
    pub(super) side: Side,
    pub(super) price: Price,
    pub(super) size: Size,
    pub(super) spend: Option<Usd>,
    pub(super) fee: FeeRate,
}

impl Taker {
    /// Returns true if the taker would trade at `price` of its own token.
    fn accepts(&self, price: Price) -> bool {
        match (self.side, self.spend) {
            (Side::Sell, _) => price >= self.price,
            (Side::Buy, None) => price <= self.price,
            // `price <= spend / size`, multiplied out to stay exact.
            (Side::Buy, Some(spend)) => {
                let asked = u128::from(price.micros()).saturating_mul(u128::from(self.size.micros()));
                asked <= u128::try_from(spend.micros()).unwrap_or(0).saturating_mul(u128::from(SCALE))
            }
        }
    }

    /// Returns the cost of or proceeds from one of the taker's parts, before fees. On the same token both sides move
    /// the maker's price rounded down; on the other token the taker completes the maker's money to a whole set.
    fn value(&self, maker_token: TokenIx, maker_price: Price, size: Size) -> Usd {
        let maker = maker_price.cost_floor(size).unwrap_or_default();
        if maker_token == self.token { maker } else { size.face_value().unwrap_or_default().saturating_sub(maker) }
    }
}

/// A maker order that the taker would meet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill {
    spot: BookKey,
    /// The price for the taker, on its own token.
    price: Price,
    value: Usd,
    part: Part,
}

/// The orders that a taker would meet.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    fills: Vec<Fill>,
    pub(super) matched: Size,
    pub(super) value: Usd,
    pub(super) fee: Usd,
    /// True if the taker is complete: it has all its shares, or a FAK or FOK BUY has spent all its dollars.
    pub(super) whole: bool,
}

impl Plan {
    pub(super) const fn is_empty(&self) -> bool {
        self.fills.is_empty()
    }

    /// Plans to meet a single resting order.
    pub(super) fn of(maker: &OpenOrder, taker: &Taker) -> Self {
        let mut plan = Self::default();
        let part = Part {
            order: Some(maker.id),
            account: maker.account,
            token: maker.token,
            side: maker.side,
            price: maker.price,
            size: Size::ZERO,
            fee: Usd::ZERO,
        };
        plan.meet(taker, BookKey::of(maker.token, maker.side, maker.price), part, maker.rest());
        plan
    }

    /// Meets at most `available` shares of a maker; returns false if the taker is complete.
    fn meet(&mut self, taker: &Taker, spot: BookKey, mut part: Part, available: Size) -> bool {
        let (_, price) = spot.seen_from(taker.token);
        let size = available.min(match taker.spend {
            Some(spend) => affordable(spend.saturating_sub(self.value), price, part.token == taker.token),
            None => taker.size.saturating_sub(self.matched),
        });
        if size.is_zero() {
            return false;
        }
        let value = taker.value(part.token, part.price, size);
        let fee = taker.fee.taker_fee(price, size).unwrap_or_default();
        part.size = size;
        part.fee = if taker.side == Side::Sell { fee.min(value) } else { fee };
        self.matched = self.matched.saturating_add(size);
        self.value = self.value.saturating_add(value);
        self.fee = self.fee.saturating_add(part.fee);
        self.fills.push(Fill { spot, price, value, part });
        self.whole = match taker.spend {
            Some(spend) => is_spent(spend.saturating_sub(self.value)),
            None => self.matched >= taker.size,
        };
        !self.whole
    }
}

/// Returns the shares that cost all of `money` at `price`, to the millionth: their cost is rounded down on the taker's
/// own token and up on the other one, see [`Taker::value`].
fn affordable(money: Usd, price: Price, own_token: bool) -> Size {
    let shares = price.shares_for(money);
    let exact = price.cost_floor(shares) == Some(money);
    if own_token && !exact { shares.saturating_add(Size(1)) } else { shares }
}

/// Plans the matches of `taker`: best price first; at equal price external depth first (it was there first), then
/// orders in time priority. External depth does not match external depth: recordings are left unchanged.
pub(super) fn plan(shelves: &OrderBook, orders: &BTreeMap<VenueOrderId, OpenOrder>, taker: &Taker) -> Plan {
    let mut plan = Plan::default();
    let side = BookKey::of(taker.token, taker.side, taker.price).side.opposite();
    for (price, shelf) in shelves.best_first(side) {
        let spot = BookKey { side, price };
        if !taker.accepts(spot.seen_from(taker.token).1) || !meet_shelf(&mut plan, orders, taker, spot, shelf) {
            break;
        }
    }
    plan
}

fn meet_shelf(
    plan: &mut Plan,
    orders: &BTreeMap<VenueOrderId, OpenOrder>,
    taker: &Taker,
    spot: BookKey,
    shelf: &PriceLevel,
) -> bool {
    let blank = Part {
        order: None,
        account: AccountId::HOUSE,
        token: taker.token,
        side: taker.side.opposite(),
        price: spot.seen_from(taker.token).1,
        size: Size::ZERO,
        fee: Usd::ZERO,
    };
    if taker.order.is_some() && !shelf.external.is_zero() && !plan.meet(taker, spot, blank, shelf.external) {
        return false;
    }
    for maker in shelf.queue.iter().filter_map(|id| orders.get(id)) {
        let (token, side, price) = (maker.token, maker.side, maker.price);
        let part = Part { order: Some(maker.id), account: maker.account, token, side, price, ..blank };
        if !plan.meet(taker, spot, part, maker.rest()) {
            return false;
        }
    }
    true
}

impl Venue {
    /// Executes a plan: one trade per price. `own` is the taker's order, which is updated.
    pub(super) fn execute(&mut self, now: Time, taker: &Taker, plan: &Plan, mut own: Option<&mut OpenOrder>) -> Placed {
        let mut trades = Vec::new();
        for fills in plan.fills.chunk_by(|one, next| one.spot == next.spot) {
            let Some(first) = fills.first() else { continue };
            self.trades = self.trades.saturating_add(1);
            trades.push(self.trades);
            let trade = Trade {
                number: self.trades,
                at: now,
                order: taker.order,
                account: taker.account,
                token: taker.token,
                side: taker.side,
                price: first.price,
                size: fills.iter().fold(Size::ZERO, |sum, fill| sum.saturating_add(fill.part.size)),
                fee: fills.iter().fold(Usd::ZERO, |sum, fill| sum.saturating_add(fill.part.fee)),
                parts: fills.iter().map(|fill| fill.part).collect(),
            };
            let size = trade.size;
            let value = fills.iter().fold(Usd::ZERO, |sum, fill| sum.saturating_add(fill.value));
            if let Some(listing) = self.listing_mut(taker.token.market()) {
                listing.last = Some((taker.token, first.price, taker.side, size));
            }
            self.events.push(Event::Trade(trade));
            fills.iter().for_each(|fill| self.fill(now, taker, fill));
            if let Some(own) = own.as_deref_mut() {
                own.matched = own.matched.saturating_add(size);
                own.unspent = own.unspent.map(|left| left.saturating_sub(value));
                self.events.push(Event::Order { at: now, change: Change::Update, order: *own });
            }
        }
        Placed { matched: plan.matched, value: plan.value, fee: plan.fee, whole: plan.whole, resting: false, trades }
    }

    fn fill(&mut self, now: Time, taker: &Taker, fill: &Fill) {
        let part = &fill.part;
        let market = taker.token.market();
        // On the same token the maker moves the same amount as the taker; on the other token its own price rounded
        // down.
        let maker_value =
            if part.token == taker.token { fill.value } else { part.price.cost_floor(part.size).unwrap_or_default() };
        self.ledger.apply_leg(&Leg {
            account: taker.account,
            token: taker.token,
            side: taker.side,
            size: part.size,
            value: fill.value,
            fee: part.fee,
        });
        self.ledger.apply_leg(&Leg {
            account: part.account,
            token: part.token,
            side: part.side,
            size: part.size,
            value: maker_value,
            fee: Usd::ZERO,
        });
        if let Some(listing) = self.listing_mut(market) {
            listing.count_sets(part.token != taker.token, taker.side, part.size);
        }
        self.touch(market, fill.spot);
        match part.order {
            None => self.take_external(market, fill.spot, part.size),
            Some(id) => self.fill_maker(now, id, fill.spot, part.size),
        }
    }

    fn take_external(&mut self, market: model::MarketIx, spot: BookKey, size: Size) {
        if let Some(listing) = self.listing_mut(market) {
            listing.shelves.take_external(spot, size);
        }
    }

    fn fill_maker(&mut self, now: Time, id: VenueOrderId, spot: BookKey, size: Size) {
        let Some(order) = self.orders.get_mut(&id) else { return };
        let before = order.rest();
        order.matched = order.matched.saturating_add(size);
        let (order, after) = (*order, order.rest());
        self.ledger.release(&order, before, after);
        self.events.push(Event::Order { at: now, change: Change::Update, order });
        if after.is_zero() {
            self.forget(&order);
        }
        let Some(listing) = self.listing_mut(order.token.market()) else { return };
        if after.is_zero() {
            listing.shelves.remove(spot, id, before);
        } else {
            listing.shelves.reduce(spot, size);
        }
    }
}

impl ListedMarket {
    /// Counts the whole sets that a match on complementary tokens minted (two buyers) or merged (two sellers).
    fn count_sets(&mut self, complementary: bool, side: Side, size: Size) {
        let size = i128::from(size.micros());
        self.sets = match (complementary, side) {
            (false, _) => self.sets,
            (true, Side::Buy) => self.sets.saturating_add(size),
            (true, Side::Sell) => self.sets.saturating_sub(size),
        };
    }
}
