//! Conversion of own events of a strategy to the contract's types.

use crate::bindings::polytrader::strategy::types;
use crate::fault::cut;
use crate::grants::Grants;
use model::event::{SIGNAL_NAME_MAX, SIGNAL_VALUE_MAX};
use model::input::Settlement;
use model::{OrderState, OwnEvent, SessionState, Side, Signal, TradeId};

/// Converts an event; `None` if it concerns a token that was not granted.
pub(crate) fn convert(grants: &Grants, event: &OwnEvent) -> Option<types::OwnKind> {
    Some(match event {
        &OwnEvent::Order { order, tag, token, side: of, price, size, filled, state: now } => {
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
        &OwnEvent::Fill { order, tag, token, side: of, price, size, fee, trade, part } => {
            types::OwnKind::Fill(types::FillEvent {
                order: order.0,
                tag,
                token: grants.handle(token)?,
                side: side(of),
                price: price.micros(),
                size: size.0,
                fee: fee.0,
                trade: trade_name(trade, part),
            })
        }
        &OwnEvent::Settlement { order, tag, token, side: of, price, size, trade, part, settlement } => {
            types::OwnKind::Settlement(types::SettlementEvent {
                order: order.0,
                tag,
                token: grants.handle(token)?,
                side: side(of),
                price: price.micros(),
                size: size.0,
                trade: trade_name(trade, part),
                state: settled(settlement),
            })
        }
        &OwnEvent::Refused { tag, rule, value, limit } => {
            types::OwnKind::Refused(types::RefusedEvent { tag, rule: rule.to_owned(), value, limit })
        }
        &OwnEvent::Position { token, size, cost } => {
            types::OwnKind::Position(types::Position { token: grants.handle(token)?, size: size.0, cost: cost.0 })
        }
        &OwnEvent::Timer { timer } => types::OwnKind::Timer(timer),
        &OwnEvent::Session { state } => types::OwnKind::Session(session(state)),
        &OwnEvent::Dropped { count } => types::OwnKind::Dropped(count),
        OwnEvent::Parameters { text } => types::OwnKind::Parameters(text.clone()),
        OwnEvent::Signal(Signal { name, value }) => types::OwnKind::Signal(types::Signal {
            name: cut(name, SIGNAL_NAME_MAX),
            value: cut(value, SIGNAL_VALUE_MAX),
        }),
    })
}

/// Returns the name of a match: one trade can have several parts.
fn trade_name(trade: TradeId, part: u32) -> String {
    format!("{trade}/{part}")
}

const fn settled(settlement: Settlement) -> types::Settlement {
    match settlement {
        Settlement::Matched => types::Settlement::Matched,
        Settlement::Mined => types::Settlement::Mined,
        Settlement::Confirmed => types::Settlement::Confirmed,
        Settlement::Retrying => types::Settlement::Retrying,
        Settlement::Failed => types::Settlement::Failed,
    }
}

const fn session(state: SessionState) -> types::SessionState {
    match state {
        SessionState::Running => types::SessionState::Running,
        SessionState::ReduceOnly => types::SessionState::ReduceOnly,
        SessionState::CancelOnly => types::SessionState::CancelOnly,
        SessionState::Paused => types::SessionState::Paused,
        SessionState::Stopped => types::SessionState::Stopped,
    }
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
