//! What the members own and what they did, for the Data API: everything of it is public and asked for by a wallet's address.

use super::Inside;
use super::tape::Entry;
use model::{Side, Size, Time, TokenIx, Usd};
use order::Address;
use sim::{AccountId, Turned};
use std::collections::{BTreeMap, VecDeque};

/// Acts that are remembered.
const ACTS_MAX: usize = 20_000;

/// What somebody did without trading.
#[derive(Debug, Clone)]
pub(super) enum Deal {
    /// Shares of a resolved market were paid.
    Redeemed { token: TokenIx, size: Size, value: Usd },
    /// Dollars and shares were turned into each other.
    Turned { how: Turned, size: Size, value: Usd, gone: Vec<TokenIx>, got: Vec<TokenIx> },
}

/// An act of an account.
#[derive(Debug, Clone)]
struct Act {
    at: Time,
    account: AccountId,
    /// The transaction's.
    hash: String,
    deal: Deal,
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub(super) struct Acts(VecDeque<Act>);

/// What kind of thing a deed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deeds {
    Trade,
    Redeem,
    Split,
    Merge,
    Conversion,
}

impl Deeds {
    /// Returns the word of the Data API.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Trade => "TRADE",
            Self::Redeem => "REDEEM",
            Self::Split => "SPLIT",
            Self::Merge => "MERGE",
            Self::Conversion => "CONVERSION",
        }
    }
}

/// Something that a wallet did, as far as it is about one token.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) wallet: Address,
    pub(crate) at: Time,
    pub(crate) kind: Deeds,
    pub(crate) token: TokenIx,
    /// Whether its shares came or went.
    pub(crate) side: Side,
    pub(crate) size: Size,
    /// What was paid or received, fees apart.
    pub(crate) value: Usd,
    pub(crate) fee: Usd,
    /// Whether it took what rested.
    pub(crate) taker: bool,
    /// Of a deed about several tokens, the first has what all of it moved; the others have nothing to tell.
    pub(crate) whole: Option<Usd>,
    pub(crate) hash: String,
}

impl Act {
    /// Returns what it meant for each token.
    fn deeds(&self, wallet: Address) -> Vec<Deed> {
        let blank = |kind, token, side, size, value| Deed {
            wallet,
            at: self.at,
            kind,
            token,
            side,
            size,
            value,
            fee: Usd::ZERO,
            taker: false,
            whole: None,
            hash: self.hash.clone(),
        };
        let (kind, size, value, gone, got) = match &self.deal {
            Deal::Redeemed { token, size, value } => {
                return vec![Deed { whole: Some(*value), ..blank(Deeds::Redeem, *token, Side::Sell, *size, *value) }];
            }
            Deal::Turned { how, size, value, gone, got } => {
                let kind = match how {
                    Turned::Split => Deeds::Split,
                    Turned::Merge => Deeds::Merge,
                    Turned::Conversion => Deeds::Conversion,
                };
                (kind, *size, Usd(value.micros().saturating_abs()), gone, got)
            }
        };
        // The money belongs in equal parts to what went, or to what came if nothing went; a conversion's YES shares are free.
        let parts = i64::try_from(if gone.is_empty() { got.len() } else { gone.len() }).unwrap_or(i64::MAX);
        let share = Usd(value.micros().checked_div(parts).unwrap_or(0));
        let came = if gone.is_empty() { share } else { Usd::ZERO };
        let went = gone.iter().map(|token| blank(kind, *token, Side::Sell, size, share));
        let mut deeds: Vec<Deed> =
            went.chain(got.iter().map(|token| blank(kind, *token, Side::Buy, size, came))).collect();
        if let Some(first) = deeds.first_mut() {
            // What the division leaves is the first one's.
            let rest = value.micros().saturating_sub(share.micros().saturating_mul(parts));
            first.value = Usd(first.value.micros().saturating_add(rest));
            first.whole = Some(value);
        }
        deeds
    }
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
        if deed.side == Side::Buy {
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
    /// Notes what an account did without trading, if it is a member's.
    pub(super) fn note_act(&mut self, at: Time, account: AccountId, deal: Deal) {
        if self.members.get(account).is_none() {
            return;
        }
        let hash = self.relayer.mining().unwrap_or_else(|| self.tape.hash(u64::MAX.saturating_sub(at.0)));
        self.acts.0.push_back(Act { at, account, hash, deal });
        if self.acts.0.len() > ACTS_MAX {
            self.acts.0.pop_front();
        }
    }

    /// Returns what a wallet did, or everybody's, oldest first.
    pub(crate) fn deeds(&self, wallet: Option<Address>) -> Vec<Deed> {
        let members: BTreeMap<AccountId, Address> = match wallet {
            Some(wallet) => self.members.of(wallet).map(|account| (account, wallet)).into_iter().collect(),
            None => self.members.all().map(|(account, member)| (account, member.funder)).collect(),
        };
        let mut deeds: Vec<Deed> = self.tape.good().flat_map(|entry| self.legs(&members, entry)).collect();
        let acts = self.acts.0.iter().filter_map(|act| members.get(&act.account).map(|wallet| act.deeds(*wallet)));
        deeds.extend(acts.flatten());
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
            let (at, kind, whole) = (trade.at, Deeds::Trade, Some(value));
            Some(Deed { wallet, at, kind, token, side, size, value, fee, taker, whole, hash })
        };
        let taken = deed(trade.account, trade.token, trade.side, trade.price, trade.size, trade.fee, true);
        let made = trade
            .parts
            .iter()
            .filter_map(|part| deed(part.account, part.token, part.side, part.price, part.size, Usd::ZERO, false));
        taken.into_iter().chain(made).collect()
    }
}
