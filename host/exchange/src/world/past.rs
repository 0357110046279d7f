//! What the members own and what they did, for the Data API: everything of it is public and asked for by a wallet's address.

use super::Inside;
use super::tape::Entry;
use model::{Side, Size, Time, TokenIx, Usd};
use order::Address;
use sim::AccountId;
use std::collections::{BTreeMap, VecDeque};

/// Payments that are remembered.
const PAYOUTS_MAX: usize = 100_000;

/// Shares of a resolved market that were paid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Payout {
    pub(super) at: Time,
    pub(super) account: AccountId,
    pub(super) token: TokenIx,
    pub(super) size: Size,
    pub(super) value: Usd,
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub(super) struct Payouts(VecDeque<Payout>);

impl Payouts {
    pub(super) fn push(&mut self, payout: Payout) {
        self.0.push_back(payout);
        if self.0.len() > PAYOUTS_MAX {
            self.0.pop_front();
        }
    }
}

/// Something that a wallet did.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) wallet: Address,
    pub(crate) at: Time,
    pub(crate) token: TokenIx,
    /// The side of a trade; none if its shares were paid.
    pub(crate) side: Option<Side>,
    pub(crate) size: Size,
    /// What was paid or received, fees apart.
    pub(crate) value: Usd,
    pub(crate) fee: Usd,
    /// Whether it took what rested.
    pub(crate) taker: bool,
    pub(crate) hash: String,
}

/// What a wallet has, or had, of a token.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holding {
    pub(crate) size: Size,
    /// What these shares cost, fees apart.
    pub(crate) cost: Usd,
    /// Fees of all that was bought.
    pub(crate) fees: Usd,
    /// Shares bought in all, and what they cost.
    pub(crate) bought: Size,
    pub(crate) spent: Usd,
    pub(crate) realised: Usd,
    pub(crate) first: Time,
    pub(crate) last: Time,
}

impl Holding {
    fn take(&mut self, deed: &Deed) {
        self.first = if self.first == Time(0) { deed.at } else { self.first };
        self.last = deed.at;
        if deed.side == Some(Side::Buy) {
            self.size = self.size.saturating_add(deed.size);
            self.bought = self.bought.saturating_add(deed.size);
            self.cost = self.cost.saturating_add(deed.value);
            self.spent = self.spent.saturating_add(deed.value);
            self.fees = self.fees.saturating_add(deed.fee);
            return;
        }
        let gone = deed.size.min(self.size);
        let basis = part(self.cost, gone, self.size);
        self.size = self.size.saturating_sub(gone);
        self.cost = self.cost.saturating_sub(basis);
        self.realised = self.realised.saturating_add(deed.value).saturating_sub(basis).saturating_sub(deed.fee);
    }
}

/// Returns the part of `cost` that `gone` of `size` shares have.
fn part(cost: Usd, gone: Size, size: Size) -> Usd {
    let whole = i128::from(cost.micros()).saturating_mul(i128::from(gone.micros()));
    let part = whole.checked_div(i128::from(size.micros())).unwrap_or(0);
    Usd(i64::try_from(part).unwrap_or(i64::MAX))
}

impl Inside {
    /// Returns what a wallet did, or everybody's, oldest first.
    pub(crate) fn deeds(&self, wallet: Option<Address>) -> Vec<Deed> {
        let members: BTreeMap<AccountId, Address> = match wallet {
            Some(wallet) => self.members.of(wallet).map(|account| (account, wallet)).into_iter().collect(),
            None => self.members.all().map(|(account, member)| (account, member.funder)).collect(),
        };
        let mut deeds: Vec<Deed> = self.tape.good().flat_map(|entry| self.legs(&members, entry)).collect();
        let paid = self.payouts.0.iter().filter_map(|payout| {
            let Payout { at, account, token, size, value } = *payout;
            let (wallet, hash) = (*members.get(&account)?, self.tape.hash(u64::MAX.saturating_sub(at.0)));
            Some(Deed { wallet, at, token, side: None, size, value, fee: Usd::ZERO, taker: false, hash })
        });
        deeds.extend(paid);
        deeds.sort_by_key(|deed| deed.at);
        deeds
    }

    /// Returns what a wallet has and had, by token.
    pub(crate) fn holdings(&self, wallet: Address) -> BTreeMap<TokenIx, Holding> {
        let mut holdings: BTreeMap<TokenIx, Holding> = BTreeMap::new();
        for deed in self.deeds(Some(wallet)) {
            holdings.entry(deed.token).or_default().take(&deed);
        }
        holdings
    }

    /// Returns the halves of a trade that belong to these wallets.
    fn legs(&self, members: &BTreeMap<AccountId, Address>, entry: &Entry) -> Vec<Deed> {
        let trade = &entry.trade;
        let deed = |account: AccountId, token, side, price: model::Price, size, fee, taker| {
            let value = price.cost_floor(size).unwrap_or_default();
            let (wallet, hash) = (*members.get(&account)?, self.tape.hash(trade.number));
            Some(Deed { wallet, at: trade.at, token, side: Some(side), size, value, fee, taker, hash })
        };
        let taken = deed(trade.account, trade.token, trade.side, trade.price, trade.size, trade.fee, true);
        let made = trade
            .parts
            .iter()
            .filter_map(|part| deed(part.account, part.token, part.side, part.price, part.size, Usd::ZERO, false));
        taken.into_iter().chain(made).collect()
    }
}
