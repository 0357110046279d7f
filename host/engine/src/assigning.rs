//! Positions that go from one strategy to another on an operator's word: those of a strategy that is gone, mostly. Until somebody takes
//! them they are orphans, which the guards watch.

use crate::effect::{Effect, Effects};
use crate::step::Engine;
use alloc::format;
use model::event::Reason;
use model::input::{Breaker, Restriction, Scope};
use model::{Assignment, OwnEvent, Size, StrategyId, TokenIx};

impl Engine {
    /// Says whether nobody looks after what a strategy holds: it is gone, disabled or failed for good. What people hold by hand is theirs.
    pub fn is_orphaned(&self, strategy: StrategyId) -> bool {
        strategy != StrategyId::BY_HAND && !self.strategies.has(strategy)
    }

    /// Gives shares to another strategy, and tells both.
    pub(crate) fn on_assign(&mut self, assignment: &Assignment, effects: &mut Effects) {
        let Assignment { token, from, to, .. } = *assignment;
        let refused = self.assign(assignment).err();
        if refused.is_none() {
            self.tell_part(from, token, effects);
            self.tell_part(to, token, effects);
        }
        effects.push(Effect::Answered { refused });
    }

    fn assign(&mut self, assignment: &Assignment) -> Result<(), Reason> {
        let Assignment { token, from, to, size } = *assignment;
        if self.breakers.is_tripped(Breaker::JournalFailure, Scope::Session) {
            return Err("the journal is broken: what cannot be written down is not booked".into());
        }
        if from == to {
            return Err("it is that strategy's already".into());
        }
        let size = self.assignable(from, token, size)?;
        self.takes(to, token)?;
        if self.guards.is_exiting((from, token)) {
            return Err("the guards are closing it".into());
        }
        let cost = self.ledger.basis(from, token, size).map_err(|error| format!("{error}"))?;
        let (capital, limit) = (self.capital_of(to).saturating_add(cost), self.allowance_of(to).capital);
        if capital > limit {
            return Err(format!("with what it cost, ${cost}, the strategy would bind ${capital} of its ${limit}"));
        }
        let (had, lacked) = (self.gain_of(from).total(), self.gain_of(to).total());
        self.ledger.hand_over(token, from, to, size).map_err(|error| format!("{error}"))?;
        // What was gained or lost until now stays with who had it.
        let given = (self.gain_of(from).total().saturating_sub(had), self.ledger.part(from, token).size.is_zero());
        let got = (self.gain_of(to).total().saturating_sub(lacked), self.ledger.part(to, token).realised);
        self.scores.hand_over((from, token), given);
        self.scores.take_over((to, token), got);
        Ok(())
    }

    /// Returns how many shares go over: those asked for, or all.
    fn assignable(&self, from: StrategyId, token: TokenIx, wanted: Option<Size>) -> Result<Size, Reason> {
        let part = self.ledger.part(from, token);
        if part.size.is_zero() {
            return Err(format!("there is no position in token {token} that is the strategy's"));
        }
        let size = wanted.unwrap_or(part.size);
        if size.is_zero() {
            return Err("0 shares are nothing to assign".into());
        }
        if size > part.size {
            return Err(format!("it has {} shares, and not {size}", part.size));
        }
        // Whose a fill is must not change before it is final: one that fails is taken back from who had it.
        let free = self.sellable(from, token);
        if size > free {
            let (unsettled, offered) = (part.unsettled, self.orders.reserved_shares(from, token));
            return Err(format!(
                "{free} of its {} shares can go, and not {size}: {unsettled} are not settled, {offered} are in its orders",
                part.size
            ));
        }
        Ok(size)
    }

    /// Says whether a strategy can do anything with shares of this token.
    fn takes(&self, to: StrategyId, token: TokenIx) -> Result<(), Reason> {
        if !self.strategies.has(to) {
            return Err("the strategy that should get it does not run".into());
        }
        if !self.markets.of_token(token).is_some_and(|entry| entry.is_granted(to)) {
            return Err("the strategy that should get it has no such market; name it in its file's `markets`".into());
        }
        if self.guards.is_cooling(to, token.market(), self.now) || self.guards.is_exiting((to, token)) {
            return Err(
                "a guard acted on the strategy that should get it in that market; it may only reduce there".into()
            );
        }
        let restriction = self.breakers.local(Scope::Strategy(to));
        if restriction != Restriction::None {
            return Err(format!("the strategy that should get it is restricted: {}", restriction.as_str()));
        }
        Ok(())
    }

    /// Tells a strategy what it holds now, if it is there to hear it.
    fn tell_part(&self, strategy: StrategyId, token: TokenIx, effects: &mut Effects) {
        if self.strategies.has(strategy) {
            let part = self.ledger.part(strategy, token);
            let event = OwnEvent::Position { token, size: part.size, cost: part.cost };
            effects.push(Effect::NotifyOwn { strategy, event });
        }
    }
}
