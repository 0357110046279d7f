//! The session that an instance starts with.

use crate::bindings::polytrader::strategy::types;
use crate::grants::{Grant, Grants};
use crate::own_events;
use model::{Allowance, Limits, NewOrder, OrderState, Size, Time, TokenIx, Usd};

/// The data that a strategy receives when it starts.
#[derive(Debug, Clone)]
pub struct Session {
    /// The host's time.
    pub now: Time,
    /// The parameters as JSON.
    pub parameters: String,
    /// The granted markets.
    pub grants: Grants,
    /// Shares owned through this strategy, with their cost.
    pub positions: Vec<(TokenIx, Size, Usd)>,
    /// Its open orders, each with its filled size and state.
    pub orders: Vec<(NewOrder, Size, OrderState)>,
    /// The limits.
    pub limits: Limits,
    /// The strategy's budget, within the limits.
    pub budget: Allowance,
    /// The fuel of one call of `on-events`, if lower than the sandbox's.
    pub fuel: Option<u64>,
    /// The saved state of the previous instance.
    pub restored: Option<Vec<u8>>,
}

impl Session {
    pub(crate) fn to_wire(&self) -> types::Session {
        types::Session {
            now: self.now.0,
            parameters: self.parameters.clone(),
            markets: self.grants.markets().iter().map(wire).collect(),
            positions: self.positions.iter().filter_map(|position| self.position(position)).collect(),
            orders: self.orders.iter().filter_map(|order| self.order(order)).collect(),
            limits: types::Limits {
                max_order: self.limits.max_order.0,
                max_market: self.limits.max_market.0,
                max_open_orders: self.limits.max_open_orders,
                budget: types::Budget {
                    capital: self.budget.capital.0,
                    max_loss: self.budget.daily_loss.0,
                    max_orders_per_minute: self.budget.orders_per_minute,
                },
            },
            restored: self.restored.clone(),
        }
    }

    fn position(&self, (token, size, cost): &(TokenIx, Size, Usd)) -> Option<types::Position> {
        Some(types::Position { token: self.grants.handle(*token)?, size: size.0, cost: cost.0 })
    }

    fn order(&self, (order, filled, state): &(NewOrder, Size, OrderState)) -> Option<types::OpenOrder> {
        Some(types::OpenOrder {
            order: order.id.0,
            tag: order.tag,
            token: self.grants.handle(order.token)?,
            side: own_events::side(order.side),
            price: order.price.micros(),
            size: order.size.0,
            filled: filled.0,
            state: own_events::state(*state),
        })
    }
}

fn wire(grant: &Grant) -> types::Market {
    let market = &grant.market;
    let [yes, no] = &market.outcomes;
    types::Market {
        condition: market.condition.to_string(),
        slug: market.slug.clone(),
        question: market.question.clone(),
        yes: types::Token { handle: grant.handle(0), outcome: yes.clone() },
        no: types::Token { handle: grant.handle(1), outcome: no.clone() },
        tick: market.tick.micros(),
        min_size: market.min_size.0,
        fee_rate: market.fee.rate_micros,
        end: market.end.map_or(0, |end| end.0),
        event: market.event.map(|event| event.to_string()),
        neg_risk: market.neg_risk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Budget;

    #[test]
    fn a_strategy_receives_the_smaller_of_its_budget_and_the_limits() {
        let budget = Budget { capital: Some(Usd::dollars(7)), orders_per_minute: Some(30), ..Budget::NONE };
        let session = Session {
            now: Time(1),
            parameters: String::new(),
            grants: Grants::new(Vec::new()),
            positions: Vec::new(),
            orders: Vec::new(),
            limits: Limits::DEFAULT,
            budget: budget.within(&Limits::DEFAULT, Usd::dollars(1_000)),
            fuel: None,
            restored: None,
        };
        let types::Budget { capital, max_loss, max_orders_per_minute } = session.to_wire().limits.budget;
        assert_eq!((capital, max_loss, max_orders_per_minute), (7_000_000, 20_000_000, 30));
    }
}
