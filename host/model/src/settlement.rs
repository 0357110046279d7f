//! The states of a trade on the way from its match to the chain.

/// How far a trade has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Settlement {
    /// Matched by the operator.
    Matched,
    /// In a block.
    Mined,
    /// Final.
    Confirmed,
    /// Sent again after a failed transaction.
    Retrying,
    /// Final: nothing moved.
    Failed,
}
