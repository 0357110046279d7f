//! Invented books without a server: the other traders of recorded markets, at the times of the recording. Everything is
//! determined by the files and the seed.

use crate::priced::Priced;
use crate::recording::{DecidedMarkets, Prices};
use model::Time;
use sim::{Event, Venue};

/// Interval between steps, in microseconds.
const STEP_US: u64 = 100_000;
/// Time after the last end at which the books stop, in microseconds.
const AFTER_US: u64 = 1_000_000;

/// Choices for invented books.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Seed of the other traders.
    pub seed: u64,
    /// Their pace in millionths of the exchange's, which is several quotes a second in each market.
    pub pace: u64,
    /// Time before its start at which a market begins to trade, in milliseconds.
    pub before_ms: u64,
}

impl Default for Options {
    /// A tenth of the exchange's pace, and one window of five minutes before the start.
    fn default() -> Self {
        Self { seed: 1, pace: 100_000, before_ms: 300_000 }
    }
}

/// The venue on which the books are invented.
#[derive(Debug)]
pub struct Invented {
    venue: Venue,
    priced: Priced,
    now: Time,
    end: Time,
}

impl Invented {
    /// Begins at the first price; markets that ended before it are left out.
    pub fn new(prices: Prices, markets: DecidedMarkets, options: Options) -> Self {
        let now = Time::from_millis(prices.rows.first().map_or(0, |(time, _)| *time));
        let last = markets.markets.iter().map(|market| market.end_ms).max().unwrap_or(0);
        let priced = Priced::new(prices, markets, 1_000_000, options.seed).with(options.pace.max(1), options.before_ms);
        Self { venue: Venue::new(), priced, now, end: Time::from_millis(last).plus_micros(AFTER_US) }
    }

    /// Makes the next step and returns its time and its events, which may be none; `None` after the end.
    pub fn step(&mut self) -> Option<(Time, Vec<Event>)> {
        if self.now > self.end {
            return None;
        }
        let now = self.now;
        self.priced.step(now, &mut self.venue);
        self.now = now.plus_micros(STEP_US);
        Some((now, self.venue.drain()))
    }

    /// Returns the venue after the last step.
    pub const fn venue(&self) -> &Venue {
        &self.venue
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "small numbers of a test")]
mod tests {
    use super::*;
    use crate::recording::Decided;
    use model::{Market, Usd};

    fn day(seed: u64) -> (usize, Vec<(Time, Vec<Event>)>) {
        let start_ms = 1_795_424_400_000;
        let rows = (0..900u64).map(|n| (start_ms + n * 1_000, 65_000_000 + u128::from(n % 7) * 10)).collect();
        let prices = Prices { rows, torn_lines: 0, ends_early: String::new() };
        let pays = Some([Usd::dollars(1), Usd::ZERO]);
        let market = |number: u32, begin: u64| Decided {
            market: Market::synthetic(number),
            start_ms: start_ms + begin,
            end_ms: start_ms + begin + 300_000,
            strike: None,
            pays,
        };
        let markets = DecidedMarkets {
            markets: vec![market(1, 0), market(2, 300_000)],
            torn_lines: 0,
            first_torn: String::new(),
            ends_early: String::new(),
        };
        let mut invented = Invented::new(prices, markets, Options { seed, ..Options::default() });
        let steps = std::iter::from_fn(|| invented.step()).collect();
        (invented.venue().markets().len(), steps)
    }

    #[test]
    fn a_seed_gives_the_same_books_at_the_times_of_the_recording() {
        let (markets, steps) = day(3);
        assert_eq!(markets, 2);
        let (first, last) = (steps[0].0, steps[steps.len() - 1].0);
        assert_eq!(last.since(first), 601_000_000);
        let count =
            |is: fn(&Event) -> bool| steps.iter().flat_map(|(_, events)| events).filter(|event| is(event)).count();
        assert!(count(|event| matches!(event, Event::Trade(_))) > 50);
        assert_eq!(count(|event| matches!(event, Event::Resolved { .. })), 2);
        assert_eq!(day(3).1, steps);
        assert_ne!(day(4).1, steps);
    }
}
