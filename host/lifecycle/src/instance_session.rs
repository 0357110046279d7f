//! The session with which an instance starts: the state of the account at that time.

use engine::Engine;
use model::{MarketIx, StrategyId, Time};
use sandbox::{Grant, Grants, Session};

/// Returns the session of a new instance, from the account state in `engine`. Markets without a place get their index
/// as place.
pub fn session_of(
    engine: &Engine,
    now: Time,
    strategy: StrategyId,
    (markets, places): (&[MarketIx], &[u32]),
    parameters: String,
) -> Session {
    let ranks = (0u32..).skip(places.len());
    let numbered = markets.iter().zip(places.iter().copied().chain(ranks));
    let granted =
        numbered.filter_map(|(ix, place)| Some(Grant { ix: *ix, market: engine.market(*ix)?.clone(), place }));
    let grants = Grants::at(granted.collect());
    let parts = engine.ledger().parts().filter(|(who, ..)| *who == strategy);
    let open = engine.open_orders().filter(|(order, ..)| order.strategy == strategy);
    Session {
        now,
        parameters,
        grants,
        positions: parts.map(|(_, token, part)| (token, part.size, part.cost)).collect(),
        orders: open.map(|(order, state, filled)| (order, filled, state)).collect(),
        limits: *engine.limits(),
        budget: engine.allowance_of(strategy),
        fuel: engine.fuel_of(strategy),
        restored: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Effects, Purpose};
    use model::Usd;
    use model::input::StrategyChange;
    use model::{Input, InputKind, Seq};

    #[test]
    fn an_instance_begins_with_the_budget_that_is_in_force() {
        let (strategy, mut engine) = (StrategyId(3), Engine::new(Purpose::Simulate));
        let budget = model::Budget { daily_loss: Some(Usd::dollars(7)), ..model::Budget::NONE };
        let body = InputKind::Strategy(StrategyChange::Budget { strategy, budget });
        engine.step(&Input { seq: Seq(1), at: Time(1), kind: body }, &mut Effects::new());
        let daily_loss_of = |who| session_of(&engine, Time(1), who, (&[], &[]), String::new()).budget.daily_loss;
        assert_eq!(
            (daily_loss_of(strategy), daily_loss_of(StrategyId(4))),
            (Usd::dollars(7), engine.limits().max_strategy_loss)
        );
    }
}
