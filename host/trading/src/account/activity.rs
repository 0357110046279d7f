//! Reads our account's activity from the venue's data API, slowly and never on the order path. Movements without a
//! trade are sent to the engine, which books them once the account shows them too. Positions serve as a third source to
//! check against, beside our books and the order book's balances.

use crate::handles::Handles;
use control::Latest;
use control::clock;
use control::inbox::Inbox;
use control::market_registry::MarketRegistry;
use model::{Activity, ActivityKind, ConditionId, InputKind, Size, Time, TokenId, TransferKind, Usd};
use order::Address;
use polymarket::RequestError;
use polymarket::client::DataApi;
use polymarket::parse::{ActivityRow, Holding, RecordCounts, Recorded};
use readmodel::ReadModel;
use readmodel::views::{RecordsStatusView, RecordsView};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// The read interval while everything agrees.
const EVERY: Duration = Duration::from_secs(30);
/// The read interval while the account differs from our books: the explaining activity is needed before the breaker's
/// patience ends.
const AT_ONCE: Duration = Duration::from_secs(3);
/// The interval of checks whether a read is due.
const LOOK: Duration = Duration::from_millis(500);
/// Activities reported later than this after they happened are not read.
const LAG_MICROS: u64 = 3_600_000_000;
/// The largest assumed lag of the data API's clock behind ours.
const CLOCKS_MICROS: u64 = 60_000_000;
/// The most activity keys remembered as sent to the engine, so that the journal does not repeat them.
const SENT_MAX: usize = 50_000;
/// The smallest position difference that counts: the data API drops dust and uses floating point.
const DUST: u64 = 10_000;
/// Consecutive answers that must show the same difference before it is reported, because the data API lags.
const WITNESS_LOOKS: u32 = 3;
/// The most differences that are shown.
const SHOWN_MAX: usize = 10;

/// Reads the account's activity from the data API.
pub(crate) struct Records {
    pub(crate) api: DataApi,
    /// The wallet that holds the funds.
    pub(crate) user: Address,
    pub(crate) inbox: Inbox,
    pub(crate) listing: MarketRegistry,
    pub(crate) latest: Latest,
    pub(crate) picture: ReadModel,
    /// Earlier activities are in the books.
    pub(crate) since: Time,
    /// Keys of activities that need not be sent again.
    pub(crate) sent: BTreeSet<[u8; 32]>,
}

/// Starts reading our account's activity from the data API.
pub(crate) fn read(handles: &Handles, api: DataApi, since: Time, known: Vec<[u8; 32]>) {
    let records = Records {
        api,
        user: handles.signer.account().funder,
        inbox: handles.inbox.clone(),
        listing: handles.listing.clone(),
        latest: handles.latest.clone(),
        picture: handles.picture.clone(),
        since,
        sent: known.into_iter().collect(),
    };
    tokio::spawn(records.watch());
}

/// Position differences, and the number of consecutive answers that showed them.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    differences: BTreeMap<TokenId, (Size, Size)>,
    looks: u32,
}

/// The movement of one transaction in one market, or of a row without a transaction.
#[derive(Debug, PartialEq, Eq)]
struct Movement {
    kind: Recorded,
    at: Time,
    transaction: String,
    condition: Option<ConditionId>,
    size: Size,
    money: Usd,
}

impl Records {
    /// Reads forever.
    pub(crate) async fn watch(mut self) {
        let mut read: Option<Instant> = None;
        let mut witness = Witness::default();
        loop {
            tokio::time::sleep(LOOK).await;
            let Some(differs) = self.differs() else { continue };
            let patience = if differs { AT_ONCE } else { EVERY };
            if read.is_some_and(|read| read.elapsed() < patience) {
                continue;
            }
            read = Some(Instant::now());
            let mut view = self.picture.records().unwrap_or_default();
            let begun = clock::now();
            match self.read(&mut view, &mut witness).await {
                Ok(()) => {
                    let differs = witness.looks >= WITNESS_LOOKS;
                    view.status = if differs { RecordsStatusView::Differs } else { RecordsStatusView::Ok };
                    view.read_at_ms = begun.millis();
                    view.error.clear();
                    view.waiting = self.waiting();
                    self.since = self.since.max(since(begun));
                }
                Err(error) => {
                    if view.status != RecordsStatusView::Unread {
                        tracing::warn!(%error, "reading account activity from the data API failed");
                    }
                    view.status = RecordsStatusView::Unread;
                    view.error = error.to_string();
                }
            }
            self.picture.set_records(view);
        }
    }

    /// Returns true if the account differs from our books; `None` before the engine has published a view.
    fn differs(&self) -> Option<bool> {
        let latest = self.latest.get();
        latest.as_ref().map(|view| view.differs)
    }

    /// Returns the number of activities that wait until the account shows them.
    fn waiting(&self) -> u64 {
        let latest = self.latest.get();
        latest.as_ref().map_or(0, |view| view.waiting)
    }

    /// Reads activities and positions once.
    ///
    /// # Errors
    /// If one of the lists cannot be read.
    pub(crate) async fn read(&mut self, view: &mut RecordsView, witness: &mut Witness) -> Result<(), RequestError> {
        let (deeds, mut counts) = self.api.deeds(self.user, self.since).await?;
        let new_activities = moved(deeds).into_iter().filter_map(|(key, moved)| self.forward(key, &moved)).count();
        view.elsewhere = view.elsewhere.saturating_add(u64::try_from(new_activities).unwrap_or(u64::MAX));
        let before = self.held();
        let (holdings, more) = self.api.holdings(self.user).await?;
        counts.add(more);
        record_counts(&counts, view);
        // Positions that changed during the request prove nothing.
        if before == self.held() {
            self.compare(&holdings, before, witness);
        }
        let shown = witness.differences.iter().take(SHOWN_MAX);
        let shown = shown.map(|(token, (ours, theirs))| format!("{token}: {ours} shares in our books, {theirs} there"));
        view.differences = if witness.looks >= WITNESS_LOOKS { shown.collect() } else { Vec::new() };
        Ok(())
    }

    /// Sends the engine a movement that it has not received. Returns `Some` for one that cannot be sent: its market is
    /// not watched.
    fn forward(&mut self, key: [u8; 32], moved: &Movement) -> Option<()> {
        if !self.sent.insert(key) {
            return None;
        }
        if self.sent.len() > SENT_MAX {
            // The engine deduplicates too; sending an activity twice only costs space in the journal.
            self.sent = BTreeSet::from([key]);
        }
        let Movement { kind, at, transaction: reference, condition, .. } = moved;
        let Some(kind) = self.kind_of(moved) else {
            let condition = condition.map(|condition| condition.to_string()).unwrap_or_default();
            tracing::warn!(?kind, reference, condition, "movement in an unwatched market; book it manually");
            return Some(());
        };
        tracing::info!(kind = kind.as_str(), reference, "activity reported by the data API");
        self.inbox
            .account(clock::now(), InputKind::Activity(Activity { key, at: *at, kind, reference: reference.clone() }));
        None
    }

    fn kind_of(&self, moved: &Movement) -> Option<ActivityKind> {
        let Movement { kind, size, money, condition, .. } = moved;
        // Some rows give dollars as the size.
        let face = size.face_value().unwrap_or_default();
        let money_or_face = if *money == Usd::ZERO { face } else { *money };
        let pairs = if size.is_zero() { u64::try_from(money.0).map_or(Size::ZERO, Size) } else { *size };
        let market = || condition.as_ref().and_then(|condition| self.listing.market_of(condition));
        Some(match kind {
            // Trades are reported by the order book's own lists.
            Recorded::Trade => return None,
            Recorded::Deposit => ActivityKind::Transfer(TransferKind::Deposit(money_or_face)),
            Recorded::Withdrawal => ActivityKind::Transfer(TransferKind::Withdrawal(money_or_face)),
            Recorded::Reward => ActivityKind::Transfer(TransferKind::Reward(money_or_face)),
            Recorded::Rebate => ActivityKind::Transfer(TransferKind::Rebate(money_or_face)),
            Recorded::Split => ActivityKind::Transfer(TransferKind::Split { market: market()?, size: pairs }),
            Recorded::Merge => ActivityKind::Transfer(TransferKind::Merge { market: market()?, size: pairs }),
            Recorded::Redeem => ActivityKind::Redeemed { market: market()?, paid: *money },
            Recorded::Convert => {
                let token = market()?.token(1);
                ActivityKind::Transfer(TransferKind::Convert { token, size: *size, paid: *money })
            }
        })
    }

    /// Returns the shares in our books, by the venue's token ids.
    fn held(&self) -> BTreeMap<TokenId, Size> {
        let latest = self.latest.get();
        let positions = latest.iter().flat_map(|view| &view.positions);
        positions.filter_map(|(token, size)| Some((self.listing.token_id(*token)?, *size))).collect()
    }

    /// Compares positions. A difference is reported and trips no breaker: for tokens that we hold, the order book's
    /// balances are more current, and tokens that we do not hold are not in our limits anyway.
    fn compare(&self, holdings: &[Holding], ours: BTreeMap<TokenId, Size>, witness: &mut Witness) {
        let found = differences(holdings, ours);
        let same = found == witness.differences;
        witness.looks =
            if found.is_empty() { 0 } else { u32::from(same).saturating_mul(witness.looks).saturating_add(1) };
        witness.differences = found;
        if witness.looks == WITNESS_LOOKS {
            let count = witness.differences.len();
            let first = witness.differences.iter().next();
            let first = first.map(|(token, (ours, theirs))| format!("{token}: {ours} in our books, {theirs} there"));
            tracing::warn!(count, first, "positions of the data API differ from our books");
        }
    }
}

/// Returns the time from which activities concern an account whose first session begins at `at`. The data API's clock
/// may differ from ours, and an activity already in the opening balance explains no difference.
pub(crate) const fn first(at: Time) -> Time {
    Time(at.0.saturating_sub(CLOCKS_MICROS))
}

/// Returns the time from which to read again after a read at `at`: the data API may report activities late.
pub(crate) const fn since(at: Time) -> Time {
    Time(at.0.saturating_sub(LAG_MICROS))
}

/// Returns the positions that differ by more than dust: ours and theirs.
fn differences(holdings: &[Holding], ours: BTreeMap<TokenId, Size>) -> BTreeMap<TokenId, (Size, Size)> {
    let mut all: BTreeMap<TokenId, (Size, Size)> =
        ours.into_iter().map(|(token, size)| (token, (size, Size::ZERO))).collect();
    for holding in holdings {
        all.entry(holding.token).or_default().1 = holding.size;
    }
    all.retain(|_, (ours, theirs)| ours.0.abs_diff(theirs.0) >= DUST);
    all
}

/// Shows the rows and fields that could not be parsed.
fn record_counts(counts: &RecordCounts, view: &mut RecordsView) {
    for kind in &counts.unknown_kinds {
        if !view.unknown_kinds.contains(kind) && view.unknown_kinds.len() < polymarket::parse::NAMES_MAX {
            tracing::warn!(kind, "activity of unknown kind in the data API; not booked");
            view.unknown_kinds.push(kind.clone());
        }
    }
    (view.unknown_fields, view.unreadable) = (counts.unknown_fields, counts.unreadable);
}

/// Adds up the movements of one transaction in one market, by key: the outcomes of a redemption are separate rows in
/// some lists and one row in others.
fn moved(deeds: Vec<ActivityRow>) -> BTreeMap<[u8; 32], Movement> {
    let mut all: BTreeMap<[u8; 32], Movement> = BTreeMap::new();
    for deed in deeds.into_iter().filter(|deed| deed.kind != Recorded::Trade) {
        let key = match deed.transaction.as_str() {
            "" => key(&format!("{} {} {}", deed.at.0, deed.money, deed.size), deed.kind, deed.condition.as_ref()),
            transaction => key(transaction, deed.kind, deed.condition.as_ref()),
        };
        let ActivityRow { kind, at, transaction, condition, size, money } = deed;
        all.entry(key)
            .and_modify(|moved| {
                moved.size = moved.size.saturating_add(size);
                moved.money = moved.money.saturating_add(money);
            })
            .or_insert(Movement { kind, at, transaction, condition, size, money });
    }
    all
}

/// Returns the key that identifies a transaction's effect on a market, whichever list reports it.
pub(crate) fn key(transaction: &str, kind: Recorded, condition: Option<&ConditionId>) -> [u8; 32] {
    let condition = condition.map(ConditionId::to_string).unwrap_or_default();
    let text = format!("{} {kind:?} {condition}", transaction.to_ascii_lowercase());
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deed(kind: Recorded, transaction: &str, shares: u64, dollars: i64) -> ActivityRow {
        let condition = Some(ConditionId([7; 32]));
        let (size, money) = (Size::shares(shares), Usd::dollars(dollars));
        ActivityRow { kind, at: Time(5), transaction: transaction.to_owned(), condition, size, money }
    }

    #[test]
    fn a_transaction_counts_once_for_each_market_and_kind() {
        let merge = deed(Recorded::Merge, "0xA", 5, 5);
        let rows = vec![
            deed(Recorded::Redeem, "0xA", 10, 10),
            deed(Recorded::Trade, "0xA", 3, 2),
            deed(Recorded::Redeem, "0xa", 4, 0),
            merge.clone(),
            ActivityRow { condition: None, ..merge.clone() },
            ActivityRow { transaction: String::new(), ..merge.clone() },
            ActivityRow { transaction: String::new(), at: Time(6), ..merge },
        ];
        let all = moved(rows);
        assert_eq!(all.len(), 5, "{all:?}");
        let redeemed = &all[&key("0xA", Recorded::Redeem, Some(&ConditionId([7; 32])))];
        assert_eq!((redeemed.size, redeemed.money), (Size::shares(14), Usd::dollars(10)));
    }

    #[test]
    fn positions_differ_beyond_dust() {
        let [same, dust, ours, theirs] = [1, 2, 3, 4].map(|number| TokenId([number; 32]));
        let held = [(same, 5_000_000), (dust, 5_009_999), (ours, 5_000_000)];
        let reported = [(same, 5_000_000), (dust, 5_000_000), (theirs, 10_000)];
        let held = held.into_iter().map(|(token, size)| (token, Size(size))).collect();
        let reported: Vec<Holding> = reported.map(|(token, size)| Holding { token, size: Size(size) }).into();
        let found = differences(&reported, held);
        let expected = [(ours, (Size(5_000_000), Size::ZERO)), (theirs, (Size::ZERO, Size(10_000)))];
        assert!(found.into_iter().eq(expected));
    }
}
