//! A market: one condition with two outcome tokens that pay one dollar together.

use crate::amount::{Price, Size, TickSize, Usd};
use crate::id::{ConditionId, EventId, TokenId};
use crate::time::Time;
use alloc::string::String;

/// The taker fee of a market: `shares * rate * price * (1 - price)` in dollars, exponent 1 (PROTOCOL 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct FeeRate {
    /// The rate in millionths: 70,000 is 0.07. Zero means no fee.
    pub rate_micros: u32,
}

/// The venue's fees are whole multiples of 0.00001 dollars.
const FEE_STEP_MICROS: u128 = 10;

impl FeeRate {
    /// Returns the fee of a taker fill, rounded down to 0.00001 dollars as the venue does (PROTOCOL 16).
    pub fn taker_fee(self, price: Price, size: Size) -> Option<Usd> {
        let exact = self.scaled(price, size)?;
        let steps = exact.checked_div(FEE_STEP_MICROS.checked_mul(10u128.pow(18))?)?;
        i64::try_from(steps.checked_mul(FEE_STEP_MICROS)?).ok().map(Usd)
    }

    /// Returns the most a taker could be charged for buying `size` at `price` or lower, rounded up.
    pub fn taker_fee_worst(self, price: Price, size: Size) -> Option<Usd> {
        // p(1-p) is largest at one half, and a buyer may be filled anywhere below the limit.
        let half = Price::from_micros(500_000)?;
        let exact = self.scaled(price.min(half), size)?;
        i64::try_from(exact.div_ceil(10u128.pow(18))).ok().map(Usd)
    }

    /// The fee in micro-dollars times 10^18.
    fn scaled(self, price: Price, size: Size) -> Option<u128> {
        u128::from(size.0)
            .checked_mul(u128::from(self.rate_micros))?
            .checked_mul(u128::from(price.micros()))?
            .checked_mul(u128::from(price.complement().micros()))
    }
}

/// What the host knows of a market, as it was last told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Market {
    /// The venue's id of the condition.
    pub condition: ConditionId,
    /// The outcome tokens, YES (or Up, or the first team) first.
    pub tokens: [TokenId; 2],
    /// The outcomes' names, in the order of the tokens.
    pub outcomes: [String; 2],
    /// The short name in addresses, such as `mlb-cle-sf-2025-06-17`.
    pub slug: String,
    /// The question as traders read it.
    pub question: String,
    /// The grid of prices now.
    pub tick: TickSize,
    /// The smallest order in shares.
    pub min_size: Size,
    /// Whether orders are signed for the negative-risk exchange.
    pub neg_risk: bool,
    /// The event whose markets exclude each other, if it is one of several: at most one of them resolves to YES.
    pub event: Option<EventId>,
    /// What takers pay.
    pub fee: FeeRate,
    /// When the market is due to end, if it says.
    pub end: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fee_is_the_venues_example() {
        // PROTOCOL 16: 100 shares at 0.5, rate 0.07 -> 1.75.
        let fee = FeeRate { rate_micros: 70_000 };
        let half = Price::from_micros(500_000).unwrap();
        assert_eq!(fee.taker_fee(half, Size::shares(100)), Some(Usd(1_750_000)));
        assert_eq!(fee.taker_fee(half, Size(100)), Some(Usd(0)));
        assert_eq!(FeeRate::default().taker_fee(half, Size::shares(100)), Some(Usd::ZERO));
    }

    #[test]
    fn a_buyer_above_one_half_reserves_the_fee_of_one_half() {
        let fee = FeeRate { rate_micros: 70_000 };
        let price = Price::from_micros(900_000).unwrap();
        assert_eq!(fee.taker_fee_worst(price, Size::shares(100)), Some(Usd(1_750_000)));
    }
}
