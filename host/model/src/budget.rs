//! Per-strategy budgets set by the operator. A budget can only lower the session's limits.

use crate::amount::Usd;
use crate::limits::Limits;

/// The operator's budget for one strategy. The session's limit applies to each field that is `None` or larger than that
/// limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Budget {
    /// The most that its positions cost and its open buys reserve, together.
    pub capital: Option<Usd>,
    /// The loss since 00:00 UTC at which it is stopped.
    pub daily_loss: Option<Usd>,
    /// Placements in any 60 seconds.
    pub orders_per_minute: Option<u32>,
}

impl Budget {
    /// An empty budget: the session's limits apply.
    pub const NONE: Self = Self { capital: None, daily_loss: None, orders_per_minute: None };

    /// Returns this budget lowered by another one: the smaller value of each field.
    #[must_use]
    pub fn lowered_by(self, other: Self) -> Self {
        Self {
            capital: lowest(self.capital, other.capital),
            daily_loss: lowest(self.daily_loss, other.daily_loss),
            orders_per_minute: lowest(self.orders_per_minute, other.orders_per_minute),
        }
    }

    /// Returns today's loss at which the strategy is stopped.
    pub fn daily_loss_within(&self, limits: &Limits) -> Usd {
        lower(self.daily_loss, limits.max_strategy_loss)
    }

    /// Returns the number of placements that the strategy may make in any 60 seconds.
    pub fn orders_within(&self, limits: &Limits) -> u32 {
        lower(self.orders_per_minute, limits.max_strategy_orders_per_minute)
    }

    /// Returns the effective allowance under these limits for a portfolio worth `portfolio`.
    pub fn within(&self, limits: &Limits, portfolio: Usd) -> Allowance {
        Allowance {
            capital: lower(self.capital, portfolio.bps_floor(limits.max_strategy_bps)),
            daily_loss: self.daily_loss_within(limits),
            orders_per_minute: self.orders_within(limits),
        }
    }
}

fn lower<T: Ord>(budget: Option<T>, limit: T) -> T {
    match budget {
        Some(budget) => budget.min(limit),
        None => limit,
    }
}

/// Returns the smaller of two optional values; `None` counts as unlimited.
fn lowest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The effective allowance of one strategy: the smaller of its budget and the session's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The most that its positions cost and its open buys reserve, together.
    pub capital: Usd,
    /// The loss since 00:00 UTC at which it is stopped.
    pub daily_loss: Usd,
    /// Placements in any 60 seconds.
    pub orders_per_minute: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTFOLIO: Usd = Usd::dollars(1_000);

    #[test]
    fn a_budget_that_says_nothing_leaves_the_limits() {
        let left = Budget::NONE.within(&Limits::DEFAULT, PORTFOLIO);
        let limits = Allowance { capital: Usd::dollars(200), daily_loss: Usd::dollars(20), orders_per_minute: 300 };
        assert_eq!(left, limits);
    }

    #[test]
    fn a_budget_lowers_and_never_raises() {
        let budget = |dollars, orders| {
            let amount = Some(Usd::dollars(dollars));
            Budget { capital: amount, daily_loss: amount, orders_per_minute: Some(orders) }
        };
        let lower = Allowance { capital: Usd::dollars(7), daily_loss: Usd::dollars(7), orders_per_minute: 3 };
        assert_eq!(budget(7, 3).within(&Limits::DEFAULT, PORTFOLIO), lower);
        let none = Budget::NONE.within(&Limits::DEFAULT, PORTFOLIO);
        assert_eq!(budget(1_000_000, u32::MAX).within(&Limits::DEFAULT, PORTFOLIO), none);
    }

    #[test]
    fn of_two_budgets_the_smaller_of_each_field_is_left() {
        let one = Budget { capital: Some(Usd::dollars(7)), daily_loss: None, orders_per_minute: Some(3) };
        let other = Budget { capital: Some(Usd::dollars(9)), daily_loss: Some(Usd(1)), orders_per_minute: Some(2) };
        let left = Budget { capital: Some(Usd::dollars(7)), daily_loss: Some(Usd(1)), orders_per_minute: Some(2) };
        assert_eq!((one.lowered_by(other), other.lowered_by(one)), (left, left));
        assert_eq!((one.lowered_by(Budget::NONE), Budget::NONE.lowered_by(one)), (one, one));
    }
}
