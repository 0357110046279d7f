//! Decimal numbers of the source code, without floats.

/// Decimal places of a millionth.
const PLACES: usize = 6;

/// Parses a decimal number with at most six decimal places into millionths.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let (minus, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(part) || part.len() > PLACES {
        return None;
    }
    let value: i64 = format!("{whole}{part:0<PLACES$}").parse().ok()?;
    if minus { value.checked_neg() } else { Some(value) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::micros;

    #[test]
    fn decimals_are_millionths() {
        assert_eq!(micros("0.05"), Some(50_000));
        assert_eq!(micros("-12"), Some(-12_000_000));
        assert_eq!(micros("1.000001"), Some(1_000_001));
        for bad in ["", "-", ".5", "1.", "1e3", "1.0000001", "99999999999999999999", "0x1"] {
            assert_eq!(micros(bad), None, "{bad}");
        }
    }
}
