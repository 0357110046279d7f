//! Block bootstrap by event group: whole groups are drawn with replacement, because the trades of a group depend on each
//! other and groups do not.

use super::objective::GROUPS_MIN;
use super::{nine_digits, real};
use sim::Rng;

/// Number of draws.
const DRAWS: usize = 2_000;
/// Seed of the draws.
const SEED: u64 = 1;

/// An interval of the mean profit of an event group, in dollars.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Its lower bound; one mean in twenty lies below it.
    pub low: f64,
    /// The mean.
    pub mean: f64,
    /// Its upper bound; one mean in twenty lies above it.
    pub high: f64,
}

/// Returns the 90 % interval of the mean profit; `None` for fewer than [`GROUPS_MIN`] groups.
#[allow(clippy::float_arithmetic, reason = "a statistic")]
pub fn interval(profits: &[f64]) -> Option<Interval> {
    if profits.len() < GROUPS_MIN {
        return None;
    }
    let count = real(profits.len());
    let mut rng = Rng::new(SEED);
    let mut draw = || profits.get(rng.place(profits.len())).copied().unwrap_or_default();
    let mut means: Vec<f64> = (0..DRAWS).map(|_| (0..profits.len()).map(|_| draw()).sum::<f64>() / count).collect();
    means.sort_by(f64::total_cmp);
    let at = |part: usize| means.get(DRAWS.saturating_mul(part).checked_div(20).unwrap_or(0)).copied();
    let mean = profits.iter().sum::<f64>() / count;
    Some(Interval { low: nine_digits(at(1)?)?, mean: nine_digits(mean)?, high: nine_digits(at(19)?)? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_arithmetic, reason = "test code may fail loudly")]

    use super::*;

    #[test]
    fn the_interval_is_that_of_the_mean() {
        // 100 values with mean 0.5 and deviation 0.5: the mean's deviation is 0.05, and 1.645 of them are 0.082.
        let profits: Vec<f64> = (0..100).map(|number| f64::from(number % 2)).collect();
        let Interval { low, mean, high } = interval(&profits).unwrap();
        assert_eq!(mean, 0.5);
        assert!((0.40..0.44).contains(&low) && (0.56..0.60).contains(&high), "{low} to {high}");
        assert_eq!(interval(&profits), interval(&profits));
        assert_eq!(interval(&[1.0; 29]), None);
    }
}
