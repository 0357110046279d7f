//! Money and shares that move without a trade.

use crate::breakers::Trip;
use crate::effect::{Effect, Effects, EngineEvent};
use crate::ledger::LedgerError;
use crate::step::Engine;
use alloc::format;
use alloc::vec::Vec;
use model::event::Reason;
use model::input::{AccountView, Breaker, Scope};
use model::{Position, Size, StrategyId, TokenIx, Transfer, TransferKind, Usd};

/// Shares of one token that a transfer adds or removes.
struct Moved {
    token: TokenIx,
    size: Size,
    comes: bool,
    dollars: Usd,
}

impl Engine {
    /// Books a transfer entered by an operator. The Data API will report it too.
    pub(crate) fn on_external_transfer(&mut self, transfer: &Transfer, effects: &mut Effects) {
        if self.on_transfer(transfer, effects) {
            self.activities.booked(&transfer.kind);
        }
    }

    /// Books a transfer; returns true if it was booked. A transfer that cannot be booked shows that the ledger differs
    /// from the venue's.
    pub(crate) fn on_transfer(&mut self, transfer: &Transfer, effects: &mut Effects) -> bool {
        if self.breakers.is_tripped(Breaker::JournalFailure, Scope::Session) {
            let reason = Reason::from("the journal is broken, so nothing can be booked");
            effects.push(Effect::Answered { refused: Some(reason) });
            return false;
        }
        let before = self.ledger.clone();
        let moved = self.moved(transfer.kind);
        if let Err(error) = self.book_transfer(transfer.kind, &moved) {
            self.ledger = before;
            let reason = format!("a {} cannot be booked: {error}", transfer.kind.as_str());
            effects.push(Effect::Answered { refused: Some(reason.clone()) });
            self.trip(Trip::session(Breaker::ReconciliationMismatch, reason), effects);
            return false;
        }
        // Money from outside is not P&L: the day's start and the peak are adjusted by it.
        let external = transfer.kind.external();
        self.day.transfer(external);
        self.breakers.peak = self.breakers.peak.saturating_add(external).max(Usd::ZERO);
        self.mismatch = Default::default();
        effects.push(Effect::Event(EngineEvent::Transfer {
            kind: transfer.kind.as_str(),
            cash: self.ledger.cash().saturating_sub(before.cash()),
            reference: transfer.reference.clone(),
        }));
        let kind = transfer.kind.as_str();
        effects.extend(moved.into_iter().map(|Moved { token, size, comes, dollars }| {
            Effect::Event(EngineEvent::Moved { kind, token, size, comes, dollars })
        }));
        effects.push(Effect::Answered { refused: None });
        true
    }

    /// Books redemptions made by the venue itself: all our shares of tokens with a known outcome are gone there, and
    /// the cash is higher by exactly their payout. Any other difference is unexplained.
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
                self.activities.booked(&kind);
            }
        }
    }

    /// Returns a position that no longer exists at the venue and its payout, if its outcome is known.
    fn gone(&self, (token, position): (TokenIx, &Position), view: &AccountView) -> Option<(TokenIx, Size, Usd)> {
        let pays = u128::from(self.markets.token(token)?.state.pays?);
        let there = view.shares.iter().any(|(other, size)| *other == token && !size.is_zero());
        let micros = u128::from(position.size.0).checked_mul(pays)?.checked_div(u128::from(model::SCALE))?;
        let paid = Usd(i64::try_from(micros).ok()?);
        (!there && !position.size.is_zero()).then_some((token, position.size, paid))
    }

    fn book_transfer(&mut self, kind: TransferKind, moved: &[Moved]) -> Result<(), LedgerError> {
        for Moved { token, size, comes, dollars } in moved {
            if *comes {
                self.ledger.add_shares(*token, *size, *dollars)?;
            } else {
                self.ledger.take_shares(*token, *size, *dollars)?;
            }
        }
        let minus = |amount: Usd| Usd::ZERO.saturating_sub(amount);
        self.ledger.add_cash(match kind {
            TransferKind::Deposit(amount) | TransferKind::Reward(amount) | TransferKind::Rebate(amount) => amount,
            TransferKind::Withdrawal(amount) | TransferKind::Gas(amount) => minus(amount),
            TransferKind::Split { size, .. } => minus(size.face_value().ok_or(LedgerError::Overflow)?),
            TransferKind::Merge { size, .. } => size.face_value().ok_or(LedgerError::Overflow)?,
            TransferKind::Redeem { paid, .. } | TransferKind::Convert { paid, .. } => paid,
        })
    }

    /// Returns the shares that a transfer moves, with their cost or proceeds.
    fn moved(&self, kind: TransferKind) -> Vec<Moved> {
        match kind {
            TransferKind::Split { market, size } | TransferKind::Merge { market, size } => {
                let comes = matches!(kind, TransferKind::Split { .. });
                // A size without a face value is refused when the cash is booked; then the transfer has no effect.
                let (first, second) = self.divided(market.token(0), size, size.face_value().unwrap_or(Usd::ZERO));
                let of = |outcome, dollars| Moved { token: market.token(outcome), size, comes, dollars };
                alloc::vec![of(0, first), of(1, second)]
            }
            TransferKind::Redeem { token, size, paid } | TransferKind::Convert { token, size, paid } => {
                alloc::vec![Moved { token, size, comes: false, dollars: paid }]
            }
            TransferKind::Deposit(_)
            | TransferKind::Withdrawal(_)
            | TransferKind::Reward(_)
            | TransferKind::Rebate(_)
            | TransferKind::Gas(_) => Vec::new(),
        }
    }

    /// Divides a pair's dollars between the outcomes by the price of the first, so that neither shows a loss that the
    /// pair does not have; evenly if there is no price.
    fn divided(&self, token: TokenIx, size: Size, sum: Usd) -> (Usd, Usd) {
        let top = self.markets.token(token).and_then(|state| state.book.best_bid().or(state.book.best_ask()));
        let first = top.and_then(|level| level.price.cost_floor(size)).unwrap_or(Usd(sum.0 / 2)).min(sum);
        (first, sum.saturating_sub(first))
    }

    /// Closes a position for an operator, as a guard would.
    pub(crate) fn close_position(&mut self, token: TokenIx, effects: &mut Effects) -> Result<(), Reason> {
        if self.state == crate::BotState::Stopped || self.halted {
            return Err(
                "the bot is STOPPED; start or pause it first, because the gate refuses exits while it is stopped"
                    .into(),
            );
        }
        let held = self.ledger.parts().filter(|(_, held, part)| *held == token && !part.size.is_zero());
        let holders: Vec<(StrategyId, TokenIx)> = held.map(|(strategy, held, _)| (strategy, held)).collect();
        if holders.is_empty() {
            return Err(format!("there is no position in token {token}"));
        }
        let least = self.markets.of_token(token).map(|entry| entry.market.min_size).unwrap_or_default();
        let size = self.ledger.position(token).size;
        if size < least {
            return Err(format!("{size} shares are below the venue's minimum order size of {least}"));
        }
        if self.markets.token(token).and_then(|state| state.book.best_bid()).is_none() {
            return Err(format!("there is no bid for token {token}"));
        }
        holders.into_iter().for_each(|key| self.fire(key, effects));
        Ok(())
    }
}
