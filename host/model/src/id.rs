//! Identifiers. Ids that could be confused have different types.

use crate::hex;
use core::fmt;

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

number_id!(
    /// The number of an order, rising within a session from 1; assigned by the engine before anything is signed.
    OrderId(u64)
);
number_id!(
    /// The position of an input in the journal, rising from 1 without gaps.
    Seq(u64)
);
number_id!(
    /// A trading session: one run of the host on one account, identified by its start in microseconds.
    SessionId(u64)
);
number_id!(
    /// A strategy, numbered by the host; 0 is the host itself (guards, operators).
    StrategyId(u16)
);
number_id!(
    /// The index of a market in the engine's table.
    MarketIx(u32)
);
number_id!(
    /// The index of a token in the engine's table; the tokens of market `m` are `2m` and `2m + 1`.
    TokenIx(u32)
);

impl StrategyId {
    /// The owner of what belongs to no strategy: external orders on the same account, and what transfers brought.
    /// Strategies are numbered from 1.
    pub const EXTERNAL: Self = Self(0);
}

impl MarketIx {
    /// Returns the market's token of outcome 0 (YES) or 1 (NO).
    pub const fn token(self, outcome: u32) -> TokenIx {
        TokenIx(self.0.saturating_mul(2).saturating_add(if outcome == 0 { 0 } else { 1 }))
    }
}

impl TokenIx {
    /// Returns the market that this token belongs to.
    pub const fn market(self) -> MarketIx {
        MarketIx(self.0 / 2)
    }

    /// Returns the token of the other outcome.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// Returns the outcome: 0 (YES, Up, first team) or 1.
    pub const fn outcome(self) -> u32 {
        self.0 & 1
    }

    /// Returns the index as `usize`.
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl MarketIx {
    /// Returns the index as `usize`.
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// Parses `0x` and 64 hexadecimal digits of either case.
            pub fn parse(text: &str) -> Option<Self> {
                hex::decode_array(text.strip_prefix("0x")?).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0x")?;
                hex::write(f, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hex_id!(
    /// The venue's id of a negative-risk event (`neg_risk_market_id`).
    EventId
);
hex_id!(
    /// The venue's id of an order: the EIP-712 digest of the signed order, known before it is sent.
    VenueOrderId
);
hex_id!(
    /// A condition, the venue's id of a market with two outcomes (32 bytes; the CTF kind).
    ConditionId
);

/// A trade's id: the UUID that the venue gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TradeId(pub [u8; 16]);

impl TradeId {
    /// Parses a UUID in its usual form with hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        let mut at = 0;
        let mut high = None;
        for (place, byte) in text.bytes().enumerate() {
            if matches!(place, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return None;
                }
                continue;
            }
            let digit = hex::value(byte)?;
            match high.take() {
                None => high = Some(digit),
                Some(upper) => {
                    *bytes.get_mut(at)? = u8::checked_mul(upper, 16)?.checked_add(digit)?;
                    at = usize::checked_add(at, 1)?;
                }
            }
        }
        (text.len() == 36).then_some(Self(bytes))
    }
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            hex::write(f, &[*byte])?;
        }
        Ok(())
    }
}

/// An outcome token's id at the venue: a uint256, written as a decimal on the wire, kept big-endian here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct TokenId(pub [u8; 32]);

impl TokenId {
    /// Parses a decimal of at most 78 digits that fits 256 bits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > 78 {
            return None;
        }
        let mut bytes = [0u8; 32];
        for digit in text.bytes() {
            let mut carry = u16::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
            for byte in bytes.iter_mut().rev() {
                let [high, low] = u16::from(*byte).wrapping_mul(10).wrapping_add(carry).to_be_bytes();
                *byte = low;
                carry = u16::from(high);
            }
            if carry != 0 {
                return None;
            }
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut digits = [b'0'; 78];
        for digit in digits.iter_mut().rev() {
            let mut remainder: u16 = 0;
            for byte in &mut rest {
                let value = remainder.wrapping_mul(256).wrapping_add(u16::from(*byte));
                *byte = u8::try_from(value / 10).unwrap_or(0);
                remainder = value % 10;
            }
            *digit = u8::try_from(remainder).unwrap_or(0).wrapping_add(b'0');
        }
        let text = core::str::from_utf8(&digits).unwrap_or("0").trim_start_matches('0');
        f.write_str(if text.is_empty() { "0" } else { text })
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn a_token_id_above_256_bits_is_refused() {
        let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(TokenId::parse(largest), Some(TokenId([255; 32])));
        let above = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        assert_eq!(TokenId::parse(above), None);
        assert_eq!(TokenId::parse("12a"), None);
        assert_eq!(TokenId::parse(""), None);
    }

    #[test]
    fn a_trade_id_that_is_no_uuid_is_refused() {
        let text = "11111111-2222-4333-8444-555555555555";
        assert_eq!(TradeId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        for bad in ["", "1111", "11111111+2222-4333-8444-555555555555", "11111111-2222-4333-8444-5555555555555"] {
            assert_eq!(TradeId::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn ids_read_back(bytes in any::<[u8; 32]>()) {
            prop_assert_eq!(TokenId::parse(&TokenId(bytes).to_string()), Some(TokenId(bytes)));
            prop_assert_eq!(VenueOrderId::parse(&VenueOrderId(bytes).to_string()), Some(VenueOrderId(bytes)));
        }
    }
}
