//! The relayer: signed batches of deposit wallets on their way to the chain (PROTOCOL 17). Mining executes a batch on
//! the simulated ledger, all of its calls or none.

use super::{Inside, Settling};
use crate::batch::{Batch, BatchCall};
use crate::error::ApiError;
use axum::http::StatusCode;
use model::{ConditionId, MarketIx, Time};
use order::Address;
use sim::{AccountId, Conversion};
use std::collections::{BTreeMap, VecDeque};

/// Maximum transactions kept.
const REMEMBERED_MAX: usize = 10_000;
/// Maximum pending transactions.
const PENDING_MAX: usize = 1_000;
/// First transaction number; ids and hashes derive from the numbers, so these must not overlap with those of trades.
const FIRST: u64 = 1 << 63;

/// The state of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Executed,
    Mined,
    Confirmed,
    /// The chain reverted it.
    Failed,
    /// It was not sent to the chain.
    Invalid,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::New => "STATE_NEW",
            Self::Executed => "STATE_EXECUTED",
            Self::Mined => "STATE_MINED",
            Self::Confirmed => "STATE_CONFIRMED",
            Self::Failed => "STATE_FAILED",
            Self::Invalid => "STATE_INVALID",
        }
    }

    const fn is_final(self) -> bool {
        matches!(self, Self::Confirmed | Self::Failed | Self::Invalid)
    }
}

/// A batch with a valid format and its wallet owner's signature.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The owner's key.
    pub(crate) from: Address,
    pub(crate) batch: Batch,
    pub(crate) wanted: Vec<BatchCall>,
}

#[derive(Debug, Clone)]
struct Transaction {
    number: u64,
    account: AccountId,
    nonce: u64,
    deadline_s: u64,
    wanted: Vec<BatchCall>,
    at: Time,
    state: State,
    error: Option<String>,
}

/// The relayer's state.
#[derive(Debug)]
pub(crate) struct Relayer {
    settling: Settling,
    nonces: BTreeMap<AccountId, u64>,
    transactions: BTreeMap<String, Transaction>,
    /// Transaction ids, oldest first.
    order: VecDeque<String>,
    pending: Vec<String>,
    made: u64,
    /// The hash of the transaction being mined.
    mining: Option<String>,
}

impl Relayer {
    pub(super) const fn new(settling: Settling) -> Self {
        Self {
            settling,
            nonces: BTreeMap::new(),
            transactions: BTreeMap::new(),
            order: VecDeque::new(),
            pending: Vec::new(),
            made: 0,
            mining: None,
        }
    }

    /// Returns the hash of the transaction being mined.
    pub(super) fn mining(&self) -> Option<String> {
        self.mining.clone()
    }

    fn nonce(&self, account: AccountId) -> u64 {
        self.nonces.get(&account).copied().unwrap_or(0)
    }

    fn store(&mut self, id: String, transaction: Transaction) {
        self.pending.push(id.clone());
        self.order.push_back(id.clone());
        self.transactions.insert(id, transaction);
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.transactions.remove(&oldest);
        }
    }
}

/// A transaction as reported to clients.
pub(crate) struct TransactionStatus {
    pub(crate) state: &'static str,
    pub(crate) hash: Option<String>,
    pub(crate) error: Option<String>,
}

impl Inside {
    /// Returns the nonce that the next batch of a key's wallet must have.
    pub(crate) fn wallet_nonce(&self, key: Address) -> u64 {
        self.members.of_key(key).map_or(0, |account| self.relayer.nonce(account))
    }

    /// Returns true if a wallet exists.
    pub(crate) fn is_deployed(&self, wallet: Address) -> bool {
        self.members.has_wallet(wallet)
    }

    /// Accepts a batch and returns its transaction's id.
    pub(crate) fn submit(&mut self, submission: Submission) -> Result<String, ApiError> {
        let Submission { from, batch, wanted } = submission;
        let unknown = || ApiError::bad(format!("{from} has no account here; make an API key first"));
        let account = self.members.of_key(from).ok_or_else(unknown)?;
        if !self.members.bind_wallet(account, batch.wallet) {
            return Err(ApiError::bad(format!("{} is not the wallet of {from}", batch.wallet)));
        }
        let (now_s, expected) = (self.now.seconds(), self.relayer.nonce(account));
        if batch.nonce != expected {
            return Err(ApiError::bad(format!("invalid nonce: {}, expected {expected}", batch.nonce)));
        }
        if batch.deadline_s < now_s {
            return Err(ApiError::bad(format!("deadline {} has passed: it is {now_s}", batch.deadline_s)));
        }
        if self.relayer.pending.len() >= PENDING_MAX {
            return Err(ApiError { status: StatusCode::TOO_MANY_REQUESTS, ..ApiError::bad("Too Many Requests") });
        }
        self.relayer.made = self.relayer.made.saturating_add(1);
        let number = FIRST.saturating_add(self.relayer.made);
        let id = self.tape.id(number);
        let Batch { nonce, deadline_s, .. } = batch;
        let (at, state, error) = (self.now, State::New, None);
        self.relayer.store(id.clone(), Transaction { number, account, nonce, deadline_s, wanted, at, state, error });
        Ok(id)
    }

    /// Returns the state of a transaction.
    pub(crate) fn transaction(&self, id: &str) -> Option<TransactionStatus> {
        let transaction = self.relayer.transactions.get(id)?;
        let sent = !matches!(transaction.state, State::New | State::Invalid);
        let hash = sent.then(|| self.tape.hash(transaction.number));
        Some(TransactionStatus { state: transaction.state.as_str(), hash, error: transaction.error.clone() })
    }

    /// Advances transactions, the oldest first.
    pub(super) fn relay(&mut self) {
        for id in core::mem::take(&mut self.relayer.pending) {
            let Some(transaction) = self.relayer.transactions.get(&id).cloned() else { continue };
            let (state, error) = self.advance(&transaction);
            if let Some(kept) = self.relayer.transactions.get_mut(&id) {
                (kept.state, kept.error) = (state, error);
            }
            if !state.is_final() {
                self.relayer.pending.push(id);
            }
        }
    }

    fn advance(&mut self, transaction: &Transaction) -> (State, Option<String>) {
        let Settling { mined_ms, confirmed_ms } = self.relayer.settling;
        let due = |after_ms| transaction.at.plus_millis(after_ms) <= self.now;
        match transaction.state {
            State::New if transaction.at < self.now => match self.still_valid(transaction) {
                Ok(()) => (State::Executed, None),
                Err(error) => (State::Invalid, Some(error)),
            },
            State::Executed if due(mined_ms) => match self.mine(transaction) {
                Ok(()) => (State::Mined, None),
                Err(error) => (State::Failed, Some(error)),
            },
            State::Mined if due(confirmed_ms) => (State::Confirmed, None),
            state => (state, None),
        }
    }

    /// Repeats the wallet contract's own checks.
    fn still_valid(&self, transaction: &Transaction) -> Result<(), String> {
        let (Transaction { account, nonce, deadline_s, .. }, now_s) = (transaction, self.now.seconds());
        let expected = self.relayer.nonce(*account);
        if *nonce != expected {
            return Err(format!("invalid nonce: {nonce}, expected {expected}"));
        }
        if *deadline_s < now_s {
            return Err(format!("deadline {deadline_s} has passed: it is {now_s}"));
        }
        Ok(())
    }

    fn mine(&mut self, transaction: &Transaction) -> Result<(), String> {
        self.still_valid(transaction).map_err(reverted)?;
        if self.fails_relayed() {
            return Err(reverted("injected fault"));
        }
        let turns: Vec<Option<Conversion>> =
            transaction.wanted.iter().filter_map(|wanted| self.turn_of(wanted).transpose()).map(Result::ok).collect();
        let Some(turns) = turns.into_iter().collect::<Option<Vec<Conversion>>>() else {
            return Err(reverted("no such market for this contract, or arguments that it does not take"));
        };
        let done = self.venue.turn(self.now, transaction.account, &turns);
        done.map_err(|(place, error)| reverted(format!("call {place}: {error}")))?;
        let nonce = transaction.nonce.saturating_add(1);
        self.relayer.nonces.insert(transaction.account, nonce);
        self.relayer.mining = Some(self.tape.hash(transaction.number));
        self.publish();
        self.relayer.mining = None;
        Ok(())
    }

    /// Returns the ledger change of a call: `None` for an approval, an error if the contract would revert.
    fn turn_of(&self, wanted: &BatchCall) -> Result<Option<Conversion>, ()> {
        Ok(Some(match wanted {
            BatchCall::Approval => return Ok(None),
            BatchCall::Reverts => return Err(()),
            BatchCall::Split { condition, size, neg_risk } => {
                Conversion::Split { market: self.market_at(*condition, *neg_risk)?, size: *size }
            }
            BatchCall::Merge { condition, size, neg_risk } => {
                Conversion::Merge { market: self.market_at(*condition, *neg_risk)?, size: *size }
            }
            BatchCall::Redeem { condition, neg_risk } => {
                Conversion::Redeem { market: self.market_at(*condition, *neg_risk)? }
            }
            BatchCall::Convert { event, places, size } => {
                let markets = self.venue.event_markets(*event);
                let from: Option<Vec<MarketIx>> = places.iter().map(|place| markets.get(*place).copied()).collect();
                Conversion::Convert { event: *event, from: from.ok_or(())?, size: *size }
            }
        }))
    }

    /// Returns a market of an adapter's kind: each of the two knows only its own.
    fn market_at(&self, condition: ConditionId, neg_risk: bool) -> Result<MarketIx, ()> {
        let market = self.venue.market_of(condition).ok_or(())?;
        let fits = self.venue.market(market).is_some_and(|listed| listed.neg_risk == neg_risk);
        if fits { Ok(market) } else { Err(()) }
    }
}

fn reverted(why: impl std::fmt::Display) -> String {
    format!("execution reverted: {why}")
}
