//! Bytes as people and scripts read them.

/// Returns two lower-case hexadecimal digits for each byte. It leaves no copies behind: some of the bytes are keys.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.extend([byte >> 4, byte & 15].into_iter().filter_map(|digit| char::from_digit(u32::from(digit), 16)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!((hex(&[0, 9, 10, 0xAB, 0xFF]).as_str(), hex(&[]).as_str()), ("00090aabff", ""));
    }
}
