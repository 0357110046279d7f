//! What the venue's records tell of the account. They are late and they are hearsay, so nothing is booked by their word alone: the
//! account must differ from our books by exactly what they tell. That also makes it impossible to book a thing twice.

use crate::effect::{Effect, Effects, Record};
use crate::step::Engine;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use model::activity::ACTIVITIES_MAX;
use model::event::Reason;
use model::input::{AccountView, Breaker, Scope};
use model::{Activity, ActivityKind, MarketIx, Size, Time, TokenIx, Transfer, TransferKind, Usd};

/// The most activities that wait for the account to show them.
const PENDING_MAX: usize = 64;
/// Of so many, the latest, every combination is tried as an explanation; of more only all together.
const COMBINED_MAX: usize = 10;
/// When the account agrees with the books for so long after an activity was told, the books have it already. The venue's own view of
/// the account is cached and may be behind the records.
const SETTLED_MICROS: u64 = 10 * 60 * 1_000_000;
/// The most activities that a reason names.
const NAMED_MAX: usize = 3;

/// What was told.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Told {
    /// Told, with the time at which we heard it, and not done with; in the order of what happened.
    pending: Vec<(Activity, Time)>,
    /// What is done with, oldest first.
    known: VecDeque<[u8; 32]>,
    keys: BTreeSet<[u8; 32]>,
    /// Whether the tripped breaker stands for a difference that an explanation closes again.
    pub(crate) heals: bool,
}

/// What a set of activities would do to the books if it is the whole explanation.
struct Explained {
    /// Places in the list of what is pending.
    places: Vec<usize>,
    transfers: Vec<Transfer>,
}

/// How the venue's account differs from the books.
struct Difference<'a> {
    view: &'a AccountView,
    cash: i128,
    shares: BTreeMap<TokenIx, i128>,
}

impl Told {
    /// Remembers keys that are done with.
    pub(crate) fn know(&mut self, keys: &[[u8; 32]]) {
        for key in keys {
            if self.keys.insert(*key) {
                self.known.push_back(*key);
            }
        }
        while self.known.len() > ACTIVITIES_MAX {
            if let Some(oldest) = self.known.pop_front() {
                self.keys.remove(&oldest);
            }
        }
    }

    /// Is done with what is pending at these places.
    fn done(&mut self, places: &[usize]) {
        let keys: Vec<[u8; 32]> =
            places.iter().filter_map(|place| self.pending.get(*place)).map(|(activity, _)| activity.key).collect();
        self.pending.retain(|(activity, _)| !keys.contains(&activity.key));
        self.know(&keys);
    }

    /// Is done with the first that tells what was just booked without it.
    pub(crate) fn booked(&mut self, kind: &TransferKind) {
        let same = |told: &ActivityKind| match (told, kind) {
            (ActivityKind::Redeemed { market, paid: told }, TransferKind::Redeem { token, paid, .. }) => {
                *market == token.market() && told == paid
            }
            (ActivityKind::Transfer(told), kind) => told == kind,
            _ => false,
        };
        let place = self.pending.iter().position(|(activity, _)| same(&activity.kind));
        self.done(place.as_slice());
    }

    /// Names what is pending, for a reason.
    pub(crate) fn named(&self) -> String {
        let named = self.pending.iter().take(NAMED_MAX).map(|(activity, _)| {
            format!("; the venue's records tell of a {} ({})", activity.kind.as_str(), activity.reference)
        });
        named.collect()
    }

    /// Returns the sets that may be an explanation, as places: the smaller and the older first.
    fn sets(&self) -> impl Iterator<Item = Vec<usize>> + use<> {
        let count = self.pending.len();
        let from = count.saturating_sub(COMBINED_MAX);
        let last = 1u32.checked_shl(u32::try_from(count.min(COMBINED_MAX)).unwrap_or(0)).unwrap_or(1);
        let sets = (1..last).map(move |mask| {
            let bits = (0u32..).zip(from..count);
            bits.filter(|(bit, _)| mask.checked_shr(*bit).is_some_and(|rest| rest & 1 == 1)).map(|(_, at)| at).collect()
        });
        sets.chain((from > 0).then(|| (0..count).collect()))
    }
}

impl Engine {
    /// The records tell something. It waits until the account shows it.
    pub(crate) fn on_activity(&mut self, activity: &Activity, effects: &mut Effects) {
        let told = &mut self.told;
        let waits = told.pending.iter().any(|(other, _)| other.key == activity.key);
        if waits || told.keys.contains(&activity.key) {
            return;
        }
        if let ActivityKind::Redeemed { market, .. } = activity.kind
            && [0, 1].into_iter().all(|outcome| self.ledger.position(market.token(outcome)).size.is_zero())
        {
            // Booked from the account before, which is faster than the records.
            told.know(&[activity.key]);
            return effects.push(dismissal(activity, "no shares of that market are in the books any more"));
        }
        let place = told.pending.partition_point(|(other, _)| other.at <= activity.at);
        told.pending.insert(place, (activity.clone(), self.now));
        if told.pending.len() > PENDING_MAX {
            self.dismiss(&[0], "too many others wait to be seen in the account", effects);
        }
    }

    /// Returns the keys of the activities that are done with, oldest first.
    pub fn known_activities(&self) -> Vec<[u8; 32]> {
        self.told.known.iter().copied().collect()
    }

    /// Returns the activities that wait for the account to show them.
    pub fn told(&self) -> impl Iterator<Item = &Activity> {
        self.told.pending.iter().map(|(activity, _)| activity)
    }

    /// Books what was told, as far as it is exactly the difference between the account and our books.
    pub(crate) fn book_told(&mut self, view: &AccountView, effects: &mut Effects) {
        // A broken journal books nothing, so nothing may count as done.
        if self.told.pending.is_empty() || self.breakers.is_tripped(Breaker::JournalFailure, Scope::Session) {
            return;
        }
        let difference = self.difference(view);
        if difference.cash == 0 && difference.shares.is_empty() {
            return self.settle_told(effects);
        }
        let Some(found) = self.told.sets().find_map(|places| self.explained(places, &difference)) else { return };
        let all = found.transfers.iter().all(|transfer| self.on_transfer(transfer, effects));
        if !all {
            return;
        }
        self.told.done(&found.places);
        // Money that left is for people to look at, even if the records know of it.
        let left = found.transfers.iter().any(|transfer| transfer.kind.external() < Usd::ZERO);
        if self.told.heals && !left {
            self.told.heals = false;
            self.close(Breaker::ReconciliationMismatch, Scope::Session, effects);
        }
    }

    /// The account agrees with the books: what was told long ago is in them.
    fn settle_told(&mut self, effects: &mut Effects) {
        let (now, pending) = (self.now, self.told.pending.iter().enumerate());
        let old = pending.filter(|(_, (_, heard))| now.since(*heard) >= SETTLED_MICROS).map(|(place, _)| place);
        let old: Vec<usize> = old.collect();
        self.dismiss(&old, "the account agrees with the books without it", effects);
    }

    fn dismiss(&mut self, places: &[usize], reason: &str, effects: &mut Effects) {
        let gone = places.iter().filter_map(|place| self.told.pending.get(*place));
        effects.extend(gone.map(|(activity, _)| dismissal(activity, reason)));
        self.told.done(places);
    }

    fn difference<'a>(&self, view: &'a AccountView) -> Difference<'a> {
        let cash = i128::from(view.cash.0).saturating_sub(i128::from(self.ledger.cash().0));
        let mut shares: BTreeMap<TokenIx, i128> = BTreeMap::new();
        for (token, size) in &view.shares {
            *shares.entry(*token).or_default() = i128::from(size.0);
        }
        for (token, position) in self.ledger.positions() {
            let theirs = shares.entry(token).or_default();
            *theirs = theirs.saturating_sub(i128::from(position.size.0));
        }
        shares.retain(|_, left| *left != 0);
        Difference { view, cash, shares }
    }

    /// Returns what is to be booked if these activities, and redemptions of markets whose outcome we know, are the whole difference.
    fn explained(&self, places: Vec<usize>, difference: &Difference<'_>) -> Option<Explained> {
        let mut left = Difference { view: difference.view, cash: difference.cash, shares: difference.shares.clone() };
        let mut transfers = Vec::new();
        let mut redeemed: BTreeMap<MarketIx, (Usd, Reason)> = BTreeMap::new();
        for (activity, _) in places.iter().filter_map(|place| self.told.pending.get(*place)) {
            match activity.kind {
                ActivityKind::Transfer(kind) => {
                    left.take(&kind)?;
                    transfers.push(Transfer { kind, reference: activity.reference.clone() });
                }
                ActivityKind::Redeemed { market, paid } => {
                    let entry = redeemed.entry(market).or_insert_with(|| (Usd::ZERO, activity.reference.clone()));
                    entry.0 = entry.0.checked_add(paid)?;
                }
            }
        }
        for (market, (paid, reference)) in redeemed {
            for kind in self.redemption(market, paid, &left)? {
                left.take(&kind)?;
                transfers.push(Transfer { kind, reference: reference.clone() });
            }
        }
        for kind in self.untold_redemptions(&left) {
            left.take(&kind)?;
            transfers.push(Transfer { kind, reference: Reason::from("redeemed by the venue") });
        }
        (left.cash == 0 && left.shares.is_empty()).then_some(Explained { places, transfers })
    }

    /// Returns what a market's redemption moved: all the shares that are gone, for what the records say was paid.
    fn redemption(&self, market: MarketIx, paid: Usd, left: &Difference<'_>) -> Option<Vec<TransferKind>> {
        let tokens = [market.token(0), market.token(1)];
        let sizes = [left.gone(market.token(0)), left.gone(market.token(1))];
        let worth = |token: TokenIx, size: Size| pay(size, self.pays(token)?);
        let known = worth(market.token(0), sizes[0]).zip(worth(market.token(1), sizes[1]));
        let parts = match (known, sizes) {
            (_, [Size::ZERO, Size::ZERO]) => return None,
            (Some((first, second)), _) => [first, second],
            (None, [_, Size::ZERO]) => [paid, Usd::ZERO],
            (None, [Size::ZERO, _]) => [Usd::ZERO, paid],
            (None, [first, _]) if first.face_value() == Some(paid) => [paid, Usd::ZERO],
            (None, [_, second]) if second.face_value() == Some(paid) => [Usd::ZERO, paid],
            (None, [first, second]) => {
                let half = model::SCALE / 2;
                [pay(first, half)?, pay(second, half)?]
            }
        };
        let all = parts[0].checked_add(parts[1])? == paid;
        let moved = tokens.into_iter().zip(sizes).zip(parts).filter(|((_, size), _)| !size.is_zero());
        all.then(|| moved.map(|((token, size), paid)| TransferKind::Redeem { token, size, paid }).collect())
    }

    /// Returns what else is gone of tokens whose outcome we know; the records are not there yet.
    fn untold_redemptions(&self, left: &Difference<'_>) -> Vec<TransferKind> {
        let gone = left.shares.keys().map(|token| (*token, left.gone(*token))).filter(|(_, size)| !size.is_zero());
        let paid = gone.filter_map(|(token, size)| Some((token, size, pay(size, self.pays(token)?)?)));
        paid.map(|(token, size, paid)| TransferKind::Redeem { token, size, paid }).collect()
    }
}

impl Difference<'_> {
    /// Takes a transfer out of the difference.
    fn take(&mut self, kind: &TransferKind) -> Option<()> {
        let (cash, shares) = moved(kind)?;
        self.cash = self.cash.checked_sub(cash)?;
        for (token, size) in shares.into_iter().flatten() {
            let left = self.shares.entry(token).or_default();
            *left = left.checked_sub(size)?;
            if *left == 0 {
                self.shares.remove(&token);
            }
        }
        Some(())
    }

    /// Returns the shares that left a position of which nothing is there any more; none of another one.
    fn gone(&self, token: TokenIx) -> Size {
        let there = self.view.shares.iter().any(|(other, size)| *other == token && !size.is_zero());
        let left = self.shares.get(&token).copied().unwrap_or_default();
        let gone = if there { 0 } else { left.saturating_neg() };
        u64::try_from(gone).map_or(Size::ZERO, Size)
    }
}

fn dismissal(activity: &Activity, reason: &str) -> Effect {
    let (kind, reference) = (activity.kind.as_str(), activity.reference.clone());
    Effect::Record(Record::Activity { kind, reference, reason: Reason::from(reason) })
}

/// Returns what shares are paid, rounded down as the contract does.
fn pay(size: Size, pays: u32) -> Option<Usd> {
    let micros = u128::from(size.0).checked_mul(u128::from(pays))?.checked_div(u128::from(model::SCALE))?;
    i64::try_from(micros).ok().map(Usd)
}

type Moved = (i128, [Option<(TokenIx, i128)>; 2]);

/// Returns what a transfer does to cash and shares.
fn moved(kind: &TransferKind) -> Option<Moved> {
    let pair = |market: MarketIx, size: i128| [Some((market.token(0), size)), Some((market.token(1), size))];
    let (cash, shares) = match kind {
        TransferKind::Deposit(amount) | TransferKind::Reward(amount) | TransferKind::Rebate(amount) => {
            (i128::from(amount.0), [None, None])
        }
        TransferKind::Withdrawal(amount) | TransferKind::Gas(amount) => {
            (i128::from(amount.0).saturating_neg(), [None, None])
        }
        TransferKind::Split { market, size } => {
            (i128::from(size.face_value()?.0).saturating_neg(), pair(*market, i128::from(size.0)))
        }
        TransferKind::Merge { market, size } => {
            (i128::from(size.face_value()?.0), pair(*market, i128::from(size.0).saturating_neg()))
        }
        TransferKind::Redeem { token, size, paid } | TransferKind::Convert { token, size, paid } => {
            (i128::from(paid.0), [Some((*token, i128::from(size.0).saturating_neg())), None])
        }
    };
    Some((cash, shares))
}
