//! Orders of CLOB V2, before and after signing (PROTOCOL 3 and 4).

use crate::address::Address;
use crate::amounts::{AmountError, Amounts, limit_amounts, placeable_market_amounts};
use crate::contracts::{Chain, Exchange};
use crate::eip712::{Domain, hash_words, word};
use crate::signing::{Signature65, SigningKey, recover};
use crate::wrapped;
use alloc::string::{String, ToString};
use hex_literal::hex;
use model::{NewOrder, OrderKind, Side, Size, TickSize, TokenId, VenueOrderId, hex};

/// Salts are sent as JSON numbers, which are exact only below 2^53.
pub const SALT_END: u64 = 1 << 53;

/// The order's type in EIP-712 notation.
pub(crate) const ORDER_TYPE: &str = "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,\
    uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)";

/// The hash of [`ORDER_TYPE`].
const ORDER_TYPE_HASH: [u8; 32] = hex!("bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589");

/// The verification of an account's orders (PROTOCOL 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignatureType {
    /// The key's own account holds the funds: 0.
    Eoa,
    /// A proxy wallet holds them: 1.
    Proxy,
    /// A Safe holds them: 2.
    Safe,
    /// A deposit wallet holds them and is named as signer; the key signs for it (ERC-1271): 3.
    Deposit,
}

impl SignatureType {
    /// Returns the type of the venue's code, or `None` if there is no such type.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Eoa),
            1 => Some(Self::Proxy),
            2 => Some(Self::Safe),
            3 => Some(Self::Deposit),
            _ => None,
        }
    }

    /// Returns the venue's code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Eoa => 0,
            Self::Proxy => 1,
            Self::Safe => 2,
            Self::Deposit => 3,
        }
    }
}

/// The account that places orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// The address of the key that signs.
    pub signer: Address,
    /// The address that holds dollars and shares: the signer itself for [`SignatureType::Eoa`].
    pub funder: Address,
    /// The relation of the two.
    pub signature_type: SignatureType,
    /// The chain of the exchange contracts.
    pub chain: Chain,
}

impl Account {
    /// Returns the account of a key that holds its own funds.
    pub const fn eoa(address: Address, chain: Chain) -> Self {
        Self { signer: address, funder: address, signature_type: SignatureType::Eoa, chain }
    }

    /// Returns the address that orders name as signer: the key's, or the deposit wallet's if it verifies.
    pub const fn order_signer(&self) -> Address {
        match self.signature_type {
            SignatureType::Deposit => self.funder,
            SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe => self.signer,
        }
    }
}

/// The market properties that an order depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderTerms {
    /// The outcome token.
    pub token_id: TokenId,
    /// The current price grid.
    pub tick: TickSize,
    /// The contract that settles it.
    pub exchange: Exchange,
}

/// Reasons why an order cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The size has more than two decimals. It is refused and not truncated, because the engine has reserved for the
    /// approved size.
    #[error("size {size} is not whole hundredths of a share")]
    FineSize {
        /// The shares.
        size: Size,
    },
    /// The salt is not exact as a JSON number.
    #[error("salt {salt} must be below {SALT_END}")]
    Salt {
        /// The salt.
        salt: u64,
    },
    /// The amounts are invalid.
    #[error(transparent)]
    Amounts(#[from] AmountError),
}

/// An order to be signed. Its hash in the domain of its exchange is its id at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsignedOrder {
    /// Distinguishes equal orders; below [`SALT_END`].
    pub salt: u64,
    /// The address that pays: the funder.
    pub maker: Address,
    /// The address that verifies: the key's, or the deposit wallet's.
    pub signer: Address,
    /// The outcome token.
    pub token_id: TokenId,
    /// The amount given: millionths of dollars for a BUY, of shares for a SELL.
    pub maker_amount: u64,
    /// The amount asked for: millionths of shares for a BUY, of dollars for a SELL.
    pub taker_amount: u64,
    /// Buy or sell.
    pub side: Side,
    /// The relation of maker and signer.
    pub signature_type: SignatureType,
    /// Creation time, in milliseconds since the epoch. Not an expiry; it makes the order unique.
    pub timestamp_ms: u64,
    /// Free bytes, zero by default.
    pub metadata: [u8; 32],
    /// The builder code, zero if none.
    pub builder: [u8; 32],
}

impl UnsignedOrder {
    /// Builds the order that the gate approved: limit amounts for GTC, [`placeable_market_amounts`] for FAK and FOK.
    ///
    /// # Errors
    /// If size or price do not fit the market's grid, the order is too small to keep its price, or the salt is too
    /// large.
    pub fn build(
        order: &NewOrder,
        account: &Account,
        listing: &OrderTerms,
        salt: u64,
        timestamp_ms: u64,
    ) -> Result<Self, BuildError> {
        if order.size != order.size.floor_to_cents() {
            return Err(BuildError::FineSize { size: order.size });
        }
        if salt >= SALT_END {
            return Err(BuildError::Salt { salt });
        }
        let amounts = match order.kind {
            OrderKind::Gtc { .. } | OrderKind::Gtd { .. } => limit_amounts,
            OrderKind::Fak | OrderKind::Fok => placeable_market_amounts,
        };
        let Amounts { maker, taker } = amounts(order.side, order.price, order.size, listing.tick)?;
        Ok(Self {
            salt,
            maker: account.funder,
            signer: account.order_signer(),
            token_id: listing.token_id,
            maker_amount: maker,
            taker_amount: taker,
            side: order.side,
            signature_type: account.signature_type,
            timestamp_ms,
            metadata: [0; 32],
            builder: [0; 32],
        })
    }

    /// Returns the EIP-712 hash of the order's fields.
    pub fn struct_hash(&self) -> [u8; 32] {
        let side = match self.side {
            Side::Buy => 0,
            Side::Sell => 1,
        };
        hash_words(&[
            ORDER_TYPE_HASH,
            word(self.salt),
            self.maker.word(),
            self.signer.word(),
            self.token_id.0,
            word(self.maker_amount),
            word(self.taker_amount),
            word(side),
            word(u64::from(self.signature_type.code())),
            word(self.timestamp_ms),
            self.metadata,
            self.builder,
        ])
    }

    /// Returns the order's id at the venue: its digest, which is also the signed digest unless a deposit wallet
    /// verifies.
    pub fn order_id(&self, domain: &Domain) -> VenueOrderId {
        VenueOrderId(domain.digest(&self.struct_hash()))
    }

    /// Signs the order. Allocates nothing; the running time is that of the signature itself.
    pub fn sign(self, domain: &Domain, key: &SigningKey) -> SignedOrder {
        let hash = self.struct_hash();
        let id = VenueOrderId(domain.digest(&hash));
        let digest = match self.signature_type {
            SignatureType::Deposit => wrapped::digest(domain, &hash, self.signer),
            SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe => id.0,
        };
        SignedOrder { order: self, id, domain: *domain, signature: key.sign_digest(&digest) }
    }

    /// Returns the address whose key made a signature of this order, given in wire format; `None` if it is not a
    /// signature of it.
    pub fn signed_by(&self, domain: &Domain, signature: &str) -> Option<Address> {
        if self.signature_type == SignatureType::Deposit {
            let bytes: [u8; wrapped::WRAPPED_LEN] = hex::decode_array(signature.strip_prefix("0x")?)?;
            return wrapped::signer(self, domain, &bytes);
        }
        recover(&self.order_id(domain).0, &Signature65::parse(signature)?)
    }
}

/// An order with its signature, ready to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedOrder {
    /// The signed order.
    pub order: UnsignedOrder,
    /// Its id at the venue.
    pub id: VenueOrderId,
    /// The domain in which it is valid.
    pub domain: Domain,
    /// The key's signature: over the id, or over the wallet's typed data if a deposit wallet verifies.
    pub signature: Signature65,
}

impl SignedOrder {
    /// Returns the signature in wire format: `0x` and 65 bytes, or the 317 of a deposit wallet.
    pub fn signature_text(&self) -> String {
        if self.order.signature_type != SignatureType::Deposit {
            return self.signature.to_string();
        }
        hex::encode_prefixed(&wrapped::wrap(&self.domain, &self.order.struct_hash(), &self.signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eip712::keccak;
    use model::{OrderId, Price, StrategyId, TokenIx};

    fn new_order(kind: OrderKind, size: Size) -> NewOrder {
        NewOrder {
            id: OrderId(1),
            strategy: StrategyId(1),
            tag: 0,
            token: TokenIx(0),
            side: Side::Buy,
            price: Price::from_micros(370_000).unwrap(),
            size,
            kind,
        }
    }

    fn account() -> Account {
        Account {
            funder: Address([2; 20]),
            signature_type: SignatureType::Safe,
            ..Account::eoa(Address([1; 20]), Chain::Amoy)
        }
    }

    fn listing() -> OrderTerms {
        OrderTerms { token_id: TokenId([3; 32]), tick: TickSize::CENT, exchange: Exchange::Standard }
    }

    #[test]
    fn the_type_hash_is_that_of_the_type() {
        assert_eq!(keccak(ORDER_TYPE.as_bytes()), ORDER_TYPE_HASH);
    }

    #[test]
    fn an_order_carries_what_was_approved() {
        let new = new_order(OrderKind::Gtc { post_only: true }, Size::shares(10));
        let order = UnsignedOrder::build(&new, &account(), &listing(), 5, 6).unwrap();
        assert_eq!((order.maker, order.signer), (Address([2; 20]), Address([1; 20])));
        assert_eq!((order.maker_amount, order.taker_amount), (3_700_000, 10_000_000));
        assert_eq!((order.salt, order.timestamp_ms), (5, 6));
        assert_eq!(order.signature_type.code(), 2);
    }

    #[test]
    fn a_market_order_follows_the_rule_for_market_orders() {
        let new = new_order(OrderKind::Fak, Size(10_010_000));
        let order = UnsignedOrder::build(&new, &account(), &listing(), 5, 6).unwrap();
        // 10.01 * 0.37 = 3.7037 dollars, cut to 3.70, which is 10 shares.
        assert_eq!((order.maker_amount, order.taker_amount), (3_700_000, 10_000_000));
    }

    #[test]
    fn a_size_finer_than_hundredths_and_a_large_salt_are_refused() {
        let new = new_order(OrderKind::Fok, Size(10_000_001));
        let refused = UnsignedOrder::build(&new, &account(), &listing(), 5, 6);
        assert_eq!(refused, Err(BuildError::FineSize { size: Size(10_000_001) }));
        let new = new_order(OrderKind::Fok, Size::shares(10));
        let refused = UnsignedOrder::build(&new, &account(), &listing(), SALT_END, 6);
        assert_eq!(refused, Err(BuildError::Salt { salt: SALT_END }));
        assert!(UnsignedOrder::build(&new, &account(), &listing(), SALT_END - 1, 6).is_ok());
    }

    #[test]
    fn every_field_changes_the_id() {
        let domain = Domain::exchange("2", Chain::Polygon, Exchange::Standard.contract(Chain::Polygon));
        let new = new_order(OrderKind::Fok, Size::shares(10));
        let base = UnsignedOrder::build(&new, &account(), &listing(), 5, 6).unwrap();
        let others = [
            UnsignedOrder { salt: 4, ..base },
            UnsignedOrder { maker: Address([9; 20]), ..base },
            UnsignedOrder { signer: Address([9; 20]), ..base },
            UnsignedOrder { token_id: TokenId([9; 32]), ..base },
            UnsignedOrder { maker_amount: 9, ..base },
            UnsignedOrder { taker_amount: 9, ..base },
            UnsignedOrder { side: Side::Sell, ..base },
            UnsignedOrder { signature_type: SignatureType::Eoa, ..base },
            UnsignedOrder { timestamp_ms: 9, ..base },
            UnsignedOrder { metadata: [9; 32], ..base },
            UnsignedOrder { builder: [9; 32], ..base },
        ];
        for other in others {
            assert_ne!(other.order_id(&domain), base.order_id(&domain), "{other:?}");
        }
    }
}
