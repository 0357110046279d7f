//! The exchange contracts that orders are signed for (PROTOCOL 1.2 and 1.3).

use crate::address::Address;
use hex_literal::hex;
use model::TokenId;

/// A chain with the venue's contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// Polygon, production: 137.
    Polygon,
    /// Amoy, the test chain: 80002.
    Amoy,
}

impl Chain {
    /// Returns the chain of an id, or `None` if no exchange is known there.
    pub const fn from_id(id: u64) -> Option<Self> {
        match id {
            137 => Some(Self::Polygon),
            80_002 => Some(Self::Amoy),
            _ => None,
        }
    }

    /// Returns the chain id.
    pub const fn id(self) -> u64 {
        match self {
            Self::Polygon => 137,
            Self::Amoy => 80_002,
        }
    }
}

/// The contract that settles an order. A wrong one makes the signature invalid at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exchange {
    /// The CTF exchange, for markets that stand alone.
    Standard,
    /// The exchange of negative-risk markets, whose outcomes exclude each other.
    NegRisk,
    /// Exchange V3, for the positions of Protocol V2, and for all tokens once the venue's order version is 3.
    V3,
}

impl Exchange {
    /// All of them, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::Standard, Self::NegRisk, Self::V3];

    /// Returns the exchange of a market of CTF tokens at order version 2.
    pub const fn of(neg_risk: bool) -> Self {
        if neg_risk { Self::NegRisk } else { Self::Standard }
    }

    /// Returns the exchange that settles orders on a token while `GET /version` answers `version` (PROTOCOL 1.4), or
    /// `None` for an unknown order version.
    pub fn route(version: u64, token: &TokenId, neg_risk: bool) -> Option<Self> {
        match version {
            2 if is_position(token) => Some(Self::V3),
            2 => Some(Self::of(neg_risk)),
            3 => Some(Self::V3),
            _ => None,
        }
    }

    /// Returns the version in its domain.
    pub const fn order_version(self) -> &'static str {
        match self {
            Self::Standard | Self::NegRisk => "2",
            Self::V3 => "3",
        }
    }

    /// Returns its code in the signer's messages.
    pub const fn code(self) -> u8 {
        match self {
            Self::Standard => 0,
            Self::NegRisk => 1,
            Self::V3 => 2,
        }
    }

    /// Returns the exchange of a code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exchange| exchange.code() == code)
    }

    /// Returns the contract. Those of version 2 have the same address on every chain.
    pub const fn contract(self, chain: Chain) -> Address {
        match (self, chain) {
            (Self::Standard, Chain::Polygon | Chain::Amoy) => EXCHANGE_V2,
            (Self::NegRisk, Chain::Polygon | Chain::Amoy) => NEG_RISK_EXCHANGE_V2,
            (Self::V3, Chain::Polygon) => EXCHANGE_V3,
            (Self::V3, Chain::Amoy) => EXCHANGE_V3_AMOY,
        }
    }
}

/// Returns true if a token is a position of Protocol V2 and not a CTF token: its bits 40 to 103 are zero (PROTOCOL
/// 1.5).
pub fn is_position(token: &TokenId) -> bool {
    token.0.iter().skip(19).take(8).all(|byte| *byte == 0)
}

const EXCHANGE_V2: Address = Address(hex!("E111180000d2663C0091e4f400237545B87B996B"));
const NEG_RISK_EXCHANGE_V2: Address = Address(hex!("e2222d279d744050d28e00520010520000310F59"));
const EXCHANGE_V3: Address = Address(hex!("e3333700cA9d93003F00f0F71f8515005F6c00Aa"));
const EXCHANGE_V3_AMOY: Address = Address(hex!("9fE6e61422AdB6F610d8597F9684b16912D50C3D"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_found_by_its_number() {
        for chain in [Chain::Polygon, Chain::Amoy] {
            assert_eq!(Chain::from_id(chain.id()), Some(chain));
        }
        assert_eq!(Chain::from_id(1), None);
    }

    #[test]
    fn the_version_and_the_token_say_which_exchange_settles() {
        let ctf = TokenId([1; 32]);
        let mut bytes = [1; 32];
        bytes[19..27].fill(0);
        let position = TokenId(bytes);
        assert_eq!(Exchange::route(2, &ctf, false), Some(Exchange::Standard));
        assert_eq!(Exchange::route(2, &ctf, true), Some(Exchange::NegRisk));
        assert_eq!(Exchange::route(2, &position, true), Some(Exchange::V3));
        assert_eq!(Exchange::route(3, &ctf, true), Some(Exchange::V3));
        assert_eq!(Exchange::route(1, &ctf, false), None);
        for exchange in Exchange::ALL {
            assert_eq!(Exchange::from_code(exchange.code()), Some(exchange));
        }
        assert_eq!(Exchange::from_code(3), None);
    }
}
