//! Value of a share of "the price ends at or above the strike", in integer arithmetic.

use model::{Price, SCALE};

/// A thousand millions: returns are measured in billionths.
const BILLION: i128 = 1_000_000_000;
/// The minimum assumed move of a price in a second, in billionths, squared. A feed that did not move for a while may
/// still move later.
const VARIANCE_MIN: u128 = 10_000 * 10_000;
/// The normal distribution at 0, 0.1, 0.2 … 3.0 standard deviations, in millionths.
const NORMAL: [u32; 31] = [
    500_000, 539_828, 579_260, 617_911, 655_422, 691_462, 725_747, 758_036, 788_145, 815_940, 841_345, 864_334,
    884_930, 903_200, 919_243, 933_193, 945_201, 955_435, 964_070, 971_283, 977_250, 982_136, 986_097, 989_276,
    991_802, 993_790, 995_339, 996_533, 997_445, 998_134, 998_650,
];

/// An underlying price and its variability. Prices and strikes have the same, arbitrary unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Underlying {
    /// The current price.
    pub price: u128,
    /// The mean of its squared moves in a second, in billionths.
    pub variance: u128,
}

impl Underlying {
    /// Measures an underlying from its recent prices, each with its time in milliseconds, oldest first; `None` without
    /// any.
    pub fn measure(prices: &[(u64, u128)]) -> Option<Self> {
        let (until, price) = *prices.last()?;
        let (since, _) = *prices.first()?;
        let squares = prices.iter().zip(prices.iter().skip(1)).map(|((_, before), (_, after))| {
            let moved = parts(*after, *before).unsigned_abs();
            moved.saturating_mul(moved)
        });
        let sum = squares.fold(0u128, u128::saturating_add);
        let millis = u128::from(until.saturating_sub(since));
        let variance = sum.saturating_mul(1_000).checked_div(millis).unwrap_or(0);
        Some(Self { price, variance: variance.max(VARIANCE_MIN) })
    }
}

/// Returns the probability that `underlying` ends at or above `strike` in `left_ms` milliseconds if it moves without
/// drift, as the price of a share that then pays a dollar. At the end it is nearly a dollar or nearly zero.
pub fn chance(underlying: Underlying, strike: u128, left_ms: u64) -> Price {
    let above = parts(underlying.price, strike);
    let variance = underlying.variance.saturating_mul(u128::from(left_ms)).checked_div(1_000).unwrap_or(0);
    let spread = variance.isqrt().max(1);
    // In thousandths of a standard deviation.
    let away = above.unsigned_abs().saturating_mul(1_000).checked_div(spread).unwrap_or(0);
    let likely = normal(away);
    let micros = if above < 0 { SCALE.saturating_sub(likely) } else { likely };
    Price::from_micros(micros).unwrap_or(Price::HALF)
}

/// Returns the distance of `price` above `base`, in billionths of `base`.
fn parts(price: u128, base: u128) -> i128 {
    let price = i128::try_from(price).unwrap_or(i128::MAX);
    let base = i128::try_from(base).unwrap_or(i128::MAX);
    price.saturating_sub(base).saturating_mul(BILLION).checked_div(base).unwrap_or(0)
}

/// Returns the normal distribution at `thousandths` of a standard deviation, in millionths.
fn normal(thousandths: u128) -> u32 {
    let (place, rest) = (thousandths.checked_div(100), thousandths.checked_rem(100));
    let place = place.and_then(|place| usize::try_from(place).ok()).unwrap_or(usize::MAX);
    let rest = rest.and_then(|rest| u32::try_from(rest).ok()).unwrap_or(0);
    let last = NORMAL.last().copied().unwrap_or(SCALE);
    let (Some(low), Some(high)) = (NORMAL.get(place), NORMAL.get(place.saturating_add(1))) else { return last };
    let part = high.saturating_sub(*low).saturating_mul(rest).checked_div(100).unwrap_or(0);
    low.saturating_add(part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

    use super::*;

    /// Returns an underlying that moves up or down by 50,000 billionths each second: its standard deviation per second.
    fn coin() -> Underlying {
        let base = 1_000_000_000_000u128;
        let prices: alloc::vec::Vec<_> =
            (0..301u64).map(|second| (second * 1_000, base + u128::from(second % 2) * 50_000_000)).collect();
        Underlying::measure(&prices).unwrap()
    }

    #[test]
    fn the_chance_is_the_normal_distribution_of_the_distance_in_standard_deviations() {
        let coin = coin();
        let sigma = 50_000;
        assert!(coin.variance.isqrt().abs_diff(sigma) < 5, "{coin:?}");
        assert_eq!(chance(coin, coin.price, 60_000), Price::HALF);
        // A hundred seconds have ten times the standard deviation of a second: 500,000 billionths.
        let below = coin.price - coin.price / 1_000_000_000 * 500_000;
        let one = chance(coin, below, 100_000).micros();
        assert!(one.abs_diff(841_345) < 300, "{one}");
        let above = coin.price + coin.price / 1_000_000_000 * 500_000;
        assert!((one + chance(coin, above, 100_000).micros()).abs_diff(SCALE) < 300);
        assert_eq!(chance(coin, below, 0).micros(), 998_650);
        assert_eq!(chance(coin, above, 0).micros(), SCALE - 998_650);
    }

    #[test]
    fn odd_prices_have_a_chance_too() {
        assert_eq!(Underlying::measure(&[]), None);
        let still = Underlying::measure(&[(5, 7), (5, 7)]).unwrap();
        assert_eq!(still.variance, VARIANCE_MIN);
        for (price, strike, left) in [(0, 0, 0), (u128::MAX, 1, 1), (1, u128::MAX, u64::MAX), (5, 0, 5)] {
            let micros = chance(Underlying { price, variance: u128::MAX }, strike, left).micros();
            assert!((1..SCALE).contains(&micros), "{price} {strike} {left}: {micros}");
        }
    }
}
