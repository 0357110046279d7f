//! Promotion from research to trading: a version may be armed from a backtest of it on recent data, after it ran on paper
//! for a time. The running time of each version is counted here, in every mode.

use super::{Strategies, clock};
use anyhow::{bail, ensure};
use config::{Config, Mode};
use model::{Time, hex};
use std::time::Duration;
use tokio::time::Instant;

/// Interval at which running times are stored.
const COUNTED_EVERY: Duration = Duration::from_secs(60);
/// The longest time that one interval counts; a longer one had the machine asleep.
const COUNTED_MAX: Duration = Duration::from_secs(120);
const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// Rule for arming from a backtest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promotion {
    /// The most days since the last event of the backtest; 0 for any.
    pub data_days_max: u32,
    /// The least hours on paper; 0 for none.
    pub paper_hours_min: u32,
    /// True if arming needs a backtest.
    pub required: bool,
}

impl Promotion {
    /// Returns the rule of a configuration. In demo mode nothing is required.
    pub const fn of(config: &Config) -> Self {
        match config.mode {
            Mode::Demo => Self { data_days_max: 0, paper_hours_min: 0, required: false },
            Mode::Paper | Mode::Live => Self {
                data_days_max: config.promotion_data_days,
                paper_hours_min: config.promotion_paper_hours,
                required: config.promotion_required,
            },
        }
    }

    /// Checks the end of a backtest's data at `now_ms`.
    fn check_data(self, until_ms: u64, now_ms: u64) -> anyhow::Result<()> {
        let age = now_ms.saturating_sub(until_ms);
        let most = u64::from(self.data_days_max).saturating_mul(DAY_MS);
        ensure!(
            self.data_days_max == 0 || age <= most,
            "the data of the run ends at {}, expected data of the last {} days (promotion.data_days_max)",
            Time::from_millis(until_ms).iso(),
            self.data_days_max
        );
        Ok(())
    }

    /// Checks the time that a version ran on paper.
    fn check_paper(self, ran_ms: u64) -> anyhow::Result<()> {
        let least = u64::from(self.paper_hours_min).saturating_mul(HOUR_MS);
        let (hours, minutes) = (ran_ms / HOUR_MS, ran_ms % HOUR_MS / 60_000);
        ensure!(
            ran_ms >= least,
            "the version ran {hours} h {minutes} min on paper, expected at least {} h (promotion.paper_hours_min)",
            self.paper_hours_min
        );
        Ok(())
    }
}

/// Waits until running times are due to be stored.
pub(super) async fn due(counted: Instant) {
    tokio::time::sleep_until(counted.checked_add(COUNTED_EVERY).unwrap_or(counted)).await;
}

impl Strategies {
    /// Checks that a version may be armed from a run, and returns the end of the sentence for the audit.
    ///
    /// # Errors
    /// If there is no such run of this version, its data is too old, or the version did not run on paper for long enough.
    pub(super) async fn promoted(&self, hash: &str, run: Option<&str>) -> anyhow::Result<String> {
        let rule = self.tools.promotion;
        let Some(run) = run else {
            ensure!(!rule.required, "arming needs a backtest (promotion.required): add --from RUN");
            return Ok(String::new());
        };
        let found = self.tools.db.trials_of_run(run).await?;
        let Some(trial) = found.iter().find(|trial| trial.module == hash) else {
            match found.first() {
                Some(other) => bail!(
                    "the run {} is of the version {:.12}, not of {hash:.12}, which would be armed",
                    other.run,
                    other.module
                ),
                None => {
                    bail!("the database has no run `{run}`, expected the id of a run or at least 8 characters of it")
                }
            }
        };
        ensure!(trial.failure.is_empty(), "the strategy failed in the run {}: {}", trial.run, trial.failure);
        rule.check_data(trial.until_ms, clock::now().millis())?;
        rule.check_paper(self.tools.db.strategy_time("paper", hash).await?)?;
        let until = Time::from_millis(trial.until_ms).iso();
        Ok(format!(", from the run {} on data until {until}", trial.run))
    }

    /// Stores the running time of each version since the last call.
    pub(super) async fn count_time(&mut self) {
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(self.counted).min(COUNTED_MAX);
        self.counted = now;
        let (ran_ms, until_ms) = (u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX), clock::now().millis());
        let up = self.known.iter().filter(|(_, known)| known.is_up());
        let running: Vec<(String, String)> = up
            .filter_map(|(name, known)| Some((name.clone(), hex::encode(&known.wanted.as_ref()?.module.hash()))))
            .collect();
        for (name, hash) in running {
            let added = self.tools.db.add_strategy_time(&self.tools.scope, (&name, &hash), ran_ms, until_ms).await;
            if let Err(error) = added {
                tracing::warn!(%error, name, "running time of a strategy not stored");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Promotion = Promotion { data_days_max: 30, paper_hours_min: 24, required: false };

    fn said(checked: anyhow::Result<()>) -> String {
        checked.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn old_data_and_a_short_time_on_paper_are_refused_with_both_values() {
        let now = 60 * DAY_MS;
        assert_eq!(said(RULE.check_data(30 * DAY_MS, now)), "");
        assert_eq!(
            said(RULE.check_data(30 * DAY_MS - 1_000, now)),
            "the data of the run ends at 1970-01-30T23:59:59Z, expected data of the last 30 days (promotion.data_days_max)"
        );
        assert_eq!(said(RULE.check_paper(24 * HOUR_MS)), "");
        assert_eq!(
            said(RULE.check_paper(24 * HOUR_MS - 60_000)),
            "the version ran 23 h 59 min on paper, expected at least 24 h (promotion.paper_hours_min)"
        );
        let off = Promotion::default();
        assert_eq!((said(off.check_data(0, now)), said(off.check_paper(0))), (String::new(), String::new()));
    }
}
