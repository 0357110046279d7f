//! Account activity reported by the venue's Data API. It is late and not authoritative: an activity is booked only if
//! it explains the difference between ledger and account exactly, so it cannot be booked twice.

use crate::effect::{Effect, Effects, EngineEvent};
use crate::step::Engine;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use model::activity::ACTIVITIES_MAX;
use model::event::Reason;
use model::input::{AccountView, Breaker, Scope};
use model::{Activity, ActivityKind, MarketIx, Size, Time, TokenIx, Transfer, TransferKind, Usd};

/// The most activities that wait until they are visible in the account.
const PENDING_MAX: usize = 64;
/// Every combination of at most this many activities, the latest ones, is tried as an explanation; if there are more,
/// only all of them together.
const COMBINED_MAX: usize = 10;
/// If the account equals the ledger for this long after an activity was reported, the ledger already contains it. The
/// venue's own view of the account is cached and may lag behind the Data API.
const SETTLED_MICROS: u64 = 10 * 60 * 1_000_000;
/// The most activities named in a reason.
const NAMED_MAX: usize = 3;

/// The reported activities.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct PendingActivities {
    /// Open activities with the time of their report, in order of occurrence.
    pending: Vec<(Activity, Time)>,
    /// Keys of closed activities, oldest first.
    known: VecDeque<[u8; 32]>,
    keys: BTreeSet<[u8; 32]>,
    /// True if the tripped breaker stands for a difference that a later explanation resolves.
    pub(crate) heals: bool,
}

/// The transfers that a set of activities would book if it is the complete explanation.
struct Explained {
    /// Indexes in the list of pending activities.
    places: Vec<usize>,
    transfers: Vec<Transfer>,
}

/// The difference between the venue's account and the ledger.
struct Difference<'a> {
    view: &'a AccountView,
    cash: i128,
    shares: BTreeMap<TokenIx, i128>,
}

impl PendingActivities {
    /// Remembers the keys of closed activities.
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

    /// Closes the pending activities at these indexes.
    fn done(&mut self, places: &[usize]) {
        let keys: Vec<[u8; 32]> =
            places.iter().filter_map(|place| self.pending.get(*place)).map(|(activity, _)| activity.key).collect();
        self.pending.retain(|(activity, _)| !keys.contains(&activity.key));
        self.know(&keys);
    }

    /// Closes the first pending activity that reports a transfer just booked without it.
    pub(crate) fn booked(&mut self, kind: &TransferKind) {
        let same = |reported: &ActivityKind| match (reported, kind) {
            (ActivityKind::Redeemed { market, paid: reported }, TransferKind::Redeem { token, paid, .. }) => {
                *market == token.market() && reported == paid
            }
            (ActivityKind::Transfer(reported), kind) => reported == kind,
            _ => false,
        };
        let place = self.pending.iter().position(|(activity, _)| same(&activity.kind));
        self.done(place.as_slice());
    }

    /// Names the pending activities, for a reason.
    pub(crate) fn named(&self) -> String {
        let named = self.pending.iter().take(NAMED_MAX).map(|(activity, _)| {
            format!("; the Data API reports a {} ({})", activity.kind.as_str(), activity.reference)
        });
        named.collect()
    }

    /// Returns the sets of activities to try as an explanation, as indexes: combinations of the latest ones, smaller
    /// and older ones first, then all activities.
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
    /// Handles a reported activity. It is pending until it is visible in the account.
    pub(crate) fn on_activity(&mut self, activity: &Activity, effects: &mut Effects) {
        let activities = &mut self.activities;
        let waits = activities.pending.iter().any(|(other, _)| other.key == activity.key);
        if waits || activities.keys.contains(&activity.key) {
            return;
        }
        if let ActivityKind::Redeemed { market, .. } = activity.kind
            && [0, 1].into_iter().all(|outcome| self.ledger.position(market.token(outcome)).size.is_zero())
        {
            // Already booked from a reading of the account, which is faster than the Data API.
            activities.know(&[activity.key]);
            return effects.push(dismissal(activity, "the ledger no longer has shares of this market"));
        }
        let place = activities.pending.partition_point(|(other, _)| other.at <= activity.at);
        activities.pending.insert(place, (activity.clone(), self.now));
        if activities.pending.len() > PENDING_MAX {
            self.dismiss(&[0], "too many pending activities", effects);
        }
    }

    /// Returns the keys of the closed activities, oldest first.
    pub fn known_activities(&self) -> Vec<[u8; 32]> {
        self.activities.known.iter().copied().collect()
    }

    /// Returns the pending activities.
    pub fn pending_activities(&self) -> impl Iterator<Item = &Activity> {
        self.activities.pending.iter().map(|(activity, _)| activity)
    }

    /// Books pending activities that are exactly the difference between the account and the ledger.
    pub(crate) fn book_activities(&mut self, view: &AccountView, effects: &mut Effects) {
        // With a broken journal nothing is booked, so nothing may be closed.
        if self.activities.pending.is_empty() || self.breakers.is_tripped(Breaker::JournalFailure, Scope::Session) {
            return;
        }
        let difference = self.difference(view);
        if difference.cash == 0 && difference.shares.is_empty() {
            return self.close_settled_activities(effects);
        }
        let Some(found) = self.activities.sets().find_map(|places| self.explained(places, &difference)) else { return };
        let all = found.transfers.iter().all(|transfer| self.on_transfer(transfer, effects));
        if !all {
            return;
        }
        self.activities.done(&found.places);
        // Money that left the account needs an operator's attention, even if the Data API explains it.
        let left = found.transfers.iter().any(|transfer| transfer.kind.external() < Usd::ZERO);
        if self.activities.heals && !left {
            self.activities.heals = false;
            self.close(Breaker::ReconciliationMismatch, Scope::Session, effects);
        }
    }

    /// Closes old activities, because the account equals the ledger: they are already booked.
    fn close_settled_activities(&mut self, effects: &mut Effects) {
        let (now, pending) = (self.now, self.activities.pending.iter().enumerate());
        let old = pending.filter(|(_, (_, received))| now.since(*received) >= SETTLED_MICROS).map(|(place, _)| place);
        let old: Vec<usize> = old.collect();
        self.dismiss(&old, "the account equals the ledger without it", effects);
    }

    fn dismiss(&mut self, places: &[usize], reason: &str, effects: &mut Effects) {
        let gone = places.iter().filter_map(|place| self.activities.pending.get(*place));
        effects.extend(gone.map(|(activity, _)| dismissal(activity, reason)));
        self.activities.done(places);
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

    /// Returns the transfers to book if these activities, and redemptions of markets with a known outcome, are the
    /// whole difference.
    fn explained(&self, places: Vec<usize>, difference: &Difference<'_>) -> Option<Explained> {
        let mut left = Difference { view: difference.view, cash: difference.cash, shares: difference.shares.clone() };
        let mut transfers = Vec::new();
        let mut redeemed: BTreeMap<MarketIx, (Usd, Reason)> = BTreeMap::new();
        for (activity, _) in places.iter().filter_map(|place| self.activities.pending.get(*place)) {
            match activity.kind {
                ActivityKind::Transfer(kind) => {
                    left.subtract(&kind)?;
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
                left.subtract(&kind)?;
                transfers.push(Transfer { kind, reference: reference.clone() });
            }
        }
        for kind in self.unreported_redemptions(&left) {
            left.subtract(&kind)?;
            transfers.push(Transfer { kind, reference: Reason::from("redeemed by the venue") });
        }
        (left.cash == 0 && left.shares.is_empty()).then_some(Explained { places, transfers })
    }

    /// Returns the transfers of a market's redemption: all the missing shares, for the reported payout.
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

    /// Returns redemptions of tokens with a known outcome that the Data API has not reported yet.
    fn unreported_redemptions(&self, left: &Difference<'_>) -> Vec<TransferKind> {
        let gone = left.shares.keys().map(|token| (*token, left.gone(*token))).filter(|(_, size)| !size.is_zero());
        let paid = gone.filter_map(|(token, size)| Some((token, size, pay(size, self.pays(token)?)?)));
        paid.map(|(token, size, paid)| TransferKind::Redeem { token, size, paid }).collect()
    }
}

impl Difference<'_> {
    /// Subtracts a transfer from the difference.
    fn subtract(&mut self, kind: &TransferKind) -> Option<()> {
        let (cash, shares) = movement(kind)?;
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

    /// Returns the shares missing from a position if the venue's account has none left; zero otherwise.
    fn gone(&self, token: TokenIx) -> Size {
        let there = self.view.shares.iter().any(|(other, size)| *other == token && !size.is_zero());
        let left = self.shares.get(&token).copied().unwrap_or_default();
        let gone = if there { 0 } else { left.saturating_neg() };
        u64::try_from(gone).map_or(Size::ZERO, Size)
    }
}

fn dismissal(activity: &Activity, reason: &str) -> Effect {
    let (kind, reference) = (activity.kind.as_str(), activity.reference.clone());
    Effect::Event(EngineEvent::Activity { kind, reference, reason: Reason::from(reason) })
}

/// Returns the payout of shares, rounded down as the contract does.
fn pay(size: Size, pays: u32) -> Option<Usd> {
    let micros = u128::from(size.0).checked_mul(u128::from(pays))?.checked_div(u128::from(model::SCALE))?;
    i64::try_from(micros).ok().map(Usd)
}

type Movement = (i128, [Option<(TokenIx, i128)>; 2]);

/// Returns the changes of cash and shares made by a transfer.
fn movement(kind: &TransferKind) -> Option<Movement> {
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
