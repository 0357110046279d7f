//! The host's words for what concerns one strategy, as the contract has them.

use crate::bindings::polytrader::strategy::types;
use crate::grants::Grants;
use model::{OrderState, OwnEvent, Side};

/// Converts an event; nothing if it is about a token that the strategy does not see.
pub(crate) fn convert(grants: &Grants, event: &OwnEvent) -> Option<types::OwnKind> {
    Some(match *event {
        OwnEvent::Order { order, tag, token, side: of, price, size, filled, state: now } => {
            types::OwnKind::Order(types::OrderEvent {
                order: order.0,
                tag,
                token: grants.handle(token)?,
                side: side(of),
                price: price.micros(),
                size: size.0,
                filled: filled.0,
                state: state(now),
            })
        }
        OwnEvent::Fill { order, tag, token, side: of, price, size, fee } => types::OwnKind::Fill(types::FillEvent {
            order: order.0,
            tag,
            token: grants.handle(token)?,
            side: side(of),
            price: price.micros(),
            size: size.0,
            fee: fee.0,
        }),
        OwnEvent::Refused { tag, rule, value, limit } => {
            types::OwnKind::Refused(types::RefusedEvent { tag, rule: rule.to_owned(), value, limit })
        }
        OwnEvent::Position { token, size, cost } => {
            types::OwnKind::Position(types::Position { token: grants.handle(token)?, size: size.0, cost: cost.0 })
        }
        OwnEvent::Timer { timer } => types::OwnKind::Timer(timer),
        OwnEvent::Session { trading } => types::OwnKind::Trading(trading),
        OwnEvent::Dropped { count } => types::OwnKind::Dropped(count),
    })
}

pub(crate) const fn side(side: Side) -> types::Side {
    match side {
        Side::Buy => types::Side::Buy,
        Side::Sell => types::Side::Sell,
    }
}

pub(crate) const fn state(state: OrderState) -> types::OrderState {
    match state {
        OrderState::Pending => types::OrderState::Pending,
        OrderState::Live => types::OrderState::Live,
        OrderState::PartlyFilled => types::OrderState::PartlyFilled,
        OrderState::Filled => types::OrderState::Filled,
        OrderState::Cancelled => types::OrderState::Cancelled,
        OrderState::Refused => types::OrderState::Refused,
        OrderState::Unknown => types::OrderState::Unknown,
    }
}
