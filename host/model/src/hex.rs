//! Hexadecimal text: two digits for each byte. The prefix `0x` is only used where a name says so.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// Writes two lower-case digits for each byte.
///
/// # Errors
/// If the writer fails.
pub fn write(out: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    let values = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    values.filter_map(|value| char::from_digit(value.into(), 16)).try_for_each(|digit| out.write_char(digit))
}

/// Returns two lower-case digits for each byte. The text is allocated once and never reallocated, so wiping it leaves
/// no copy of a key.
pub fn encode(bytes: &[u8]) -> String {
    encode_after("", bytes)
}

/// Returns `0x` and two lower-case digits for each byte.
pub fn encode_prefixed(bytes: &[u8]) -> String {
    encode_after("0x", bytes)
}

fn encode_after(prefix: &str, bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2).saturating_add(prefix.len()));
    text.push_str(prefix);
    // Writing to a string cannot fail.
    let _written = write(&mut text, bytes);
    text
}

/// Returns the bytes of an even number of digits of either case, without a prefix.
pub fn decode(digits: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; digits.len() / 2];
    decode_into(digits, &mut bytes)?;
    Some(bytes)
}

/// Returns the bytes of exactly `2 * N` digits of either case, without a prefix.
pub fn decode_array<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    decode_into(digits, &mut bytes)?;
    Some(bytes)
}

/// Fills `bytes` from exactly twice as many digits of either case, without a prefix. Intended for keys: it makes no
/// other copy of the bytes. If it returns `None`, some of the bytes may have been written.
pub fn decode_into(digits: &str, bytes: &mut [u8]) -> Option<()> {
    if digits.len() != bytes.len().checked_mul(2)? {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = value(high)?.checked_mul(16)?.checked_add(value(low)?)?;
    }
    Some(())
}

/// Returns the value of one digit of either case.
pub(crate) fn value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_byte_has_two_lower_case_digits() {
        assert_eq!((encode(&[0, 9, 10, 0xAB, 0xFF]).as_str(), encode(&[]).as_str()), ("00090aabff", ""));
        assert_eq!((encode_prefixed(&[0, 0xAB]).as_str(), encode_prefixed(&[]).as_str()), ("0x00ab", "0x"));
    }

    #[test]
    fn the_text_is_allocated_once() {
        let (plain, prefixed) = (encode(&[7; 32]), encode_prefixed(&[7; 32]));
        assert_eq!((plain.capacity(), prefixed.capacity()), (64, 66));
    }

    #[test]
    fn digits_of_either_case_are_read() {
        for digits in ["00ABcdEf", "00abcdef", "00ABCDEF"] {
            assert_eq!(decode(digits), Some(vec![0, 0xab, 0xcd, 0xef]), "{digits}");
            assert_eq!(decode_array(digits), Some([0, 0xab, 0xcd, 0xef]), "{digits}");
        }
        assert_eq!((decode(""), decode_array("")), (Some(vec![]), Some([])));
    }

    #[test]
    fn what_is_not_whole_bytes_of_digits_is_refused() {
        for text in ["0", "000", "0x00", "0g", "g0", " 0", "0 ", "+0", "-1", "0_", "é", "０"] {
            assert_eq!(decode(text), None, "{text}");
        }
        // `é` has two bytes, so the length in bytes is right.
        assert_eq!(decode_array::<2>("00é"), None);
    }

    #[test]
    fn an_array_takes_no_other_number_of_digits() {
        for text in ["", "0", "00", "000", "00000", "000000", "0x0000"] {
            assert_eq!((decode_array::<2>(text), decode_into(text, &mut [0; 2])), (None, None), "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_read_back(bytes in any::<Vec<u8>>(), word in any::<[u8; 32]>()) {
            let text = encode(&bytes);
            prop_assert_eq!(decode(&text.to_uppercase()), Some(bytes.clone()));
            prop_assert_eq!(decode(&text), Some(bytes));
            prop_assert_eq!(decode_array(&encode(&word)), Some(word));
            prop_assert_eq!(encode_prefixed(&word), ["0x", &encode(&word)].concat());
        }
    }
}
