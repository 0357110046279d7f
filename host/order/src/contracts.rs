//! The exchange contracts that orders are signed for (PROTOCOL 1.2 and 1.3).

use crate::address::Address;

/// A chain that the venue's contracts are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// Polygon, production: 137.
    Polygon,
    /// Amoy, the test chain: 80002.
    Amoy,
}

impl Chain {
    /// Returns the chain of a number, or `None` if no exchange is known there.
    pub const fn from_id(id: u64) -> Option<Self> {
        match id {
            137 => Some(Self::Polygon),
            80_002 => Some(Self::Amoy),
            _ => None,
        }
    }

    /// Returns the chain's number.
    pub const fn id(self) -> u64 {
        match self {
            Self::Polygon => 137,
            Self::Amoy => 80_002,
        }
    }
}

/// Which contract settles an order of CLOB V2. A wrong one makes an invalid signature at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exchange {
    /// The CTF exchange, of markets that stand alone.
    Standard,
    /// The exchange of negative-risk markets, whose outcomes exclude each other.
    NegRisk,
}

impl Exchange {
    /// Returns the exchange of a market.
    pub const fn of(neg_risk: bool) -> Self {
        if neg_risk { Self::NegRisk } else { Self::Standard }
    }

    /// Returns the contract. Both have the same address on every chain.
    pub const fn contract(self, chain: Chain) -> Address {
        match (self, chain) {
            (Self::Standard, Chain::Polygon | Chain::Amoy) => EXCHANGE_V2,
            (Self::NegRisk, Chain::Polygon | Chain::Amoy) => NEG_RISK_EXCHANGE_V2,
        }
    }
}

/// `0xE111180000d2663C0091e4f400237545B87B996B`
const EXCHANGE_V2: Address = Address([
    0xe1, 0x11, 0x18, 0x00, 0x00, 0xd2, 0x66, 0x3c, 0x00, 0x91, 0xe4, 0xf4, 0x00, 0x23, 0x75, 0x45, 0xb8, 0x7b, 0x99,
    0x6b,
]);

/// `0xe2222d279d744050d28e00520010520000310F59`
const NEG_RISK_EXCHANGE_V2: Address = Address([
    0xe2, 0x22, 0x2d, 0x27, 0x9d, 0x74, 0x40, 0x50, 0xd2, 0x8e, 0x00, 0x52, 0x00, 0x10, 0x52, 0x00, 0x00, 0x31, 0x0f,
    0x59,
]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contracts_are_those_of_the_protocol() {
        for chain in [Chain::Polygon, Chain::Amoy] {
            assert_eq!(Exchange::of(false).contract(chain).checksummed(), "0xE111180000d2663C0091e4f400237545B87B996B");
            assert_eq!(Exchange::of(true).contract(chain).checksummed(), "0xe2222d279d744050d28e00520010520000310F59");
            assert_eq!(Chain::from_id(chain.id()), Some(chain));
        }
        assert_eq!(Chain::from_id(1), None);
    }
}
