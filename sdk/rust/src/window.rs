//! Recent prices, in bounded memory.

use std::collections::VecDeque;

/// The number of samples that a window's length is divided into: samples are at least a sixty-fourth of the length
/// apart.
const SAMPLES_MAX: u64 = 64;

/// Prices over a time window, sampled so that there are never more than 66.
///
/// ```
/// use polytrader_sdk::{units::SECOND, window::Window};
///
/// let mut window = Window::new(60 * SECOND);
/// for (second, price) in [(0, 400_000), (30, 420_000), (59, 390_000), (61, 450_000)] {
///     window.add(second * SECOND, price);
/// }
/// assert_eq!((window.oldest(), window.drift(), window.range()), (Some(400_000), 50_000, 60_000));
/// ```
#[derive(Debug, Clone)]
pub struct Window {
    length: u64,
    samples: VecDeque<(u64, u32)>,
    last: Option<u32>,
    /// The time of the first price.
    since: Option<u64>,
}

impl Window {
    /// Returns an empty window of this length in microseconds.
    #[must_use]
    pub const fn new(length: u64) -> Self {
        Self { length, samples: VecDeque::new(), last: None, since: None }
    }

    /// Adds a price.
    pub fn add(&mut self, now: u64, price: u32) {
        self.last = Some(price);
        self.since.get_or_insert(now);
        self.pass(now);
        let apart = self.length / SAMPLES_MAX;
        let due = self.samples.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= apart);
        if due {
            self.samples.push_back((now, price));
        }
    }

    /// Advances the time without a new price, and drops samples that are too old.
    pub fn pass(&mut self, now: u64) {
        let from = now.saturating_sub(self.length);
        // The newest sample from before the window is kept: it was the price when the window began.
        while self.samples.get(1).is_some_and(|(at, _)| *at <= from) {
            self.samples.pop_front();
        }
    }

    /// Returns whether prices have been added for at least the window's length.
    #[must_use]
    pub fn is_full(&self, now: u64) -> bool {
        self.since.is_some_and(|since| now.saturating_sub(since) >= self.length)
    }

    /// Returns the price at the beginning of the window, or the first one added since.
    #[must_use]
    pub fn oldest(&self) -> Option<u32> {
        self.samples.front().map(|(_, price)| *price)
    }

    /// Returns how far the last price is above [`Window::oldest`]; below, if negative.
    #[must_use]
    pub fn drift(&self) -> i64 {
        let (Some(oldest), Some(last)) = (self.oldest(), self.last) else { return 0 };
        i64::from(last).saturating_sub(i64::from(oldest))
    }

    /// Returns the difference between the highest and the lowest price in the window.
    #[must_use]
    pub fn range(&self) -> u32 {
        let prices = || self.samples.iter().map(|(_, price)| *price).chain(self.last);
        let (highest, lowest) = (prices().max().unwrap_or(0), prices().min().unwrap_or(0));
        highest.saturating_sub(lowest)
    }

    /// Removes all prices.
    pub fn clear(&mut self) {
        (self.last, self.since) = (None, None);
        self.samples.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn a_flood_of_prices_stays_bounded_and_old_ones_go() {
        let mut window = Window::new(1_000);
        for now in 0..10_000 {
            window.add(now, u32::try_from(now).unwrap_or(0));
            assert!(window.samples.len() <= 70, "{}", window.samples.len());
        }
        assert!((985..=1_016).contains(&window.drift()), "{}", window.drift());
        assert!((985..=1_016).contains(&window.range()), "{}", window.range());
    }

    #[test]
    fn it_is_full_after_its_length_and_empty_after_it_was_cleared() {
        let mut window = Window::new(1_000);
        assert!(!window.is_full(5_000));
        window.add(10, 5);
        assert!(!window.is_full(1_009) && window.is_full(1_010));
        window.clear();
        assert_eq!((window.oldest(), window.drift(), window.range(), window.is_full(9_000)), (None, 0, 0, false));
    }
}
