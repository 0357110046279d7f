//! Points in time and durations. The clock itself is outside: each time in this workspace is passed in as a value.

use alloc::format;
use alloc::string::String;

/// A point in time in microseconds since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Time(pub u64);

/// Microseconds in a UTC day; leap seconds are not counted, as in Unix time.
pub const DAY_MICROS: u64 = 86_400_000_000;

impl Time {
    /// Returns the time `millis` milliseconds after the epoch; saturates.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Returns whole milliseconds since the epoch.
    pub const fn millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Returns whole seconds since the epoch.
    pub const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Returns the time `micros` later; saturates.
    #[must_use]
    pub const fn plus_micros(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// Returns the time `millis` later; saturates.
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        self.plus_micros(millis.saturating_mul(1_000))
    }

    /// Returns the microseconds since `earlier`, zero if that is in the future.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the number of the UTC day, counted from the epoch.
    pub const fn day(self) -> u64 {
        self.0 / DAY_MICROS
    }

    /// Returns the time in the venue's format, to the second: `2026-11-23T09:05:00Z`.
    pub fn iso(self) -> String {
        let (year, month, day) = civil(self.day());
        let seconds = self.seconds() % 86_400;
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Returns year, month and day of a day counted from the epoch, in the Gregorian calendar.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    loop {
        let leap = u64::from(is_leap(year));
        if days < leap.saturating_add(365) {
            let months = [31, leap.saturating_add(28), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, length) in (1..).zip(months) {
                if days < length {
                    return (year, month, days.saturating_add(1));
                }
                days = days.saturating_sub(length);
            }
        }
        days = days.saturating_sub(leap.saturating_add(365));
        year = year.saturating_add(1);
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_venue_does() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_424_700, "2026-11-23T09:05:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
        ] {
            assert_eq!(Time(seconds * 1_000_000).iso(), text);
        }
    }
}
