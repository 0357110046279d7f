//! Changes of a strategy.

use crate::budget::Budget;
use crate::event::{Reason, Signal};
use crate::id::{MarketIx, StrategyId};
use crate::time::Time;
use crate::wants::Wants;
use alloc::string::String;
use alloc::vec::Vec;

/// A strategy was added, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrategyChange {
    /// An instance started.
    Loaded {
        /// Its number; a strategy of the same name keeps it.
        strategy: StrategyId,
        /// The file's stem.
        name: String,
        /// SHA-256 of the module.
        hash: [u8; 32],
        /// Number of this instance among the instances of the strategy.
        instance: u32,
        /// The markets that it may see and trade.
        markets: Vec<MarketIx>,
        /// The place of each market among the strategy's market handles: token `t` of a market with place `p` has the
        /// handle `2p + t`. Empty if the places are the indexes in `markets`.
        places: Vec<u32>,
        /// Its subscriptions.
        wants: Wants,
        /// Time at which this module (by hash) was first loaded here.
        since: Time,
        /// Its parameters, as JSON.
        parameters: String,
    },
    /// The file was removed, or the instance failed for good.
    Removed {
        /// Its number.
        strategy: StrategyId,
        /// The reason.
        reason: Reason,
    },
    /// Its parameters changed; the instance keeps running.
    Parameters {
        /// Its number.
        strategy: StrategyId,
        /// All of them, as JSON.
        parameters: String,
    },
    /// A signal for the strategy.
    Signal {
        /// The signal's name and value.
        strategy: StrategyId,
        /// The signal.
        signal: Signal,
    },
    /// Its budget from now on, until another such input; loading and removing the strategy do not change it. A
    /// carry-over has no budgets: a session begins without budgets, and without strategies. The host sends each budget
    /// before it loads the strategy concerned, so that no strategy runs without its budget, and a journal replays in
    /// this order too.
    Budget {
        /// Its number; it need not be loaded yet.
        strategy: StrategyId,
        /// The whole of it.
        budget: Budget,
    },
    /// Fuel per call of instances that are loaded from now on, until another such input; the sandbox's own limit
    /// applies if none is set, and it is never exceeded. A carry-over has none, as with budgets.
    Fuel {
        /// Its number; it need not be loaded yet.
        strategy: StrategyId,
        /// Units of fuel, about one an instruction.
        most: Option<u64>,
    },
    /// The last announced instance did not start. The previous one keeps running in its place, under its number.
    Kept {
        /// Its number.
        strategy: StrategyId,
        /// The number of the instance that did not start; it is now the older instance's number.
        instance: u32,
        /// The reason.
        reason: Reason,
    },
    /// A strategy's saved state. The engine does not use it; it is journaled so that an instance started from it can be
    /// replayed.
    Saved {
        /// Its number.
        strategy: StrategyId,
        /// Its instance; 0 for the state left by an earlier session.
        instance: u32,
        /// The state; `None` if it equals the previously saved one.
        state: Option<Blob>,
    },
}

/// Bytes that are opaque to everything but their producer.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl core::fmt::Debug for Blob {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
