//! The signer's own limits, which apply whatever the host requests.

use model::{Time, Usd};
use std::collections::VecDeque;

/// The signer's limits. A BUY is worth the most that it can pay, a SELL one dollar a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The worth of one order. Nothing above it is signed; zero or less signs nothing.
    pub order_max: Usd,
    /// The worth of all orders signed in any 60 seconds.
    pub minute_max: Usd,
    /// The worth of all orders signed on one UTC day.
    pub day_max: Usd,
    /// Orders signed in any 60 seconds.
    pub orders_per_minute: u32,
    /// Wallet batches signed in any 60 seconds; 0 signs none.
    pub batches_per_minute: u32,
}

impl Limits {
    /// Fits the engine's defaults. A SELL counts as a dollar a share, so closing a cheap position needs a larger limit
    /// than the engine's 100 dollars an order. Wallet batches must be enabled explicitly.
    pub const DEFAULT: Self = Self {
        order_max: Usd::dollars(1_000),
        minute_max: Usd::dollars(10_000),
        day_max: Usd::dollars(100_000),
        orders_per_minute: 300,
        batches_per_minute: 0,
    };
}

/// Logins (L1) signed in any 60 seconds, across restarts. A host needs one when it starts, and cannot cancel anything
/// without it: a host that is restarted every second must not be locked out.
pub const LOGINS_PER_MINUTE: u32 = 60;

/// The length of the windows.
pub(crate) const MINUTE_MICROS: u64 = 60_000_000;

/// The signatures of the last 60 seconds. A sliding window rather than a refilling bucket, so that no 60 seconds
/// contain more than the limit. If the clock stands still or goes back, nothing leaves the window.
#[derive(Debug, Default)]
pub(crate) struct Window {
    signed: VecDeque<(Time, u64)>,
    worth: u64,
}

impl Window {
    /// Removes entries that are a minute old.
    pub(crate) fn forget(&mut self, now: Time) {
        while let Some((_, worth)) = self.signed.pop_front_if(|(at, _)| now.since(*at) >= MINUTE_MICROS) {
            self.worth = self.worth.saturating_sub(worth);
        }
    }

    /// Returns the number of entries. It never exceeds the limit that the caller compares with, which bounds the
    /// memory.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.signed.len()).unwrap_or(u64::MAX)
    }

    /// Returns the total worth, in micro-dollars.
    pub(crate) const fn worth(&self) -> u64 {
        self.worth
    }

    pub(crate) fn record(&mut self, now: Time, worth: u64) {
        self.signed.push_back((now, worth));
        self.worth = self.worth.saturating_add(worth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_forgets_after_a_minute_and_not_before() {
        let mut window = Window::default();
        let start = Time::from_millis(1_000_000);
        window.record(start, 5);
        window.record(start.plus_millis(30_000), 7);
        window.forget(start.plus_micros(MINUTE_MICROS - 1));
        assert_eq!((window.count(), window.worth()), (2, 12));
        window.forget(start.plus_micros(MINUTE_MICROS));
        assert_eq!((window.count(), window.worth()), (1, 7));
    }

    #[test]
    fn a_clock_that_is_set_back_forgives_nothing() {
        let mut window = Window::default();
        window.record(Time::from_millis(1_000_000), 5);
        window.forget(Time::from_millis(1));
        assert_eq!((window.count(), window.worth()), (1, 5));
    }
}
