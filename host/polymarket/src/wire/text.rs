//! A value's text: the content of a JSON string, or the digits of a number as they were written.

use model::Time;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The text of a scalar; empty for null and for an absent field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'a RawValue>::deserialize(deserializer)?.get();
        if raw == "null" {
            return Ok(Self::default());
        }
        match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(inner) if !inner.contains('\\') => Ok(Self(Cow::Borrowed(inner))),
            Some(_) => serde_json::from_str(raw).map(|text| Self(Cow::Owned(text))).map_err(D::Error::custom),
            None => Ok(Self(Cow::Borrowed(raw))),
        }
    }
}

/// Parses a Unix time of seconds, milliseconds, microseconds or nanoseconds: the user channel is known to mix the first two
/// (PROTOCOL 1.6), and the ranges cannot be confused before the year 5138.
pub(crate) fn parse_time(text: &str) -> Option<Time> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value: u64 = text.parse().ok()?;
    let micros = match value {
        0..100_000_000_000 => value.checked_mul(1_000_000)?,
        100_000_000_000..100_000_000_000_000 => value.checked_mul(1_000)?,
        100_000_000_000_000..100_000_000_000_000_000 => value,
        _ => value.checked_div(1_000)?,
    };
    Some(Time(micros))
}

/// Parses `2026-11-23T09:05:00Z`, with or without a fraction of a second; only UTC.
pub(crate) fn parse_iso_time(text: &str) -> Option<Time> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-')?;
    let (clock, _) = clock.split_once('.').unwrap_or((clock, ""));
    let [hour, minute, second] = numbers(clock, ':')?;
    if !(1970..=9999).contains(&year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_before_year(year).checked_add(day_of_year(year, month, day)?)?;
    let seconds = days
        .checked_mul(24)?
        .checked_add(hour)?
        .checked_mul(60)?
        .checked_add(minute)?
        .checked_mul(60)?
        .checked_add(second)?;
    Some(Time(seconds.checked_mul(1_000_000)?))
}

fn numbers(text: &str, separator: char) -> Option<[u64; 3]> {
    let mut parts = text.split(separator).map(|part| part.parse::<u64>().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

/// Whole days from 1970-01-01 to the first of January of `year`, 1970 or later.
fn days_before_year(year: u64) -> u64 {
    let before = year.saturating_sub(1);
    let leap_days = |year: u64| (year / 4).saturating_sub(year / 100).saturating_add(year / 400);
    let leaps = leap_days(before).saturating_sub(leap_days(1969));
    year.saturating_sub(1970).saturating_mul(365).saturating_add(leaps)
}

/// The days of `year` before the given one.
fn day_of_year(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let february = if leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let place = usize::try_from(month.checked_sub(1)?).ok()?;
    let length: u64 = *months.get(place)?;
    let before: u64 = months.iter().take(place).sum();
    (1..=length).contains(&day).then(|| before.saturating_add(day).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_numbers_give_their_text() {
        let texts: Vec<Text<'_>> = serde_json::from_str(r#"["0.48", 0.48, ".48", "", null, 5, "a\"b", true]"#).unwrap();
        let texts: Vec<&str> = texts.iter().map(Text::as_str).collect();
        assert_eq!(texts, ["0.48", "0.48", ".48", "", "", "5", "a\"b", "true"]);
    }

    #[test]
    fn times_of_every_unit_are_the_same_moment() {
        let moment = Some(Time(1_795_424_401_000_000));
        for text in ["1795424401", "1795424401000", "1795424401000000", "1795424401000000000"] {
            assert_eq!(parse_time(text), moment, "{text}");
        }
        for text in ["", "-1", "+1", "1.5", "x", "99999999999999999999999"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn iso_times_are_read() {
        assert_eq!(parse_iso_time("1970-01-01T00:00:00Z"), Some(Time(0)));
        assert_eq!(parse_iso_time("2000-03-01T00:00:00Z"), Some(Time(951_868_800_000_000)));
        assert_eq!(parse_iso_time("2026-11-23T09:05:00Z"), Some(Time(1_795_424_700_000_000)));
        assert_eq!(parse_iso_time("2026-11-23T09:05:00.123Z"), Some(Time(1_795_424_700_000_000)));
        for text in ["", "2026-11-23", "2026-11-23T09:05:00", "2026-13-23T09:05:00Z", "2026-02-29T00:00:00Z"] {
            assert_eq!(parse_iso_time(text), None, "{text}");
        }
    }
}
