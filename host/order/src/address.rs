//! Ethereum addresses.

use crate::eip712::keccak;
use alloc::string::String;
use core::fmt;
use model::hex;

/// An address of an account or a contract: 20 bytes. Compared as bytes, so the case of its digits never matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 20]);

impl Address {
    /// Parses `0x` and 40 hexadecimal digits of either case. A mixed-case checksum is not verified: clients of the
    /// venue write addresses in every case.
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode_array(text.strip_prefix("0x")?).map(Self)
    }

    /// Returns the address in the last 20 bytes of a hash, for addresses of keys and of contracts.
    pub(crate) fn at_end_of(hash: &[u8; 32]) -> Self {
        Self(hash.last_chunk().copied().unwrap_or_default())
    }

    /// Returns the address with the mixed-case checksum of EIP-55, as the venue's Python client writes it.
    pub fn checksummed(&self) -> String {
        let digits = hex::encode(&self.0);
        let hash = keccak(digits.as_bytes());
        let nibbles = hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let mut text = String::with_capacity(42);
        text.push_str("0x");
        for (digit, nibble) in digits.chars().zip(nibbles) {
            text.push(if nibble >= 8 { digit.to_ascii_uppercase() } else { digit });
        }
        text
    }

    /// Returns the address as a 32-byte word with leading zeros, as EIP-712 encodes it.
    pub fn word(&self) -> [u8; 32] {
        let mut word = [0; 32];
        for (to, from) in word.iter_mut().rev().zip(self.0.iter().rev()) {
            *to = *from;
        }
        word
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_checksum_is_that_of_eip_55() {
        // Examples of EIP-55 itself.
        for text in [
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
            "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
            "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.checksummed(), text);
            assert_eq!(address.to_string(), text.to_lowercase());
            assert_eq!(Address::parse(&text.replace("0x", "").to_uppercase()), None);
            assert_eq!(Address::parse(&std::format!("0x{}", text[2..].to_uppercase())), Some(address));
        }
    }

    #[test]
    fn an_invalid_address_is_refused() {
        for bad in [
            "",
            "0x",
            "0x00",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
        ] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_word_has_the_address_at_its_end() {
        let word = Address([7; 20]).word();
        assert_eq!(word[..12], [0; 12]);
        assert_eq!(word[12..], [7; 20]);
    }
}
