//! Time that market events waited for the engine, since the start, as counts in fixed buckets.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds of the buckets in microseconds, inclusive: 10 us to 10 s. Longer waits are in one more bucket.
pub const WAIT_BOUNDS_MICROS: [u64; 19] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    2_000_000, 5_000_000, 10_000_000,
];

/// The bounded buckets, and the one above them.
const BUCKETS: usize = WAIT_BOUNDS_MICROS.len().saturating_add(1);

/// Counts waits without a lock. One thread writes, others read.
#[derive(Debug, Default)]
pub struct WaitHistogram {
    buckets: [AtomicU64; BUCKETS],
    sum_micros: AtomicU64,
}

/// The counts of a [`WaitHistogram`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitCounts {
    /// The waits in each single bucket: those of [`WAIT_BOUNDS_MICROS`], then the longer ones.
    pub buckets: [u64; BUCKETS],
    /// The sum of all waits, in microseconds.
    pub sum_micros: u64,
}

impl WaitHistogram {
    /// Counts one wait.
    pub fn add(&self, micros: u64) {
        let place = WAIT_BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum_micros.fetch_add(micros, Ordering::Relaxed);
        }
    }

    /// Returns the counts. The sum may lack a wait that is just being added.
    pub fn counts(&self) -> WaitCounts {
        let sum_micros = self.sum_micros.load(Ordering::Relaxed);
        WaitCounts { buckets: self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed)), sum_micros }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_in_the_first_bucket_that_holds_it() {
        let waits = WaitHistogram::default();
        let cases = [(0, 0), (10, 0), (11, 1), (20, 1), (1_000, 6), (1_001, 7), (10_000_000, 18), (10_000_001, 19)];
        for (micros, place) in cases {
            let before = waits.counts();
            waits.add(micros);
            let mut expected = before;
            expected.buckets[place] += 1;
            expected.sum_micros += micros;
            assert_eq!(waits.counts(), expected, "{micros} us");
        }
    }

    #[test]
    fn the_bounds_rise() {
        assert!(WAIT_BOUNDS_MICROS.is_sorted_by(|low, high| low < high));
    }
}
