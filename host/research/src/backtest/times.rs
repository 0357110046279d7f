//! Times on the command line and in schedules.

use model::Time;

/// Parses `2026-07-24`, `2026-07-24T12:30`, `2026-07-24T12:30:05` (UTC, with or without `Z`) or microseconds since 1970.
/// `None` for anything else.
pub fn parse(text: &str) -> Option<Time> {
    if text.len() > 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Time);
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (date, clock) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut fields = date.split('-').map(number);
    let (year, month, day) = (fields.next()??, fields.next()??, fields.next()??);
    if fields.next().is_some() || !(1_970..=9_999).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let mut fields = clock.split(':').map(number);
    let (hour, minute, second) = (fields.next()??, fields.next()??, fields.next().unwrap_or(Some(0))?);
    let last = days_in(year, month);
    if fields.next().is_some() || !(1..=last).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let years = (1_970..year).map(|year| if is_leap(year) { 366u64 } else { 365 }).fold(0, u64::saturating_add);
    let months = (1..month).map(|month| days_in(year, month)).fold(0, u64::saturating_add);
    let days = years.saturating_add(months).saturating_add(day.saturating_sub(1));
    let minutes = days.saturating_mul(24).saturating_add(hour).saturating_mul(60).saturating_add(minute);
    Some(Time(minutes.saturating_mul(60).saturating_add(second).saturating_mul(1_000_000)))
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_exact() {
        assert_eq!(parse("1970-01-02"), Some(Time(86_400_000_000)));
        assert_eq!(parse("2024-02-29T12:30"), Some(Time(1_709_209_800_000_000)));
        assert_eq!(parse("2026-07-24T12:30:05Z").unwrap().iso().get(..19), Some("2026-07-24T12:30:05"));
        assert_eq!(parse("1795424400000000"), Some(Time(1_795_424_400_000_000)));
        for bad in ["", "2026", "2026-13-01", "2026-02-29", "2026-01-01T24:00", "2026-1-1-1", "x", "2026-01-01T1", "-1"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
