//! Inputs that the journal cannot record because a text or list in them exceeds what a record holds. Texts are
//! truncated or refused where they enter the host ([`model::bounds`]), so none should get this far. Such an input never
//! reaches the engine; its cause is held responsible.

#[cfg(test)]
mod tests;

use model::event::MarketEventKind;
use model::input::{Command, HostFault, StrategyChange};
use model::{ConditionId, InputKind, MarketEvent, StrategyId, Time, TokenIx};

/// The failure reason of a strategy that sent such an input.
pub(crate) const TOO_LONG: &str = "it sent a text or a list that is longer than a record holds";

/// Replaces an emergency stop's reason that is too long for a record; the stop still takes effect.
const LONG_REASON: &str = "emergency stop; its reason was too long to be recorded";

/// The cause of an input that cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A strategy; it is failed.
    Strategy(StrategyId),
    /// A market's texts; the market is left out.
    Market(ConditionId),
    /// A book; it is emptied until it has been read again.
    Book(TokenIx),
    /// An operator; the command is refused with an error.
    Operator,
    /// The venue's account data, or the host itself. The input is replaced by a host fault: while it is missing, only
    /// cancels are safe.
    Account,
}

impl Cause {
    /// Returns the cause of an input.
    pub(crate) const fn of(body: &InputKind) -> Self {
        match body {
            InputKind::Intents(answer) => Self::Strategy(answer.strategy),
            InputKind::Strategy(change) => Self::Strategy(strategy_of(change)),
            InputKind::Market(market) => Self::Market(market.condition),
            InputKind::Event(event) => Self::Book(event.token),
            InputKind::Command(_) | InputKind::Limits(_) | InputKind::Transfer(_) | InputKind::Reallocate(_) => {
                Self::Operator
            }
            InputKind::Session(_)
            | InputKind::CarryOver(_)
            | InputKind::RealisedBefore(_)
            | InputKind::KnownActivities(_)
            | InputKind::Feed { .. }
            | InputKind::BookConfirmed { .. }
            | InputKind::Clock
            | InputKind::Placed { .. }
            | InputKind::CancelAnswer { .. }
            | InputKind::OrderUpdate { .. }
            | InputKind::Trade(_)
            | InputKind::OrderQueried { .. }
            | InputKind::Requests { .. }
            | InputKind::Venue { .. }
            | InputKind::Heartbeat { .. }
            | InputKind::Adopt(_)
            | InputKind::ClockSkew { .. }
            | InputKind::Account(_)
            | InputKind::HostFault { .. }
            | InputKind::Activity(_) => Self::Account,
        }
    }

    /// Returns the input that replaces it, if any. The replacement can always be recorded.
    pub(crate) fn instead(self, body: &InputKind) -> Option<InputKind> {
        match self {
            Self::Operator if matches!(body, InputKind::Command(Command::EmergencyStop { .. })) => {
                Some(InputKind::Command(Command::EmergencyStop { reason: LONG_REASON.to_owned() }))
            }
            Self::Strategy(strategy) => {
                Some(InputKind::Strategy(StrategyChange::Removed { strategy, reason: TOO_LONG.to_owned() }))
            }
            Self::Book(token) => {
                let kind = MarketEventKind::Book { bids: Vec::new(), asks: Vec::new() };
                Some(InputKind::Event(MarketEvent { token, venue_time: Time(0), kind }))
            }
            Self::Account => Some(InputKind::HostFault { fault: HostFault::AccountOverflow }),
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
