//! The clock of the exchange: it starts with the wall clock and then runs steadily, like another machine's, when the
//! local clock is set.

use model::Time;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Offset of the wall clock to the time since boot when this process first read both, in microseconds.
static AHEAD: LazyLock<u64> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX).saturating_sub(since_boot())
});

/// Returns the exchange's time.
pub(crate) fn now() -> Time {
    Time(AHEAD.saturating_add(since_boot()))
}

/// Returns the microseconds since boot, suspended time included.
fn since_boot() -> u64 {
    uptime::since_boot_micros()
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
