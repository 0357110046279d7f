//! Liquidity rewards as the venue scores resting orders: quadratic in the distance from the mid price, with both sides
//! required where the outcome is nearly certain.

use model::{Price, Side, Size};

/// A one-sided quote counts this much less than a two-sided one, where it counts at all.
const ONE_SIDED_DIVISOR: f64 = 3.0;
/// Mid prices between which one-sided quotes count.
const ONE_SIDED_FROM: u32 = 100_000;
const ONE_SIDED_TO: u32 = 900_000;

/// Reward parameters of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RewardRule {
    /// The largest distance from the mid price that counts, in micro-dollars.
    pub max_spread_micros: u32,
    /// The smallest order that counts.
    pub min_size: Size,
}

/// A resting order, seen from the first token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// Its side.
    pub side: Side,
    /// Its price.
    pub price: Price,
    /// Its size.
    pub size: Size,
}

/// Returns the score of orders at a mid price, in shares: the sum over orders of `((v - s) / v)^2 * size`, of the worse
/// side; a third of the better side where that is more and the mid price is between 0.10 and 0.90.
#[allow(clippy::float_arithmetic, reason = "the venue's score is a real number and no money")]
pub fn score(rule: RewardRule, mid_micros: u32, orders: &[Resting]) -> f64 {
    let side_score = |side: Side| -> f64 {
        let counted = orders.iter().filter(|order| order.side == side && order.size >= rule.min_size);
        counted.map(|order| order_score(rule, mid_micros, order)).sum()
    };
    let [bids, asks] = [Side::Buy, Side::Sell].map(side_score);
    let both = bids.min(asks);
    if (ONE_SIDED_FROM..=ONE_SIDED_TO).contains(&mid_micros) {
        both.max(bids.max(asks) / ONE_SIDED_DIVISOR)
    } else {
        both
    }
}

#[allow(clippy::float_arithmetic, reason = "the venue's score is a real number and no money")]
fn order_score(rule: RewardRule, mid_micros: u32, order: &Resting) -> f64 {
    let distance = order.price.micros().abs_diff(mid_micros);
    if distance > rule.max_spread_micros || rule.max_spread_micros == 0 {
        return 0.0;
    }
    let share = f64::from(rule.max_spread_micros.saturating_sub(distance)) / f64::from(rule.max_spread_micros);
    // Up to a billion shares, which a float holds exactly in micro-shares.
    let shares = f64::from(u32::try_from(order.size.micros() / 1_000).unwrap_or(u32::MAX)) / 1_000.0;
    share * share * shares
}

/// Returns the reward of a day in micro-dollars: our part of the day's reward by score; nothing below a dollar.
#[allow(clippy::float_arithmetic, reason = "rewards are estimates and reported apart from profit")]
pub fn reward_of_day(own: f64, visible: f64, paid_micros: u64) -> Option<i64> {
    let all = own + visible;
    if own <= 0.0 || all <= 0.0 {
        return None;
    }
    // Exact up to 4 billion dollars in thousandths of a dollar.
    let paid = f64::from(u32::try_from(paid_micros / 1_000).unwrap_or(u32::MAX)) * 1_000.0;
    let micros = paid * own / all;
    if micros < 1_000_000.0 {
        return None;
    }
    format!("{micros:.0}").parse().ok()
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]
mod tests {
    use super::*;

    const RULE: RewardRule = RewardRule { max_spread_micros: 30_000, min_size: Size::shares(50) };

    fn at(side: Side, micros: u32) -> Resting {
        Resting { side, price: Price::from_micros(micros).unwrap(), size: Size::shares(100) }
    }

    #[test]
    fn e16_scores_of_the_contract() {
        let both = [at(Side::Buy, 490_000), at(Side::Sell, 510_000)];
        assert_eq!(format!("{:.3}", score(RULE, 500_000, &both)), "44.444");
        assert_eq!(format!("{:.3}", score(RULE, 500_000, &both[..1])), "14.815");
        assert_eq!(score(RULE, 950_000, &[at(Side::Buy, 940_000)]), 0.0);
        let wide = [at(Side::Buy, 460_000), at(Side::Sell, 540_000)];
        assert_eq!(score(RULE, 500_000, &wide), 0.0, "beyond the largest spread");
        let small = RewardRule { min_size: Size::shares(101), ..RULE };
        assert_eq!(score(small, 500_000, &both), 0.0, "below the smallest size");
    }

    #[test]
    fn a_day_below_a_dollar_pays_nothing() {
        assert_eq!(reward_of_day(44.444, 400.0, 9_000_000), None);
        assert_eq!(reward_of_day(50.0, 50.0, 9_000_000), Some(4_500_000));
        assert_eq!(reward_of_day(0.0, 50.0, 9_000_000), None);
    }
}
