//! The host's clocks. [`now`] is the time of the engine and of all ages and timers: it starts with the wall clock and
//! advances steadily, so that a jump of the wall clock neither stops nor ages anything. [`wall`] is the wall clock
//! itself.
//!
//! The two differ after the wall clock is set. A difference of at most [`NEAR_MICROS`] is corrected slowly. A larger
//! one is an error of one of the two, and only the venue's clock shows which: see [`follow_wall`]. Until then [`now`]
//! keeps its rate, and the engine's clock skew breaker is open (`docs/decisions/095-engine-time-is-steady.md`).

use model::Time;
use parking_lot::Mutex;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Maximum difference between wall clock and host time that is corrected without confirmation by the venue's clock.
/// Above it, the engine's clock skew breaker opens.
pub const NEAR_MICROS: u64 = 5_000_000;
/// Rate of correction: one microsecond per this many, so that no age is off by more than a tenth.
const GENTLY: u64 = 10;
/// Interval of comparing host time with the wall clock.
const STEER_EVERY_MICROS: u64 = 10_000;
/// Maximum time span corrected in one comparison: after a long sleep, the time in between is unknown.
const SPAN_MAX_MICROS: u64 = 1_000_000;

/// Source of the machine's time.
pub trait Source: Send + Sync {
    /// Returns the microseconds since the machine started, including time asleep. It is never set and never goes back.
    fn boot(&self) -> u64;
    /// Returns the wall clock, which can be set at any moment.
    fn wall(&self) -> Time;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Source for Machine {
    fn boot(&self) -> u64 {
        uptime::since_boot_micros()
    }

    fn wall(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// Offset of host time from the time since boot, and its correction.
#[derive(Debug, Clone, Copy)]
struct Course {
    boot: u64,
    ahead: i64,
    /// The offset of the wall clock that the venue confirmed, while host time is being corrected toward it.
    confirmed: Option<i64>,
}

impl Course {
    /// Corrects a part of the difference to the wall clock, in proportion to the elapsed time.
    fn steer(&mut self, boot: u64, wall: Time) {
        let span = boot.saturating_sub(self.boot).min(SPAN_MAX_MICROS);
        self.boot = self.boot.max(boot);
        let course = signed(wall.0).saturating_sub(signed(boot));
        let gap = course.saturating_sub(self.ahead);
        let near = |other: i64| course.saturating_sub(other).unsigned_abs() <= NEAR_MICROS;
        if near(self.ahead) {
            self.confirmed = None;
        } else if !self.confirmed.is_some_and(near) {
            return;
        }
        let most = signed(span / GENTLY);
        self.ahead = self.ahead.saturating_add(gap.clamp(most.saturating_neg(), most));
    }

    /// Follows the wall clock: forward at once, backward slowly.
    fn follow(&mut self, boot: u64, wall: Time) {
        let course = signed(wall.0).saturating_sub(signed(boot));
        self.confirmed = Some(course);
        self.ahead = self.ahead.max(course);
    }
}

/// Host time of one source. [`now`] uses the machine's clock; others are for tests.
#[derive(Debug)]
pub struct Clock<S> {
    source: S,
    course: Mutex<Course>,
    ahead: AtomicI64,
    latest: AtomicU64,
}

impl<S: Source> Clock<S> {
    /// Returns a clock that starts with the wall clock of `source`.
    pub fn new(source: S) -> Self {
        let (boot, wall) = (source.boot(), source.wall());
        let ahead = signed(wall.0).saturating_sub(signed(boot));
        let course = Mutex::new(Course { boot, ahead, confirmed: None });
        Self { source, course, ahead: AtomicI64::new(ahead), latest: AtomicU64::new(wall.0) }
    }

    /// Returns host time: steady, and never earlier than a previously returned time.
    pub fn now(&self) -> Time {
        let boot = self.source.boot();
        // Never blocks: a thread that finds the lock taken uses the offset of a moment ago.
        if let Some(mut course) = self.course.try_lock()
            && boot.saturating_sub(course.boot) >= STEER_EVERY_MICROS
        {
            course.steer(boot, self.source.wall());
            self.ahead.store(course.ahead, Ordering::Relaxed);
        }
        let micros = boot.saturating_add_signed(self.ahead.load(Ordering::Relaxed));
        Time(self.latest.fetch_max(micros, Ordering::Relaxed).max(micros))
    }

    /// Returns the wall clock.
    pub fn wall(&self) -> Time {
        self.source.wall()
    }

    /// Returns true if wall clock and host time differ by more than [`NEAR_MICROS`].
    pub fn is_apart(&self) -> bool {
        self.wall().0.abs_diff(self.now().0) > NEAR_MICROS
    }

    /// Makes host time follow the wall clock, after the venue's clock has confirmed it: forward at once, as after a
    /// sleep, and backward by a tenth of the elapsed time, because host time never goes back.
    pub fn follow_wall(&self) {
        let mut course = self.course.lock();
        course.follow(self.source.boot(), self.source.wall());
        self.ahead.store(course.ahead, Ordering::Relaxed);
    }
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}

static CLOCK: LazyLock<Clock<Machine>> = LazyLock::new(|| Clock::new(Machine));

/// Returns host time, used by the engine and for ages and timers. It starts with the wall clock, is steady, and
/// includes the time in which the machine sleeps.
pub fn now() -> Time {
    CLOCK.now()
}

/// Returns the wall clock, for values that others compare with their own clocks, such as logins.
pub fn wall() -> Time {
    CLOCK.wall()
}

/// Returns the time since the machine started, which is never set: for spans that must be exact to the microsecond.
pub fn since_boot() -> Time {
    Time(Machine.boot())
}

/// Returns true if wall clock and host time differ by more than [`NEAR_MICROS`].
pub fn is_apart() -> bool {
    CLOCK.is_apart()
}

/// Makes host time follow the wall clock; see [`Clock::follow_wall`].
pub fn follow_wall() {
    CLOCK.follow_wall();
}

#[cfg(test)]
mod tests;
