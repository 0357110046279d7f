//! An account of the venue as its owner knows it: orders under the owner's numbers, and what the venue says of them in the
//! engine's words.

#[cfg(test)]
mod tests;

use crate::venue::{self, AccountId, Change, OpenOrder, Venue};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString;
use alloc::vec::Vec;
use model::input::{AccountView, CancelOutcome, PlaceOutcome, Settlement, TradeUpdate, VenueStatus};
use model::{Body, MarketIx, NewOrder, OrderId, Size, Time, TokenIx, TradeId, Usd, VenueOrderId};

/// Orders that are remembered, the newest ones; more than an account can have open.
pub const KNOWN_MAX: usize = 100_000;
/// Trades that are remembered, the newest ones.
pub const TRADES_MAX: usize = 100_000;

/// One of the owner's trades with what it takes to undo it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trade {
    /// What the owner hears.
    pub update: TradeUpdate,
    /// The owner's order.
    pub order: NewOrder,
    /// What the owner paid on top, or had kept back.
    pub fee: Usd,
    /// When it matched.
    pub at: Time,
}

/// What the venue knows of one of the owner's orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The venue's id.
    pub venue: VenueOrderId,
    /// How it stands.
    pub status: VenueStatus,
    /// Shares matched.
    pub matched: Size,
}

/// An account with its orders and trades.
#[derive(Debug, Clone)]
pub struct Member {
    account: AccountId,
    ours: BTreeMap<VenueOrderId, NewOrder>,
    known: BTreeMap<OrderId, Known>,
    age: VecDeque<VenueOrderId>,
    trades: BTreeMap<(TradeId, u32, OrderId), Trade>,
}

impl Member {
    /// Returns the owner of `account`, who has placed nothing yet.
    pub const fn new(account: AccountId) -> Self {
        Self { account, ours: BTreeMap::new(), known: BTreeMap::new(), age: VecDeque::new(), trades: BTreeMap::new() }
    }

    /// Returns the account's number.
    pub const fn account(&self) -> AccountId {
        self.account
    }

    /// Returns the owner's order behind a venue's id, as long as it is remembered.
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
                self.known.insert(order.id, Known { venue: id, status, matched: placed.matched });
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

    /// Returns what the venue says to somebody who looks for an order: its trades, then how it stands; or that there is none.
    pub fn look(&self, order: OrderId, asked: Time) -> Vec<Body> {
        let Some(known) = self.known.get(&order) else { return [Body::Looked { order, denied: true, asked }].into() };
        let trades = self.trades.values().filter(|trade| trade.update.order == order);
        let mut answers: Vec<Body> = trades.map(|trade| Body::Trade(trade.update)).collect();
        answers.push(known.update(order));
        answers
    }

    /// Returns what the venue says to somebody who was away: the trades since then, oldest first, and how every order stands.
    pub fn catch_up(&self, since: Time) -> Vec<Body> {
        let trades = self.trades.values().filter(|trade| trade.at >= since).map(|trade| Body::Trade(trade.update));
        trades.chain(self.known.iter().map(|(order, known)| known.update(*order))).collect()
    }

    /// Returns the account as the venue has it, as far as these markets go.
    pub fn view(&self, at: &Venue, markets: impl Iterator<Item = MarketIx>) -> AccountView {
        let tokens = markets.flat_map(|market| [market.token(0), market.token(1)]);
        let shares = tokens.filter_map(|token: TokenIx| {
            let micros = u64::try_from(at.shares(self.account, token).total).ok()?;
            (micros > 0).then_some((token, Size(micros)))
        });
        AccountView { cash: Usd(at.cash(self.account).total), shares: shares.collect() }
    }

    /// Hears how an order of the account changed; returns what its owner is told, if it is the owner's.
    pub fn hear_order(&mut self, change: Change, order: &OpenOrder) -> Option<Body> {
        let ours = self.ours.get(&order.id)?;
        let status = match change {
            Change::Update if order.is_whole() => VenueStatus::Matched,
            Change::Placement | Change::Delayed | Change::Unmatched | Change::Update => VenueStatus::Live,
            Change::Cancellation | Change::Refused(_) => VenueStatus::Cancelled,
        };
        let known = Known { venue: order.id, status, matched: order.matched };
        self.known.insert(ours.id, known);
        Some(known.update(ours.id))
    }

    /// Hears of a match; returns the owner's parts of it.
    pub fn hear_trade(&mut self, trade: &venue::Trade) -> Vec<Trade> {
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

    /// Notes how far a trade has settled. One that failed never happened: the venue takes the account's half of it back.
    pub fn settle(&mut self, at: &mut Venue, trade: &Trade) {
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

    /// Returns the same trade, settled so far.
    #[must_use]
    pub const fn settled(self, settlement: Settlement) -> Self {
        Self { update: TradeUpdate { settlement, ..self.update }, ..self }
    }
}

impl Known {
    const fn update(&self, order: OrderId) -> Body {
        Body::OrderUpdate { order, status: self.status, matched: self.matched }
    }
}
