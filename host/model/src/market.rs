//! A market: one condition with two outcome tokens that pay one dollar together.

use crate::amount::{Price, SCALE, Size, TickSize, Usd};
use crate::id::{ConditionId, EventId, TokenId};
use crate::time::Time;
use alloc::format;
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

    /// Returns the highest fee that a taker could be charged for buying `size` at `price` or lower, rounded up.
    pub fn taker_fee_worst(self, price: Price, size: Size) -> Option<Usd> {
        // p(1-p) is largest at one half, and a buyer may be filled anywhere below the limit.
        let half = Price::from_micros(500_000)?;
        let exact = self.scaled(price.min(half), size)?;
        i64::try_from(exact.div_ceil(10u128.pow(18))).ok().map(Usd)
    }

    /// Returns the highest fee that a taker could be charged for spending `dollars` at any price, rounded up. A share's
    /// fee is rate times p(1-p), so a dollar's is rate times 1-p: the lower the price, the higher the fee.
    pub fn taker_fee_spending(self, dollars: Usd) -> Option<Usd> {
        let exact = u128::try_from(dollars.0).ok()?.checked_mul(u128::from(self.rate_micros))?;
        i64::try_from(exact.div_ceil(u128::from(SCALE))).ok().map(Usd)
    }

    /// Returns the fee in micro-dollars times 10^18.
    fn scaled(self, price: Price, size: Size) -> Option<u128> {
        u128::from(size.0)
            .checked_mul(u128::from(self.rate_micros))?
            .checked_mul(u128::from(price.micros()))?
            .checked_mul(u128::from(price.complement().micros()))
    }
}

/// The latest market data known to the host.
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
    /// True if orders are signed for the negative-risk exchange.
    pub neg_risk: bool,
    /// The negative-risk event of the market, if it has one: at most one market of an event resolves to YES.
    pub event: Option<EventId>,
    /// The taker fee.
    pub fee: FeeRate,
    /// The scheduled end, if the venue gives one.
    pub end: Option<Time>,
}

impl Market {
    /// Returns a made-up market for uses without a venue: the gate's self-test, backtests, benchmarks and tests. It
    /// depends only on the number, and no two numbers share an id.
    ///
    /// The tick is a cent and the minimum order size five shares; there is no fee, no event and no end.
    pub fn synthetic(number: u32) -> Self {
        let id = |kind: u8| {
            let mut bytes = [kind; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            bytes
        };
        Self {
            condition: ConditionId(id(1)),
            tokens: [TokenId(id(2)), TokenId(id(3))],
            outcomes: ["Yes".into(), "No".into()],
            slug: format!("synthetic-{number}"),
            question: format!("Synthetic market {number}?"),
            tick: TickSize::CENT,
            min_size: Size::shares(5),
            neg_risk: false,
            event: None,
            fee: FeeRate::default(),
            end: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

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

    #[test]
    fn no_price_makes_the_fee_of_a_dollar_higher_than_what_is_reserved() {
        let fee = FeeRate { rate_micros: 70_000 };
        let most = fee.taker_fee_spending(Usd::dollars(10)).unwrap();
        assert_eq!(most, Usd(700_000));
        for micros in [100, 10_000, 440_000, 900_000, 999_900] {
            let price = Price::from_micros(micros).unwrap();
            let charged = fee.taker_fee(price, price.shares_for(Usd::dollars(10))).unwrap();
            assert!(charged <= most, "{charged} at {price}");
        }
    }

    #[test]
    fn synthetic_markets_follow_from_their_numbers_and_share_no_id() {
        let numbers = [0, 1, 2, 0xff, 0x100, 0x0101_0101, 0x0202_0202, u32::MAX];
        let ids: BTreeSet<[u8; 32]> = numbers
            .into_iter()
            .flat_map(|number| {
                let market = Market::synthetic(number);
                assert_eq!(market, Market::synthetic(number));
                [market.condition.0, market.tokens[0].0, market.tokens[1].0]
            })
            .collect();
        assert_eq!(ids.len(), 3 * numbers.len());
    }
}
