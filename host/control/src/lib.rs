//! What operators can make the host do: the API's only way to the engine.

mod claim_requests;
pub mod clock;
mod engine_view;
pub mod inbox;
pub mod market_registry;
mod strategy_commands;
mod strategy_names;

pub use claim_requests::{CLAIMS_WAITING_MAX, Door, Wanted};
pub use engine_view::{Latest, View};
pub use strategy_commands::{Asked, Word, Words};
pub use strategy_names::StrategyNames;

use crate::inbox::Inbox;
use model::input::{Command, StrategyChange};
use model::{Assignment, Body, Limits, Signal, StrategyId, Transfer};
use readmodel::views::VenueOrderView;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::db::{Halt, Halts, STORED_WITHIN};
use store::journal_files::Journal;
use tokio::sync::oneshot;

/// How long the engine may take to take a command; it takes microseconds unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the engine may take to take an emergency stop before the host acts without it; the answer is due within a second.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// Why a command was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The engine said no.
    #[error("{0}")]
    Refused(String),
    /// The engine did not answer: it may still act.
    #[error("the engine did not answer within {} s; it may still act", PATIENCE.as_secs())]
    Silent,
    /// What had to be stored first could not be; nothing has changed.
    #[error("{0}")]
    NotStored(String),
}

/// The answer to a question about open orders: a sentence if there is none.
pub type OpenOrdersAnswer<'a> = Pin<Box<dyn Future<Output = Result<Vec<VenueOrderView>, String>> + Send + 'a>>;

/// Answers which orders of the account are open where they are executed.
pub trait OpenOrders: Debug + Send + Sync {
    /// Returns the orders of the account that are open now.
    fn open_orders(&self) -> OpenOrdersAnswer<'_>;
}

/// What acts if the engine does not answer an emergency stop.
pub trait LastResort: Debug + Send + Sync {
    /// Has the signer locked and everything at the venue cancelled without the engine. Returns at once.
    fn cancel_everything(&self);
}

/// A cheap handle on the host.
#[derive(Debug, Clone)]
pub struct Control {
    inbox: Inbox,
    open_orders: Option<Arc<dyn OpenOrders>>,
    words: Option<Words>,
    claims: Door,
    halts: Option<Halts>,
    last_resort: Option<Arc<dyn LastResort>>,
    journal: Option<Journal>,
}

impl Control {
    /// Returns a handle that sends commands to `inbox` and asks `open_orders` what is open at the venue.
    pub fn new(inbox: Inbox, open_orders: Option<Arc<dyn OpenOrders>>) -> Self {
        Self {
            inbox,
            open_orders,
            words: None,
            claims: Door::closed("there is no account at the venue here"),
            halts: None,
            last_resort: None,
            journal: None,
        }
    }

    /// Has words about strategies go there.
    #[must_use]
    pub fn with_words(self, words: Words) -> Self {
        Self { words: Some(words), ..self }
    }

    /// Returns the handle with the way to what executes claims.
    #[must_use]
    pub fn with_claims(self, claims: Door) -> Self {
        Self { claims, ..self }
    }

    /// Returns the handle with what stores emergency stops.
    #[must_use]
    pub fn with_halts(self, halts: Halts) -> Self {
        Self { halts: Some(halts), ..self }
    }

    /// Returns the handle with what acts if the engine does not answer an emergency stop.
    #[must_use]
    pub fn with_last_resort(self, last_resort: Arc<dyn LastResort>) -> Self {
        Self { last_resort: Some(last_resort), ..self }
    }

    /// Returns the handle with the journal of what the engine takes.
    #[must_use]
    pub fn with_journal(self, journal: Journal) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Returns whether all that the engine has taken is in the journal and on its disk, within a second. True where there is no journal.
    pub async fn is_journaled(&self) -> bool {
        match &self.journal {
            Some(journal) => {
                matches!(tokio::time::timeout(STORED_WITHIN, journal.synced(journal.mark())).await, Ok(Ok(())))
            }
            None => true,
        }
    }

    /// Says whether the database has the last emergency stop or release, or has it within a second.
    pub async fn is_halt_stored(&self) -> bool {
        match &self.halts {
            Some(halts) => halts.are_stored(STORED_WITHIN).await,
            None => false,
        }
    }

    /// Says something about a strategy, and returns the answer when it is done.
    ///
    /// # Errors
    /// If it cannot be done, or not in time.
    pub async fn strategy(&self, name: &str, word: Word, who: &str) -> Result<serde_json::Value, ControlError> {
        self.words()?.say(name, word, who).await
    }

    /// Puts a module into the strategies folder, if the host would take it.
    ///
    /// # Errors
    /// Why it would not.
    pub async fn upload(&self, name: &str, bytes: bytes::Bytes) -> Result<(), ControlError> {
        self.words()?.upload(name, bytes).await
    }

    fn words(&self) -> Result<&Words, ControlError> {
        self.words.as_ref().ok_or_else(|| ControlError::Refused("nobody looks after strategies".to_owned()))
    }

    /// Returns why no claim can be executed here; nothing if one can.
    pub fn why_no_claims(&self) -> Option<&str> {
        self.claims.why_closed()
    }

    /// Asks for a claim to be executed; what became of it is told by the list of claims.
    ///
    /// # Errors
    /// If none can be executed here, or too much waits.
    pub fn claim(&self, wanted: Wanted) -> Result<(), ControlError> {
        self.claims.ask(wanted)
    }

    /// Gives a command, and returns when the engine has taken it. An emergency stop that the engine does not answer is done without it.
    ///
    /// # Errors
    /// If the engine refuses it, or does not answer.
    pub async fn command(&self, command: Command) -> Result<(), ControlError> {
        match (&self.last_resort, matches!(command, Command::EmergencyStop { .. })) {
            (Some(last_resort), true) => self.emergency_stop(command, last_resort.as_ref()).await,
            _ => self.ask(Body::Command(command)).await,
        }
    }

    async fn emergency_stop(&self, command: Command, last_resort: &dyn LastResort) -> Result<(), ControlError> {
        match self.answer(Body::Command(command), STOP_PATIENCE).await {
            Err(ControlError::Silent) => {
                last_resort.cancel_everything();
                if let Some(halts) = &self.halts {
                    halts.set(Some(Halt { reason: "emergency stop".to_owned(), at_ms: clock::now().millis() }));
                }
                Ok(())
            }
            answered => answered,
        }
    }

    /// Replaces the limits, and returns when they hold.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn limits(&self, limits: Limits) -> Result<(), ControlError> {
        self.ask(Body::Limits(limits)).await
    }

    /// Books a named transfer, and returns when it is in the ledger.
    ///
    /// # Errors
    /// If it cannot be booked, or the engine does not answer.
    pub async fn transfer(&self, transfer: Transfer) -> Result<(), ControlError> {
        self.ask(Body::Transfer(transfer)).await
    }

    /// Gives shares from one strategy to another, and returns when they are its.
    ///
    /// # Errors
    /// If the engine refuses it, or does not answer.
    pub async fn assign(&self, assignment: Assignment) -> Result<(), ControlError> {
        self.ask(Body::Assign(assignment)).await
    }

    /// Sends word to a strategy, and returns when the engine has passed it on.
    ///
    /// # Errors
    /// If the strategy does not run, or the engine does not answer.
    pub async fn signal(&self, strategy: StrategyId, signal: Signal) -> Result<(), ControlError> {
        self.ask(Body::Strategy(StrategyChange::Signal { strategy, signal })).await
    }

    async fn ask(&self, body: Body) -> Result<(), ControlError> {
        self.answer(body, PATIENCE).await
    }

    async fn answer(&self, body: Body, within: Duration) -> Result<(), ControlError> {
        let (reply, answer) = oneshot::channel();
        self.inbox.asked(clock::now(), body, reply);
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(answer)) => answer.map_err(ControlError::Refused),
            Ok(Err(_)) | Err(_) => Err(ControlError::Silent),
        }
    }

    /// Asks the venue which orders of the account are open there now.
    ///
    /// # Errors
    /// A sentence, if the venue gives no answer.
    pub async fn venue_orders(&self) -> Result<Vec<VenueOrderView>, String> {
        let Some(venue) = &self.open_orders else { return Err("there is no venue".to_owned()) };
        venue.open_orders().await
    }
}
