//! Operator control of the host: the API's only access to the engine.

mod claim_requests;
pub mod clock;
mod engine_view;
pub mod inbox;
pub mod market_registry;
mod platform;
pub mod service_manager;
mod strategy_commands;
mod strategy_names;

pub use claim_requests::{CLAIMS_WAITING_MAX, ClaimRequest, ClaimRequests};
pub use engine_view::{Latest, View};
pub use strategy_commands::{PendingCommand, StrategyCommand, StrategyCommands};
pub use strategy_names::StrategyNames;

use crate::inbox::Inbox;
use model::input::{Command, StrategyChange};
use model::{InputKind, Limits, Reallocation, Signal, StrategyId, Transfer};
use readmodel::views::VenueOrderView;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::db::{Halt, Halts, STORED_WITHIN};
use store::journal_files::Journal;
use tokio::sync::oneshot;

/// Time limit for the engine to process a command; it takes microseconds unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time limit for the engine to process an emergency stop before the host acts without it; the API must respond within
/// a second.
const STOP_PATIENCE: Duration = Duration::from_millis(500);

/// Reason why a command failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The engine rejected the command.
    #[error("{0}")]
    Refused(String),
    /// The engine did not answer in time; it may still execute the command.
    #[error("the engine did not answer within {} s; it may still act", PATIENCE.as_secs())]
    Silent,
    /// The command had to be stored first, and storing failed; nothing has changed.
    #[error("{0}")]
    NotStored(String),
}

/// Future of a query for open orders; the error is a sentence.
pub type OpenOrdersAnswer<'a> = Pin<Box<dyn Future<Output = Result<Vec<VenueOrderView>, String>> + Send + 'a>>;

/// Queries the execution venue for the account's open orders.
pub trait OpenOrders: Debug + Send + Sync {
    /// Returns the orders of the account that are open now.
    fn open_orders(&self) -> OpenOrdersAnswer<'_>;
}

/// Fallback if the engine does not answer an emergency stop.
pub trait LastResort: Debug + Send + Sync {
    /// Locks the signer and cancels all orders at the venue without the engine. Returns at once.
    fn cancel_everything(&self);
}

/// A cheap handle to the host.
#[derive(Debug, Clone)]
pub struct Control {
    inbox: Inbox,
    open_orders: Option<Arc<dyn OpenOrders>>,
    strategy_commands: Option<StrategyCommands>,
    claims: ClaimRequests,
    halts: Option<Halts>,
    last_resort: Option<Arc<dyn LastResort>>,
    journal: Option<Journal>,
}

impl Control {
    /// Returns a handle that sends commands to `inbox` and queries open orders with `open_orders`.
    pub fn new(inbox: Inbox, open_orders: Option<Arc<dyn OpenOrders>>) -> Self {
        Self {
            inbox,
            open_orders,
            strategy_commands: None,
            claims: ClaimRequests::closed("there is no account at the venue here"),
            halts: None,
            last_resort: None,
            journal: None,
        }
    }

    /// Returns the handle with a sender for strategy commands.
    #[must_use]
    pub fn with_words(self, words: StrategyCommands) -> Self {
        Self { strategy_commands: Some(words), ..self }
    }

    /// Returns the handle with a sender for claim requests.
    #[must_use]
    pub fn with_claims(self, claims: ClaimRequests) -> Self {
        Self { claims, ..self }
    }

    /// Returns the handle with the storage of emergency stops.
    #[must_use]
    pub fn with_halts(self, halts: Halts) -> Self {
        Self { halts: Some(halts), ..self }
    }

    /// Returns the handle with the fallback for emergency stops that the engine does not answer.
    #[must_use]
    pub fn with_last_resort(self, last_resort: Arc<dyn LastResort>) -> Self {
        Self { last_resort: Some(last_resort), ..self }
    }

    /// Returns the handle with the journal of the engine's inputs.
    #[must_use]
    pub fn with_journal(self, journal: Journal) -> Self {
        Self { journal: Some(journal), ..self }
    }

    /// Waits at most a second until all inputs of the engine are synced to the journal, and returns true if they are.
    /// True if there is no journal.
    pub async fn is_journaled(&self) -> bool {
        match &self.journal {
            Some(journal) => {
                matches!(tokio::time::timeout(STORED_WITHIN, journal.synced(journal.mark())).await, Ok(Ok(())))
            }
            None => true,
        }
    }

    /// Returns true if the database contains the last emergency stop or release, now or within a second.
    pub async fn is_halt_stored(&self) -> bool {
        match &self.halts {
            Some(halts) => halts.are_stored(STORED_WITHIN).await,
            None => false,
        }
    }

    /// Executes a command about a strategy, and returns its result.
    ///
    /// # Errors
    /// If it cannot be executed, or not in time.
    pub async fn strategy(
        &self,
        name: &str,
        word: StrategyCommand,
        who: &str,
    ) -> Result<serde_json::Value, ControlError> {
        self.words()?.send(name, word, who).await
    }

    /// Validates a module and installs it into the strategies folder.
    ///
    /// # Errors
    /// If the module is invalid or cannot be installed.
    pub async fn upload(&self, name: &str, bytes: bytes::Bytes) -> Result<(), ControlError> {
        self.words()?.upload(name, bytes).await
    }

    fn words(&self) -> Result<&StrategyCommands, ControlError> {
        self.strategy_commands
            .as_ref()
            .ok_or_else(|| ControlError::Refused("strategies are not available here".to_owned()))
    }

    /// Returns the reason why claims cannot be executed here; `None` if they can.
    pub fn why_no_claims(&self) -> Option<&str> {
        self.claims.why_closed()
    }

    /// Requests the execution of a claim. Its outcome appears in the list of claims.
    ///
    /// # Errors
    /// If claims cannot be executed here, or too many are waiting.
    pub fn claim(&self, wanted: ClaimRequest) -> Result<(), ControlError> {
        self.claims.submit(wanted)
    }

    /// Sends a command, and returns when the engine has executed it. An emergency stop that the engine does not answer
    /// is executed without it.
    ///
    /// # Errors
    /// If the engine rejects it, or does not answer.
    pub async fn command(&self, command: Command) -> Result<(), ControlError> {
        match (&self.last_resort, matches!(command, Command::EmergencyStop { .. })) {
            (Some(last_resort), true) => self.emergency_stop(command, last_resort.as_ref()).await,
            _ => self.submit(InputKind::Command(command)).await,
        }
    }

    async fn emergency_stop(&self, command: Command, last_resort: &dyn LastResort) -> Result<(), ControlError> {
        match self.submit_within(InputKind::Command(command), STOP_PATIENCE).await {
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

    /// Replaces the limits, and returns when they are in effect.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub async fn limits(&self, limits: Limits) -> Result<(), ControlError> {
        self.submit(InputKind::Limits(limits)).await
    }

    /// Books a transfer entered by an operator, and returns when it is in the ledger.
    ///
    /// # Errors
    /// If it cannot be booked, or the engine does not answer.
    pub async fn transfer(&self, transfer: Transfer) -> Result<(), ControlError> {
        self.submit(InputKind::Transfer(transfer)).await
    }

    /// Reallocates shares from one strategy to another, and returns when this is done.
    ///
    /// # Errors
    /// If the engine rejects it, or does not answer.
    pub async fn assign(&self, assignment: Reallocation) -> Result<(), ControlError> {
        self.submit(InputKind::Reallocate(assignment)).await
    }

    /// Sends a signal to a strategy, and returns when the engine has passed it on.
    ///
    /// # Errors
    /// If the strategy is not running, or the engine does not answer.
    pub async fn signal(&self, strategy: StrategyId, signal: Signal) -> Result<(), ControlError> {
        self.submit(InputKind::Strategy(StrategyChange::Signal { strategy, signal })).await
    }

    async fn submit(&self, body: InputKind) -> Result<(), ControlError> {
        self.submit_within(body, PATIENCE).await
    }

    async fn submit_within(&self, body: InputKind, within: Duration) -> Result<(), ControlError> {
        let (reply, answer) = oneshot::channel();
        self.inbox.command(clock::now(), body, reply);
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(answer)) => answer.map_err(ControlError::Refused),
            Ok(Err(_)) | Err(_) => Err(ControlError::Silent),
        }
    }

    /// Queries the venue for the account's open orders.
    ///
    /// # Errors
    /// If the venue does not answer.
    pub async fn venue_orders(&self) -> Result<Vec<VenueOrderView>, String> {
        let Some(venue) = &self.open_orders else { return Err("there is no venue".to_owned()) };
        venue.open_orders().await
    }
}
