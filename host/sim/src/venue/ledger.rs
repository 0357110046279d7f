//! Balances of accounts, and the parts reserved by open orders.

use super::types::{AccountId, Balance, OpenOrder};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use model::{SCALE, Side, Size, TokenIx, Usd, VenueOrderId};

/// An amount and the part reserved by open orders, in base units. 128 bits: no sequence of orders can reach the end of
/// the range, so the saturating sums below never saturate.
#[derive(Debug, Clone, Copy, Default)]
struct Purse {
    total: i128,
    held: i128,
}

impl Purse {
    const fn add(&mut self, micros: i128) {
        self.total = self.total.saturating_add(micros);
    }

    /// Adds or subtracts; returns `None` and changes nothing if the balance is too small.
    fn change(&mut self, micros: i128) -> Option<()> {
        let total = self.total.checked_add(micros)?;
        if micros < 0 && total < 0 {
            return None;
        }
        self.total = total;
        Some(())
    }

    fn balance(self) -> Balance {
        Balance { total: clamp(self.total), reserved: clamp(self.held) }
    }
}

#[derive(Debug, Clone, Default)]
struct Account {
    cash: Purse,
    shares: BTreeMap<TokenIx, Purse>,
    orders: BTreeSet<VenueOrderId>,
}

impl Account {
    /// Redeems all shares of a token at `pays` each, rounded down to whole millionths.
    fn redeem(&mut self, token: TokenIx, pays: Usd) -> Option<(Size, Usd)> {
        let purse = self.shares.remove(&token)?;
        let worth = purse.total.saturating_mul(i128::from(pays.micros())).div_euclid(i128::from(SCALE));
        self.cash.add(worth);
        (purse.total > 0).then(|| (Size(u64::try_from(purse.total).unwrap_or(u64::MAX)), Usd(clamp(worth))))
    }
}

/// One account's half of a match.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leg {
    pub(super) account: AccountId,
    pub(super) token: TokenIx,
    pub(super) side: Side,
    pub(super) size: Size,
    pub(super) value: Usd,
    pub(super) fee: Usd,
}

/// All accounts; the first is the house.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    accounts: Vec<Account>,
    fees: i128,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { accounts: alloc::vec![Account::default()], fees: 0 }
    }
}

impl Ledger {
    /// Opens an account; returns `None` if there are `max`.
    pub(super) fn open(&mut self, max: u32) -> Option<AccountId> {
        let number = u32::try_from(self.accounts.len()).ok().filter(|number| *number <= max)?;
        self.accounts.push(Account::default());
        Some(AccountId(number))
    }

    fn get(&self, account: AccountId) -> Option<&Account> {
        self.accounts.get(usize::try_from(account.0).ok()?)
    }

    fn get_mut(&mut self, account: AccountId) -> Option<&mut Account> {
        self.accounts.get_mut(usize::try_from(account.0).ok()?)
    }

    pub(super) fn has(&self, account: AccountId) -> bool {
        self.get(account).is_some()
    }

    pub(super) fn deposit(&mut self, account: AccountId, cash: Usd) -> Option<()> {
        self.get_mut(account)?.cash.add(i128::from(cash.micros()));
        Some(())
    }

    pub(super) fn grant(&mut self, account: AccountId, token: TokenIx, shares: Size) -> Option<()> {
        self.get_mut(account)?.shares.entry(token).or_default().add(i128::from(shares.micros()));
        Some(())
    }

    pub(super) fn cash(&self, account: AccountId) -> Balance {
        self.get(account).map_or(Balance::default(), |account| account.cash.balance())
    }

    pub(super) fn shares(&self, account: AccountId, token: TokenIx) -> Balance {
        let purse = self.get(account).and_then(|account| account.shares.get(&token));
        purse.map_or(Balance::default(), |purse| purse.balance())
    }

    pub(super) fn fees(&self) -> Usd {
        Usd(clamp(self.fees))
    }

    pub(super) fn orders(&self, account: AccountId) -> impl Iterator<Item = &VenueOrderId> {
        self.get(account).into_iter().flat_map(|account| account.orders.iter())
    }

    pub(super) fn order_count(&self, account: AccountId) -> usize {
        self.get(account).map_or(0, |account| account.orders.len())
    }

    /// Reserves the amount that a newly resting order needs.
    pub(super) fn rest(&mut self, order: &OpenOrder) {
        self.change_hold(order, Size::ZERO, order.rest());
        if let Some(account) = self.get_mut(order.account) {
            account.orders.insert(order.id);
        }
    }

    /// Releases the amount that `order` no longer needs after its rest fell from `before` to `after`, and removes the
    /// reservation when nothing is left.
    pub(super) fn release(&mut self, order: &OpenOrder, before: Size, after: Size) {
        self.change_hold(order, before, after);
        if after.is_zero()
            && let Some(account) = self.get_mut(order.account)
        {
            account.orders.remove(&order.id);
        }
    }

    fn change_hold(&mut self, order: &OpenOrder, before: Size, after: Size) {
        let change = needed(order, after).saturating_sub(needed(order, before));
        self.hold(order.account, order.side, order.token, change);
    }

    /// Redeems all accounts' shares of a token at `pays` each, rounded down to whole millionths. Returns each account
    /// with its shares and payout.
    pub(super) fn redeem(&mut self, token: TokenIx, pays: Usd) -> Vec<(AccountId, Size, Usd)> {
        let accounts = (0..).zip(&mut self.accounts);
        let paid = accounts.filter_map(|(number, account)| {
            account.redeem(token, pays).map(|(size, value)| (AccountId(number), size, value))
        });
        paid.collect()
    }

    /// Redeems one account's shares of a token; returns `None` if it has none.
    pub(super) fn redeem_of(&mut self, account: AccountId, token: TokenIx, pays: Usd) -> Option<(Size, Usd)> {
        self.get_mut(account)?.redeem(token, pays)
    }

    /// Adds or subtracts cash; returns `None` and changes nothing if there is too little.
    pub(super) fn change_cash(&mut self, account: AccountId, micros: i128) -> Option<()> {
        self.get_mut(account)?.cash.change(micros)
    }

    /// Adds or subtracts shares; returns `None` and changes nothing if there are too few.
    pub(super) fn change_shares(&mut self, account: AccountId, token: TokenIx, micros: i128) -> Option<()> {
        self.get_mut(account)?.shares.entry(token).or_default().change(micros)
    }

    /// Reserves `micros` of what an order on `side` of `token` gives, or releases them if negative.
    pub(super) fn hold(&mut self, account: AccountId, side: Side, token: TokenIx, micros: i128) {
        let Some(account) = self.get_mut(account) else { return };
        let purse = match side {
            Side::Buy => &mut account.cash,
            Side::Sell => account.shares.entry(token).or_default(),
        };
        purse.held = purse.held.saturating_add(micros);
    }

    /// Moves the money and shares of one half of a match.
    pub(super) fn apply_leg(&mut self, leg: &Leg) {
        let (value, fee) = (i128::from(leg.value.micros()), i128::from(leg.fee.micros()));
        let size = i128::from(leg.size.micros());
        self.fees = self.fees.saturating_add(fee);
        let Some(account) = self.get_mut(leg.account) else { return };
        let shares = account.shares.entry(leg.token).or_default();
        match leg.side {
            Side::Buy => {
                shares.add(size);
                account.cash.add(value.saturating_add(fee).saturating_neg());
            }
            Side::Sell => {
                shares.add(size.saturating_neg());
                account.cash.add(value.saturating_sub(fee));
            }
        }
    }
}

/// Returns the amount reserved for `rest` shares of an order: for a BUY its cost rounded up, for a SELL the shares.
fn needed(order: &OpenOrder, rest: Size) -> i128 {
    match order.side {
        // Sizes are checked when an order is placed, so the cost fits.
        Side::Buy => order.price.cost_ceil(rest).map_or(0, |cost| i128::from(cost.micros())),
        Side::Sell => i128::from(rest.micros()),
    }
}

fn clamp(micros: i128) -> i64 {
    i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}
