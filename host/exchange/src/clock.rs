//! The clock of the exchange: it starts with the wall clock and goes on steadily, as another machine's would when ours is set.

use model::Time;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far the wall clock was ahead of the time since the machine's start when this process first looked, in microseconds.
static AHEAD: LazyLock<u64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX).saturating_sub(since_boot())
});

/// Returns the exchange's time.
pub(crate) fn now() -> Time {
    Time(AHEAD.saturating_add(since_boot()))
}

/// Returns the microseconds since the machine's start, those in which it slept included.
fn since_boot() -> u64 {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let since = rustix::time::clock_gettime(id);
    let (seconds, nanos) = (u64::try_from(since.tv_sec).unwrap_or(0), u64::try_from(since.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_with_the_wall_clock_and_never_goes_back() {
        let wall = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let (before, first, second) = (wall(), now(), now());
        assert!(first.seconds() + 1 >= before && first.seconds() <= wall() + 1, "{before} {first:?}");
        assert!(first <= second);
    }
}
