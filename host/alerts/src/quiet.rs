//! Hours of the UTC day in which all but critical alerts wait, and moments of the day.

use model::Time;
use model::time::DAY_MICROS;
use std::time::Duration;

const MINUTES: u16 = 1_440;
const MINUTE_MICROS: u64 = 60_000_000;

/// A minute of the UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minute(u16);

impl Minute {
    /// Parses `HH:MM`, 00:00 to 23:59.
    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let two = |digits: &str| {
            let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse::<u16>().ok()).flatten()
        };
        let (hours, minutes) = (two(hours)?, two(minutes)?);
        (hours < 24 && minutes < 60).then(|| Self(hours.saturating_mul(60).saturating_add(minutes)))
    }

    fn of(at: Time) -> Self {
        let minute = at.0.checked_rem(DAY_MICROS).unwrap_or_default().checked_div(MINUTE_MICROS).unwrap_or_default();
        Self(u16::try_from(minute).unwrap_or_default())
    }

    /// Returns the number of the day that contains `at`, if days begin at this minute.
    pub fn day(self, at: Time) -> u64 {
        Time(at.0.saturating_add(DAY_MICROS).saturating_sub(u64::from(self.0).saturating_mul(MINUTE_MICROS))).day()
    }

    /// Returns the minutes from `self` to `later`, on this day or the next.
    fn until(self, later: Self) -> u16 {
        let passed = later.0.saturating_add(MINUTES).saturating_sub(self.0);
        passed.checked_rem(MINUTES).unwrap_or_default()
    }
}

/// Quiet hours, each day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuietHours {
    from: Minute,
    until: Minute,
}

impl QuietHours {
    /// Parses `HH:MM-HH:MM`; the end may be on the next day, and differs from the beginning.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once('-')?;
        let (from, until) = (Minute::parse(from.trim())?, Minute::parse(until.trim())?);
        (from != until).then_some(Self { from, until })
    }

    /// Returns the remaining time of the quiet hours, if `at` is within them.
    pub(crate) fn rest(self, at: Time) -> Option<Duration> {
        let now = Minute::of(at);
        let quiet = self.from.until(now) < self.from.until(self.until);
        let past = at.0.checked_rem(MINUTE_MICROS).unwrap_or_default();
        let rest = u64::from(now.until(self.until)).saturating_mul(MINUTE_MICROS).saturating_sub(past);
        quiet.then(|| Duration::from_micros(rest))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    fn at(hours: u64, minutes: u64, seconds: u64) -> Time {
        Time(DAY_MICROS * 20_000 + ((hours * 60 + minutes) * 60 + seconds) * 1_000_000)
    }

    #[test]
    fn quiet_hours_end_on_the_next_day_too() {
        let night = QuietHours::parse("22:30-07:00").unwrap();
        let rest = |hours, minutes, seconds| night.rest(at(hours, minutes, seconds)).map(|rest| rest.as_secs());
        assert_eq!(rest(22, 29, 59), None);
        assert_eq!(rest(22, 30, 0), Some(8 * 3_600 + 1_800));
        assert_eq!(rest(23, 59, 30), Some(7 * 3_600 + 30));
        assert_eq!((rest(0, 0, 0), rest(6, 59, 59), rest(7, 0, 0)), (Some(7 * 3_600), Some(1), None));
        let noon = QuietHours::parse("12:00-13:00").unwrap();
        assert_eq!(noon.rest(at(12, 30, 0)).map(|rest| rest.as_secs()), Some(1_800));
        assert_eq!((noon.rest(at(11, 59, 0)), noon.rest(at(13, 0, 0))), (None, None));
    }

    #[test]
    fn what_is_not_an_hour_is_refused() {
        for bad in ["", "22:00", "22:00-22:00", "24:00-07:00", "22:60-07:00", "7:00-8:00", "+1:00-08:00", "22-7"] {
            assert_eq!(QuietHours::parse(bad), None, "{bad}");
        }
        assert_eq!(Minute::parse("23:59"), Some(Minute(1_439)));
    }

    #[test]
    fn a_day_begins_with_its_minute() {
        let minute = Minute::parse("18:00").unwrap();
        let day = |hours, minutes| minute.day(at(hours, minutes, 0));
        assert_eq!(day(0, 0), day(17, 59));
        assert_eq!(day(18, 0), day(17, 59) + 1);
        assert_eq!(day(18, 0), day(23, 59));
        let midnight = Minute::parse("00:00").unwrap();
        assert_eq!(midnight.day(at(0, 0, 0)), midnight.day(at(23, 59, 59)));
    }
}
