//! Conversions to floating point, and moments of samples. Only statistics and charts use floats.

#[expect(clippy::as_conversions, reason = "exact to nine quadrillionths of a unit's millionth, far beyond nine digits")]
const fn float(value: i64) -> f64 {
    value as f64
}

/// Converts millionths to units.
pub(crate) fn units(millionths: i64) -> f64 {
    float(millionths) / 1e6
}

/// Converts a count; one above 2^63 saturates.
pub(crate) fn count(value: u64) -> f64 {
    float(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Converts a length.
pub(crate) fn length(value: usize) -> f64 {
    count(u64::try_from(value).unwrap_or(u64::MAX))
}

/// Rounds to nine significant digits, so that a figure has the same digits wherever it is computed. Returns `None` for
/// values that are not finite.
pub(crate) fn nine(value: f64) -> Option<f64> {
    let rounded: f64 = format!("{value:.8e}").parse().ok()?;
    // Without the sign of a negative zero.
    rounded.is_finite().then_some(rounded + 0.0)
}

/// Returns a quotient rounded to nine digits; `None` if the divisor is zero.
pub(crate) fn ratio(part: f64, whole: f64) -> Option<f64> {
    if whole == 0.0 { None } else { nine(part / whole) }
}

/// Returns the mean.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    if values.is_empty() { None } else { Some(values.iter().sum::<f64>() / length(values.len())) }
}

/// Returns the standard deviation of a sample (n - 1), `None` for fewer than two values.
pub(crate) fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let degrees = values.len().checked_sub(1).filter(|degrees| *degrees > 0)?;
    Some(libm::sqrt(squares / length(degrees)))
}

/// Returns the element at a share of a sorted list: the smallest value that at least `per_mille` of 1,000 do not exceed.
pub(crate) fn quantile(sorted: &[f64], per_mille: usize) -> Option<f64> {
    let rank = sorted.len().checked_mul(per_mille)?.div_ceil(1_000);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_nine_digits() {
        assert_eq!(nine(1.0 / 3.0), Some(0.333333333));
        assert_eq!(nine(123_456_789_012.0), Some(123_456_789_000.0));
        assert_eq!(nine(f64::NAN), None);
        assert_eq!(nine(-0.0).map(f64::is_sign_negative), Some(false));
        assert_eq!(ratio(1.0, 0.0), None);
    }

    #[test]
    fn a_sample_has_the_moments_of_the_textbook() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&values), Some(5.0));
        // The squares add up to 32; 32 / 7 = 4.571428571.
        assert_eq!(deviation(&values).and_then(nine), Some(2.13808994));
        assert_eq!((deviation(&[1.0]), mean(&[])), (None, None));
    }

    #[test]
    fn a_quantile_is_an_element() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(quantile(&values, 500), Some(2.0));
        assert_eq!(quantile(&values, 950), Some(4.0));
        assert_eq!(quantile(&values, 0), Some(1.0));
        assert_eq!(quantile(&[], 500), None);
    }
}
