//! Sharpe, Sortino and bootstrap by event group, and Sharpe by day. Markets of one event are decided together, so the
//! event group is the unit; fewer than thirty give no number.

use super::number::{deviation, length, mean, nine, quantile, ratio};
use crate::run::RunData;
use model::time::DAY_MICROS;
use serde::Serialize;
use sim::Rng;

/// Fewer units than this give no number.
pub const UNITS_MIN: usize = 30;
/// Resamples of the bootstrap.
const RESAMPLES: usize = 2_000;
/// Seed of the bootstrap.
const SEED: u64 = 22;
/// Days of a year; prediction markets are open on all of them.
pub(crate) const DAYS_A_YEAR: f64 = 365.0;

/// Ratios of a series of profits in dollars.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Ratios {
    /// Number of units.
    pub units: u64,
    /// Mean profit of a unit in dollars.
    pub mean: Option<f64>,
    /// Mean over standard deviation, for a unit. `None` below [`UNITS_MIN`].
    pub sharpe: Option<f64>,
    /// Mean over the root of the mean square of losses, for a unit. `None` below [`UNITS_MIN`] or without losses.
    pub sortino: Option<f64>,
    /// Share of units with a profit.
    pub win_rate: Option<f64>,
}

/// Returns the ratios of these profits.
pub(crate) fn ratios(profits: &[f64]) -> Ratios {
    let enough = profits.len() >= UNITS_MIN;
    let mean = mean(profits);
    let losses: f64 = profits.iter().map(|profit| profit.min(0.0)).map(|loss| loss * loss).sum();
    let downside = libm::sqrt(losses / length(profits.len().max(1)));
    let wins = profits.iter().filter(|profit| **profit > 0.0).count();
    let of = |spread: Option<f64>| mean.zip(spread).filter(|_| enough).and_then(|(mean, spread)| ratio(mean, spread));
    Ratios {
        units: u64::try_from(profits.len()).unwrap_or(u64::MAX),
        mean: mean.and_then(nine),
        sharpe: of(deviation(profits)),
        sortino: of(Some(downside)),
        win_rate: ratio(length(wins), length(profits.len())),
    }
}

/// Result of a bootstrap: what the total profit could have been with other events of the same kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: u64,
    /// 5 % of the resamples have at most this profit in dollars.
    pub low: f64,
    /// 95 % of the resamples have at most this profit in dollars.
    pub high: f64,
    /// Share of the resamples without a profit.
    pub loss_probability: f64,
}

/// Resamples whole units with replacement. `None` below [`UNITS_MIN`].
pub(crate) fn bootstrap(profits: &[f64]) -> Option<Bootstrap> {
    if profits.len() < UNITS_MIN {
        return None;
    }
    let mut rng = Rng::new(SEED);
    let draw = |rng: &mut Rng| profits.get(rng.place(profits.len())).copied().unwrap_or_default();
    let mut totals: Vec<f64> = (0..RESAMPLES).map(|_| profits.iter().map(|_| draw(&mut rng)).sum()).collect();
    totals.sort_by(f64::total_cmp);
    let without = totals.iter().filter(|total| **total <= 0.0).count();
    Some(Bootstrap {
        resamples: u64::try_from(RESAMPLES).ok()?,
        low: nine(quantile(&totals, 50)?)?,
        high: nine(quantile(&totals, 950)?)?,
        loss_probability: ratio(length(without), length(RESAMPLES))?,
    })
}

/// Returns the change of the equity at the bid on each UTC day of the run, in dollars.
pub(crate) fn daily(data: &RunData) -> Vec<f64> {
    let mut days: Vec<(u64, i64)> = Vec::new();
    let begun = data.description.span.0;
    for row in data.equity.iter().filter(|row| row.at > begun) {
        let equity = row.cash.saturating_add(row.positions).0;
        // The row at midnight ends the day before it.
        let day = row.at.0.saturating_sub(1) / DAY_MICROS;
        match days.last_mut() {
            Some((last, value)) if *last == day => *value = equity,
            _ => days.push((day, equity)),
        }
    }
    let mut before = data.description.cash.0;
    let changes = days.into_iter().map(|(_, equity)| {
        let change = equity.saturating_sub(before);
        before = equity;
        super::number::units(change)
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fifteen profits of 3 dollars and fifteen losses of 1 dollar.
    fn thirty() -> Vec<f64> {
        (0..30).map(|number| if number % 2 == 0 { 3.0 } else { -1.0 }).collect()
    }

    #[test]
    fn thirty_units_have_ratios() {
        let found = ratios(&thirty());
        // Mean 1, deviation sqrt(30 * 4 / 29), downside sqrt(15 / 30).
        assert_eq!((found.units, found.mean, found.win_rate), (30, Some(1.0), Some(0.5)));
        assert_eq!((found.sharpe, found.sortino), (Some(0.49159604), nine(std::f64::consts::SQRT_2)));
    }

    #[test]
    fn twenty_nine_units_are_too_few() {
        let found = ratios(&thirty()[..29]);
        assert_eq!((found.units, found.sharpe, found.sortino), (29, None, None));
        assert!(found.mean.is_some());
        assert_eq!(bootstrap(&thirty()[..29]), None);
    }

    #[test]
    fn the_bootstrap_resamples_whole_units_and_is_repeatable() {
        let found = bootstrap(&thirty()).unwrap();
        // The total is 4 k - 30 with k binomial (30, 0.5): mean 30, deviation 4 * sqrt(7.5) = 10.95. The 5 % and 95 %
        // points of k are 10 or 11, and 19 or 20.
        assert!([10.0, 14.0].contains(&found.low) && [46.0, 50.0].contains(&found.high), "{found:?}");
        assert!(found.loss_probability < 0.01);
        assert_eq!(bootstrap(&thirty()), Some(found));
        let certain = bootstrap(&[2.0; 30]).unwrap();
        assert_eq!((certain.low, certain.high, certain.loss_probability), (60.0, 60.0, 0.0));
    }
}
