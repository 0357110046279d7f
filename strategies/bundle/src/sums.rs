//! Costs of sets: pure arithmetic, rounded against the strategy.

use polytrader_sdk::units::{DOLLAR, complement};

/// The scale of a product of two values in millionths, such as a rate and a price.
const SQUARE: u128 = 1_000_000_000_000;

/// The current offer for a leg.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    pub(crate) token: u32,
    pub(crate) price: u32,
    pub(crate) size: u64,
    pub(crate) rate: u32,
    pub(crate) min_size: u64,
}

/// Returns the cost of a share for a taker at a price, fee included and rounded up, in micro-dollars.
pub(crate) fn with_fee(price: u32, rate: u32) -> u64 {
    let exact = u128::from(rate).saturating_mul(u128::from(price)).saturating_mul(u128::from(complement(price)));
    let fee = u64::try_from(exact.div_ceil(SQUARE)).unwrap_or(u64::MAX);
    u64::from(price).saturating_add(fee)
}

/// Returns the cost of one set of these legs, fees included.
pub(crate) fn cost_of(legs: &[Offer]) -> u64 {
    legs.iter().fold(0, |sum, leg| sum.saturating_add(with_fee(leg.price, leg.rate)))
}

/// Returns the highest price on the tick grid at which a share with its fee costs no more than `money`, if there is
/// one.
pub(crate) fn price_within(money: u64, rate: u32, tick: u32) -> Option<u32> {
    let highest = u32::try_from(money.min(DOLLAR.saturating_sub(1))).ok()?;
    let mut price = polytrader_sdk::units::grid_below(highest, tick);
    // The fee is at most a quarter of the rate, so the loop takes a few steps, and never more than the grid has prices.
    while price >= tick && tick > 0 {
        if with_fee(price, rate) <= money {
            return Some(price);
        }
        price = price.saturating_sub(tick);
    }
    None
}

/// Returns how many complete sets can be bought: limited by `most`, by the smallest offer and by the money.
pub(crate) fn sets(legs: &[Offer], most: u64, money: u64) -> u64 {
    let cost = u128::from(cost_of(legs));
    let affordable = u128::from(money).saturating_mul(u128::from(DOLLAR)).checked_div(cost).unwrap_or(0);
    let affordable = u64::try_from(affordable).unwrap_or(u64::MAX);
    let offered = legs.iter().map(|leg| leg.size).min().unwrap_or(0);
    polytrader_sdk::units::whole_size(most.min(offered).min(affordable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(price: u32, size: u64, rate: u32) -> Offer {
        Offer { token: 0, price, size, rate, min_size: 5_000_000 }
    }

    #[test]
    fn fees_are_part_of_the_cost() {
        assert_eq!(with_fee(400_000, 0), 400_000);
        assert_eq!(with_fee(500_000, 100_000), 525_000);
        assert_eq!(with_fee(1, 1), 2, "rounded up");
        assert_eq!(cost_of(&[leg(400_000, 1, 100_000), leg(550_000, 1, 100_000)]), 950_000 + 24_000 + 24_750);
    }

    #[test]
    fn the_thinnest_leg_and_the_money_bound_the_sets() {
        let legs = [leg(400_000, 7_005_000, 0), leg(500_000, 100_000_000, 0)];
        assert_eq!(sets(&legs, 20_000_000, 100_000_000), 7_000_000);
        assert_eq!(sets(&legs, 20_000_000, 1_800_000), 2_000_000);
        assert_eq!(sets(&legs, 1_000_000, 100_000_000), 1_000_000);
        assert_eq!(sets(&[], 1_000_000, 100_000_000), 0);
    }

    #[test]
    fn a_price_that_breaks_even_is_found_below_its_fee() {
        assert_eq!(price_within(600_000, 0, 10_000), Some(600_000));
        assert_eq!(price_within(600_000, 100_000, 10_000), Some(570_000), "0.57 and 0.0245 of fee");
        assert_eq!(price_within(5_000, 0, 10_000), None);
        assert_eq!(price_within(u64::MAX, 0, 10_000), Some(990_000));
        assert_eq!(price_within(600_000, u32::MAX, 10_000), None);
    }
}
