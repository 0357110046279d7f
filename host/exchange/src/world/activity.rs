//! Holdings and activity of the members, for the Data API: all of it is public and queried by a wallet's address.

use super::Inside;
use super::settlement::Entry;
use model::{Side, Size, Time, TokenIx, Usd};
use order::Address;
use sim::{AccountId, Turned};
use std::collections::{BTreeMap, VecDeque};

/// Maximum acts kept.
const ACTS_MAX: usize = 20_000;

/// An activity other than a trade.
#[derive(Debug, Clone)]
pub(super) enum Deal {
    /// Shares of a resolved market were redeemed.
    Redeemed { token: TokenIx, size: Size, value: Usd },
    /// Dollars and shares were converted into each other.
    Turned { how: Turned, size: Size, value: Usd, gone: Vec<TokenIx>, got: Vec<TokenIx> },
}

/// An activity of an account.
#[derive(Debug, Clone)]
struct Activity {
    at: Time,
    account: AccountId,
    /// The transaction's hash.
    hash: String,
    deal: Deal,
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub(super) struct Activities(VecDeque<Activity>);

/// The kind of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActivityFilter {
    Trade,
    Redeem,
    Split,
    Merge,
    Conversion,
}

impl ActivityFilter {
    /// Returns the Data API's name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Trade => "TRADE",
            Self::Redeem => "REDEEM",
            Self::Split => "SPLIT",
            Self::Merge => "MERGE",
            Self::Conversion => "CONVERSION",
        }
    }
}

/// An activity of a wallet, as far as it concerns one token.
#[derive(Debug, Clone)]
pub(crate) struct ActivityRow {
    pub(crate) wallet: Address,
    pub(crate) at: Time,
    pub(crate) kind: ActivityFilter,
    pub(crate) token: TokenIx,
    /// The direction of its shares: bought or received, or sold or given.
    pub(crate) side: Side,
    pub(crate) size: Size,
    /// Amount paid or received, without fees.
    pub(crate) value: Usd,
    pub(crate) fee: Usd,
    /// True if it was the taker.
    pub(crate) taker: bool,
    /// For an activity on several tokens, the first entry has the total amount moved; the others have none.
    pub(crate) whole: Option<Usd>,
    pub(crate) hash: String,
}

impl Activity {
    /// Returns its effect on each token.
    fn deeds(&self, wallet: Address) -> Vec<ActivityRow> {
        let blank = |kind, token, side, size, value| ActivityRow {
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
                return vec![ActivityRow {
                    whole: Some(*value),
                    ..blank(ActivityFilter::Redeem, *token, Side::Sell, *size, *value)
                }];
            }
            Deal::Turned { how, size, value, gone, got } => {
                let kind = match how {
                    Turned::Split => ActivityFilter::Split,
                    Turned::Merge => ActivityFilter::Merge,
                    Turned::Conversion => ActivityFilter::Conversion,
                };
                (kind, *size, Usd(value.micros().saturating_abs()), gone, got)
            }
        };
        // The amount is split equally over the given tokens, or over the received ones if none were given; a
        // conversion's YES shares are free.
        let parts = i64::try_from(if gone.is_empty() { got.len() } else { gone.len() }).unwrap_or(i64::MAX);
        let share = Usd(value.micros().checked_div(parts).unwrap_or(0));
        let came = if gone.is_empty() { share } else { Usd::ZERO };
        let went = gone.iter().map(|token| blank(kind, *token, Side::Sell, size, share));
        let mut deeds: Vec<ActivityRow> =
            went.chain(got.iter().map(|token| blank(kind, *token, Side::Buy, size, came))).collect();
        if let Some(first) = deeds.first_mut() {
            // The first one gets the remainder of the division.
            let rest = value.micros().saturating_sub(share.micros().saturating_mul(parts));
            first.value = Usd(first.value.micros().saturating_add(rest));
            first.whole = Some(value);
        }
        deeds
    }
}

/// A wallet's current and past holding of a token.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Holding {
    pub(crate) size: Size,
    /// Cost of these shares, without fees.
    pub(crate) cost: Usd,
    /// Fees of all purchases.
    pub(crate) fees: Usd,
    /// Total shares bought, and their cost.
    pub(crate) bought: Size,
    pub(crate) spent: Usd,
    pub(crate) realised: Usd,
    pub(crate) first: Time,
    pub(crate) last: Time,
}

impl Holding {
    fn apply(&mut self, deed: &ActivityRow) {
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

/// Returns the part of `cost` that belongs to `gone` of `size` shares.
fn part(cost: Usd, gone: Size, size: Size) -> Usd {
    let whole = i128::from(cost.micros()).saturating_mul(i128::from(gone.micros()));
    let part = whole.checked_div(i128::from(size.micros())).unwrap_or(0);
    Usd(i64::try_from(part).unwrap_or(i64::MAX))
}

impl Inside {
    /// Records an activity other than a trade, if the account is a member's.
    pub(super) fn record_activity(&mut self, at: Time, account: AccountId, deal: Deal) {
        if self.members.get(account).is_none() {
            return;
        }
        let hash = self.relayer.mining().unwrap_or_else(|| self.tape.hash(u64::MAX.saturating_sub(at.0)));
        self.acts.0.push_back(Activity { at, account, hash, deal });
        if self.acts.0.len() > ACTS_MAX {
            self.acts.0.pop_front();
        }
    }

    /// Returns the activity of a wallet, or of all wallets, oldest first.
    pub(crate) fn deeds(&self, wallet: Option<Address>) -> Vec<ActivityRow> {
        let members: BTreeMap<AccountId, Address> = match wallet {
            Some(wallet) => self.members.of(wallet).map(|account| (account, wallet)).into_iter().collect(),
            None => self.members.all().map(|(account, member)| (account, member.funder)).collect(),
        };
        let mut deeds: Vec<ActivityRow> = self.tape.good().flat_map(|entry| self.legs(&members, entry)).collect();
        let acts = self.acts.0.iter().filter_map(|act| members.get(&act.account).map(|wallet| act.deeds(*wallet)));
        deeds.extend(acts.flatten());
        deeds.sort_by_key(|deed| deed.at);
        deeds
    }

    /// Returns a wallet's current and past holdings, by token.
    pub(crate) fn holdings(&self, wallet: Address) -> BTreeMap<TokenIx, Holding> {
        let mut holdings: BTreeMap<TokenIx, Holding> = BTreeMap::new();
        for deed in self.deeds(Some(wallet)) {
            holdings.entry(deed.token).or_default().apply(&deed);
        }
        holdings
    }

    /// Returns the halves of a trade that belong to these wallets.
    fn legs(&self, members: &BTreeMap<AccountId, Address>, entry: &Entry) -> Vec<ActivityRow> {
        let trade = &entry.trade;
        let deed = |account: AccountId, token, side, price: model::Price, size, fee, taker| {
            let value = price.cost_floor(size).unwrap_or_default();
            let (wallet, hash) = (*members.get(&account)?, self.tape.hash(trade.number));
            let (at, kind, whole) = (trade.at, ActivityFilter::Trade, Some(value));
            Some(ActivityRow { wallet, at, kind, token, side, size, value, fee, taker, whole, hash })
        };
        let taken = deed(trade.account, trade.token, trade.side, trade.price, trade.size, trade.fee, true);
        let made = trade
            .parts
            .iter()
            .filter_map(|part| deed(part.account, part.token, part.side, part.price, part.size, Usd::ZERO, false));
        taken.into_iter().chain(made).collect()
    }
}
