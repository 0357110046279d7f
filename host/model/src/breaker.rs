//! Circuit breakers and restrictions: what can be tripped, how far it restricts, and whom.

use crate::id::{MarketIx, StrategyId};

/// The circuit breakers, by the runbook's names and ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Breaker {
    /// A market's book has no proof of life.
    StaleData,
    /// A connection is lost.
    WebsocketDisconnect,
    /// Too many requests fail.
    HighErrorRate,
    /// Orders, fills or positions differ from the venue's, unexplained.
    ReconciliationMismatch,
    /// Today's loss reached its limit.
    DailyLossLimit,
    /// The journal cannot be written.
    JournalFailure,
    /// Our own books contradict themselves.
    InvariantBroken,
    /// The portfolio fell too far from its peak.
    Drawdown,
    /// A strategy's calls failed three times within a minute.
    StrategyFault,
    /// A strategy repeats itself, or is filled again and again.
    RepeatedExecution,
    /// Too many matches fail to settle, or one takes too long.
    SettlementFailures,
    /// Our clock is not the venue's.
    ClockSkew,
    /// A strategy lost too much today.
    StrategyLoss,
    /// A strategy lost too many round trips running.
    LossStreak,
    /// A market's price jumped.
    PriceJump,
    /// The venue takes no heartbeat of ours and cancels everything.
    HeartbeatLost,
}

/// What is forbidden although the bot runs; the larger is the tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Restriction {
    /// Nothing.
    None,
    /// Only orders that reduce a position.
    ReduceOnly,
    /// Only cancels.
    CancelOnly,
    /// Only cancels, until an operator releases it.
    Halted,
}

impl Restriction {
    /// Returns the word in rows and streams.
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
    /// Returns the restriction of that word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::ReduceOnly, Self::CancelOnly, Self::Halted].into_iter().find(|it| it.as_str() == word)
    }
}

/// What a breaker restricts.
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
    /// All of them, in the order they are shown.
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

    /// Returns the name in addresses and rows.
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

    /// Returns the breaker of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|breaker| breaker.as_str() == name)
    }
}

impl Scope {
    /// Says whether it covers what a strategy does in a market.
    pub fn covers(self, strategy: StrategyId, market: MarketIx) -> bool {
        match self {
            Self::Session => true,
            Self::Market(only) => only == market,
            Self::Strategy(only) => only == strategy,
        }
    }
}
