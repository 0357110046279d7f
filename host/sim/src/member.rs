//! An account of the venue as its owner sees it: orders under the owner's numbers, and the venue's reports as inputs of
//! the engine.

#[cfg(test)]
mod tests;

use crate::shared_map::SharedMap;
use crate::venue::{self, AccountId, Change, OpenOrder, Venue};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString;
use alloc::vec::Vec;
use model::input::{AccountView, CancelOutcome, PlaceOutcome, Settlement, TradeUpdate, VenueStatus};
use model::{InputKind, MarketIx, NewOrder, OrderId, Shared, Size, Time, TokenIx, TradeId, Usd, VenueOrderId};

/// The most orders that are remembered, newest first; more than an account can have open.
pub const KNOWN_MAX: usize = 100_000;
/// The most trades that are remembered, newest first.
pub const TRADES_MAX: usize = 100_000;

/// One of the owner's trades with the data needed to reverse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// The report to the owner.
    pub update: TradeUpdate,
    /// The owner's order.
    pub order: NewOrder,
    /// The fee charged to the owner.
    pub fee: Usd,
    /// Time of the match.
    pub at: Time,
}

/// The venue's state of one of the owner's orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownOrder {
    /// The venue's id.
    pub venue: VenueOrderId,
    /// Its status.
    pub status: VenueStatus,
    /// Shares matched.
    pub matched: Size,
}

/// An account with its orders and trades.
#[derive(Debug, Clone)]
pub struct Member {
    account: AccountId,
    ours: Shared<BTreeMap<VenueOrderId, NewOrder>>,
    known: SharedMap<OrderId, KnownOrder>,
    age: Shared<VecDeque<VenueOrderId>>,
    trades: SharedMap<(TradeId, u32, OrderId), Trade>,
}

impl Member {
    /// Returns the owner of `account`, without any orders.
    pub fn new(account: AccountId) -> Self {
        Self {
            account,
            ours: Shared::default(),
            known: SharedMap::default(),
            age: Shared::default(),
            trades: SharedMap::default(),
        }
    }

    /// Returns the account's number.
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// Returns the owner's order with this venue id, as long as it is remembered.
    pub fn order(&self, id: VenueOrderId) -> Option<&NewOrder> {
        self.ours.get(&id)
    }

    /// Places an order at the venue.
    pub fn place(&mut self, now: Time, at: &mut Venue, order: &NewOrder, id: VenueOrderId) -> PlaceOutcome {
        self.remember(id, order);
        match at.place(now, self.account, &venue::Order::signed(id, order)) {
            Ok(placed) => {
                let status = match (placed.resting, placed.whole) {
                    (true, _) => VenueStatus::Live,
                    (false, true) => VenueStatus::Matched,
                    (false, false) => VenueStatus::Cancelled,
                };
                self.known.insert(order.id, KnownOrder { venue: id, status, matched: placed.matched });
                if placed.matched.is_zero() {
                    PlaceOutcome::Live
                } else {
                    PlaceOutcome::Matched { matched: placed.matched }
                }
            }
            Err(reject) => {
                self.ours.remove(&id);
                PlaceOutcome::Refused { reason: reject.to_string() }
            }
        }
    }

    fn remember(&mut self, id: VenueOrderId, order: &NewOrder) {
        self.ours.insert(id, *order);
        self.age.push_back(id);
        if self.age.len() > KNOWN_MAX
            && let Some(oldest) = self.age.pop_front()
            && let Some(order) = self.ours.remove(&oldest)
        {
            self.known.remove(&order.id);
        }
    }

    /// Cancels an order at the venue.
    pub fn cancel(&self, now: Time, at: &mut Venue, order: OrderId) -> CancelOutcome {
        let id = self.known.get(&order).map(|known| known.venue);
        let cancelled = id.is_some_and(|id| at.cancel(now, self.account, id));
        if cancelled { CancelOutcome::Cancelled } else { CancelOutcome::NotOpen }
    }

    /// Returns the venue's answer to a query for an order: its trades, then its state; or that it was not found.
    pub fn query_order(&self, order: OrderId, asked: Time) -> Vec<InputKind> {
        let Some(known) = self.known.get(&order) else {
            return [InputKind::OrderQueried { order, not_found: true, asked }].into();
        };
        let trades = self.trades.iter().map(|(_, trade)| trade).filter(|trade| trade.update.order == order);
        let mut answers: Vec<InputKind> = trades.map(|trade| InputKind::Trade(trade.update)).collect();
        answers.push(known.update(order));
        answers
    }

    /// Returns the reports for an owner that was disconnected: the trades since then, oldest first, and the state of
    /// every order.
    pub fn catch_up(&self, since: Time) -> Vec<InputKind> {
        let trades = self
            .trades
            .iter()
            .map(|(_, trade)| trade)
            .filter(|trade| trade.at >= since)
            .map(|trade| InputKind::Trade(trade.update));
        trades.chain(self.known.iter().map(|(order, known)| known.update(*order))).collect()
    }

    /// Returns the venue's view of the account, limited to these markets.
    pub fn view(&self, at: &Venue, markets: impl Iterator<Item = MarketIx>) -> AccountView {
        let tokens = markets.flat_map(|market| [market.token(0), market.token(1)]);
        let shares = tokens.filter_map(|token: TokenIx| {
            let micros = u64::try_from(at.shares(self.account, token).total).ok()?;
            (micros > 0).then_some((token, Size(micros)))
        });
        AccountView { cash: Usd(at.cash(self.account).total), shares: shares.collect() }
    }

    /// Records a change of an order of the account; returns the report to its owner, if the order is the owner's.
    pub fn on_order(&mut self, change: Change, order: &OpenOrder) -> Option<InputKind> {
        let ours = self.ours.get(&order.id)?;
        let status = match change {
            Change::Update if order.is_whole() => VenueStatus::Matched,
            Change::Placement | Change::Delayed | Change::Unmatched | Change::Update => VenueStatus::Live,
            Change::Cancellation | Change::Refused(_) => VenueStatus::Cancelled,
        };
        let known = KnownOrder { venue: order.id, status, matched: order.matched };
        self.known.insert(ours.id, known);
        Some(known.update(ours.id))
    }

    /// Records a match; returns the owner's parts of it.
    pub fn on_trade(&mut self, trade: &venue::Trade) -> Vec<Trade> {
        let mut id = [0; 16];
        if let Some(place) = id.last_chunk_mut() {
            *place = trade.number.to_be_bytes();
        }
        let taker = trade.order.and_then(|order| self.ours.get(&order));
        let mut parts = Vec::new();
        for (number, part) in (0u32..).zip(&trade.parts) {
            let maker = part.order.and_then(|order| self.ours.get(&order));
            for (ours, is_maker) in [(taker, false), (maker, true)] {
                let Some(order) = ours else { continue };
                let update = TradeUpdate {
                    trade: TradeId(id),
                    part: number,
                    order: order.id,
                    settlement: Settlement::Matched,
                    maker_price: part.price,
                    size: part.size,
                    maker: is_maker,
                    crossed: part.token != trade.token,
                };
                let fee = if is_maker { Usd::ZERO } else { part.fee };
                parts.push(Trade { update, order: *order, fee, at: trade.at });
            }
        }
        for part in &parts {
            self.trades.insert(part.key(), *part);
            if self.trades.len() > TRADES_MAX {
                self.trades.pop_first();
            }
        }
        parts
    }

    /// Records the settlement of a trade. A failed trade is void: the venue reverses the account's half of it.
    pub fn on_settlement(&mut self, at: &mut Venue, trade: &Trade) {
        if let Some(known) = self.trades.get_mut(&trade.key()) {
            known.update.settlement = trade.update.settlement;
        }
        if trade.update.settlement == Settlement::Failed {
            let cost = trade.update.cost().unwrap_or_default();
            at.take_back(self.account, trade.order.token, trade.order.side, trade.update.size, cost, trade.fee);
        }
    }
}

impl Trade {
    const fn key(&self) -> (TradeId, u32, OrderId) {
        (self.update.trade, self.update.part, self.update.order)
    }

    /// Returns the same trade with another settlement state.
    #[must_use]
    pub const fn settled(self, settlement: Settlement) -> Self {
        Self { update: TradeUpdate { settlement, ..self.update }, ..self }
    }
}

impl KnownOrder {
    const fn update(&self, order: OrderId) -> InputKind {
        InputKind::OrderUpdate { order, status: self.status, matched: self.matched }
    }
}
