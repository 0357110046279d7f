//! Cash and positions. They change only by fills, their reversal, and named transfers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use model::{CarryOver, FillEntry, Position, RealisedBefore, Side, Size, StrategyId, TokenIx, Usd};

/// The ledger contradicts itself or a sum left its range; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// More shares were removed than were owned.
    #[error("sold {sold} shares of token {token} but only {owned} were owned")]
    Oversold {
        /// The token.
        token: TokenIx,
        /// Shares sold.
        sold: Size,
        /// Shares owned.
        owned: Size,
    },
    /// A sum overflows.
    #[error("a sum of money or shares overflowed")]
    Overflow,
}

/// The account: cash, positions by token, and each strategy's share of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ledger {
    cash: Usd,
    fees: Usd,
    unsettled_cash: Usd,
    positions: BTreeMap<TokenIx, Position>,
    parts: BTreeMap<(StrategyId, TokenIx), Position>,
    /// Profit realised on markets that are no longer in the table.
    before: Usd,
    before_by: BTreeMap<StrategyId, Usd>,
}

impl Ledger {
    /// Returns an account that holds only `cash`.
    pub(crate) fn with_cash(cash: Usd) -> Self {
        Self { cash, ..Self::default() }
    }

    /// Returns the account of an earlier session, with the profit realised before it.
    pub(crate) fn carried(carry: &CarryOver, before: &RealisedBefore) -> Self {
        Self {
            before: before.account,
            before_by: before.strategies.iter().copied().collect(),
            cash: carry.cash,
            fees: carry.fees,
            unsettled_cash: carry.unsettled,
            positions: carry.positions.iter().copied().collect(),
            parts: carry.parts.iter().copied().collect(),
        }
    }

    /// Returns all cash, whether reserved or not.
    pub fn cash(&self) -> Usd {
        self.cash
    }

    /// Returns the proceeds of sales that are not confirmed; they cannot be spent.
    pub fn unsettled_cash(&self) -> Usd {
        self.unsettled_cash
    }

    /// Returns all fees paid.
    pub fn fees(&self) -> Usd {
        self.fees
    }

    /// Returns the position in a token.
    pub fn position(&self, token: TokenIx) -> Position {
        self.positions.get(&token).copied().unwrap_or_default()
    }

    /// Returns a strategy's share of the position in a token.
    pub fn part(&self, strategy: StrategyId, token: TokenIx) -> Position {
        self.parts.get(&(strategy, token)).copied().unwrap_or_default()
    }

    /// Returns the positions in all tokens ever held, by token.
    pub fn positions(&self) -> impl Iterator<Item = (TokenIx, &Position)> {
        self.positions.iter().map(|(token, position)| (*token, position))
    }

    /// Returns the positions of one strategy, by token.
    pub fn parts_of(&self, strategy: StrategyId) -> impl Iterator<Item = (TokenIx, &Position)> {
        let parts = self.parts.range((strategy, TokenIx(0))..=(strategy, TokenIx(u32::MAX)));
        parts.map(|((_, token), position)| (*token, position))
    }

    /// Returns the positions of all strategies.
    pub fn parts(&self) -> impl Iterator<Item = (StrategyId, TokenIx, &Position)> {
        self.parts.iter().map(|((strategy, token), position)| (*strategy, *token, position))
    }

    /// Returns the profit realised on markets that are no longer in the table.
    pub fn realised_before(&self) -> RealisedBefore {
        let strategies = self.before_by.iter().map(|(strategy, realised)| (*strategy, *realised));
        RealisedBefore { account: self.before, strategies: strategies.collect() }
    }

    /// Returns a strategy's share of that profit.
    pub(crate) fn realised_before_by(&self, strategy: StrategyId) -> Usd {
        self.before_by.get(&strategy).copied().unwrap_or_default()
    }

    /// Adopts the profit realised before this session.
    pub(crate) fn begin_after(&mut self, before: &RealisedBefore) {
        self.before = before.account;
        self.before_by = before.strategies.iter().copied().collect();
    }

    /// Returns the profit realised on all tokens, before fees.
    pub fn realised(&self) -> Usd {
        self.positions.values().fold(self.before, |sum, position| sum.saturating_add(position.realised))
    }

    /// Books a fill that is not confirmed yet, and returns the entry that reverses it.
    pub(crate) fn book(
        &mut self,
        strategy: StrategyId,
        token: TokenIx,
        side: Side,
        size: Size,
        cost: Usd,
        fee: Usd,
    ) -> Result<FillEntry, LedgerError> {
        let account = moved(self.position(token), token, side, size, cost)?;
        let part = moved(self.part(strategy, token), token, side, size, cost)?;
        let money = match side {
            Side::Buy => Usd::ZERO.checked_sub(cost),
            Side::Sell => Some(cost),
        };
        let cash = money.and_then(|m| self.cash.checked_add(m)).and_then(|c| c.checked_sub(fee));
        let fees = self.fees.checked_add(fee);
        let unsettled = match side {
            Side::Buy => Some(self.unsettled_cash),
            Side::Sell => self.unsettled_cash.checked_add(cost),
        };
        let (Some(cash), Some(fees), Some(unsettled)) = (cash, fees, unsettled) else {
            return Err(LedgerError::Overflow);
        };
        (self.cash, self.fees, self.unsettled_cash) = (cash, fees, unsettled);
        self.positions.insert(token, account.0);
        self.parts.insert((strategy, token), part.0);
        Ok(FillEntry { strategy, token, side, size, cost, fee, basis: [account.1, part.1] })
    }

    /// Changes the cash without a trade.
    pub(crate) fn add_cash(&mut self, amount: Usd) -> Result<(), LedgerError> {
        self.cash = self.cash.checked_add(amount).ok_or(LedgerError::Overflow)?;
        Ok(())
    }

    /// Adds shares that cost `cost`, owned by no strategy.
    pub(crate) fn add_shares(&mut self, token: TokenIx, size: Size, cost: Usd) -> Result<(), LedgerError> {
        for position in
            [self.positions.entry(token).or_default(), self.parts.entry((StrategyId::EXTERNAL, token)).or_default()]
        {
            position.size = position.size.checked_add(size).ok_or(LedgerError::Overflow)?;
            position.cost = position.cost.checked_add(cost).ok_or(LedgerError::Overflow)?;
        }
        Ok(())
    }

    /// Removes shares for `paid`, from the strategies that hold them in the order of their numbers.
    pub(crate) fn take_shares(&mut self, token: TokenIx, size: Size, paid: Usd) -> Result<(), LedgerError> {
        let owned = self.position(token).size;
        if owned < size {
            return Err(LedgerError::Oversold { token, sold: size, owned });
        }
        let account = moved(self.position(token), token, Side::Sell, size, paid)?.0;
        let holders: Vec<StrategyId> =
            self.parts.keys().filter(|(_, held)| *held == token).map(|(strategy, _)| *strategy).collect();
        let (mut left, mut paid_left) = (size, paid);
        for strategy in holders {
            let part = self.part(strategy, token);
            let taken = part.size.min(left);
            let share =
                if taken == left { paid_left } else { share_of(paid, taken, size).ok_or(LedgerError::Overflow)? };
            let part = moved(part, token, Side::Sell, taken, share)?.0;
            self.parts.insert((strategy, token), part);
            left = left.saturating_sub(taken);
            paid_left = paid_left.saturating_sub(share);
            if left.is_zero() {
                break;
            }
        }
        self.positions.insert(token, account);
        Ok(())
    }

    /// Returns the cost of a part of a strategy's shares.
    pub(crate) fn basis(&self, strategy: StrategyId, token: TokenIx, size: Size) -> Result<Usd, LedgerError> {
        let part = self.part(strategy, token);
        share_of(part.cost, size, part.size).ok_or(LedgerError::Overflow)
    }

    /// Moves a strategy's shares to another one, with their cost.
    pub(crate) fn hand_over(
        &mut self,
        token: TokenIx,
        from: StrategyId,
        to: StrategyId,
        size: Size,
    ) -> Result<(), LedgerError> {
        let basis = self.basis(from, token, size)?;
        // Moved at cost, so neither strategy gains.
        let given = moved(self.part(from, token), token, Side::Sell, size, basis)?.0;
        let mut got = self.part(to, token);
        got.size = got.size.checked_add(size).ok_or(LedgerError::Overflow)?;
        got.cost = got.cost.checked_add(basis).ok_or(LedgerError::Overflow)?;
        self.parts.insert((from, token), given);
        self.parts.insert((to, token), got);
        Ok(())
    }

    /// Marks a fill as final: its shares can be sold, its proceeds spent.
    pub(crate) fn settle_trade(&mut self, entry: &FillEntry) {
        match entry.side {
            Side::Buy => {
                for position in self.both(entry) {
                    position.unsettled = position.unsettled.saturating_sub(entry.size);
                }
            }
            Side::Sell => self.unsettled_cash = self.unsettled_cash.saturating_sub(entry.cost),
        }
    }

    /// Reverses a fill that failed at the venue.
    pub(crate) fn reverse(&mut self, entry: &FillEntry) -> Result<(), LedgerError> {
        let owned = self.part(entry.strategy, entry.token).size.min(self.position(entry.token).size);
        if entry.side == Side::Buy && owned < entry.size {
            return Err(LedgerError::Oversold { token: entry.token, sold: entry.size, owned });
        }
        self.settle_trade(entry);
        let basis = entry.basis;
        for (position, basis) in self.both(entry).into_iter().zip(basis) {
            match entry.side {
                Side::Buy => {
                    position.size = position.size.saturating_sub(entry.size);
                    position.cost = position.cost.saturating_sub(entry.cost);
                }
                Side::Sell => {
                    position.size = position.size.saturating_add(entry.size);
                    position.cost = position.cost.saturating_add(basis);
                    let gain = entry.cost.saturating_sub(basis);
                    position.realised = position.realised.saturating_sub(gain);
                }
            }
        }
        let back = match entry.side {
            Side::Buy => entry.cost,
            Side::Sell => Usd::ZERO.saturating_sub(entry.cost),
        };
        self.cash = self.cash.saturating_add(back).saturating_add(entry.fee);
        self.fees = self.fees.saturating_sub(entry.fee);
        Ok(())
    }

    fn both(&mut self, entry: &FillEntry) -> [&mut Position; 2] {
        [self.positions.entry(entry.token).or_default(), self.parts.entry((entry.strategy, entry.token)).or_default()]
    }
}

/// Returns a position after a fill, and the cost of the sold shares.
fn moved(
    mut position: Position,
    token: TokenIx,
    side: Side,
    size: Size,
    cost: Usd,
) -> Result<(Position, Usd), LedgerError> {
    match side {
        Side::Buy => {
            position.size = position.size.checked_add(size).ok_or(LedgerError::Overflow)?;
            position.cost = position.cost.checked_add(cost).ok_or(LedgerError::Overflow)?;
            position.unsettled = position.unsettled.saturating_add(size);
            Ok((position, Usd::ZERO))
        }
        Side::Sell => {
            let oversold = LedgerError::Oversold { token, sold: size, owned: position.size };
            let rest = position.size.checked_sub(size).ok_or(oversold)?;
            let basis = share_of(position.cost, size, position.size).ok_or(LedgerError::Overflow)?;
            position.cost = position.cost.checked_sub(basis).ok_or(LedgerError::Overflow)?;
            let gain = cost.checked_sub(basis).ok_or(LedgerError::Overflow)?;
            position.realised = position.realised.checked_add(gain).ok_or(LedgerError::Overflow)?;
            position.size = rest;
            Ok((position, basis))
        }
    }
}

/// Returns `cost * part / whole`, rounded down; all of the cost when all is sold.
fn share_of(cost: Usd, part: Size, whole: Size) -> Option<Usd> {
    if whole.is_zero() {
        return Some(Usd::ZERO);
    }
    let micros = i128::from(cost.0).checked_mul(i128::from(part.0))?.checked_div(i128::from(whole.0))?;
    i64::try_from(micros).ok().map(Usd)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: TokenIx = TokenIx(0);
    const WHO: StrategyId = StrategyId(1);

    fn buy(ledger: &mut Ledger, shares: u64, dollars: i64) -> FillEntry {
        ledger.book(WHO, TOKEN, Side::Buy, Size::shares(shares), Usd::dollars(dollars), Usd::ZERO).unwrap()
    }

    #[test]
    fn selling_half_realises_half_of_the_gain() {
        let mut ledger = Ledger::with_cash(Usd::dollars(100));
        buy(&mut ledger, 100, 40);
        ledger.book(WHO, TOKEN, Side::Sell, Size::shares(50), Usd::dollars(25), Usd(1)).unwrap();
        let position = ledger.position(TOKEN);
        assert_eq!((position.size, position.cost), (Size::shares(50), Usd::dollars(20)));
        assert_eq!((position.realised, ledger.cash()), (Usd::dollars(5), Usd(84_999_999)));
    }

    #[test]
    fn selling_more_than_is_owned_changes_nothing() {
        let mut ledger = Ledger::with_cash(Usd::dollars(100));
        buy(&mut ledger, 10, 4);
        let before = ledger.clone();
        assert!(ledger.book(WHO, TOKEN, Side::Sell, Size::shares(11), Usd::dollars(5), Usd::ZERO).is_err());
        assert_eq!(ledger, before);
    }

    #[test]
    fn a_failed_trade_leaves_no_trace() {
        let mut ledger = Ledger::with_cash(Usd::dollars(100));
        let first = buy(&mut ledger, 10, 4);
        ledger.settle_trade(&first);
        let before = ledger.clone();
        let entry = ledger.book(WHO, TOKEN, Side::Sell, Size::shares(5), Usd::dollars(3), Usd(7)).unwrap();
        assert_ne!(ledger, before);
        ledger.reverse(&entry).unwrap();
        assert_eq!(ledger, before);
        let entry = buy(&mut ledger, 10, 5);
        ledger.reverse(&entry).unwrap();
        assert_eq!(ledger, before);
    }

    #[test]
    fn unsettled_shares_are_counted_until_they_are_confirmed() {
        let mut ledger = Ledger::with_cash(Usd::dollars(100));
        let entry = buy(&mut ledger, 10, 4);
        assert_eq!(ledger.position(TOKEN).unsettled, Size::shares(10));
        ledger.settle_trade(&entry);
        assert_eq!(ledger.position(TOKEN).unsettled, Size::ZERO);
    }
}
