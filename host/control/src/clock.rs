//! The host's clocks. [`now`] is the time of the engine and of every age and timer: it starts with the wall clock and goes on steadily, so a
//! wall clock that jumps neither stops nor ages anything. [`wall`] is the wall clock itself.
//!
//! The two differ once the wall clock is set. A difference of at most [`NEAR_MICROS`] is worked off slowly. A larger one is a fault of either,
//! and only the venue's clock tells of which: see [`follow_wall`]. Until then [`now`] keeps its own course, and the engine's breaker for
//! clock skew is open (`docs/decisions/095-engine-time-is-steady.md`).

use model::Time;
use parking_lot::Mutex;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The largest difference between wall clock and host time that is worked off without the venue's word; the engine's breaker for clock skew
/// opens above it.
pub const NEAR_MICROS: u64 = 5_000_000;
/// How slowly a difference is worked off: one microsecond in so many, so that no age is off by more than a tenth.
const GENTLY: u64 = 10;
/// How often host time is compared with the wall clock.
const STEER_EVERY_MICROS: u64 = 10_000;
/// The longest span that one comparison works off: after a long sleep nothing is known of the time in between.
const SPAN_MAX_MICROS: u64 = 1_000_000;

/// Where a [`Clock`] reads the machine's time.
pub trait Source: Send + Sync {
    /// Returns the microseconds since the machine started, those in which it slept included. Never set, never back.
    fn boot(&self) -> u64;
    /// Returns the wall clock, which can be set at any moment.
    fn wall(&self) -> Time;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Machine;

impl Source for Machine {
    fn boot(&self) -> u64 {
        #[cfg(target_os = "linux")]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let id = rustix::time::ClockId::Monotonic;
        let since = rustix::time::clock_gettime(id);
        let (seconds, nanos) = (u64::try_from(since.tv_sec).unwrap_or(0), u64::try_from(since.tv_nsec).unwrap_or(0));
        seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000)
    }

    fn wall(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }
}

/// How far host time is ahead of the time since the start of the machine, and where it goes.
#[derive(Debug, Clone, Copy)]
struct Course {
    boot: u64,
    ahead: i64,
    /// The course of the wall clock that the venue confirmed, while host time is on its way there.
    confirmed: Option<i64>,
}

impl Course {
    /// Works off a part of the difference to the wall clock, in proportion to the time that has passed.
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

    /// Takes the wall clock's word: ahead at once, back slowly.
    fn follow(&mut self, boot: u64, wall: Time) {
        let course = signed(wall.0).saturating_sub(signed(boot));
        self.confirmed = Some(course);
        self.ahead = self.ahead.max(course);
    }
}

/// Host time of one source. [`now`] is that of the machine; others are for tests.
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

    /// Returns host time: steady, and never earlier than what was returned before.
    pub fn now(&self) -> Time {
        let boot = self.source.boot();
        // Never a wait: a thread that finds the course in use goes by what it was a moment ago.
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

    /// Says whether wall clock and host time are further apart than [`NEAR_MICROS`].
    pub fn is_apart(&self) -> bool {
        self.wall().0.abs_diff(self.now().0) > NEAR_MICROS
    }

    /// Has host time follow the wall clock, which the venue's clock confirms: ahead at once, as after a sleep, and back by a tenth of the time
    /// that passes, as it never goes back.
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

/// Returns host time: that of the engine, of ages and of timers. It starts with the wall clock, is steady, and counts the time in which the
/// machine sleeps.
pub fn now() -> Time {
    CLOCK.now()
}

/// Returns the wall clock: for what others hold against their own clocks, such as logins.
pub fn wall() -> Time {
    CLOCK.wall()
}

/// Returns the time since the machine started, which nothing sets: for spans that must be exact to the microsecond.
pub fn since_boot() -> Time {
    Time(Machine.boot())
}

/// Says whether wall clock and host time are further apart than [`NEAR_MICROS`].
pub fn is_apart() -> bool {
    CLOCK.is_apart()
}

/// Has host time follow the wall clock; see [`Clock::follow_wall`].
pub fn follow_wall() {
    CLOCK.follow_wall();
}

#[cfg(test)]
mod tests;
