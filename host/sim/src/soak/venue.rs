//! The venue's side of every request.

use super::draws::Fault;
use super::wire::{Delivery, World};
use alloc::string::ToString;
use alloc::vec::Vec;
use model::input::{AccountView, CancelOutcome, PlaceOutcome};
use model::{Body, MarketIx, NewOrder, OrderId, Time, VenueOrderId};

impl World {
    /// Says whether the venue answers at all.
    fn is_back(&self) -> bool {
        self.now >= self.venue_back
    }

    /// An order arrives. Returns the answer; none if it is lost.
    pub(super) fn place(&mut self, order: &NewOrder, venue: VenueOrderId) -> Option<Body> {
        let outcome = if self.is_back() {
            self.member.place(self.now, &mut self.venue, order, venue)
        } else {
            PlaceOutcome::Refused { reason: "425 Too Early".to_string() }
        };
        self.summary.orders = self.summary.orders.saturating_add(1);
        if matches!(outcome, PlaceOutcome::Matched { matched } if matched > order.size) {
            self.summary.draws.count(Fault::BetterPrice);
        }
        let answer = Body::Placed { order: order.id, outcome };
        if self.strikes(Fault::LostAnswer) {
            let reason = "timed out".to_string();
            let unknown = Body::Placed { order: order.id, outcome: PlaceOutcome::Unknown { reason } };
            self.send_in(5_000_000, Delivery::Answer(unknown));
            return None;
        }
        Some(answer)
    }

    /// A cancel arrives. Returns the answer; none if it is lost.
    pub(super) fn cancel(&mut self, order: OrderId) -> Option<Body> {
        let outcome = if self.is_back() {
            self.member.cancel(self.now, &mut self.venue, order)
        } else {
            CancelOutcome::Failed { reason: "425 Too Early".to_string() }
        };
        if self.strikes(Fault::LostAnswer) {
            let outcome = CancelOutcome::Failed { reason: "timed out".to_string() };
            self.send_in(5_000_000, Delivery::Answer(Body::CancelAnswer { order, outcome }));
            return None;
        }
        Some(Body::CancelAnswer { order, outcome })
    }

    /// A cancel of a market arrives in place of an order's. Returns what the host says of each order that it took.
    pub(super) fn sweep(&mut self, wanted: OrderId, market: MarketIx) -> Vec<Body> {
        if !self.is_back() {
            let outcome = CancelOutcome::Failed { reason: "425 Too Early".to_string() };
            return [Body::CancelAnswer { order: wanted, outcome }].into();
        }
        let ids = self.venue.cancel_market(self.now, self.member.account(), market, None);
        let orders: Vec<OrderId> = ids.into_iter().filter_map(|id| Some(self.member.order(id)?.id)).collect();
        let first = if orders.contains(&wanted) { CancelOutcome::Cancelled } else { CancelOutcome::NotOpen };
        let others = orders.into_iter().filter(|order| *order != wanted).map(|order| {
            let reason = "cancelled by the host with its market".to_string();
            Body::CancelAnswer { order, outcome: CancelOutcome::Swept { reason } }
        });
        core::iter::once(Body::CancelAnswer { order: wanted, outcome: first }).chain(others).collect()
    }

    /// A cancel of everything arrives; what it did is told on the user channel.
    pub(super) fn cancel_all(&mut self) {
        if self.is_back() {
            self.venue.cancel_all(self.now, self.member.account());
        }
    }

    /// Somebody asks for an order: by id, then among the trades.
    pub(super) fn look(&mut self, order: OrderId, asked: Time) -> Vec<Body> {
        if !self.is_back() || self.strikes(Fault::LostAnswer) {
            return Vec::new();
        }
        self.member.look(order, asked)
    }

    /// Returns the account as the venue has it.
    pub(super) fn account_view(&self) -> AccountView {
        self.member.view(&self.venue, self.markets.iter().copied())
    }
}
