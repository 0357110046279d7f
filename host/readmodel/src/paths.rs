//! Latency histograms of the host's paths, and counts that no row shows, for the metrics. Recording takes no lock.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The upper bounds of the buckets in nanoseconds, each included: 100 ns to 10 s.
pub const SPAN_BOUNDS_NANOS: [u64; 21] = [
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    50_000_000,
    150_000_000,
    500_000_000,
    2_000_000_000,
    10_000_000_000,
];

const BUCKETS: usize = SPAN_BOUNDS_NANOS.len().saturating_add(1);
/// Maximum number of strategies with their own figures; further ones share one.
pub const STRATEGIES_MAX: usize = 64;
/// The name of the figures of strategies beyond [`STRATEGIES_MAX`].
pub const OTHERS: &str = "others";

/// A count that only increases.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Increases the count.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Returns the count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Histogram of time spans in nanoseconds, shared by all threads.
#[derive(Debug, Default)]
pub struct SpanHistogram {
    buckets: [AtomicU64; BUCKETS],
    sum_nanos: AtomicU64,
}

/// The counts of a [`SpanHistogram`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpanCounts {
    /// Spans in each bucket alone: those of [`SPAN_BOUNDS_NANOS`], then the longer ones.
    pub buckets: [u64; BUCKETS],
    /// All spans together, in nanoseconds.
    pub sum_nanos: u64,
}

impl SpanHistogram {
    /// Counts one span.
    pub fn add(&self, nanos: u64) {
        let place = SPAN_BOUNDS_NANOS.partition_point(|bound| *bound < nanos);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.sum_nanos.fetch_add(nanos, Ordering::Relaxed);
        }
    }

    /// Counts a span as the standard library measures it.
    pub fn add_span(&self, span: Duration) {
        self.add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Returns the counts. The sum may lack a span that is being counted.
    pub fn counts(&self) -> SpanCounts {
        let sum_nanos = self.sum_nanos.load(Ordering::Relaxed);
        SpanCounts { buckets: self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed)), sum_nanos }
    }
}

/// The figures of one strategy's calls.
#[derive(Debug, Default)]
pub struct StrategyPath {
    /// Answers that the engine received.
    pub answers: Counter,
    /// Fuel used in all calls.
    pub fuel: Counter,
    /// Calls that failed.
    pub faults: Counter,
    /// From the first event that the strategy was notified of to its answer at the engine.
    pub answer: SpanHistogram,
}

/// The figures of all paths. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct Paths(Arc<PathFigures>);

/// The figures themselves.
#[derive(Debug, Default)]
pub struct PathFigures {
    /// A frame of the market channel, from its receipt to the engine's inbox: parsed, merged with those of other connections, queued.
    pub frame: SpanHistogram,
    /// A step of the engine for a market event, one in sixteen.
    pub step: SpanHistogram,
    /// A step of the engine for a strategy's answer that has intents, each of which the risk gate checks.
    pub gate: SpanHistogram,
    /// Signing an order: to the signer's process and back.
    pub sign: SpanHistogram,
    /// The wait of a placement until the journal is on disk.
    pub journal: SpanHistogram,
    /// From an approved placement to a signed order that may be sent.
    pub order_ready: SpanHistogram,
    /// The venue's response time for placements.
    pub place: SpanHistogram,
    /// The venue's response time for cancels.
    pub cancel: SpanHistogram,
    /// From an operator's emergency stop until all its cancels were issued.
    pub emergency_stop: SpanHistogram,
    /// From a compiled module to its first call.
    pub reload: SpanHistogram,
    reloading: Mutex<BTreeMap<String, Instant>>,
    /// Quiet books that REST confirmed.
    pub books_confirmed: Counter,
    /// Dead man's pings that were accepted.
    pub dead_man_pings: Counter,
    /// Dead man's pings that were withheld because engine, journal or feeds were not proved alive.
    pub dead_man_withheld: Counter,
    strategies: Mutex<BTreeMap<String, Arc<StrategyPath>>>,
}

impl std::ops::Deref for Paths {
    type Target = PathFigures;

    fn deref(&self) -> &PathFigures {
        &self.0
    }
}

impl PathFigures {
    /// Records that a module of that name is ready to run.
    pub fn reload_begins(&self, name: &str) {
        let mut reloading = self.reloading.lock();
        if reloading.len() < STRATEGIES_MAX || reloading.contains_key(name) {
            reloading.insert(name.to_owned(), Instant::now());
        }
    }

    /// Records the time from then to the first call of the module of that name.
    pub fn reload_ends(&self, name: &str) {
        if let Some(began) = self.reloading.lock().remove(name) {
            self.reload.add_span(began.elapsed());
        }
    }

    /// Returns the figures of the strategy of that name.
    pub fn strategy(&self, name: &str) -> Arc<StrategyPath> {
        let mut strategies = self.strategies.lock();
        if let Some(known) = strategies.get(name) {
            return Arc::clone(known);
        }
        let name = if strategies.len() < STRATEGIES_MAX { name } else { OTHERS };
        Arc::clone(strategies.entry(name.to_owned()).or_default())
    }

    /// Returns the figures of each strategy by its name.
    pub fn strategies(&self) -> Vec<(String, Arc<StrategyPath>)> {
        self.strategies.lock().iter().map(|(name, path)| (name.clone(), Arc::clone(path))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_in_the_first_bucket_that_holds_it() {
        let spans = SpanHistogram::default();
        for nanos in [0, 100, 101, 10_000_000_000, 10_000_000_001] {
            spans.add(nanos);
        }
        let counts = spans.counts();
        assert_eq!((counts.buckets[0], counts.buckets[1], counts.buckets[20], counts.buckets[21]), (2, 1, 1, 1));
        assert_eq!(counts.sum_nanos, 20_000_000_202);
        assert!(SPAN_BOUNDS_NANOS.is_sorted_by(|low, high| low < high));
    }

    #[test]
    fn names_of_strategies_are_bounded() {
        let paths = Paths::default();
        for number in 0..1_000 {
            paths.strategy(&format!("s{number}")).answers.add(1);
        }
        let all = paths.strategies();
        assert_eq!(all.len(), STRATEGIES_MAX + 1);
        let others = all.iter().find(|(name, _)| name == OTHERS).map(|(_, path)| path.answers.get());
        assert_eq!(others, Some(936));
    }
}
