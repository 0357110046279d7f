//! The account as shown to operators: money and positions, read from the engine once a second.

use crate::ReadModel;
use crate::views::{OwnerView, PnlView, PositionView};
use engine::Engine;
use model::input::StrategyAnswer;
use model::{Position, StrategyId, Time, TokenIx};

impl ReadModel {
    /// Updates money, positions, the P&L of strategies and the operators' restrictions.
    pub fn show_account(&self, at: Time, engine: &Engine, events: u64) {
        let summary = engine.summary();
        let profit = summary.realised.saturating_add(summary.unrealised).saturating_sub(summary.fees);
        let pnl = PnlView {
            at_ms: at.millis(),
            cash_micro_usd: summary.cash.micros(),
            reserved_micro_usd: summary.reserved.micros(),
            positions_micro_usd: summary.positions.micros(),
            portfolio_micro_usd: summary.portfolio.micros(),
            realised_micro_usd: summary.realised.micros(),
            unrealised_micro_usd: summary.unrealised.micros(),
            fees_micro_usd: summary.fees.micros(),
            profit_micro_usd: profit.micros(),
            today_micro_usd: summary.today.micros(),
        };
        let held = engine.ledger().positions().filter(|(_, position)| !position.size.is_zero());
        let positions = held.filter_map(|(token, _)| self.position(engine, token)).collect();
        self.account(pnl, events, positions);
        self.gains(engine.strategy_pnls());
        self.restrictions(engine.restrictions());
        self.set_locks(engine.locks());
    }

    /// Counts a strategy's answer. Only an answer with intents or a fault is streamed.
    pub fn count_answer(&self, answer: &StrategyAnswer) {
        let tell = !answer.intents.is_empty() || answer.fault.is_some();
        self.edit_strategy(answer.strategy, tell, |view| {
            let intents = u64::try_from(answer.intents.len()).unwrap_or(u64::MAX);
            view.events = view.events.saturating_add(u64::from(answer.consumed));
            view.intents = view.intents.saturating_add(intents);
            view.fuel = answer.fuel;
        });
    }

    /// Returns the view of a position.
    fn position(&self, engine: &Engine, token: TokenIx) -> Option<PositionView> {
        let market = engine.market(token.market())?;
        let (position, _, value) = engine.valued(token);
        let place = usize::try_from(token.outcome()).ok()?;
        let parts = engine.ledger().parts().filter(|(_, held, part)| *held == token && !part.size.is_zero());
        let owner = |(strategy, _, part): (StrategyId, TokenIx, &Position)| OwnerView {
            strategy: self.strategy_name(strategy),
            size_micros: part.size.micros(),
            cost_micro_usd: part.cost.micros(),
            orphaned: engine.is_orphaned(strategy),
        };
        Some(PositionView {
            token: market.tokens.get(place)?.to_string(),
            market: market.slug.clone(),
            question: market.question.clone(),
            outcome: market.outcomes.get(place)?.clone(),
            size_micros: position.size.micros(),
            cost_micro_usd: position.cost.micros(),
            bid_micro_usd: engine.top(token).0.map(|level| level.price.micros()),
            pays_micro_usd: engine.pays(token),
            value_micro_usd: value.micros(),
            realised_micro_usd: position.realised.micros(),
            unrealised_micro_usd: value.saturating_sub(position.cost).micros(),
            owners: parts.map(owner).collect(),
        })
    }
}
