//! A client's order request: parsed, validated, and its signature verified.

use crate::error::ApiError;
use crate::keys::Holder;
use crate::wire::PostOrder;
use model::order::EXPIRES_EARLY_S;
use model::{OrderKind, Price, SCALE, Side, Size, TickSize, Time, TokenId, Usd, VenueOrderId, hex};
use order::{Address, Domains, Exchange, SignatureType, UnsignedOrder, Wallet};

/// Shortest time to an order's expiration: three minutes from now as stated (PROTOCOL 6).
const SOONEST_US: u64 = (180 - EXPIRES_EARLY_S) * 1_000_000;

/// An order with a valid format.
#[derive(Debug, Clone)]
pub(crate) struct OrderRequest {
    pub(crate) order: UnsignedOrder,
    pub(crate) kind: OrderKind,
    signature: String,
}

/// The limit that an order's amounts imply, on a market's grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) price: Price,
    pub(crate) size: Size,
    pub(crate) spend: Option<Usd>,
}

impl OrderRequest {
    /// Reads the body of a placement.
    pub(crate) fn read(now: Time, caller: &Holder, posted: &PostOrder) -> Result<Self, ApiError> {
        if posted.owner != caller.key.id {
            return Err(ApiError::bad("the order owner has to be the owner of the API KEY"));
        }
        let kind = kind(posted)?;
        let asked = read(posted, kind).ok_or(ApiError::bad("Invalid order payload"))?;
        let deposit = asked.order.signature_type == SignatureType::Deposit;
        let signer = if deposit { asked.order.maker } else { caller.address };
        if asked.order.signer != signer || (deposit && !has_wallet(caller.address, signer)) {
            return Err(ApiError::bad("the order signer address has to be the address of the API KEY"));
        }
        if asked.order.signature_type == SignatureType::Eoa && asked.order.maker != asked.order.signer {
            return Err(ApiError::bad("maker address not allowed, please use the deposit wallet flow"));
        }
        if let Some(until) = asked.kind.until()
            && until.since(now) < SOONEST_US
        {
            return Err(ApiError::bad("invalid expiration"));
        }
        Ok(asked)
    }

    /// Checks that the caller signed it in the domain of the market's exchange and returns the order's id.
    pub(crate) fn verify(
        &self,
        caller: &Holder,
        domains: &Domains,
        exchange: Exchange,
    ) -> Result<VenueOrderId, ApiError> {
        let good = |exchange| self.order.signed_by(domains.of(exchange), &self.signature) == Some(caller.address);
        if good(exchange) {
            return Ok(self.order.order_id(domains.of(exchange)));
        }
        let other = |wrong: &Exchange| wrong.order_version() != exchange.order_version();
        if Exchange::ALL.into_iter().filter(other).any(good) {
            return Err(ApiError::bad("order_version_mismatch"));
        }
        Err(ApiError::bad("invalid signature"))
    }

    /// Returns the limit that the amounts imply: a limit order's ratio is its price, on the grid; a market order's
    /// ratio may be looser than a grid price by its rounding error.
    pub(crate) fn limit(&self, tick: TickSize) -> Result<Limit, ApiError> {
        let order = &self.order;
        let (dollars, shares) = match order.side {
            Side::Buy => (order.maker_amount, order.taker_amount),
            Side::Sell => (order.taker_amount, order.maker_amount),
        };
        self.check_precision(shares)?;
        let scaled = u128::from(dollars).saturating_mul(u128::from(SCALE));
        let shares_wide = u128::from(shares);
        let (whole, rest) = (scaled.checked_div(shares_wide), scaled.checked_rem(shares_wide));
        let price = whole.and_then(|micros| Price::from_micros(u32::try_from(micros).ok()?));
        let price = price.ok_or(ApiError::bad("Invalid order payload"))?;
        if self.kind.rests() {
            if rest != Some(0) {
                let text = format!("order is invalid. Price ({price}) breaks minimum tick size rule: {tick}");
                return Err(ApiError::bad(text));
            }
            return Ok(Limit { price, size: Size(shares), spend: None });
        }
        Ok(match order.side {
            Side::Buy => Limit {
                price: price.floor_to(tick),
                size: Size(shares),
                spend: Some(Usd(i64::try_from(dollars).ok().ok_or(ApiError::bad("Invalid order payload"))?)),
            },
            Side::Sell => Limit { price: price.ceil_to(tick), size: Size(shares), spend: None },
        })
    }

    /// Checks the number of decimals (PROTOCOL 5.2 and 5.3).
    fn check_precision(&self, shares: u64) -> Result<(), ApiError> {
        let two = |amount: u64| amount.is_multiple_of(10_000);
        let four = |amount: u64| amount.is_multiple_of(100);
        let order = &self.order;
        match (self.kind.rests(), order.side) {
            (true, _) if !two(shares) => Err(ApiError::bad("invalid amounts, sizes have a max accuracy of 2 decimals")),
            (false, side) if !two(order.maker_amount) || !four(order.taker_amount) => {
                let side = if side == Side::Buy { "buy" } else { "sell" };
                Err(ApiError::bad(format!(
                    "invalid amounts, the market {side} orders maker amount supports a max accuracy of 2 decimals, taker \
                     amount a max of 4 decimals"
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Returns true if a deposit wallet, of either version, belongs to a key.
fn has_wallet(key: Address, wallet: Address) -> bool {
    Wallet::find(key, wallet).is_some_and(|wallet| wallet.signature_type() == SignatureType::Deposit)
}

/// Reads an order's type, and the expiration that only a GTD order has.
fn kind(posted: &PostOrder) -> Result<OrderKind, ApiError> {
    let post_only = posted.post_only;
    let kind = match (posted.order_type.as_str(), post_only) {
        ("GTC", _) => OrderKind::Gtc { post_only },
        ("GTD", _) => OrderKind::Gtd { post_only, until_s: until(&posted.order.expiration)? },
        ("FAK", false) => OrderKind::Fak,
        ("FOK", false) => OrderKind::Fok,
        _ => return Err(ApiError::bad("Invalid order payload")),
    };
    let stated = kind.expiration_s().to_string();
    if posted.order.expiration == stated { Ok(kind) } else { Err(ApiError::bad("invalid expiration")) }
}

/// Returns the end of an order with this stated expiration.
fn until(expiration: &str) -> Result<u32, ApiError> {
    let stated = expiration.parse::<u64>().ok().and_then(|stated| stated.checked_sub(EXPIRES_EARLY_S));
    stated.and_then(|until| u32::try_from(until).ok()).ok_or(ApiError::bad("invalid expiration"))
}

fn read(posted: &PostOrder, kind: OrderKind) -> Option<OrderRequest> {
    let fields = &posted.order;
    let side = match fields.side.as_str() {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return None,
    };
    let order = UnsignedOrder {
        salt: fields.salt,
        maker: Address::parse(&fields.maker)?,
        signer: Address::parse(&fields.signer)?,
        token_id: TokenId::parse(&fields.token_id)?,
        maker_amount: fields.maker_amount.parse().ok()?,
        taker_amount: fields.taker_amount.parse().ok()?,
        side,
        signature_type: SignatureType::from_code(fields.signature_type)?,
        timestamp_ms: fields.timestamp.parse().ok()?,
        metadata: bytes(&fields.metadata)?,
        builder: bytes(&fields.builder)?,
    };
    Some(OrderRequest { order, kind, signature: fields.signature.clone() })
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    hex::decode_array(text.strip_prefix("0x")?)
}
