//! Measured latencies: each request and each answer takes one of the recorded times, drawn from a seed. Requests arrive
//! in the order in which they were sent, and answers likewise.

use crate::rng::Rng;
use alloc::sync::Arc;
use alloc::vec::Vec;
use model::Time;

/// Measured one-way latencies.
#[derive(Debug, Clone)]
pub struct Delays {
    samples: Arc<[u64]>,
    rng: Rng,
    requested: Time,
    answered: Time,
}

impl Delays {
    /// Returns latencies drawn from `samples`, in microseconds; `None` without samples.
    pub fn new(samples: Vec<u64>, seed: u64) -> Option<Self> {
        let (requested, answered) = (Time(0), Time(0));
        (!samples.is_empty()).then(|| Self { samples: samples.into(), rng: Rng::new(seed), requested, answered })
    }

    pub(super) fn request(&mut self, now: Time) -> Time {
        let at = self.draw(now);
        self.requested = self.requested.max(at);
        self.requested
    }

    pub(super) fn answer(&mut self, now: Time) -> Time {
        let at = self.draw(now);
        self.answered = self.answered.max(at);
        self.answered
    }

    fn draw(&mut self, now: Time) -> Time {
        let place = self.rng.place(self.samples.len());
        now.plus_micros(self.samples.get(place).copied().unwrap_or(0))
    }
}
