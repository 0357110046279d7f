//! Reallocation of positions between strategies by an operator, mostly positions of a removed strategy. Until they are
//! reallocated they are orphans, which the guards watch.

use crate::effect::{Effect, Effects};
use crate::step::Engine;
use alloc::format;
use model::event::Reason;
use model::input::{Breaker, Restriction, Scope};
use model::{OwnEvent, Reallocation, Size, StrategyId, TokenIx};

impl Engine {
    /// Returns true if a strategy's positions are unattended: it is removed, disabled or failed for good. External
    /// positions are not orphans.
    pub fn is_orphaned(&self, strategy: StrategyId) -> bool {
        strategy != StrategyId::EXTERNAL && !self.strategies.has(strategy)
    }

    /// Moves shares to another strategy and notifies both.
    pub(crate) fn on_assign(&mut self, assignment: &Reallocation, effects: &mut Effects) {
        let Reallocation { token, from, to, .. } = *assignment;
        let refused = self.assign(assignment).err();
        if refused.is_none() {
            self.notify_part(from, token, effects);
            self.notify_part(to, token, effects);
        }
        effects.push(Effect::Answered { refused });
    }

    fn assign(&mut self, assignment: &Reallocation) -> Result<(), Reason> {
        let Reallocation { token, from, to, size } = *assignment;
        if self.breakers.is_tripped(Breaker::JournalFailure, Scope::Session) {
            return Err("the journal is broken, so nothing can be booked".into());
        }
        if from == to {
            return Err("the source and the target strategy are the same".into());
        }
        let size = self.assignable(from, token, size)?;
        self.accepts_shares(to, token)?;
        if self.guards.is_exiting((from, token)) {
            return Err("the guards are closing the position".into());
        }
        let cost = self.ledger.basis(from, token, size).map_err(|error| format!("{error}"))?;
        let (capital, limit) = (self.capital_of(to).saturating_add(cost), self.allowance_of(to).capital);
        if capital > limit {
            return Err(format!(
                "with the position's cost of ${cost} the strategy would use ${capital} of its capital limit of ${limit}"
            ));
        }
        let (had, lacked) = (self.strategy_pnl(from).total(), self.strategy_pnl(to).total());
        self.ledger.hand_over(token, from, to, size).map_err(|error| format!("{error}"))?;
        // The P&L up to now stays with the previous owner.
        let given = (self.strategy_pnl(from).total().saturating_sub(had), self.ledger.part(from, token).size.is_zero());
        let got = (self.strategy_pnl(to).total().saturating_sub(lacked), self.ledger.part(to, token).realised);
        self.scores.move_out((from, token), given);
        self.scores.move_in((to, token), got);
        Ok(())
    }

    /// Returns the number of shares to move: the requested number, or all of them.
    fn assignable(&self, from: StrategyId, token: TokenIx, wanted: Option<Size>) -> Result<Size, Reason> {
        let part = self.ledger.part(from, token);
        if part.size.is_zero() {
            return Err(format!("the strategy has no position in token {token}"));
        }
        let size = wanted.unwrap_or(part.size);
        if size.is_zero() {
            return Err("expected a size above 0 shares".into());
        }
        if size > part.size {
            return Err(format!("the strategy has {} shares, {size} were requested", part.size));
        }
        // The owner of a fill must not change before the fill is final: a failed fill is reversed for its original
        // owner.
        let free = self.sellable(from, token);
        if size > free {
            let (unsettled, offered) = (part.unsettled, self.orders.reserved_shares(from, token));
            return Err(format!(
                "{free} of its {} shares can be reallocated, {size} were requested: {unsettled} are unsettled, {offered} are in its orders",
                part.size
            ));
        }
        Ok(size)
    }

    /// Checks that a strategy can trade shares of this token.
    fn accepts_shares(&self, to: StrategyId, token: TokenIx) -> Result<(), Reason> {
        if !self.strategies.has(to) {
            return Err("the target strategy is not running".into());
        }
        if !self.markets.of_token(token).is_some_and(|entry| entry.is_granted(to)) {
            return Err("the target strategy is not granted this market; add it to `markets` in its file".into());
        }
        if self.guards.is_cooling(to, token.market(), self.now) || self.guards.is_exiting((to, token)) {
            return Err("the target strategy may only reduce in this market, because a guard acted on it there".into());
        }
        let restriction = self.breakers.local(Scope::Strategy(to));
        if restriction != Restriction::None {
            return Err(format!("the target strategy is restricted: {}", restriction.as_str()));
        }
        Ok(())
    }

    /// Notifies a strategy of its current position, if it is loaded.
    fn notify_part(&self, strategy: StrategyId, token: TokenIx, effects: &mut Effects) {
        if self.strategies.has(strategy) {
            let part = self.ledger.part(strategy, token);
            let event = OwnEvent::Position { token, size: part.size, cost: part.cost };
            effects.push(Effect::NotifyOwn { strategy, event });
        }
    }
}
