//! File stamps, which show that a file changed and when.

use std::time::{Duration, Instant, SystemTime};

/// The stamp of a file, which differs after every change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileStamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Differs for a copy that keeps length and modification time, on systems that have inodes and change times.
    identity: (u64, i64, i64),
}

/// The current time, by the monotonic clock and by the wall clock of file timestamps.
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

impl FileStamp {
    pub(super) fn of(meta: &std::fs::Metadata) -> Self {
        Self { length: meta.len(), modified: meta.modified().ok(), identity: crate::platform::identity(meta) }
    }

    /// Returns the file's length in bytes.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Returns whether both stamps are of the same file, which may have changed in between.
    pub(super) const fn is_same_file(&self, other: &Self) -> bool {
        self.identity.0 == other.identity.0
    }

    /// Returns the file's change time by its file system's clock. A copy may keep its modification time, but not this
    /// one.
    fn changed(&self) -> Option<SystemTime> {
        let (_, seconds, nanos) = self.identity;
        let since = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
        if cfg!(unix) { SystemTime::UNIX_EPOCH.checked_add(since) } else { self.modified }
    }
}

/// Returns when a file changed whose change was first seen at this scan. Its timestamp may come from another machine's
/// clock, so the result is clamped between the previous scan and this one.
pub(super) fn changed(mark: &FileStamp, now: Now, before: Option<Instant>) -> Instant {
    let Some(before) = before else { return now.steady };
    let age = mark.changed().and_then(|changed| now.wall.duration_since(changed).ok()).unwrap_or_default();
    now.steady.checked_sub(age).map_or(before, |changed| changed.max(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(changed: SystemTime) -> FileStamp {
        let since = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let identity = (1, i64::try_from(since.as_secs()).unwrap(), i64::from(since.subsec_nanos()));
        FileStamp { length: 1, modified: Some(changed), identity }
    }

    #[test]
    fn a_look_that_comes_late_costs_nothing_and_a_clock_that_is_elsewhere_is_not_believed() {
        let (first, wall) = (Instant::now(), SystemTime::now());
        let millis = Duration::from_millis;
        let now = Now { steady: first + millis(50), wall };
        let age = |changed: SystemTime, before| now.steady - super::changed(&mark(changed), now, before);
        assert_eq!(age(wall - millis(20), Some(first)), millis(20), "as old as its timestamp");
        assert_eq!(age(wall - millis(70), Some(first)), millis(50), "the previous scan did not see it");
        assert_eq!(age(wall + millis(70), Some(first)), millis(0), "a clock that is ahead");
        assert_eq!(age(wall - millis(20), None), millis(0), "at the first scan its age is unknown");
    }
}
