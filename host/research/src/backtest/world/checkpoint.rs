//! Checkpoints of a world.

use super::World;
use super::income::Income;
use super::outcomes::Outcomes;
use super::rows::Probes;
use super::{Shared, Watched};
use model::Time;
use sha2::Sha256;

/// A state to which a world can return.
#[derive(Debug)]
pub(in crate::backtest) struct Checkpoint {
    engine: engine::Checkpoint,
    paper: sim::paper::Checkpoint,
    at: Time,
    markets: Vec<Watched>,
    outcomes: Shared<Outcomes>,
    income: Shared<Income>,
    probes: Shared<Probes>,
    digest: Sha256,
    seq: u64,
    next_tick: Time,
    next_confirm: Time,
    quiet_until: Time,
    next_minute: Option<Time>,
    heard_at: Time,
}

impl World {
    /// Makes a checkpoint, which takes the place of an earlier one; `None` if the engine cannot go back.
    pub(in crate::backtest) fn checkpoint(&mut self) -> Option<Checkpoint> {
        // Every field is named, so that a new one is not forgotten here.
        let Self {
            engine,
            paper,
            at,
            markets,
            outcomes,
            income,
            merges: _,
            groups: _,
            probes,
            digest,
            seq,
            next_tick,
            next_confirm,
            quiet_until,
            next_minute,
            heard_at,
            way: _,
            cash: _,
            strategies: _,
            effects: _,
        } = self;
        Some(Checkpoint {
            engine: engine.checkpoint()?,
            paper: paper.checkpoint(),
            at: *at,
            markets: markets.clone(),
            outcomes: outcomes.clone(),
            income: income.clone(),
            probes: probes.clone(),
            digest: digest.clone(),
            seq: *seq,
            next_tick: *next_tick,
            next_confirm: *next_confirm,
            quiet_until: *quiet_until,
            next_minute: *next_minute,
            heard_at: *heard_at,
        })
    }

    /// Returns to the last checkpoint.
    ///
    /// # Errors
    /// If a later checkpoint was made, or it was forgotten.
    pub(in crate::backtest) fn restore(&mut self, to: Checkpoint) -> anyhow::Result<()> {
        let stale = |_stale| anyhow::anyhow!("the run cannot return to a checkpoint that is not its last one");
        self.engine.restore(to.engine).map_err(stale)?;
        self.paper.restore(to.paper).map_err(stale)?;
        (self.at, self.seq, self.markets, self.digest) = (to.at, to.seq, to.markets, to.digest);
        (self.outcomes, self.income, self.probes) = (to.outcomes, to.income, to.probes);
        (self.next_tick, self.next_confirm, self.next_minute) = (to.next_tick, to.next_confirm, to.next_minute);
        (self.quiet_until, self.heard_at) = (to.quiet_until, to.heard_at);
        Ok(())
    }

    /// Forgets the checkpoint: what happened since is final.
    pub(in crate::backtest) fn forget_checkpoint(&mut self) {
        self.engine.forget_checkpoint();
        self.paper.forget_checkpoint();
    }
}
