//! Cash and positions. They change only by fills, their reversal, and named transfers.

use alloc::collections::BTreeMap;
use model::{Side, Size, StrategyId, TokenIx, Usd};

/// Shares of one token with what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Shares owned.
    pub size: Size,
    /// What these shares cost, fees apart.
    pub cost: Usd,
    /// Profit of the shares sold so far, fees apart.
    pub realised: Usd,
    /// Shares bought in trades that are not confirmed yet; they cannot be sold.
    pub unsettled: Size,
}

/// Our books contradict themselves or a sum left its range; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// More shares left than were owned.
    #[error("sold {sold} shares of token {token} but only {owned} were owned")]
    Oversold {
        /// The token.
        token: TokenIx,
        /// Shares sold.
        sold: Size,
        /// Shares owned.
        owned: Size,
    },
    /// A sum does not fit.
    #[error("a sum of money or shares left its range")]
    Overflow,
}

/// The money side of one fill; kept so that a failed trade can be taken back exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) strategy: StrategyId,
    pub(crate) token: TokenIx,
    pub(crate) side: Side,
    pub(crate) size: Size,
    /// Money that moved, fees apart.
    pub(crate) cost: Usd,
    pub(crate) fee: Usd,
    /// For a sale, what the sold shares had cost, on the account and for the strategy; zero for a purchase.
    basis: [Usd; 2],
}

/// The account: cash, positions by token, and each strategy's part of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    cash: Usd,
    fees: Usd,
    unsettled_cash: Usd,
    positions: BTreeMap<TokenIx, Position>,
    parts: BTreeMap<(StrategyId, TokenIx), Position>,
}

impl Ledger {
    /// Returns an account that holds nothing but `cash`.
    pub(crate) fn with_cash(cash: Usd) -> Self {
        Self { cash, ..Self::default() }
    }

    /// Returns all cash, reserved or not.
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

    /// Returns a strategy's part of the position in a token.
    pub fn part(&self, strategy: StrategyId, token: TokenIx) -> Position {
        self.parts.get(&(strategy, token)).copied().unwrap_or_default()
    }

    /// Returns all tokens ever held, by token.
    pub fn positions(&self) -> impl Iterator<Item = (TokenIx, &Position)> {
        self.positions.iter().map(|(token, position)| (*token, position))
    }

    /// Returns all strategies' parts.
    pub fn parts(&self) -> impl Iterator<Item = (StrategyId, TokenIx, &Position)> {
        self.parts.iter().map(|((strategy, token), position)| (*strategy, *token, position))
    }

    /// Returns the profit realised on all tokens, fees apart.
    pub fn realised(&self) -> Usd {
        self.positions.values().fold(Usd::ZERO, |sum, position| sum.saturating_add(position.realised))
    }

    /// Books a fill that is not confirmed yet, and returns what takes it back.
    pub(crate) fn book(
        &mut self,
        strategy: StrategyId,
        token: TokenIx,
        side: Side,
        size: Size,
        cost: Usd,
        fee: Usd,
    ) -> Result<Entry, LedgerError> {
        let account = self.position(token).moved(token, side, size, cost)?;
        let part = self.part(strategy, token).moved(token, side, size, cost)?;
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
        Ok(Entry { strategy, token, side, size, cost, fee, basis: [account.1, part.1] })
    }

    /// A fill is final: its shares can be sold, its proceeds spent.
    pub(crate) fn settle(&mut self, entry: &Entry) {
        match entry.side {
            Side::Buy => {
                for position in self.both(entry) {
                    position.unsettled = position.unsettled.saturating_sub(entry.size);
                }
            }
            Side::Sell => self.unsettled_cash = self.unsettled_cash.saturating_sub(entry.cost),
        }
    }

    /// A fill failed at the venue: takes it back.
    pub(crate) fn reverse(&mut self, entry: &Entry) -> Result<(), LedgerError> {
        let owned = self.part(entry.strategy, entry.token).size.min(self.position(entry.token).size);
        if entry.side == Side::Buy && owned < entry.size {
            return Err(LedgerError::Oversold { token: entry.token, sold: entry.size, owned });
        }
        self.settle(entry);
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

    fn both(&mut self, entry: &Entry) -> [&mut Position; 2] {
        [self.positions.entry(entry.token).or_default(), self.parts.entry((entry.strategy, entry.token)).or_default()]
    }
}

impl Position {
    /// Returns the position after a fill, and what the sold shares had cost.
    fn moved(mut self, token: TokenIx, side: Side, size: Size, cost: Usd) -> Result<(Self, Usd), LedgerError> {
        match side {
            Side::Buy => {
                self.size = self.size.checked_add(size).ok_or(LedgerError::Overflow)?;
                self.cost = self.cost.checked_add(cost).ok_or(LedgerError::Overflow)?;
                self.unsettled = self.unsettled.saturating_add(size);
                Ok((self, Usd::ZERO))
            }
            Side::Sell => {
                let oversold = LedgerError::Oversold { token, sold: size, owned: self.size };
                let rest = self.size.checked_sub(size).ok_or(oversold)?;
                let basis = share_of(self.cost, size, self.size).ok_or(LedgerError::Overflow)?;
                self.cost = self.cost.checked_sub(basis).ok_or(LedgerError::Overflow)?;
                let gain = cost.checked_sub(basis).ok_or(LedgerError::Overflow)?;
                self.realised = self.realised.checked_add(gain).ok_or(LedgerError::Overflow)?;
                self.size = rest;
                Ok((self, basis))
            }
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

    fn buy(ledger: &mut Ledger, shares: u64, dollars: i64) -> Entry {
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
        ledger.settle(&first);
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
        ledger.settle(&entry);
        assert_eq!(ledger.position(TOKEN).unsettled, Size::ZERO);
    }
}
