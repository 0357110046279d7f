//! Tax lots, closed first in, first out (FIFO), from the fills and share moves of the database. Costs and proceeds are
//! divided in whole micro-dollars, without losing a remainder.

mod read;

pub(crate) use read::walk;

use std::collections::{BTreeMap, VecDeque};

/// The most lots that are open at the same time.
const OPEN_MAX: usize = 2_000_000;

/// A change of the shares of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) account: String,
    pub(crate) token: String,
    pub(crate) market: String,
    pub(crate) outcome: String,
    pub(crate) at_ms: u64,
    /// `trade`, `split`, `merge`, `redeem` or `convert`.
    pub(crate) by: String,
    /// True if the shares came, false if they went.
    pub(crate) comes: bool,
    pub(crate) size_micros: u64,
    /// Their cost or proceeds, without fees.
    pub(crate) dollars: i64,
    pub(crate) fee: i64,
}

/// The opening of a lot, or of the remaining part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opening {
    pub(crate) at_ms: u64,
    pub(crate) by: String,
    pub(crate) cost: i64,
    pub(crate) fee: i64,
}

/// The closing of a lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closing {
    pub(crate) at_ms: u64,
    pub(crate) by: String,
    pub(crate) proceeds: i64,
    pub(crate) fee: i64,
}

/// A lot, or the part of it that one change closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lot {
    pub(crate) account: String,
    pub(crate) token: String,
    pub(crate) market: String,
    pub(crate) outcome: String,
    pub(crate) size_micros: u64,
    /// `None` for shares held before the first row: their cost is unknown, and counts as zero.
    pub(crate) opening: Option<Opening>,
    /// `None` if the lot is open.
    pub(crate) closing: Option<Closing>,
}

impl Lot {
    /// Returns proceeds less cost and both fees, in micro-dollars; `None` if the lot is open.
    pub(crate) fn gain(&self) -> Option<i64> {
        let closing = self.closing.as_ref()?;
        let (cost, fee) = self.opening.as_ref().map_or((0, 0), |opening| (opening.cost, opening.fee));
        Some(closing.proceeds.saturating_sub(closing.fee).saturating_sub(cost).saturating_sub(fee))
    }
}

#[derive(Debug)]
struct Held {
    size: u64,
    opening: Opening,
}

#[derive(Debug, Default)]
struct Token {
    market: String,
    outcome: String,
    held: VecDeque<Held>,
}

/// The open lots, by account and token.
#[derive(Debug, Default)]
pub(crate) struct Lots {
    open: BTreeMap<(String, String), Token>,
    count: usize,
}

impl Lots {
    /// Applies a change, and passes each lot that it closes to `closed`. Changes come in the order of time.
    ///
    /// # Errors
    /// If too many lots are open.
    pub(crate) fn apply(&mut self, change: Change, closed: &mut impl FnMut(Lot)) -> anyhow::Result<()> {
        let Change { account, token, market, outcome, at_ms, by, comes, size_micros, dollars, fee } = change;
        if size_micros == 0 {
            return Ok(());
        }
        let entry = self.open.entry((account.clone(), token.clone())).or_default();
        (entry.market, entry.outcome) = (market, outcome);
        if comes {
            anyhow::ensure!(self.count < OPEN_MAX, "more than {OPEN_MAX} lots are open; select one with --account");
            self.count = self.count.saturating_add(1);
            entry.held.push_back(Held { size: size_micros, opening: Opening { at_ms, by, cost: dollars, fee } });
            return Ok(());
        }
        let (mut left, mut rest) = (size_micros, Closing { at_ms, by, proceeds: dollars, fee });
        while left > 0 {
            let whole = left;
            let (size, opening) = match entry.held.front_mut() {
                None => (left, None),
                Some(held) if held.size <= left => {
                    self.count = self.count.saturating_sub(1);
                    match entry.held.pop_front() {
                        Some(held) => (held.size, Some(held.opening)),
                        None => (left, None),
                    }
                }
                Some(held) => (left, Some(held.cut(left))),
            };
            left = left.saturating_sub(size);
            let closing = Closing {
                at_ms: rest.at_ms,
                by: rest.by.clone(),
                proceeds: cut(&mut rest.proceeds, size, whole),
                fee: cut(&mut rest.fee, size, whole),
            };
            closed(Lot {
                account: account.clone(),
                token: token.clone(),
                market: entry.market.clone(),
                outcome: entry.outcome.clone(),
                size_micros: size,
                opening,
                closing: Some(closing),
            });
        }
        if entry.held.is_empty() {
            self.open.remove(&(account, token));
        }
        Ok(())
    }

    /// Returns the open lots by account and token, oldest first.
    pub(crate) fn into_open(self) -> impl Iterator<Item = Lot> {
        self.open.into_iter().flat_map(|((account, token), Token { market, outcome, held })| {
            held.into_iter().map(move |Held { size, opening }| Lot {
                account: account.clone(),
                token: token.clone(),
                market: market.clone(),
                outcome: outcome.clone(),
                size_micros: size,
                opening: Some(opening),
                closing: None,
            })
        })
    }
}

impl Held {
    /// Removes `size` shares, and returns their opening.
    fn cut(&mut self, size: u64) -> Opening {
        let whole = self.size;
        self.size = whole.saturating_sub(size);
        Opening {
            at_ms: self.opening.at_ms,
            by: self.opening.by.clone(),
            cost: cut(&mut self.opening.cost, size, whole),
            fee: cut(&mut self.opening.fee, size, whole),
        }
    }
}

/// Removes and returns the part of an amount that belongs to `size` of `whole` shares, rounded towards zero. The rest
/// stays with the other shares.
fn cut(amount: &mut i64, size: u64, whole: u64) -> i64 {
    let part = i128::from(*amount).saturating_mul(size.into()).checked_div(whole.into()).unwrap_or(0);
    let part = i64::try_from(part).unwrap_or(*amount);
    *amount = amount.saturating_sub(part);
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: u64 = 1_000_000;

    fn change(at_ms: u64, by: &str, comes: bool, shares: u64, dollars: i64, fee: i64) -> Change {
        let (account, token, market, outcome) = ("0xa".into(), "7".into(), "rain".into(), "Yes".into());
        let size_micros = shares.saturating_mul(SHARE);
        Change { account, token, market, outcome, at_ms, by: by.into(), comes, size_micros, dollars, fee }
    }

    fn run(changes: Vec<Change>) -> anyhow::Result<(Vec<Lot>, Vec<Lot>)> {
        let (mut lots, mut closed) = (Lots::default(), Vec::new());
        for change in changes {
            lots.apply(change, &mut |lot| closed.push(lot))?;
        }
        Ok((closed, lots.into_open().collect()))
    }

    #[test]
    fn what_was_bought_first_is_sold_first_and_fees_count() -> anyhow::Result<()> {
        let (closed, open) = run(vec![
            change(1, "trade", true, 10, 4_000_000, 10),
            change(2, "trade", true, 10, 5_000_000, 20),
            change(3, "trade", false, 15, 9_000_000, 30),
        ])?;
        let sizes: Vec<u64> = closed.iter().map(|lot| lot.size_micros / SHARE).collect();
        assert_eq!(sizes, [10, 5]);
        let gains: Vec<_> = closed.iter().map(Lot::gain).collect();
        // 6.00 - 0.000020 - 4.00 - 0.000010, and 3.00 - 0.000010 - 2.50 - 0.000010.
        assert_eq!(gains, [Some(1_999_970), Some(499_980)]);
        let opened: Vec<_> = closed.iter().map(|lot| lot.opening.as_ref().map(|opening| opening.at_ms)).collect();
        assert_eq!(opened, [Some(1), Some(2)]);
        assert_eq!((open.len(), open.first().map(|lot| lot.size_micros)), (1, Some(5 * SHARE)));
        assert_eq!(open.first().and_then(Lot::gain), None);
        Ok(())
    }

    #[test]
    fn no_micro_dollar_is_lost_or_made_by_dividing() -> anyhow::Result<()> {
        let mut changes = vec![change(1, "trade", true, 7, 1_000_001, 5)];
        changes.extend((2..9).map(|at| change(at, "trade", false, 1, 333_333, 1)));
        let (closed, open) = run(changes)?;
        let cost: i64 = closed.iter().filter_map(|lot| lot.opening.as_ref()).map(|opening| opening.cost).sum();
        let fees: i64 = closed.iter().filter_map(|lot| lot.opening.as_ref()).map(|opening| opening.fee).sum();
        assert_eq!((closed.len(), open.len(), cost, fees), (7, 0, 1_000_001, 5));
        Ok(())
    }

    #[test]
    fn a_redemption_closes_what_is_held_and_shares_from_before_the_rows_have_no_opening() -> anyhow::Result<()> {
        let (closed, open) =
            run(vec![change(1, "split", true, 5, 2_000_000, 0), change(2, "redeem", false, 8, 8_000_000, 0)])?;
        let found: Vec<_> = closed.iter().map(|lot| (lot.opening.is_some(), lot.gain())).collect();
        assert_eq!(found, [(true, Some(3_000_000)), (false, Some(3_000_000))]);
        assert!(closed.iter().all(|lot| lot.closing.as_ref().is_some_and(|closing| closing.by == "redeem")));
        assert_eq!(open, []);
        Ok(())
    }

    #[test]
    fn accounts_and_tokens_do_not_share_lots() -> anyhow::Result<()> {
        let other = Change { account: "0xb".into(), ..change(1, "trade", true, 1, 1, 0) };
        let (closed, open) = run(vec![other, change(2, "trade", false, 1, 500_000, 0)])?;
        assert_eq!((closed.len(), open.len()), (1, 1));
        assert!(closed.iter().all(|lot| lot.opening.is_none()));
        Ok(())
    }
}
