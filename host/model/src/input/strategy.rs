//! What can happen to a strategy.

use crate::budget::Budget;
use crate::event::{Reason, Signal};
use crate::id::{MarketIx, StrategyId};
use crate::time::Time;
use crate::wants::Wants;
use alloc::string::String;
use alloc::vec::Vec;

/// A strategy came, changed or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrategyChange {
    /// An instance started.
    Loaded {
        /// Its number; the same name keeps it.
        strategy: StrategyId,
        /// The file's stem.
        name: String,
        /// SHA-256 of the module.
        hash: [u8; 32],
        /// Counts the instances of this strategy.
        instance: u32,
        /// What it may see and trade.
        markets: Vec<MarketIx>,
        /// By which place it names each of the markets: token `t` of the market at place `p` has the handle `2p + t`. Empty if they are
        /// their places in the list.
        places: Vec<u32>,
        /// What it wants to hear.
        wants: Wants,
        /// When this very module was first loaded here.
        since: Time,
        /// Its parameters, as JSON.
        parameters: String,
    },
    /// The file is gone, or the instance failed for good.
    Removed {
        /// Its number.
        strategy: StrategyId,
        /// Why.
        reason: Reason,
    },
    /// Its parameters are others now; the instance goes on.
    Parameters {
        /// Its number.
        strategy: StrategyId,
        /// All of them, as JSON.
        parameters: String,
    },
    /// Somebody has word for it.
    Signal {
        /// Its number.
        strategy: StrategyId,
        /// The word.
        signal: Signal,
    },
    /// What it may use is this from now on, until another such input; being loaded or removed changes nothing of it. A carry has none:
    /// a session begins without budgets, and without strategies. The host says each budget before it loads the strategy that it is of,
    /// so none is there before its budget is, and what is journaled replays in this order too.
    Budget {
        /// Its number; it need not be loaded yet.
        strategy: StrategyId,
        /// The whole of it.
        budget: Budget,
    },
    /// Instances of it that are loaded from now on have so much fuel for a call, until another such input; as much as the sandbox gives if
    /// nothing is said, and never more. A carry has none, as with budgets.
    Fuel {
        /// Its number; it need not be loaded yet.
        strategy: StrategyId,
        /// Units of fuel, about one an instruction.
        most: Option<u64>,
    },
    /// The instance that was announced last did not start. The one before it goes on in its place, under its number.
    Kept {
        /// Its number.
        strategy: StrategyId,
        /// The number of the instance that did not start, which is the older one's now.
        instance: u32,
        /// Why it did not.
        reason: Reason,
    },
    /// A strategy was asked for its state. The engine does nothing with it; the journal has it, so that what is started from it can be
    /// run again.
    Saved {
        /// Its number.
        strategy: StrategyId,
        /// Which instance of it; 0 for what an earlier session left.
        instance: u32,
        /// The state; none if it is the one that was saved last.
        state: Option<Blob>,
    },
}

/// Bytes that only their maker understands.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob(pub Vec<u8>);

impl core::fmt::Debug for Blob {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}
