//! The limit on refused intents per second of one strategy. Each refusal is an own event, so a strategy that repeats
//! its intent after each one would otherwise keep the engine thread busy indefinitely.

use super::rate::LeakyBucket;
use crate::grants::Grants;
use crate::settings::Rates;
use model::Time;

/// The refusal rate of one instance, and whether it was ever exceeded. Times are those of the engine's inputs, so that
/// a replay gives the same result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusals {
    rate: LeakyBucket,
    burst_s: u64,
    exceeded: bool,
}

impl Default for Refusals {
    fn default() -> Self {
        Self::of(&Grants::default(), &Rates::default())
    }
}

impl Refusals {
    /// Returns the limit of a new instance with these markets.
    pub(crate) fn of(grants: &Grants, rates: &Rates) -> Self {
        let rate = LeakyBucket::new(rates.refusals_of(grants.markets().len()), rates.burst_s);
        Self { rate, burst_s: rates.burst_s, exceeded: false }
    }

    /// Counts a refusal.
    pub(crate) fn count(&mut self, at: Time) {
        self.exceeded |= self.rate.is_over_with(at, 1);
    }

    /// Returns the reason why the instance must end; none while it is within the limit.
    pub(crate) fn fault(&self) -> Option<String> {
        let (rate, burst) = (self.rate.a_second, self.burst_s);
        self.exceeded
            .then(|| format!("its intents were refused more than {rate} times a second for more than {burst} s"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test code may fail loudly")]

    use super::*;

    const SECOND_MICROS: u64 = 1_000_000;
    /// Allowed refusals per second of an instance without markets.
    const A_SECOND: u64 = 200;

    /// Counts `a_second` refusals per second, evenly, for `seconds` seconds, and returns whether the limit was
    /// exceeded.
    fn exceeds(a_second: u64, seconds: u64) -> bool {
        let mut refusals = Refusals::default();
        for number in 0..a_second * seconds {
            refusals.count(Time(7_000_000 + number * SECOND_MICROS / a_second));
        }
        refusals.fault().is_some()
    }

    #[test]
    fn only_what_goes_on_above_the_rate_is_too_much() {
        assert!(!exceeds(A_SECOND, 3_600), "an hour at the rate");
        assert!(!exceeds(900, 1), "a burst of one second");
        assert!(exceeds(A_SECOND + 20, 60), "a minute at a tenth above the rate");
        assert!(exceeds(30_000, 1), "a storm");
    }

    #[test]
    fn a_burst_is_forgotten_after_a_while_and_an_excess_never() {
        let mut refusals = Refusals::default();
        for seconds in [10, 20, 30] {
            (0..1_000).for_each(|_| refusals.count(Time(seconds * SECOND_MICROS)));
            assert_eq!(refusals.fault(), None, "{seconds}");
        }
        refusals.count(Time(30 * SECOND_MICROS));
        refusals.count(Time(900 * SECOND_MICROS));
        assert!(refusals.fault().unwrap().contains("refused more than 200 times a second"));
    }

    #[test]
    fn each_market_adds_what_the_engine_tries_again_by_itself() {
        let market = || testkit::market(1);
        let grants = Grants::new((0..50).map(|ix| (model::MarketIx(ix), market())).collect());
        assert_eq!(Refusals::of(&grants, &Rates::default()).rate.a_second, 400);
    }

    #[test]
    fn a_clock_that_went_back_leaks_nothing_and_breaks_nothing() {
        let mut refusals = Refusals::default();
        [9, 5, 1].into_iter().for_each(|seconds| refusals.count(Time(seconds * SECOND_MICROS)));
        assert_eq!((refusals.rate.level, refusals.rate.at), (3 * SECOND_MICROS, Time(9 * SECOND_MICROS)));
    }
}
