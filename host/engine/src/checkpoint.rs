//! Checkpoints of an engine, for a backtest that runs ahead of its strategies and may have to go back.

use crate::markets::Markets;
use crate::step::{Engine, Purpose};
use model::StaleCheckpoint;

/// A state to which an engine can return. Its table of markets returns by itself; the rest is a copy that shares its
/// tables with the engine until one of them changes.
#[derive(Debug)]
pub struct Checkpoint {
    rest: Engine,
    markets: crate::markets::Checkpoint,
}

impl Engine {
    /// Makes a checkpoint, which takes the place of an earlier one; `None` for an engine that trades, because orders
    /// that were sent cannot be taken back.
    pub fn checkpoint(&mut self) -> Option<Checkpoint> {
        if self.purpose == Purpose::Trade {
            return None;
        }
        let markets = self.markets.checkpoint();
        let rest = Self {
            markets: Markets::default(),
            orders: self.orders.clone(),
            ledger: self.ledger.clone(),
            targets: self.targets.clone(),
            strategies: self.strategies.clone(),
            guards: self.guards.clone(),
            breakers: self.breakers.clone(),
            locks: self.locks.clone(),
            rate: self.rate.clone(),
            habits: self.habits.clone(),
            scores: self.scores.clone(),
            activities: self.activities.clone(),
            ..*self
        };
        Some(Checkpoint { rest, markets })
    }

    /// Returns to the last checkpoint.
    ///
    /// # Errors
    /// If a later checkpoint was made, or it was forgotten; nothing changes then.
    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), StaleCheckpoint> {
        self.markets.restore(checkpoint.markets)?;
        let markets = core::mem::take(&mut self.markets);
        *self = Self { markets, ..checkpoint.rest };
        Ok(())
    }

    /// Forgets the checkpoint.
    pub fn forget_checkpoint(&mut self) {
        self.markets.forget_checkpoint();
    }
}
