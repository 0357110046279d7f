//! Amounts in request bodies, in the form that the OpenAPI document declares: digits, and at most six after the point.

use crate::problem::ProblemResponse;
use model::{Size, Usd};

/// The most digits before the point.
const WHOLE_MAX: usize = 9;
/// The most digits after the point.
const FRACTION_MAX: usize = 6;

/// Returns true if a text has the form of an amount: no sign, no exponent, no leading zero.
fn is_amount(text: &str) -> bool {
    let digits =
        |text: &str, max: usize| (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole = digits(whole, WHOLE_MAX) && (whole == "0" || !whole.starts_with('0'));
    whole && fraction.is_none_or(|fraction| digits(fraction, FRACTION_MAX))
}

/// Parses dollars, including zero.
pub(crate) fn dollars(text: &str) -> Option<Usd> {
    Usd::parse(text).filter(|_| is_amount(text))
}

/// Parses a number of shares above zero.
///
/// # Errors
/// If the text has another form. The message contains the text.
pub(crate) fn shares(text: &str) -> Result<Size, ProblemResponse> {
    let size = Size::parse(text).filter(|size| is_amount(text) && !size.is_zero());
    size.ok_or_else(|| {
        ProblemResponse::bad(format!("`{text}` is not a number of shares; expected more than 0, such as 20"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_digits_with_at_most_six_decimals() {
        for good in ["0", "12", "12.5", "0.000001", "999999999.999999"] {
            assert!(dollars(good).is_some(), "{good}");
        }
        for bad in ["", ".", "5.", ".5", "-5", "+5", "05", "1e3", "0.0000001", "0.5000000", "1000000000", "5 ", "٣"] {
            assert!(dollars(bad).is_none(), "{bad}");
        }
        assert!(shares("0").is_err() && shares("0.0").is_err());
        assert_eq!(shares("0.5").ok(), Some(Size(500_000)));
    }
}
