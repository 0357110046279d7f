//! The deflated Sharpe ratio (Bailey and Lopez de Prado, 2014): the probability that the true Sharpe ratio is above that
//! which the best of so many trials would show without any skill.

use super::number::{count, length, mean, nine};
use std::f64::consts::{E, FRAC_1_SQRT_2, PI};

/// The Euler-Mascheroni constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// Moments of a series of profits or returns.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Moments {
    /// Number of observations.
    pub observations: u64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation of the sample (n - 1).
    pub deviation: f64,
    /// Skewness: 0 for a symmetrical distribution.
    pub skewness: f64,
    /// Kurtosis: 3 for a normal distribution.
    pub kurtosis: f64,
}

impl Moments {
    /// Returns the moments of a series; `None` for fewer than two values, or if all are equal.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = mean(values)?;
        let deviation = super::number::deviation(values).filter(|deviation| *deviation > 0.0)?;
        let central =
            |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / length(values.len());
        let variance = central(2);
        let skewness = central(3) / (variance * libm::sqrt(variance));
        let kurtosis = central(4) / (variance * variance);
        Some(Self { observations: u64::try_from(values.len()).ok()?, mean, deviation, skewness, kurtosis })
    }

    /// Returns the Sharpe ratio for each observation (not annualised).
    pub fn sharpe(&self) -> f64 {
        self.mean / self.deviation
    }
}

/// Returns the deflated Sharpe ratio, a probability from 0 to 1.
///
/// `sharpe` is the ratio of the chosen trial and `trials_variance` the variance of the ratios of all trials, both for each
/// observation, not annualised. `kurtosis` is 3 for a normal distribution. Returns `None` for fewer than two
/// observations, no trials, a negative variance, or values that are not finite.
pub fn deflated_sharpe(
    sharpe: f64,
    observations: u64,
    skewness: f64,
    kurtosis: f64,
    trials: u64,
    trials_variance: f64,
) -> Option<f64> {
    let threshold = expected_maximum(trials, trials_variance)?;
    let degrees = observations.checked_sub(1).filter(|degrees| *degrees > 0)?;
    let spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    if spread <= 0.0 {
        return None;
    }
    nine(cumulative((sharpe - threshold) * libm::sqrt(count(degrees)) / libm::sqrt(spread)))
}

/// Returns the Sharpe ratio that is expected of the best of `trials` without skill, for each observation. Zero for one
/// trial; `None` for none, or for a negative variance.
pub fn expected_maximum(trials: u64, trials_variance: f64) -> Option<f64> {
    if trials == 0 || !trials_variance.is_finite() || trials_variance < 0.0 {
        return None;
    }
    if trials == 1 {
        return Some(0.0);
    }
    let trials = count(trials);
    let first = inverse(1.0 - 1.0 / trials)?;
    let second = inverse(1.0 - 1.0 / (trials * E))?;
    Some(libm::sqrt(trials_variance) * ((1.0 - EULER) * first + EULER * second))
}

/// Returns the probability that a standard normal variable is at most `value`.
fn cumulative(value: f64) -> f64 {
    0.5 * libm::erfc(-value * FRAC_1_SQRT_2)
}

/// Returns the value that a standard normal variable does not exceed with this probability, by Newton's method; `None`
/// outside 0 to 1.
fn inverse(probability: f64) -> Option<f64> {
    if !(probability > 0.0 && probability < 1.0) {
        return None;
    }
    // Abramowitz and Stegun 26.2.23, exact to 0.00045; each step of Newton's method doubles the digits.
    let tail = probability.min(1.0 - probability);
    let t = libm::sqrt(-2.0 * libm::log(tail));
    let fraction =
        (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    let mut value = if probability < 0.5 { fraction - t } else { t - fraction };
    for _ in 0..4 {
        let density = libm::exp(-0.5 * value * value) / libm::sqrt(2.0 * PI);
        value -= (cumulative(value) - probability) / density;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example() {
        // Bailey and Lopez de Prado (2014): 2.5 a year, 250 days, 1,250 observations, 100 trials, variance 0.5 a year.
        let daily = 2.5 / libm::sqrt(250.0);
        let threshold = expected_maximum(100, 0.5 / 250.0).unwrap();
        assert_eq!(format!("{threshold:.4}"), "0.1132");
        let deflated = deflated_sharpe(daily, 1_250, -3.0, 10.0, 100, 0.5 / 250.0).unwrap();
        assert_eq!(format!("{deflated:.4}"), "0.9004");
    }

    #[test]
    fn quantiles_of_the_normal_distribution_have_nine_digits() {
        for (probability, value) in [(0.975, 1.95996398), (0.01, -2.32634787), (0.999999, 4.75342431)] {
            assert_eq!(inverse(probability).and_then(nine), Some(value), "{probability}");
        }
        assert!(inverse(0.5).unwrap().abs() < 1e-12);
        assert_eq!(nine(cumulative(1.96)), Some(0.975002105));
        for outside in [0.0, 1.0, -1.0, f64::NAN] {
            assert_eq!(inverse(outside), None);
        }
    }

    #[test]
    fn more_trials_deflate_more_and_one_trial_does_not() {
        let of = |trials| deflated_sharpe(0.1, 500, 0.0, 3.0, trials, 0.002).unwrap();
        assert!(of(1) > of(2) && of(2) > of(10) && of(10) > of(1_000));
        // 0.1 * sqrt(499) / sqrt(1 + 0.5 * 0.01) = 2.228309192; its probability is 0.98706864.
        assert_eq!(format!("{:.6}", of(1)), "0.987069");
    }

    #[test]
    fn what_has_no_answer_has_none() {
        assert_eq!(deflated_sharpe(0.1, 1, 0.0, 3.0, 10, 0.1), None);
        assert_eq!(deflated_sharpe(0.1, 100, 0.0, 3.0, 0, 0.1), None);
        assert_eq!(deflated_sharpe(0.1, 100, 0.0, 3.0, 10, -0.1), None);
        assert_eq!(deflated_sharpe(f64::NAN, 100, 0.0, 3.0, 10, 0.1), None);
        assert_eq!(Moments::of(&[1.0, 1.0, 1.0]), None);
    }

    #[test]
    fn moments_of_a_short_series() {
        let moments = Moments::of(&[1.0, 2.0, 3.0, 10.0]).unwrap();
        // Mean 4; squares 9 + 4 + 1 + 36 = 50; cubes -27 - 8 - 1 + 216 = 180; fourths 81 + 16 + 1 + 1296 = 1394.
        assert_eq!((moments.observations, moments.mean), (4, 4.0));
        assert_eq!(nine(moments.deviation), Some(4.0824829));
        // 45 / 12.5^1.5 and 348.5 / 156.25.
        assert_eq!(nine(moments.skewness), Some(1.01823376));
        assert_eq!(nine(moments.kurtosis), Some(2.2304));
        assert_eq!(nine(moments.sharpe()), Some(0.979795897));
    }
}
