//! The venue's side of every request.

use super::wire::{Delivery, Known, Trade, World};
use crate::venue::Order;
use alloc::string::ToString;
use alloc::vec::Vec;
use model::input::{AccountView, CancelOutcome, PlaceOutcome, VenueStatus};
use model::{Body, NewOrder, OrderId, OrderKind, Side, Size, Time, Usd, VenueOrderId};

impl World {
    /// Says whether the venue answers at all.
    fn is_back(&self) -> bool {
        self.now >= self.venue_back
    }

    /// An order arrives. Returns the answer; none if it is lost.
    pub(super) fn place(&mut self, order: &NewOrder, venue: VenueOrderId) -> Option<Body> {
        let outcome = if self.is_back() {
            self.accept(order, venue)
        } else {
            PlaceOutcome::Refused { reason: "425 Too Early".to_string() }
        };
        self.summary.orders = self.summary.orders.saturating_add(1);
        let answer = Body::Placed { order: order.id, outcome };
        if self.happens(self.faults.lost_answer) {
            self.summary.faults = self.summary.faults.saturating_add(1);
            let reason = "timed out".to_string();
            let unknown = Body::Placed { order: order.id, outcome: PlaceOutcome::Unknown { reason } };
            self.send_in(5_000_000, Delivery::Answer(unknown));
            return None;
        }
        Some(answer)
    }

    fn accept(&mut self, order: &NewOrder, venue: VenueOrderId) -> PlaceOutcome {
        let spend = match (order.kind, order.side) {
            (OrderKind::Gtc { .. }, _) | (_, Side::Sell) => None,
            (_, Side::Buy) => order.price.cost_floor(order.size),
        };
        let (id, token, side) = (venue, order.token, order.side);
        let wanted = Order { id, token, side, price: order.price, size: order.size, spend, kind: order.kind };
        self.ours.insert(venue, *order);
        match self.venue.place(self.now, self.account, &wanted) {
            Ok(placed) => {
                let status = match (placed.resting, placed.matched >= order.size) {
                    (true, _) => VenueStatus::Live,
                    (false, true) => VenueStatus::Matched,
                    (false, false) => VenueStatus::Cancelled,
                };
                self.known.insert(order.id, Known { venue, status, matched: placed.matched });
                if placed.matched.is_zero() {
                    PlaceOutcome::Live
                } else {
                    PlaceOutcome::Matched { matched: placed.matched }
                }
            }
            Err(reject) => {
                self.ours.remove(&venue);
                PlaceOutcome::Refused { reason: reject.to_string() }
            }
        }
    }

    /// A cancel arrives. Returns the answer; none if it is lost.
    pub(super) fn cancel(&mut self, order: OrderId) -> Option<Body> {
        let outcome = if self.is_back() {
            let venue = self.known.get(&order).map(|known| known.venue);
            let cancelled = venue.is_some_and(|id| self.venue.cancel(self.now, self.account, id));
            if cancelled { CancelOutcome::Cancelled } else { CancelOutcome::NotOpen }
        } else {
            CancelOutcome::Failed { reason: "425 Too Early".to_string() }
        };
        if self.happens(self.faults.lost_answer) {
            self.summary.faults = self.summary.faults.saturating_add(1);
            let outcome = CancelOutcome::Failed { reason: "timed out".to_string() };
            self.send_in(5_000_000, Delivery::Answer(Body::CancelAnswer { order, outcome }));
            return None;
        }
        Some(Body::CancelAnswer { order, outcome })
    }

    /// A cancel of everything arrives; what it did is told on the user channel.
    pub(super) fn cancel_all(&mut self) {
        if self.is_back() {
            self.venue.cancel_all(self.now, self.account);
        }
    }

    /// Somebody asks for an order: by id, then among the trades.
    pub(super) fn look(&mut self, order: OrderId, asked: Time) -> Vec<Body> {
        if !self.is_back() || self.happens(self.faults.lost_answer) {
            return Vec::new();
        }
        let Some(known) = self.known.get(&order) else { return [Body::Looked { order, denied: true, asked }].into() };
        let trades = self.trades.iter().filter(|trade| trade.update.order == order);
        let mut answers: Vec<Body> = trades.map(|trade| Body::Trade(trade.update)).collect();
        answers.push(Body::OrderUpdate { order, status: known.status, matched: known.matched });
        answers
    }

    /// Returns the account as the venue has it.
    pub(super) fn account_view(&self) -> AccountView {
        let shares = self.tokens().into_iter().filter_map(|token| {
            let micros = u64::try_from(self.venue.shares(self.account, token).total).ok()?;
            (micros > 0).then_some((token, Size(micros)))
        });
        AccountView { cash: Usd(self.venue.cash(self.account).total), shares: shares.collect() }
    }

    /// A trade failed on chain: our half of it never happened.
    pub(super) fn take_back(&mut self, trade: &Trade) {
        let cost = trade.update.cost().unwrap_or_default();
        let order = &trade.order;
        self.venue.take_back(self.account, order.token, order.side, trade.update.size, cost, trade.fee);
    }
}
