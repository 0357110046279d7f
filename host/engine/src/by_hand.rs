//! Orders and trades that people make by hand on the same account: known, counted, and kept apart. They belong to nobody's strategy;
//! stops and breakers leave them alone, and only an emergency stop, which cancels everything, cancels them too.

use crate::breakers::Trip;
use crate::effect::{Effect, Effects, Record};
use crate::orders::OrderEntry;
use crate::step::Engine;
use alloc::format;
use model::event::Reason;
use model::input::{Breaker, HandOrder};
use model::{NewOrder, OrderKind, OrderState, StrategyId};

impl Engine {
    /// Takes an order into our books that somebody placed by hand. What is told of it later is told by its number.
    pub(crate) fn on_adopt(&mut self, found: &HandOrder, effects: &mut Effects) {
        let HandOrder { venue, token, side, price, size, counted } = *found;
        // Ours stop at half of it.
        let most = self.orders.room.at_risk.saturating_mul(2);
        if self.orders.at_risk_count() >= most {
            let reason = format!("order {venue} was placed by hand, and {most} orders are open already");
            return self.trip(Trip::session(Breaker::ReconciliationMismatch, reason), effects);
        }
        let (id, kind) = (self.orders.next_id(), OrderKind::Gtc { post_only: false });
        let counted = counted.min(size);
        let state = if counted.is_zero() { OrderState::Live } else { OrderState::PartlyFilled };
        let order = NewOrder { id, strategy: StrategyId::BY_HAND, tag: 0, token, side, price, size, kind };
        let (matched, traded, reason) = (counted, counted, Reason::from("placed by hand"));
        let entry = OrderEntry { matched, traded, reason, ..OrderEntry::new(order, state, self.now) };
        let reserve = self.reserve_of(&entry);
        let reason = entry.reason.clone();
        self.orders.insert(entry, reserve);
        effects.push(Effect::Record(Record::Order { order, state, filled: counted, reason }));
        effects.push(Effect::Adopted { order: id, venue });
    }
}
