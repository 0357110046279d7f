//! External orders and trades: placed outside this host on the same account. They are known and counted, but belong to
//! no strategy; stops and breakers leave them alone, and only an emergency stop, which cancels everything, cancels them
//! too.

use crate::account::reserve_of;
use crate::breakers::Trip;
use crate::effect::{Effect, Effects, EngineEvent};
use crate::orders::OrderEntry;
use crate::step::Engine;
use alloc::format;
use model::event::Reason;
use model::input::{Breaker, ExternalOrder};
use model::{NewOrder, OrderKind, OrderState, StrategyId};

impl Engine {
    /// Adds an external order to the engine's table. Later reports about it use its order number.
    pub(crate) fn on_adopt(&mut self, found: &ExternalOrder, effects: &mut Effects) {
        let ExternalOrder { venue, token, side, price, size, counted } = *found;
        // New orders are already refused at half of this number.
        let most = self.orders.room.at_risk.saturating_mul(2);
        if self.orders.at_risk_count() >= most {
            let reason = format!("external order {venue} exceeds the limit of {most} open orders");
            return self.trip(Trip::session(Breaker::ReconciliationMismatch, reason), effects);
        }
        let (id, kind) = (self.orders.next_id(), OrderKind::Gtc { post_only: false });
        let counted = counted.min(size);
        let state = if counted.is_zero() { OrderState::Live } else { OrderState::PartlyFilled };
        let order = NewOrder { id, strategy: StrategyId::EXTERNAL, tag: 0, token, side, price, size, kind };
        let (matched, traded, reason) = (counted, counted, Reason::from("external order"));
        let entry = OrderEntry { matched, traded, reason, ..OrderEntry::new(order, state, self.now) };
        let reserve = reserve_of(&self.markets, &entry);
        let reason = entry.reason.clone();
        self.orders.insert(entry, reserve);
        effects.push(Effect::Event(EngineEvent::Order { order, state, filled: counted, reason }));
        effects.push(Effect::Adopted { order: id, venue });
    }
}
