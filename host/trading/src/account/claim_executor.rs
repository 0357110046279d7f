//! Redemptions and merges through the venue's relayer, one after the other. What leaves is written down before it does, and a batch of
//! which nobody knows whether it arrived is not sent again: its number in the wallet or its deadline tells what became of it.
//! Nothing is booked here. The engine hears of the transaction and books it when the account shows it, as anything else that moved.

#[cfg(test)]
mod tests;

use super::activity;
use crate::handles::Handles;
use control::clock;
use control::inbox::Inbox;
use control::market_registry::Listing;
use control::{CLAIMS_WAITING_MAX, Door, Wanted};
use model::{Activity, ActivityKind, Body, ConditionId, Size, Time, TransferKind, Usd};
use order::{Address, Batch, Call, Chain, Claim, Signature65, SignatureType};
use polymarket::AccountClient;
use polymarket::client::{Relayer, RequestError, SubmitError};
use polymarket::parse::{Recorded, RelayState, Relayed};
use readmodel::Picture;
use signer::client::AskError;
use signer::{Refusal, Rule};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::db::claims::{ClaimKind, ClaimState, Claims};
use store::db::{ClaimRow, Db, DbError};
use tokio::sync::mpsc;

/// How often what is under way is looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(2);
/// How often it is looked for markets to redeem.
const AUTOMATIC: Duration = Duration::from_secs(15);
/// How long a batch is good for.
const GOOD_FOR_S: u64 = 600;
/// How long after its deadline a batch is given up: clocks differ, and the chain takes its time to tell.
const GRACE_S: u64 = 120;
/// After a failure nothing is tried again by itself for so long,
const AGAIN_MS: u64 = 600_000;
/// and after so many only an operator tries.
const TRIES_MAX: usize = 3;
/// The rows that are looked at.
const ROWS: u32 = 500;
/// Who wants what nobody asked for.
const HOST: &str = "host";
/// How long to wait before a relayer that cannot be reached is asked again: at first, and at most.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Why a batch did not leave.
enum Unsent {
    /// The relayer cannot be reached now. Nothing was signed.
    Later(String),
    /// It is refused.
    Refused(String),
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stepped {
    Done,
    /// The relayer could not be reached; what an operator asked for is in its place in the queue again.
    Later,
}

type Signing = Pin<Box<dyn Future<Output = Result<Signature65, String>> + Send>>;
/// Asks the signer's process for the signature of a batch.
pub(crate) type Sign = Arc<dyn Fn(Batch) -> Signing + Send + Sync>;
/// Asks the venue to look at the chain again for the tokens of a market.
pub(crate) type Refresh = Arc<dyn Fn(ConditionId) + Send + Sync>;

/// What executes claims.
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
    pub(crate) listing: Listing,
    pub(crate) picture: Picture,
    /// Whether what can be redeemed is redeemed without being asked for.
    pub(crate) automatic: bool,
    pub(crate) now: Arc<dyn Fn() -> Time + Send + Sync>,
}

/// Begins to execute claims, if that is wanted and possible.
pub(crate) fn open(handles: &Handles, client: &AccountClient, relayer: Option<&Relayer>, automatic: bool) -> Door {
    let account = *handles.signer.account();
    if account.signature_type != SignatureType::Deposit {
        return Door::closed(
            "the relayer takes batches of deposit wallets only: whoever has this wallet sends the call, and pays its gas",
        );
    }
    let Some(relayer) = relayer else {
        return Door::closed("claims.execute is off: the wallet's owner sends the call through the relayer");
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

/// Returns the way to the signer's process.
fn signing(signer: Arc<signer::Client>) -> Sign {
    Arc::new(move |batch| {
        let signer = Arc::clone(&signer);
        Box::pin(async move {
            let signed = signer.sign_batch(&batch).await;
            signed.map_err(|error| unsigned(&error))
        })
    })
}

/// Says why a batch was not signed, and what to do where it was too many.
fn unsigned(error: &AskError) -> String {
    let how = match error {
        AskError::Refused(Refusal { rule: Rule::Batches | Rule::BatchesPerMinute, .. }) => {
            "; `polytrader keys limits --set batches_per_minute=...` lets it sign so many a minute, unless the configuration's \
             signer.max_batches_per_minute is lower"
        }
        _ => "",
    };
    format!("the signer does not sign the batch: {error}{how}")
}

/// Returns whether the same question may have an answer later: the relayer was not reached, is restarting, or has no room.
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

/// Returns the way to make the venue look again at cash and shares of a market.
fn refreshing(client: AccountClient, listing: Listing) -> Refresh {
    Arc::new(move |condition| {
        let (client, listing) = (client.clone(), listing.clone());
        tokio::spawn(async move {
            let market = listing.market_of(&condition).and_then(|ix| listing.market(ix));
            let tokens = market.into_iter().flat_map(|market| market.tokens).map(Some);
            for token in tokens.chain([None]) {
                if let Err(error) = client.refresh(token.as_ref()).await {
                    tracing::warn!(%error, "the venue was not told to look at the wallet again");
                }
            }
        });
    })
}

impl Executor {
    /// Begins to execute, and returns where to ask.
    pub(crate) fn start(self) -> Door {
        let (door, requests) = Door::open();
        tokio::spawn(self.run(requests));
        door
    }

    async fn run(self, mut asked: mpsc::Receiver<Wanted>) {
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
                    // The host ends. What is under way is followed by the next session.
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
                Err(error) => tracing::error!(%error, "claims cannot be executed while the database fails"),
            }
        }
    }

    /// Follows what is under way; begins the next where nothing is.
    pub(crate) async fn step(&self, waiting: &mut VecDeque<Wanted>, automatic: bool) -> Result<Stepped, DbError> {
        let Claims { rows, unreadable } = self.db.claims(&self.account, ROWS).await?;
        let open: Vec<ClaimRow> = rows.iter().filter(|row| row.state.is_open()).cloned().collect();
        if !open.is_empty() {
            for row in open {
                self.follow(row).await?;
            }
            return Ok(Stepped::Done);
        }
        // A row that cannot be read may be of the same shares.
        let automatic = automatic && unreadable == 0;
        let next = waiting.pop_front().or_else(|| automatic.then(|| self.redeemable(&rows)).flatten());
        let Some(wanted) = next else { return Ok(Stepped::Done) };
        let by_host = wanted.who == HOST;
        match self.begin(wanted).await? {
            None => Ok(Stepped::Done),
            Some(wanted) => {
                // An automatic redemption is found again, as it is then.
                if !by_host {
                    waiting.push_front(wanted);
                }
                Ok(Stepped::Later)
            }
        }
    }

    /// Returns a market to redeem that nobody asked for.
    fn redeemable(&self, rows: &[ClaimRow]) -> Option<Wanted> {
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
    fn redemption(&self, market: &str, who: &str) -> Option<Wanted> {
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
        Some(Wanted { market, condition, neg_risk, claim: Claim::Redeem, size, worth, who })
    }

    /// Signs and hands over a batch of one call. Returns it if the relayer cannot be reached now, which counts as no try.
    async fn begin(&self, wanted: Wanted) -> Result<Option<Wanted>, DbError> {
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
                    "claim not submitted; it waits, retrying"
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
            Ok(relayed) => self.take(row, relayed).await?,
            Err(SubmitError::OutcomeUnknown { reason }) => self.change(row, ClaimState::Unknown, reason).await?,
            Err(error) => self.change(row, ClaimState::Failed, error.to_string()).await?,
        }
        Ok(None)
    }

    async fn signed(&self, wanted: &Wanted, row: &ClaimRow) -> Result<(Batch, Signature65), Unsent> {
        let call = Call::new(self.chain, wanted.claim, &wanted.condition, wanted.neg_risk);
        let call = call.ok_or_else(|| Unsent::Refused("no contract is known that does it on this chain".to_owned()))?;
        let nonce = self.relayer.nonce(self.owner).await.map_err(|error| {
            let reason = format!("the relayer does not tell the wallet's next number: {error}");
            if is_transient(&error) { Unsent::Later(reason) } else { Unsent::Refused(reason) }
        })?;
        let batch = Batch { wallet: self.wallet, nonce, deadline: row.deadline_s, calls: vec![call] };
        let signature = (self.sign)(batch.clone()).await.map_err(Unsent::Refused)?;
        Ok((batch, signature))
    }

    /// Looks what became of a batch.
    async fn follow(&self, row: ClaimRow) -> Result<(), DbError> {
        if row.state == ClaimState::Sent {
            match self.relayer.transaction(&row.transaction_id).await {
                Ok(relayed) if relayed.state.is_final() || !self.is_late(&row) => return self.take(row, relayed).await,
                Ok(_) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => {
                    tracing::warn!(%error, id = row.transaction_id, "the relayer does not tell how far a batch is");
                    return Ok(());
                }
            }
        }
        // Cut off before the answer, or the relayer has forgotten it: the wallet's own number tells.
        match self.relayer.nonce(self.owner).await {
            Ok(nonce) if nonce > row.nonce => {
                let reason = "the wallet's number was used; the account tells what it did";
                self.refresh(&row);
                self.change(row, ClaimState::Used, reason.to_owned()).await
            }
            Ok(_) if self.is_late(&row) => {
                let reason = "its deadline is over and its number was not used";
                self.change(row, ClaimState::Failed, reason.to_owned()).await
            }
            Ok(_) if row.state == ClaimState::Signed => {
                self.change(row, ClaimState::Unknown, "the host ended before the relayer answered".to_owned()).await
            }
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::warn!(%error, "the relayer does not tell the wallet's next number");
                Ok(())
            }
        }
    }

    /// Takes what the relayer says of a batch.
    async fn take(&self, mut row: ClaimRow, relayed: Relayed) -> Result<(), DbError> {
        let before = row.clone();
        row.transaction_id = relayed.id;
        if !relayed.hash.is_empty() && row.transaction_hash != relayed.hash {
            row.transaction_hash = relayed.hash;
            self.tell(&row);
        }
        match relayed.state {
            RelayState::Confirmed => {
                self.refresh(&row);
                self.change(row, ClaimState::Confirmed, String::new()).await
            }
            RelayState::Failed | RelayState::Invalid => {
                let reason = format!("the relayer says {:?}: {}", relayed.state, relayed.error);
                self.change(row, ClaimState::Failed, reason).await
            }
            _ if before.state == ClaimState::Sent && before.transaction_hash == row.transaction_hash => Ok(()),
            _ => self.change(row, ClaimState::Sent, String::new()).await,
        }
    }

    async fn change(&self, mut row: ClaimRow, state: ClaimState, reason: String) -> Result<(), DbError> {
        let (kind, hash) = (row.kind.as_str(), &row.transaction_hash);
        tracing::info!(market = row.market, kind, state = state.as_str(), reason, hash, "a claim");
        (row.state, row.reason, row.updated_at_ms) = (state, reason, (self.now)().millis());
        self.db.update_claim(&row).await
    }

    /// Says whether the wallet refuses a batch by now, whatever the clocks.
    fn is_late(&self, row: &ClaimRow) -> bool {
        (self.now)().seconds() > row.deadline_s.saturating_add(GRACE_S)
    }

    fn refresh(&self, row: &ClaimRow) {
        if let Some(condition) = ConditionId::parse(&row.condition_id) {
            (self.refresh)(condition);
        }
    }

    /// Tells the engine what the transaction does, so that it can explain the account. The records tell the same later, under the same
    /// key. If it fails after all, it explains nothing and goes.
    fn tell(&self, row: &ClaimRow) {
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
        self.inbox.account(clock::now(), Body::Activity(Activity { key, at, kind, reference }));
    }
}
