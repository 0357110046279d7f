//! The relayer: batches that deposit wallets signed, on their way to the chain (PROTOCOL 17). What is mined happens on the
//! simulated ledger, all calls of a batch together or none.

use super::{Inside, Settling};
use crate::batch::{Batch, Wanted};
use crate::fail::Fail;
use axum::http::StatusCode;
use model::{ConditionId, MarketIx, Time};
use order::Address;
use sim::{AccountId, Turn};
use std::collections::{BTreeMap, VecDeque};

/// Transactions that are remembered.
const REMEMBERED_MAX: usize = 10_000;
/// Transactions on their way.
const PENDING_MAX: usize = 1_000;
/// Their numbers, from which their ids and hashes follow, begin where no trade's are.
const FIRST: u64 = 1 << 63;

/// How far a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Executed,
    Mined,
    Confirmed,
    /// The chain did not do it.
    Failed,
    /// It was not sent to the chain.
    Invalid,
}

impl State {
    const fn word(self) -> &'static str {
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

/// A batch whose form is good and that its wallet's owner signed.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The owner's key.
    pub(crate) from: Address,
    pub(crate) batch: Batch,
    pub(crate) wanted: Vec<Wanted>,
}

#[derive(Debug, Clone)]
struct Transaction {
    number: u64,
    account: AccountId,
    nonce: u64,
    deadline_s: u64,
    wanted: Vec<Wanted>,
    at: Time,
    state: State,
    error: Option<String>,
}

/// All that the relayer knows.
#[derive(Debug)]
pub(crate) struct Relayer {
    settling: Settling,
    nonces: BTreeMap<AccountId, u64>,
    transactions: BTreeMap<String, Transaction>,
    /// The oldest first.
    order: VecDeque<String>,
    pending: Vec<String>,
    made: u64,
    /// The hash of what is being mined.
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

    /// Returns the hash of the transaction that is being mined.
    pub(super) fn mining(&self) -> Option<String> {
        self.mining.clone()
    }

    fn nonce(&self, account: AccountId) -> u64 {
        self.nonces.get(&account).copied().unwrap_or(0)
    }

    fn keep(&mut self, id: String, transaction: Transaction) {
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

/// How a transaction is told.
pub(crate) struct Told {
    pub(crate) state: &'static str,
    pub(crate) hash: Option<String>,
    pub(crate) error: Option<String>,
}

impl Inside {
    /// Returns the nonce that the next batch of a key's wallet must have.
    pub(crate) fn wallet_nonce(&self, key: Address) -> u64 {
        self.members.of_key(key).map_or(0, |account| self.relayer.nonce(account))
    }

    /// Says whether a wallet is there.
    pub(crate) fn is_deployed(&self, wallet: Address) -> bool {
        self.members.has_wallet(wallet)
    }

    /// Takes a batch in and returns its transaction's id.
    pub(crate) fn submit(&mut self, submission: Submission) -> Result<String, Fail> {
        let Submission { from, batch, wanted } = submission;
        let unknown = || Fail::bad(format!("{from} has no account here; make an API key first"));
        let account = self.members.of_key(from).ok_or_else(unknown)?;
        if !self.members.bind_wallet(account, batch.wallet) {
            return Err(Fail::bad(format!("{} is not the wallet of {from}", batch.wallet)));
        }
        let (now_s, expected) = (self.now.seconds(), self.relayer.nonce(account));
        if batch.nonce != expected {
            return Err(Fail::bad(format!("invalid nonce: {}, expected {expected}", batch.nonce)));
        }
        if batch.deadline_s < now_s {
            return Err(Fail::bad(format!("deadline {} has passed: it is {now_s}", batch.deadline_s)));
        }
        if self.relayer.pending.len() >= PENDING_MAX {
            return Err(Fail { status: StatusCode::TOO_MANY_REQUESTS, ..Fail::bad("Too Many Requests") });
        }
        self.relayer.made = self.relayer.made.saturating_add(1);
        let number = FIRST.saturating_add(self.relayer.made);
        let id = self.tape.id(number);
        let Batch { nonce, deadline_s, .. } = batch;
        let (at, state, error) = (self.now, State::New, None);
        self.relayer.keep(id.clone(), Transaction { number, account, nonce, deadline_s, wanted, at, state, error });
        Ok(id)
    }

    /// Returns how a transaction stands.
    pub(crate) fn transaction(&self, id: &str) -> Option<Told> {
        let transaction = self.relayer.transactions.get(id)?;
        let sent = !matches!(transaction.state, State::New | State::Invalid);
        let hash = sent.then(|| self.tape.hash(transaction.number));
        Some(Told { state: transaction.state.word(), hash, error: transaction.error.clone() })
    }

    /// Moves transactions on, the oldest first.
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

    /// What the wallet itself checks.
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
            return Err(reverted("because it was told to"));
        }
        let turns: Vec<Option<Turn>> =
            transaction.wanted.iter().filter_map(|wanted| self.turn_of(wanted).transpose()).map(Result::ok).collect();
        let Some(turns) = turns.into_iter().collect::<Option<Vec<Turn>>>() else {
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

    /// Returns what a call turns on the ledger: nothing for an approval, an error where the contract would not do it.
    fn turn_of(&self, wanted: &Wanted) -> Result<Option<Turn>, ()> {
        Ok(Some(match wanted {
            Wanted::Approval => return Ok(None),
            Wanted::Reverts => return Err(()),
            Wanted::Split { condition, size, neg_risk } => {
                Turn::Split { market: self.market_at(*condition, *neg_risk)?, size: *size }
            }
            Wanted::Merge { condition, size, neg_risk } => {
                Turn::Merge { market: self.market_at(*condition, *neg_risk)?, size: *size }
            }
            Wanted::Redeem { condition, neg_risk } => Turn::Redeem { market: self.market_at(*condition, *neg_risk)? },
            Wanted::Convert { event, places, size } => {
                let markets = self.venue.event_markets(*event);
                let from: Option<Vec<MarketIx>> = places.iter().map(|place| markets.get(*place).copied()).collect();
                Turn::Convert { event: *event, from: from.ok_or(())?, size: *size }
            }
        }))
    }

    /// Returns a market that an adapter knows: each of the two knows its own kind.
    fn market_at(&self, condition: ConditionId, neg_risk: bool) -> Result<MarketIx, ()> {
        let market = self.venue.market_of(condition).ok_or(())?;
        let fits = self.venue.market(market).is_some_and(|listed| listed.neg_risk == neg_risk);
        if fits { Ok(market) } else { Err(()) }
    }
}

fn reverted(why: impl std::fmt::Display) -> String {
    format!("execution reverted: {why}")
}
