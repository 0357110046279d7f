//! The worth of the best trial of a sweep, after all trials that were ever run on its tapes.

use super::bootstrap::{Interval, interval};
use super::lead::{Outcome, Plan, Trial};
use super::objective::{GROUPS_MIN, Objective, profits, ratio};
use super::overfit::{Measure, probability};
use super::splits::Fold;
use super::{TrialEnd, TrialRow, nine_digits, real, units};
use crate::statistics::deflated::{Moments, deflated_sharpe, expected_maximum};
use serde::Serialize;

/// The deflated Sharpe ratio below which a result may well be luck.
const CONFIDENT: f64 = 0.95;
/// The probability of over-fitting above which a result is not credible.
const OVERFIT_MAX: f64 = 0.2;

/// Sharpe ratios, by event group, of the trials that were run on the same tapes before: those of other sweeps and
/// backtests, from the database.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Number of trials, with those without a ratio.
    pub trials: u64,
    /// The ratios that are known.
    pub sharpes: Vec<f64>,
}

/// The worth of a sweep's result.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// Trials ever run on these tapes, with those of this sweep.
    pub trials_ever: u64,
    /// Sharpe ratio of the best trial by event group.
    pub sharpe: Option<f64>,
    /// The ratio that the best of so many trials has without skill.
    pub sharpe_by_luck: Option<f64>,
    /// The probability that the best trial's true ratio is above 0, given the number of trials.
    pub deflated_sharpe: Option<f64>,
    /// The probability that the best trial is over-fitted.
    pub overfit: Option<f64>,
    /// The 90 % interval of the best trial's mean profit by event group, in dollars.
    pub interval: Option<Interval>,
    /// The same of the walk-forward windows together.
    pub walk_forward: Option<Interval>,
    /// Profit of the walk-forward windows together, in dollars; none without splits.
    pub walk_forward_profit: Option<f64>,
    /// Sentences for readers, most important first.
    pub warnings: Vec<String>,
}

/// Returns the Sharpe ratio of a row by event group; none below two groups. This is what [`History`] has.
pub fn sharpe_of(row: &TrialRow) -> Option<f64> {
    let groups: Vec<_> = row.groups.iter().collect();
    ratio(&profits(&groups)).and_then(nine_digits)
}

impl Verdict {
    /// Judges a sweep.
    pub fn new(plan: &Plan, outcome: &Outcome, folds: &[Fold], history: &History) -> Self {
        let rows: Vec<&TrialRow> = outcome.rows.iter().collect();
        let trials_ever = history.trials.saturating_add(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        let mut verdict = Self { trials_ever, ..Self::default() };
        let is_sharpe = Objective::parse(&plan.objective).is_ok_and(|objective| objective.is_sharpe());
        let measure = if is_sharpe { Measure::Sharpe } else { Measure::Profit };
        let groups: Vec<_> = rows.iter().map(|row| row.groups.as_slice()).collect();
        verdict.overfit = probability(&groups, measure);
        let best = outcome.best();
        if let Some(row) = best.and_then(|best| outcome.row(&best.job)) {
            verdict.judge(row, &rows, history);
        }
        verdict.walk(folds);
        verdict.warn(best, outcome, folds);
        verdict
    }

    fn judge(&mut self, best: &TrialRow, rows: &[&TrialRow], history: &History) {
        let groups: Vec<_> = best.groups.iter().collect();
        let profits = profits(&groups);
        if profits.len() < GROUPS_MIN {
            return;
        }
        self.interval = interval(&profits);
        let sharpes: Vec<f64> =
            rows.iter().filter_map(|row| sharpe_of(row)).chain(history.sharpes.iter().copied()).collect();
        let Some(moments) = Moments::of(&profits) else { return };
        let variance = variance(&sharpes);
        let sharpe = moments.sharpe();
        self.sharpe = nine_digits(sharpe);
        self.sharpe_by_luck = expected_maximum(self.trials_ever, variance).and_then(nine_digits);
        let observations = moments.observations;
        let deflated =
            deflated_sharpe(sharpe, observations, moments.skewness, moments.kurtosis, self.trials_ever, variance);
        self.deflated_sharpe = deflated.and_then(nine_digits);
    }

    fn walk(&mut self, folds: &[Fold]) {
        let chosen = folds.iter().filter_map(|fold| fold.chosen.as_ref());
        let profits: Vec<f64> =
            chosen.flat_map(|chosen| chosen.profits.iter().map(|profit| units(profit.micros()))).collect();
        if !folds.is_empty() {
            self.walk_forward_profit = nine_digits(profits.iter().sum());
            self.walk_forward = interval(&profits);
        }
    }

    fn warn(&mut self, best: Option<&Trial>, outcome: &Outcome, folds: &[Fold]) {
        let mut warnings = Vec::new();
        let failed = outcome.rows.iter().filter(|row| row.end != TrialEnd::Complete).count();
        match best.and_then(|best| outcome.row(&best.job)) {
            None => warnings.push(
                "No trial has a score: the strategy failed in each, or the objective needs more event groups than the \
                 tapes have."
                    .to_owned(),
            ),
            Some(row) => warnings.extend(self.luck(row.groups.len())),
        }
        if let Some(overfit) = self.overfit.filter(|overfit| *overfit > OVERFIT_MAX) {
            warnings.push(format!(
                "The probability of over-fitting is {overfit:.2}: parameters that are best in one half of the events \
                 are often below the median in the other half."
            ));
        }
        if let Some(profit) = self.walk_forward_profit.filter(|profit| *profit <= 0.0) {
            warnings.push(format!(
                "Walking forward, the best parameters of the past made ${profit:.2} in the windows that followed."
            ));
        }
        let empty = folds.iter().filter(|fold| fold.chosen.is_none()).count();
        if empty > 0 {
            warnings.push(format!("{empty} of {} walk-forward windows have too few events before them.", folds.len()));
        }
        if failed > 0 {
            warnings.push(format!("The strategy failed in {failed} of {} backtests.", outcome.rows.len()));
        }
        self.warnings = warnings;
    }

    /// Returns the warning about luck.
    fn luck(&self, groups: usize) -> Option<String> {
        let trials = self.trials_ever;
        let (Some(sharpe), Some(deflated)) = (self.sharpe, self.deflated_sharpe) else {
            return Some(format!(
                "The best trial has {groups} event groups, and {GROUPS_MIN} are the least for a statement about luck: \
                 after {trials} trials on these tapes its result may be chance."
            ));
        };
        if deflated >= CONFIDENT {
            return None;
        }
        let by_luck = self.sharpe_by_luck.map_or_else(|| "unknown".to_owned(), |ratio| format!("{ratio:.3}"));
        Some(format!(
            "The best trial's Sharpe ratio of {sharpe:.3} by event group may be luck: after {trials} trials on these \
             tapes the best without skill has {by_luck}, and the probability that this one is better is {deflated:.2}, \
             below {CONFIDENT}."
        ))
    }
}

#[allow(clippy::float_arithmetic, reason = "a statistic")]
fn variance(values: &[f64]) -> f64 {
    let count = real(values.len());
    if count < 2.0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)
}
