//! The venue's side of each request.

use super::draws::Fault;
use super::wire::{Delivery, World};
use alloc::string::ToString;
use alloc::vec::Vec;
use model::input::{AccountView, CancelOutcome, PlaceOutcome};
use model::{InputKind, MarketIx, NewOrder, OrderId, Time, VenueOrderId};

impl World {
    /// Returns true if the venue answers requests.
    fn is_back(&self) -> bool {
        self.now >= self.venue_back
    }

    /// Handles an order that arrives. Returns the answer; `None` if it is lost.
    pub(super) fn place(&mut self, order: &NewOrder, venue: VenueOrderId) -> Option<InputKind> {
        let outcome = if self.is_back() {
            self.member.place(self.now, &mut self.venue, order, venue)
        } else {
            PlaceOutcome::Refused { reason: "425 Too Early".to_string() }
        };
        self.summary.orders = self.summary.orders.saturating_add(1);
        if matches!(outcome, PlaceOutcome::Matched { matched } if matched > order.size) {
            self.summary.draws.count(Fault::BetterPrice);
        }
        let answer = InputKind::Placed { order: order.id, outcome };
        if self.strikes(Fault::LostAnswer) {
            let reason = "timed out".to_string();
            let unknown = InputKind::Placed { order: order.id, outcome: PlaceOutcome::Unknown { reason } };
            self.send_in(5_000_000, Delivery::Answer(unknown));
            return None;
        }
        Some(answer)
    }

    /// Handles a cancel that arrives. Returns the answer; `None` if it is lost.
    pub(super) fn cancel(&mut self, order: OrderId) -> Option<InputKind> {
        let outcome = if self.is_back() {
            self.member.cancel(self.now, &mut self.venue, order)
        } else {
            CancelOutcome::Failed { reason: "425 Too Early".to_string() }
        };
        if self.strikes(Fault::LostAnswer) {
            let outcome = CancelOutcome::Failed { reason: "timed out".to_string() };
            self.send_in(5_000_000, Delivery::Answer(InputKind::CancelAnswer { order, outcome }));
            return None;
        }
        Some(InputKind::CancelAnswer { order, outcome })
    }

    /// Handles a cancel of a market that replaces a single order's. Returns the host's report for each order that it
    /// cancelled.
    pub(super) fn sweep(&mut self, wanted: OrderId, market: MarketIx) -> Vec<InputKind> {
        if !self.is_back() {
            let outcome = CancelOutcome::Failed { reason: "425 Too Early".to_string() };
            return [InputKind::CancelAnswer { order: wanted, outcome }].into();
        }
        let ids = self.venue.cancel_market(self.now, self.member.account(), market, None);
        let orders: Vec<OrderId> = ids.into_iter().filter_map(|id| Some(self.member.order(id)?.id)).collect();
        let first = if orders.contains(&wanted) { CancelOutcome::Cancelled } else { CancelOutcome::NotOpen };
        let others = orders.into_iter().filter(|order| *order != wanted).map(|order| {
            let reason = "cancelled by the host with its market".to_string();
            InputKind::CancelAnswer { order, outcome: CancelOutcome::Swept { reason } }
        });
        core::iter::once(InputKind::CancelAnswer { order: wanted, outcome: first }).chain(others).collect()
    }

    /// Handles a cancel of everything; its results are reported on the user channel.
    pub(super) fn cancel_all(&mut self) {
        if self.is_back() {
            self.venue.cancel_all(self.now, self.member.account());
        }
    }

    /// Handles a query for an order: by id, then among the trades.
    pub(super) fn query_order(&mut self, order: OrderId, asked: Time) -> Vec<InputKind> {
        if !self.is_back() || self.strikes(Fault::LostAnswer) {
            return Vec::new();
        }
        self.member.query_order(order, asked)
    }

    /// Returns the venue's view of the account.
    pub(super) fn account_view(&self) -> AccountView {
        self.member.view(&self.venue, self.markets.iter().copied())
    }
}
