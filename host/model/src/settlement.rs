//! Settlement states of a trade, from its match to its confirmation on chain.

/// Settlement state of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Settlement {
    /// Matched by the operator of the exchange.
    Matched,
    /// In a block.
    Mined,
    /// Final.
    Confirmed,
    /// Resubmitted after a failed transaction.
    Retrying,
    /// Final: the trade did not take place.
    Failed,
}
