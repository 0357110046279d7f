//! A sweep in the database: its plan, its trials, and those that were run on the same tapes before.

use super::Prepared;
use anyhow::Context;
use config::Config;
use control::clock;
use research::sweep::verdict::sharpe_of;
use research::sweep::{History, Outcome, TrialEnd, Verdict, table};
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::db::{Db, Plaintext, SweepRow, TrialRow};
use tokio::runtime::Runtime;

/// The longest time that the database may take to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The database, and the thread that talks to it.
#[derive(Debug)]
pub(super) struct Store {
    runtime: Runtime,
    db: Db,
}

impl Store {
    /// Opens the database of a configuration. An interruption or a termination of this process sets `stop`.
    pub(super) fn open(config: &Config, stop: Arc<AtomicBool>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("starting the runtime")?;
        let plaintext = if config.database_plaintext { Plaintext::Allowed } else { Plaintext::Refused };
        store::private_file::make_folder(&config.data_dir)
            .with_context(|| format!("creating {}", config.data_dir.display()))?;
        let db = runtime.block_on(async {
            let mut interrupts = crate::platform::Interrupts::listen()?;
            drop(tokio::spawn(async move {
                interrupts.next().await;
                stop.store(true, Ordering::Relaxed);
            }));
            anyhow::Ok(Db::open_with(config.database_url.expose_secret(), plaintext).await?)
        })?;
        Ok(Self { runtime, db })
    }

    /// Records the beginning of a sweep.
    pub(super) fn started(&self, prepared: &Prepared) -> anyhow::Result<()> {
        let row = row(prepared)?;
        self.runtime.block_on(self.db.store_sweep(&row)).context("storing the sweep")
    }

    /// Returns the trials of others on the same tapes.
    pub(super) fn history(&self, prepared: &Prepared) -> anyhow::Result<History> {
        let found = self.runtime.block_on(self.db.trial_history(&prepared.plan.tape(), &prepared.id));
        let (trials, ratios) = found.context("reading the trials on these tapes")?;
        Ok(History { trials, sharpes: ratios.into_iter().map(table::of_nanos).collect() })
    }

    /// Stores the trials and the verdict.
    pub(super) fn trials(&self, prepared: &Prepared, outcome: &Outcome, verdict: &Verdict) -> anyhow::Result<()> {
        let (plan, at_ms) = (&prepared.plan, clock::wall().millis());
        let scores = |job: &str| outcome.trials.iter().find(|trial| trial.job == job);
        let ended = SweepRow {
            verdict: serde_json::to_string(verdict).context("writing the verdict as JSON")?,
            ended_at_ms: Some(i64::try_from(at_ms)?),
            ..row(prepared)?
        };
        self.runtime.block_on(async {
            for row in &outcome.rows {
                let trial = scores(&row.job);
                let stored = TrialRow {
                    tape: plan.tape(),
                    run: row.job.clone(),
                    module: plan.module.clone(),
                    strategy: plan.strategy.clone(),
                    parameters: serde_json::to_string(&row.parameters).context("writing parameters as JSON")?,
                    sweep: prepared.id.clone(),
                    place: u64::try_from(trial.map_or(0, |trial| trial.place))?,
                    failure: match &row.end {
                        TrialEnd::Complete => String::new(),
                        TrialEnd::Failed(reason) => reason.clone(),
                    },
                    score_nanos: trial.and_then(|trial| trial.score).and_then(table::nanos),
                    sharpe_nanos: sharpe_of(row).and_then(table::nanos),
                    profit_micro_usd: row.totals.profit_at_outcome.micros(),
                    drawdown_micro_usd: row.totals.drawdown.micros(),
                    fills: row.totals.fills,
                    digest: row.digest.clone(),
                    until_ms: prepared.until_ms,
                    at_ms,
                };
                self.db.store_trial(&stored).await.context("storing a trial")?;
            }
            self.db.store_sweep(&ended).await.context("storing the sweep")
        })
    }

    /// Stores a trial.
    pub(super) fn trial(&self, row: &TrialRow) -> anyhow::Result<()> {
        self.runtime.block_on(self.db.store_trial(row)).context("storing a trial")
    }

    /// Closes the database.
    pub(super) fn close(self) {
        self.runtime.block_on(self.db.close(CLOSE_WITHIN));
    }
}

fn row(prepared: &Prepared) -> anyhow::Result<SweepRow> {
    let plan = &prepared.plan;
    Ok(SweepRow {
        sweep: prepared.id.clone(),
        name: plan.name.clone(),
        strategy: plan.strategy.clone(),
        module: plan.module.clone(),
        tape: plan.tape(),
        objective: plan.objective.clone(),
        plan: plan.to_text()?,
        verdict: String::new(),
        started_at_ms: clock::wall().millis(),
        ended_at_ms: None,
    })
}
