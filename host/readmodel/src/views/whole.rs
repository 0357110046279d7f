//! Whole numbers in request bodies. JSON has one kind of number, so `60.0` is the whole number 60.

use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};
use std::fmt;

/// Up to this value every whole number has its own floating-point number.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

struct Whole;

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_negative| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        let whole = number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&number);
        let parsed = whole.then(|| format!("{:.0}", number.abs()).parse().ok()).flatten();
        parsed.ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

struct Optional;

impl<'de> Visitor<'de> for Optional {
    type Value = Option<u64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or null")
    }

    fn visit_none<E: Error>(self) -> Result<Option<u64>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<u64>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<u64>, D::Error> {
        required(deserializer).map(Some)
    }
}

/// Reads a whole number that must be there.
pub(super) fn required<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserializer.deserialize_any(Whole)
}

/// Reads a whole number or `null`.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserializer.deserialize_option(Optional)
}

/// As [`optional`], for a field of 32 bits.
pub(super) fn optional_u32<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = optional(deserializer)?;
    let fits = number.map(|number| u32::try_from(number).map_err(|_large| number));
    fits.transpose().map_err(|large| D::Error::invalid_value(Unexpected::Unsigned(large), &"a number of 32 bits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Body {
        #[serde(deserialize_with = "required")]
        a: u64,
        #[serde(default, deserialize_with = "optional")]
        b: Option<u64>,
    }

    #[test]
    fn a_whole_number_may_have_a_point_and_no_other_number_is_accepted() {
        let read = |text: &str| serde_json::from_str::<Body>(text).map(|body| (body.a, body.b));
        assert_eq!(read(r#"{"a": 60}"#).unwrap(), (60, None));
        assert_eq!(read(r#"{"a": 60.0, "b": 182.0}"#).unwrap(), (60, Some(182)));
        assert_eq!(read(r#"{"a": -0.0, "b": null}"#).unwrap(), (0, None));
        for bad in
            [r#"{"a": 0.5}"#, r#"{"a": -1}"#, r#"{"a": 1e300}"#, r#"{"a": 1, "b": "2"}"#, r#"{"a": 1, "b": 1.5}"#]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
