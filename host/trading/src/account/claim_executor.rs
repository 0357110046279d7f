//! Executes redemptions and merges through the venue's relayer, one at a time. Each batch is recorded before it is
//! sent, and one with an unknown outcome is not sent again: its nonce in the wallet or its deadline settles the
//! outcome.
//! Nothing is booked here. The engine is sent the transaction and books it when the account shows it, like any other
//! movement.

#[cfg(test)]
mod tests;

use super::activity;
use crate::handles::Handles;
use control::clock;
use control::inbox::Inbox;
use control::market_registry::MarketRegistry;
use control::{CLAIMS_WAITING_MAX, ClaimRequest, ClaimRequests};
use model::{Activity, ActivityKind, ConditionId, InputKind, Size, Time, TransferKind, Usd};
use order::{Address, Batch, Call, Chain, Claim, Signature65, SignatureType};
use polymarket::AccountClient;
use polymarket::client::{Relayer, RequestError, SubmitError};
use polymarket::parse::{Recorded, RelayState, Relayed};
use readmodel::ReadModel;
use signer::client::AskError;
use signer::{Refusal, Rule};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::db::claims::{ClaimKind, ClaimState, Claims};
use store::db::{ClaimRow, Db, DbError};
use tokio::sync::mpsc;

/// The interval of status checks on the open batch.
pub(crate) const LOOK: Duration = Duration::from_secs(2);
/// The interval of searches for markets to redeem.
const AUTOMATIC: Duration = Duration::from_secs(15);
/// The validity of a batch.
const GOOD_FOR_S: u64 = 600;
/// Time after its deadline until a batch is given up: clocks differ, and the chain takes time to report.
const GRACE_S: u64 = 120;
/// Time after a failure before an automatic retry.
const AGAIN_MS: u64 = 600_000;
/// The failures after which only an operator can retry.
const TRIES_MAX: usize = 3;
/// The most rows that are read.
const ROWS: u32 = 500;
/// The requester of automatic redemptions.
const HOST: &str = "host";
/// The delays before an unreachable relayer is tried again: the first, and the longest.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// The reason why a batch was not sent.
enum Unsent {
    /// The relayer cannot be reached now. Nothing was signed.
    Later(String),
    /// The request is refused.
    Refused(String),
}

/// The result of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stepped {
    Done,
    /// The relayer could not be reached; an operator's request is back in its place in the queue.
    Later,
}

type Signing = Pin<Box<dyn Future<Output = Result<Signature65, String>> + Send>>;
/// Requests a batch's signature from the signer process.
pub(crate) type Sign = Arc<dyn Fn(Batch) -> Signing + Send + Sync>;
/// Requests that the venue rereads a market's tokens from the chain.
pub(crate) type Refresh = Arc<dyn Fn(ConditionId) + Send + Sync>;

/// The claim executor.
pub(crate) struct Executor {
    pub(crate) relayer: Relayer,
    pub(crate) sign: Sign,
    pub(crate) refresh: Refresh,
    pub(crate) db: Db,
    /// The wallet, as rows have it.
    pub(crate) account: String,
    /// The key's address.
    pub(crate) owner: Address,
    pub(crate) wallet: Address,
    pub(crate) chain: Chain,
    pub(crate) inbox: Inbox,
    pub(crate) listing: MarketRegistry,
    pub(crate) picture: ReadModel,
    /// True if redeemable positions are redeemed automatically.
    pub(crate) automatic: bool,
    pub(crate) now: Arc<dyn Fn() -> Time + Send + Sync>,
}

/// Starts the claim executor, if it is configured and possible.
pub(crate) fn open(
    handles: &Handles,
    client: &AccountClient,
    relayer: Option<&Relayer>,
    automatic: bool,
) -> ClaimRequests {
    let account = *handles.signer.account();
    if account.signature_type != SignatureType::Deposit {
        return ClaimRequests::closed(
            "the relayer takes batches of deposit wallets only: the wallet's owner sends the call and pays its gas",
        );
    }
    let Some(relayer) = relayer else {
        return ClaimRequests::closed("claims.execute is off: the wallet's owner sends the call through the relayer");
    };
    let executor = Executor {
        relayer: relayer.clone(),
        sign: signing(Arc::clone(&handles.signer)),
        refresh: refreshing(client.clone(), handles.listing.clone()),
        db: handles.db.clone(),
        account: account.funder.to_string(),
        owner: account.signer,
        wallet: account.funder,
        chain: account.chain,
        inbox: handles.inbox.clone(),
        listing: handles.listing.clone(),
        picture: handles.picture.clone(),
        automatic,
        now: Arc::new(clock::now),
    };
    executor.start()
}

/// Returns the function that requests signatures from the signer process.
fn signing(signer: Arc<signer::Client>) -> Sign {
    Arc::new(move |batch| {
        let signer = Arc::clone(&signer);
        Box::pin(async move {
            let signed = signer.sign_batch(&batch).await;
            signed.map_err(|error| unsigned(&error))
        })
    })
}

/// Returns the reason why a batch was not signed, and the remedy if there were too many.
fn unsigned(error: &AskError) -> String {
    let how = match error {
        AskError::Refused(Refusal { rule: Rule::Batches | Rule::BatchesPerMinute, .. }) => {
            "; `polytrader keys limits --set batches_per_minute=...` sets how many it signs per minute, unless the \
             configuration's signer.max_batches_per_minute is lower"
        }
        _ => "",
    };
    format!("the signer does not sign the batch: {error}{how}")
}

/// Returns true if a retry may succeed: the relayer was not reached, is restarting, or has no room.
const fn is_transient(error: &RequestError) -> bool {
    match error {
        RequestError::NotSent(_)
        | RequestError::NoRoom { .. }
        | RequestError::Timeout { .. }
        | RequestError::Transport(_) => true,
        RequestError::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..),
        _ => false,
    }
}

/// Returns the function that makes the venue reread cash and a market's shares.
fn refreshing(client: AccountClient, listing: MarketRegistry) -> Refresh {
    Arc::new(move |condition| {
        let (client, listing) = (client.clone(), listing.clone());
        tokio::spawn(async move {
            let market = listing.market_of(&condition).and_then(|ix| listing.market(ix));
            let tokens = market.into_iter().flat_map(|market| market.tokens).map(Some);
            for token in tokens.chain([None]) {
                if let Err(error) = client.refresh(token.as_ref()).await {
                    tracing::warn!(%error, "requesting a refresh of the wallet at the venue failed");
                }
            }
        });
    })
}

impl Executor {
    /// Starts executing, and returns the handle for requests.
    pub(crate) fn start(self) -> ClaimRequests {
        let (door, requests) = ClaimRequests::open();
        tokio::spawn(self.run(requests));
        door
    }

    async fn run(self, mut asked: mpsc::Receiver<ClaimRequest>) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut waiting = VecDeque::new();
        let mut looked = tokio::time::Instant::now();
        let (mut pause, mut not_before) = (PAUSE_MIN, looked);
        loop {
            tokio::select! {
                biased;
                wanted = asked.recv(), if waiting.len() < CLAIMS_WAITING_MAX => match wanted {
                    Some(wanted) => waiting.push_back(wanted),
                    // The host ends. The next session follows open batches.
                    None => return,
                },
                _ = ticks.tick() => {}
            }
            if tokio::time::Instant::now() < not_before {
                continue;
            }
            let automatic = self.automatic && looked.elapsed() >= AUTOMATIC;
            if automatic {
                looked = tokio::time::Instant::now();
            }
            match self.step(&mut waiting, automatic).await {
                Ok(Stepped::Done) => pause = PAUSE_MIN,
                Ok(Stepped::Later) => {
                    not_before = tokio::time::Instant::now().checked_add(pause).unwrap_or(not_before);
                    pause = pause.saturating_mul(2).min(PAUSE_MAX);
                }
                Err(error) => tracing::error!(%error, "executing claims failed; retrying"),
            }
        }
    }

    /// Follows open batches; begins the next one if there are none.
    pub(crate) async fn step(&self, waiting: &mut VecDeque<ClaimRequest>, automatic: bool) -> Result<Stepped, DbError> {
        let Claims { rows, unreadable } = self.db.claims(&self.account, ROWS).await?;
        let open: Vec<ClaimRow> = rows.iter().filter(|row| row.state.is_open()).cloned().collect();
        if !open.is_empty() {
            for row in open {
                self.follow(row).await?;
            }
            return Ok(Stepped::Done);
        }
        // A row that cannot be read may concern the same shares.
        let automatic = automatic && unreadable == 0;
        let next = waiting.pop_front().or_else(|| automatic.then(|| self.redeemable(&rows)).flatten());
        let Some(wanted) = next else { return Ok(Stepped::Done) };
        let by_host = wanted.who == HOST;
        match self.begin(wanted).await? {
            None => Ok(Stepped::Done),
            Some(wanted) => {
                // An automatic redemption is computed again at the next attempt.
                if !by_host {
                    waiting.push_front(wanted);
                }
                Ok(Stepped::Later)
            }
        }
    }

    /// Returns a market to redeem automatically.
    fn redeemable(&self, rows: &[ClaimRow]) -> Option<ClaimRequest> {
        let positions = self.picture.snapshot().positions;
        let paying = positions.iter().filter(|position| position.pays_micro_usd.is_some_and(|pays| pays > 0));
        let now = (self.now)().millis();
        paying.filter_map(|position| self.redemption(&position.market, HOST)).find(|wanted| {
            let condition = wanted.condition.to_string();
            let tried = || rows.iter().filter(|row| row.condition_id == condition && row.kind == ClaimKind::Redeem);
            let done = tried().any(|row| row.state != ClaimState::Failed);
            let again = tried().all(|row| row.updated_at_ms.saturating_add(AGAIN_MS) <= now);
            !done && again && tried().count() < TRIES_MAX
        })
    }

    /// Returns the redemption of all shares of a market.
    fn redemption(&self, market: &str, who: &str) -> Option<ClaimRequest> {
        let (condition, neg_risk) = self.picture.condition(market)?;
        let positions = self.picture.snapshot().positions;
        let of = || positions.iter().filter(|position| position.market == market);
        let (size, worth) = of().fold((Size::ZERO, Usd::ZERO), |(size, worth), position| {
            let pays = u128::from(position.pays_micro_usd.unwrap_or(0));
            let paid = u128::from(position.size_micros).saturating_mul(pays).checked_div(u128::from(model::SCALE));
            let paid = paid.and_then(|paid| i64::try_from(paid).ok()).unwrap_or(0);
            (size.saturating_add(Size(position.size_micros)), worth.saturating_add(Usd(paid)))
        });
        let (market, who) = (market.to_owned(), who.to_owned());
        Some(ClaimRequest { market, condition, neg_risk, claim: Claim::Redeem, size, worth, who })
    }

    /// Signs and submits a batch of one call. Returns the request if the relayer cannot be reached now; that does not
    /// count as an attempt.
    async fn begin(&self, wanted: ClaimRequest) -> Result<Option<ClaimRequest>, DbError> {
        let now = (self.now)();
        let mut row = ClaimRow {
            account: self.account.clone(),
            created_at_ms: now.millis(),
            kind: if wanted.claim == Claim::Redeem { ClaimKind::Redeem } else { ClaimKind::Merge },
            market: wanted.market.clone(),
            condition_id: wanted.condition.to_string(),
            size_micros: wanted.size.micros(),
            worth_micro_usd: wanted.worth.micros(),
            nonce: 0,
            deadline_s: now.seconds().saturating_add(GOOD_FOR_S),
            state: ClaimState::Failed,
            transaction_id: String::new(),
            transaction_hash: String::new(),
            reason: String::new(),
            who: wanted.who.clone(),
            updated_at_ms: now.millis(),
        };
        let (batch, signature) = match self.signed(&wanted, &row).await {
            Ok(signed) => signed,
            Err(Unsent::Later(reason)) => {
                tracing::warn!(
                    market = row.market,
                    kind = row.kind.as_str(),
                    reason,
                    "claim not submitted; retrying later"
                );
                return Ok(Some(wanted));
            }
            Err(Unsent::Refused(reason)) => {
                tracing::warn!(market = row.market, kind = row.kind.as_str(), reason, "claim not submitted");
                row.reason = reason;
                return self.db.add_claim(&row).await.map(|()| None);
            }
        };
        row.nonce = batch.nonce;
        row.state = ClaimState::Signed;
        self.db.add_claim(&row).await?;
        let note = format!("{} {}", row.kind.as_str(), row.market);
        match self.relayer.submit(self.owner, &batch, &signature, &note).await {
            Ok(relayed) => self.on_relayed(row, relayed).await?,
            Err(SubmitError::OutcomeUnknown { reason }) => self.change(row, ClaimState::Unknown, reason).await?,
            Err(error) => self.change(row, ClaimState::Failed, error.to_string()).await?,
        }
        Ok(None)
    }

    async fn signed(&self, wanted: &ClaimRequest, row: &ClaimRow) -> Result<(Batch, Signature65), Unsent> {
        let call = Call::new(self.chain, wanted.claim, &wanted.condition, wanted.neg_risk);
        let call =
            call.ok_or_else(|| Unsent::Refused("no contract is known for this claim on this chain".to_owned()))?;
        let nonce = self.relayer.nonce(self.owner).await.map_err(|error| {
            let reason = format!("reading the wallet's next nonce from the relayer failed: {error}");
            if is_transient(&error) { Unsent::Later(reason) } else { Unsent::Refused(reason) }
        })?;
        let batch = Batch { wallet: self.wallet, nonce, deadline: row.deadline_s, calls: vec![call] };
        let signature = (self.sign)(batch.clone()).await.map_err(Unsent::Refused)?;
        Ok((batch, signature))
    }

    /// Determines the state of a batch.
    async fn follow(&self, row: ClaimRow) -> Result<(), DbError> {
        if row.state == ClaimState::Sent {
            match self.relayer.transaction(&row.transaction_id).await {
                Ok(relayed) if relayed.state.is_final() || !self.is_late(&row) => {
                    return self.on_relayed(row, relayed).await;
                }
                Ok(_) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    tracing::warn!(%error, id = row.transaction_id, "reading a batch's state from the relayer failed");
                    return Ok(());
                }
            }
        }
        // The host was cut off before the answer, or the relayer has dropped the batch: the wallet's nonce decides.
        match self.relayer.nonce(self.owner).await {
            Ok(nonce) if nonce > row.nonce => {
                let reason = "the wallet's nonce was used; the account shows the effect";
                self.refresh(&row);
                self.change(row, ClaimState::Used, reason.to_owned()).await
            }
            Ok(_) if self.is_late(&row) => {
                let reason = "its deadline has passed and its nonce was not used";
                self.change(row, ClaimState::Failed, reason.to_owned()).await
            }
            Ok(_) if row.state == ClaimState::Signed => {
                self.change(row, ClaimState::Unknown, "the host ended before the relayer answered".to_owned()).await
            }
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "reading the wallet's next nonce from the relayer failed");
                Ok(())
            }
        }
    }

    /// Applies the relayer's report on a batch.
    async fn on_relayed(&self, mut row: ClaimRow, relayed: Relayed) -> Result<(), DbError> {
        let before = row.clone();
        row.transaction_id = relayed.id;
        if !relayed.hash.is_empty() && row.transaction_hash != relayed.hash {
            row.transaction_hash = relayed.hash;
            self.notify_engine(&row);
        }
        match relayed.state {
            RelayState::Confirmed => {
                self.refresh(&row);
                self.change(row, ClaimState::Confirmed, String::new()).await
            }
            RelayState::Failed | RelayState::Invalid => {
                let reason = format!("the relayer reports {:?}: {}", relayed.state, relayed.error);
                self.change(row, ClaimState::Failed, reason).await
            }
            _ if before.state == ClaimState::Sent && before.transaction_hash == row.transaction_hash => Ok(()),
            _ => self.change(row, ClaimState::Sent, String::new()).await,
        }
    }

    async fn change(&self, mut row: ClaimRow, state: ClaimState, reason: String) -> Result<(), DbError> {
        let (kind, hash) = (row.kind.as_str(), &row.transaction_hash);
        tracing::info!(market = row.market, kind, state = state.as_str(), reason, hash, "claim state changed");
        (row.state, row.reason, row.updated_at_ms) = (state, reason, (self.now)().millis());
        self.db.update_claim(&row).await
    }

    /// Returns true if the wallet refuses the batch by now, even with clock differences.
    fn is_late(&self, row: &ClaimRow) -> bool {
        (self.now)().seconds() > row.deadline_s.saturating_add(GRACE_S)
    }

    fn refresh(&self, row: &ClaimRow) {
        if let Some(condition) = ConditionId::parse(&row.condition_id) {
            (self.refresh)(condition);
        }
    }

    /// Sends the engine the effect of the transaction, so that it can explain the account. The data API reports the
    /// same later, under the same key. If the transaction fails after all, the activity explains nothing and expires.
    fn notify_engine(&self, row: &ClaimRow) {
        let condition = ConditionId::parse(&row.condition_id);
        let Some(market) = condition.as_ref().and_then(|condition| self.listing.market_of(condition)) else { return };
        let (recorded, kind) = match row.kind {
            ClaimKind::Redeem => (Recorded::Redeem, ActivityKind::Redeemed { market, paid: Usd(row.worth_micro_usd) }),
            ClaimKind::Merge => {
                let size = Size(row.size_micros);
                (Recorded::Merge, ActivityKind::Transfer(TransferKind::Merge { market, size }))
            }
        };
        let reference = row.transaction_hash.clone();
        let key = activity::key(&reference, recorded, condition.as_ref());
        let at = (self.now)();
        self.inbox.account(clock::now(), InputKind::Activity(Activity { key, at, kind, reference }));
    }
}
