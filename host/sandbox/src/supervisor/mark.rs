//! What shows that a file changed, and when it did.

use std::time::{Duration, Instant, SystemTime};

/// What shows that a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    length: u64,
    modified: Option<SystemTime>,
    /// Which file it is and when anything of it changed: a copy that keeps length and time of the one before is another all the same.
    identity: (u64, i64, i64),
}

/// A moment, by the clock that only goes on and by the one that files have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) steady: Instant,
    pub(super) wall: SystemTime,
}

impl Now {
    pub(super) fn read() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }
}

impl Mark {
    pub(super) fn of(meta: &std::fs::Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (meta.ino(), meta.ctime(), meta.ctime_nsec())
        };
        #[cfg(not(unix))]
        let identity = (0, 0, 0);
        Self { length: meta.len(), modified: meta.modified().ok(), identity }
    }

    /// Returns the file's length in bytes.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Says whether both are of the same file, whatever became of it in between.
    pub(super) const fn is_same_file(&self, other: &Self) -> bool {
        self.identity.0 == other.identity.0
    }

    /// Returns when anything of the file changed, by its file system's clock. A copy may keep its time of modification; this one it cannot.
    fn changed(&self) -> Option<SystemTime> {
        let (_, seconds, nanos) = self.identity;
        let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
        if cfg!(unix) { SystemTime::UNIX_EPOCH.checked_add(since) } else { self.modified }
    }
}

/// Returns when a file changed that is seen to have changed now and was not the last time. Its own time may come from another machine's
/// clock, so it counts only as far as it lies between the two looks.
pub(super) fn changed(mark: &Mark, now: Now, before: Option<Instant>) -> Instant {
    let Some(before) = before else { return now.steady };
    let age = mark.changed().and_then(|changed| now.wall.duration_since(changed).ok()).unwrap_or_default();
    now.steady.checked_sub(age).map_or(before, |changed| changed.max(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(changed: SystemTime) -> Mark {
        let since = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let identity = (1, i64::try_from(since.as_secs()).unwrap(), i64::from(since.subsec_nanos()));
        Mark { length: 1, modified: Some(changed), identity }
    }

    #[test]
    fn a_look_that_comes_late_costs_nothing_and_a_clock_that_is_elsewhere_is_not_believed() {
        let (first, wall) = (Instant::now(), SystemTime::now());
        let millis = Duration::from_millis;
        let now = Now { steady: first + millis(50), wall };
        let age = |changed: SystemTime, before| now.steady - super::changed(&mark(changed), now, before);
        assert_eq!(age(wall - millis(20), Some(first)), millis(20), "as old as it says");
        assert_eq!(age(wall - millis(70), Some(first)), millis(50), "the last look did not see it");
        assert_eq!(age(wall + millis(70), Some(first)), millis(0), "a clock that is ahead");
        assert_eq!(age(wall - millis(20), None), millis(0), "at the first look nothing is known of it");
    }
}
