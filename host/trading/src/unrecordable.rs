//! Inputs that the journal cannot record, because a text or a list in them is longer than a record holds. Texts are cut or refused where
//! they come in ([`model::bounds`]), so none should come this far. One that does never reaches the engine, and is the fault of what caused
//! it.

#[cfg(test)]
mod tests;

use model::event::MarketEventKind;
use model::input::{Command, HostFault, StrategyChange};
use model::{Body, ConditionId, MarketEvent, StrategyId, Time, TokenIx};

/// Said of what a strategy sent.
pub(crate) const TOO_LONG: &str = "it sent a text or a list that is longer than a record holds";

/// Stands for the reason of an emergency stop that is longer than a record holds: it acts all the same.
const LONG_REASON: &str = "emergency stop; its reason was too long to be recorded";

/// What caused an input that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A strategy: it fails.
    Strategy(StrategyId),
    /// A market's texts: it is left out.
    Market(ConditionId),
    /// A book: it is empty until it was read again.
    Book(TokenIx),
    /// An operator, who is told.
    Operator,
    /// The venue's word about the account, or the host's own: only cancels are safe while it is missing.
    Account,
}

impl Cause {
    /// Returns what caused an input.
    pub(crate) const fn of(body: &Body) -> Self {
        match body {
            Body::Intents(answer) => Self::Strategy(answer.strategy),
            Body::Strategy(change) => Self::Strategy(strategy_of(change)),
            Body::Market(market) => Self::Market(market.condition),
            Body::Event(event) => Self::Book(event.token),
            Body::Command(_) | Body::Limits(_) | Body::Transfer(_) | Body::Assign(_) => Self::Operator,
            Body::Session(_)
            | Body::TakeOver(_)
            | Body::RealisedBefore(_)
            | Body::KnownActivities(_)
            | Body::Feed { .. }
            | Body::Alive { .. }
            | Body::Tick
            | Body::Placed { .. }
            | Body::CancelAnswer { .. }
            | Body::OrderUpdate { .. }
            | Body::Trade(_)
            | Body::Looked { .. }
            | Body::Requests { .. }
            | Body::Venue { .. }
            | Body::Heartbeat { .. }
            | Body::Adopt(_)
            | Body::Skew { .. }
            | Body::Account(_)
            | Body::HostFault { .. }
            | Body::Activity(_) => Self::Account,
        }
    }

    /// Returns what the engine is given in the input's place, if anything. It can always be recorded.
    pub(crate) fn instead(self, body: &Body) -> Option<Body> {
        match self {
            Self::Operator if matches!(body, Body::Command(Command::EmergencyStop { .. })) => {
                Some(Body::Command(Command::EmergencyStop { reason: LONG_REASON.to_owned() }))
            }
            Self::Strategy(strategy) => {
                Some(Body::Strategy(StrategyChange::Removed { strategy, reason: TOO_LONG.to_owned() }))
            }
            Self::Book(token) => {
                let kind = MarketEventKind::Book { bids: Vec::new(), asks: Vec::new() };
                Some(Body::Event(MarketEvent { token, venue_time: Time(0), kind }))
            }
            Self::Account => Some(Body::HostFault { fault: HostFault::AccountOverflow }),
            Self::Market(_) | Self::Operator => None,
        }
    }
}

const fn strategy_of(change: &StrategyChange) -> StrategyId {
    match change {
        StrategyChange::Loaded { strategy, .. }
        | StrategyChange::Removed { strategy, .. }
        | StrategyChange::Parameters { strategy, .. }
        | StrategyChange::Signal { strategy, .. }
        | StrategyChange::Budget { strategy, .. }
        | StrategyChange::Fuel { strategy, .. }
        | StrategyChange::Kept { strategy, .. }
        | StrategyChange::Saved { strategy, .. } => *strategy,
    }
}
