//! Circuit breakers and restrictions: the breakers, how far each restriction goes, and its scope.

use crate::id::{MarketIx, StrategyId};

/// The circuit breakers, named as in the runbook where it names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Breaker {
    /// A market's book has no proof of life.
    StaleData,
    /// A connection is lost.
    WebsocketDisconnect,
    /// Too many requests fail.
    HighErrorRate,
    /// Orders, fills or positions differ from the venue's without an explanation.
    ReconciliationMismatch,
    /// Today's loss reached its limit.
    DailyLossLimit,
    /// The journal cannot be written.
    JournalFailure,
    /// The engine's own books contradict each other.
    InvariantBroken,
    /// The portfolio fell too far from its peak.
    Drawdown,
    /// A strategy's calls failed three times within a minute.
    StrategyFault,
    /// A strategy repeats the same order, or is filled again and again.
    RepeatedExecution,
    /// Too many matches fail to settle, or one takes too long to settle.
    SettlementFailures,
    /// The host's clock differs from the venue's.
    ClockSkew,
    /// A strategy lost too much today.
    StrategyLoss,
    /// A strategy lost too many round trips in a row.
    LossStreak,
    /// A market's price jumped.
    PriceJump,
    /// The venue does not accept our heartbeats and cancels all orders.
    HeartbeatLost,
}

/// Restrictions on trading while the bot is running; a larger value is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Restriction {
    /// Nothing.
    None,
    /// Only orders that reduce a position.
    ReduceOnly,
    /// Only cancels.
    CancelOnly,
    /// Only cancels, until released by an operator.
    Halted,
}

impl Restriction {
    /// Returns the name used in rows and streams.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ReduceOnly => "reduce_only",
            Self::CancelOnly => "cancel_only",
            Self::Halted => "halted",
        }
    }
}

impl Restriction {
    /// Parses a name as returned by [`Restriction::as_str`].
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::ReduceOnly, Self::CancelOnly, Self::Halted].into_iter().find(|it| it.as_str() == word)
    }
}

/// The scope of a breaker or restriction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Scope {
    /// Everything.
    Session,
    /// One market.
    Market(MarketIx),
    /// One strategy.
    Strategy(StrategyId),
}

impl Breaker {
    /// All breakers, in display order.
    pub const ALL: [Self; 16] = [
        Self::StaleData,
        Self::WebsocketDisconnect,
        Self::HighErrorRate,
        Self::ReconciliationMismatch,
        Self::DailyLossLimit,
        Self::JournalFailure,
        Self::InvariantBroken,
        Self::Drawdown,
        Self::StrategyFault,
        Self::RepeatedExecution,
        Self::SettlementFailures,
        Self::ClockSkew,
        Self::StrategyLoss,
        Self::LossStreak,
        Self::PriceJump,
        Self::HeartbeatLost,
    ];

    /// Returns the name used in URLs and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StaleData => "stale_data",
            Self::WebsocketDisconnect => "websocket_disconnect",
            Self::HighErrorRate => "high_error_rate",
            Self::ReconciliationMismatch => "reconciliation_mismatch",
            Self::DailyLossLimit => "daily_loss_limit",
            Self::JournalFailure => "journal_failure",
            Self::InvariantBroken => "invariant_broken",
            Self::Drawdown => "drawdown",
            Self::StrategyFault => "strategy_fault",
            Self::RepeatedExecution => "repeated_execution",
            Self::SettlementFailures => "settlement_failures",
            Self::ClockSkew => "clock_skew",
            Self::StrategyLoss => "strategy_loss",
            Self::LossStreak => "loss_streak",
            Self::PriceJump => "price_jump",
            Self::HeartbeatLost => "heartbeat_lost",
        }
    }

    /// Parses a name as returned by [`Breaker::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|breaker| breaker.as_str() == name)
    }
}

impl Scope {
    /// Returns true if the scope covers orders of a strategy in a market.
    pub fn covers(self, strategy: StrategyId, market: MarketIx) -> bool {
        match self {
            Self::Session => true,
            Self::Market(only) => only == market,
            Self::Strategy(only) => only == strategy,
        }
    }
}
