//! A value's text: the content of a JSON string, or a number as written. The JSON kind is kept: the same text may be
//! valid as a number but not as a list.

use model::Time;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The kinds of JSON values that are distinguished.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Null, or the field is absent.
    #[default]
    Absent,
    /// A string or a number, which are interchangeable.
    Scalar,
    /// True or false.
    Flag,
    /// A list or an object.
    Nested,
}

/// The text of any value; empty for null and for an absent field. Deserializing it never fails on well-formed JSON, so
/// that an invalid kind is reported later, with the field's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    text: Cow<'a, str>,
    kind: Kind,
}

impl Text<'_> {
    /// The value of an absent field.
    pub(crate) const ABSENT: Self = Self { text: Cow::Borrowed(""), kind: Kind::Absent };

    /// Returns the text; for a list or an object its JSON.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true if the field has no value: it is absent, null, or an empty string.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Returns the content of a string, or a number as written; empty if absent, `None` for other kinds.
    pub(crate) fn scalar(&self) -> Option<&str> {
        matches!(self.kind, Kind::Absent | Kind::Scalar).then_some(&*self.text)
    }

    /// Returns the JSON of a list or an object.
    pub(crate) fn nested(&self) -> Option<&str> {
        (self.kind == Kind::Nested).then_some(&*self.text)
    }

    /// Returns true if the field is absent or null.
    pub(crate) fn is_absent(&self) -> bool {
        self.kind == Kind::Absent
    }

    /// Reads a boolean: a JSON boolean, its word, or 1 or 0. `None` if it is none of these.
    pub(crate) fn flag(&self) -> Option<bool> {
        let is = |words: [&str; 2]| words.iter().any(|word| self.text.eq_ignore_ascii_case(word));
        match self.kind {
            Kind::Flag | Kind::Scalar if is(["true", "1"]) => Some(true),
            Kind::Flag | Kind::Scalar if is(["false", "0"]) => Some(false),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'a RawValue>::deserialize(deserializer)?.get();
        let kind = match raw.as_bytes().first() {
            Some(b'n') => return Ok(Self::default()),
            Some(b't' | b'f') => Kind::Flag,
            Some(b'{' | b'[') => Kind::Nested,
            _ => Kind::Scalar,
        };
        match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            Some(inner) if !inner.contains('\\') => Ok(Self { text: Cow::Borrowed(inner), kind }),
            Some(_) => {
                serde_json::from_str(raw).map(|text| Self { text: Cow::Owned(text), kind }).map_err(D::Error::custom)
            }
            None => Ok(Self { text: Cow::Borrowed(raw), kind }),
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

/// Parses a time: ISO in UTC, or a Unix time in any unit of [`parse_time`], 2001 or later.
pub(crate) fn parse_moment(text: &str) -> Option<Time> {
    const EARLIEST: Time = Time(1_000_000_000_000_000);
    parse_iso_time(text).or_else(|| parse_time(text).filter(|time| *time >= EARLIEST))
}

/// Parses `2026-11-23T09:05:00Z`, with or without a fraction of a second. Only UTC is accepted, which may also be
/// written as `+00:00`; a space may separate date and time.
pub(crate) fn parse_iso_time(text: &str) -> Option<Time> {
    let utc = ["Z", "+00:00", "+00"].iter().find_map(|zone| text.strip_suffix(zone))?;
    let (date, clock) = utc.split_once(['T', ' '])?;
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

/// Returns the whole days from 1970-01-01 to January 1 of `year`, 1970 or later.
fn days_before_year(year: u64) -> u64 {
    let before = year.saturating_sub(1);
    let leap_days = |year: u64| (year / 4).saturating_sub(year / 100).saturating_add(year / 400);
    let leaps = leap_days(before).saturating_sub(leap_days(1969));
    year.saturating_sub(1970).saturating_mul(365).saturating_add(leaps)
}

/// Returns the days of `year` before the given one.
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
    fn what_a_value_is_decides_what_it_can_stand_for() {
        let read = |json: &'static str| serde_json::from_str::<Text<'_>>(json).unwrap();
        for (json, flag) in [
            ("true", Some(true)),
            ("false", Some(false)),
            ("\"true\"", Some(true)),
            ("\"False\"", Some(false)),
            ("1", Some(true)),
            ("\"0\"", Some(false)),
            ("2", None),
            ("1.0", None),
            ("\"yes\"", None),
            ("\"\"", None),
            ("null", None),
            ("[true]", None),
            ("{}", None),
        ] {
            assert_eq!(read(json).flag(), flag, "{json}");
        }
        assert_eq!((read("true").scalar(), read("{\"a\":1}").scalar(), read("[]").scalar()), (None, None, None));
        assert_eq!((read("null").scalar(), read("\"\"").scalar(), read("5").scalar()), (Some(""), Some(""), Some("5")));
        assert_eq!((read("[ 1]").nested(), read("\"[1]\"").nested()), (Some("[ 1]"), None));
        assert!(read("null").is_absent() && !read("\"\"").is_absent());
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
        for text in ["2026-11-23T09:05:00.123Z", "2026-11-23 09:05:00+00", "2026-11-23T09:05:00+00:00"] {
            assert_eq!(parse_iso_time(text), Some(Time(1_795_424_700_000_000)), "{text}");
        }
        for text in ["1795424700", "1795424700000", "2026-11-23T09:05:00Z"] {
            assert_eq!(parse_moment(text), Some(Time(1_795_424_700_000_000)), "{text}");
        }
        for text in ["soon", "2026-11-23", "2026-11-23T09:05:00+01:00", "-5", "5"] {
            assert_eq!(parse_moment(text), None, "{text}");
        }
        for text in ["", "2026-11-23", "2026-11-23T09:05:00", "2026-13-23T09:05:00Z", "2026-02-29T00:00:00Z"] {
            assert_eq!(parse_iso_time(text), None, "{text}");
        }
    }
}
