//! Bytes as people and scripts read them.

/// Returns two lower-case hexadecimal digits for each byte. It leaves no copies behind: some of the bytes are keys.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.extend([byte >> 4, byte & 15].into_iter().filter_map(|digit| char::from_digit(u32::from(digit), 16)));
    }
    text
}

/// Reads 32 bytes from 64 hexadecimal digits.
pub(crate) fn array(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect();
    let bytes: Vec<u8> = digits?.chunks_exact(2).filter_map(|pair| Some((pair.first()? << 4) | pair.get(1)?)).collect();
    (text.len() == 64).then(|| bytes.try_into().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!((hex(&[0, 9, 10, 0xAB, 0xFF]).as_str(), hex(&[]).as_str()), ("00090aabff", ""));
    }

    #[test]
    fn digits_are_read_back_and_others_are_not() {
        let bytes: [u8; 32] = std::array::from_fn(|place| u8::try_from(place * 7).unwrap_or(0));
        assert_eq!(array(&hex(&bytes)), Some(bytes));
        assert_eq!(array(&hex(&bytes[1..])), None);
        assert_eq!(array(&format!("{}g", "0".repeat(63))), None);
    }
}
