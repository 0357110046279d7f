//! Money and shares that move without a trade.

use crate::breakers::Trip;
use crate::effect::{Effect, Effects, Record};
use crate::ledger::LedgerError;
use crate::step::Engine;
use alloc::format;
use alloc::vec::Vec;
use model::event::Reason;
use model::input::{AccountView, Breaker, Scope};
use model::{Position, Size, StrategyId, TokenIx, Transfer, TransferKind, Usd};

impl Engine {
    /// Books what an operator says has moved. The venue's records will tell the same.
    pub(crate) fn transfer_by_hand(&mut self, transfer: &Transfer, effects: &mut Effects) {
        if self.on_transfer(transfer, effects) {
            self.told.booked(&transfer.kind);
        }
    }

    /// Books a transfer, and says whether it could be. What cannot be means that our books are not the venue's.
    pub(crate) fn on_transfer(&mut self, transfer: &Transfer, effects: &mut Effects) -> bool {
        if self.breakers.is_tripped(Breaker::JournalFailure, Scope::Session) {
            let reason = Reason::from("the journal is broken: what cannot be written down is not booked");
            effects.push(Effect::Answered { refused: Some(reason) });
            return false;
        }
        let before = self.ledger.clone();
        if let Err(error) = self.book_transfer(transfer.kind) {
            self.ledger = before;
            let reason = format!("a {} cannot be booked: {error}", transfer.kind.as_str());
            effects.push(Effect::Answered { refused: Some(reason.clone()) });
            self.trip(Trip::session(Breaker::ReconciliationMismatch, reason), effects);
            return false;
        }
        // Money from outside is no gain: the day and the peak count without it.
        let external = transfer.kind.external();
        self.day.transfer(external);
        self.breakers.peak = self.breakers.peak.saturating_add(external).max(Usd::ZERO);
        self.mismatch = Default::default();
        effects.push(Effect::Record(Record::Transfer {
            kind: transfer.kind.as_str(),
            cash: self.ledger.cash().saturating_sub(before.cash()),
            reference: transfer.reference.clone(),
        }));
        effects.push(Effect::Answered { refused: None });
        true
    }

    /// Books what the venue has redeemed by itself: all our shares of tokens whose outcome is known are gone there, and the cash is
    /// higher by just what they pay. Anything else is a difference that nobody explained.
    pub(crate) fn book_redemptions(&mut self, view: &AccountView, effects: &mut Effects) {
        let gone: Vec<(TokenIx, Size, Usd)> =
            self.ledger.positions().filter_map(|held| self.gone(held, view)).collect();
        let paid = gone.iter().fold(Usd::ZERO, |sum, (_, _, paid)| sum.saturating_add(*paid));
        if view.cash.saturating_sub(self.ledger.cash()) != paid {
            return;
        }
        for (token, size, paid) in gone {
            let kind = TransferKind::Redeem { token, size, paid };
            if self.on_transfer(&Transfer { kind, reference: Reason::from("redeemed by the venue") }, effects) {
                self.told.booked(&kind);
            }
        }
    }

    /// Returns a position that is there no more and what it paid, if its outcome is known.
    fn gone(&self, (token, position): (TokenIx, &Position), view: &AccountView) -> Option<(TokenIx, Size, Usd)> {
        let pays = u128::from(self.markets.token(token)?.pays?);
        let there = view.shares.iter().any(|(other, size)| *other == token && !size.is_zero());
        let micros = u128::from(position.size.0).checked_mul(pays)?.checked_div(u128::from(model::SCALE))?;
        let paid = Usd(i64::try_from(micros).ok()?);
        (!there && !position.size.is_zero()).then_some((token, position.size, paid))
    }

    fn book_transfer(&mut self, kind: TransferKind) -> Result<(), LedgerError> {
        let minus = |amount: Usd| Usd::ZERO.saturating_sub(amount);
        match kind {
            TransferKind::Deposit(amount) | TransferKind::Reward(amount) | TransferKind::Rebate(amount) => {
                self.ledger.add_cash(amount)
            }
            TransferKind::Withdrawal(amount) | TransferKind::Gas(amount) => self.ledger.add_cash(minus(amount)),
            TransferKind::Split { market, size } => {
                let cost = size.face_value().ok_or(LedgerError::Overflow)?;
                let (first, second) = self.divided(market.token(0), size, cost);
                self.ledger.add_shares(market.token(0), size, first)?;
                self.ledger.add_shares(market.token(1), size, second)?;
                self.ledger.add_cash(minus(cost))
            }
            TransferKind::Merge { market, size } => {
                let paid = size.face_value().ok_or(LedgerError::Overflow)?;
                let (first, second) = self.divided(market.token(0), size, paid);
                self.ledger.take_shares(market.token(0), size, first)?;
                self.ledger.take_shares(market.token(1), size, second)?;
                self.ledger.add_cash(paid)
            }
            TransferKind::Redeem { token, size, paid } | TransferKind::Convert { token, size, paid } => {
                self.ledger.take_shares(token, size, paid)?;
                self.ledger.add_cash(paid)
            }
        }
    }

    /// Divides a pair's dollars between the outcomes by the price of the first, so that neither shows a loss which the pair has not;
    /// evenly if there is no price.
    fn divided(&self, token: TokenIx, size: Size, sum: Usd) -> (Usd, Usd) {
        let top = self.markets.token(token).and_then(|state| state.book.best_bid().or(state.book.best_ask()));
        let first = top.and_then(|level| level.price.cost_floor(size)).unwrap_or(Usd(sum.0 / 2)).min(sum);
        (first, sum.saturating_sub(first))
    }

    /// Closes a position on an operator's word, as a guard would.
    pub(crate) fn close_position(&mut self, token: TokenIx, effects: &mut Effects) -> Result<(), Reason> {
        if self.state == crate::BotState::Stopped || self.halted {
            return Err("the bot is STOPPED; start or pause it first, so that the gate lets an exit pass".into());
        }
        let held = self.ledger.parts().filter(|(_, held, part)| *held == token && !part.size.is_zero());
        let holders: Vec<(StrategyId, TokenIx)> = held.map(|(strategy, held, _)| (strategy, held)).collect();
        if holders.is_empty() {
            return Err(format!("there is no position in token {token}"));
        }
        let least = self.markets.of_token(token).map(|entry| entry.market.min_size).unwrap_or_default();
        let size = self.ledger.position(token).size;
        if size < least {
            return Err(format!("{size} shares are below the venue's smallest order of {least}"));
        }
        if self.markets.token(token).and_then(|state| state.book.best_bid()).is_none() {
            return Err(format!("nobody bids for token {token}"));
        }
        holders.into_iter().for_each(|key| self.fire(key, effects));
        Ok(())
    }
}
