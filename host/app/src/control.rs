//! What operators can make the host do: the API's only way to the engine.

use crate::host::{Access, Door, Inbox, Wanted, clock};
use crate::http::types::VenueOrderView;
use model::input::{Command, StrategyChange};
use model::{Body, Limits, Signal, StrategyId, Transfer};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the engine may take to take a command; it takes microseconds unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a command was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The engine said no.
    #[error("{0}")]
    Refused(String),
    /// The engine did not answer: it may still act.
    #[error("the engine did not answer within {} s; it may still act", PATIENCE.as_secs())]
    Silent,
}

/// A cheap handle on the host.
#[derive(Debug, Clone)]
pub struct Control {
    inbox: Inbox,
    access: Option<Access>,
    claims: Door,
}

impl Control {
    /// Returns a handle that gives commands to `inbox` and asks `access` what is open at the venue.
    pub(crate) fn new(inbox: Inbox, access: Option<Access>) -> Self {
        Self { inbox, access, claims: Door::closed("there is no account at the venue here") }
    }

    /// Returns the handle with the way to what executes claims.
    #[must_use]
    pub(crate) fn with_claims(self, claims: Door) -> Self {
        Self { claims, ..self }
    }

    /// Returns why no claim can be executed here; nothing if one can.
    pub(crate) fn why_no_claims(&self) -> Option<&str> {
        self.claims.why_closed()
    }

    /// Asks for a claim to be executed; what became of it is told by the list of claims.
    ///
    /// # Errors
    /// If none can be executed here, or too much waits.
    pub(crate) fn claim(&self, wanted: Wanted) -> Result<(), ControlError> {
        self.claims.ask(wanted)
    }

    /// Gives a command, and returns when the engine has taken it.
    ///
    /// # Errors
    /// If the engine refuses it, or does not answer.
    pub async fn command(&self, command: Command) -> Result<(), ControlError> {
        self.ask(Body::Command(command)).await
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

    /// Sends word to a strategy, and returns when the engine has passed it on.
    ///
    /// # Errors
    /// If the strategy does not run, or the engine does not answer.
    pub async fn signal(&self, strategy: StrategyId, signal: Signal) -> Result<(), ControlError> {
        self.ask(Body::Strategy(StrategyChange::Signal { strategy, signal })).await
    }

    async fn ask(&self, body: Body) -> Result<(), ControlError> {
        let (reply, answer) = oneshot::channel();
        self.inbox.asked(clock::now(), body, reply);
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer.map_err(ControlError::Refused),
            Ok(Err(_)) | Err(_) => Err(ControlError::Silent),
        }
    }

    /// Asks the venue which orders of the account are open there now.
    ///
    /// # Errors
    /// A sentence, if the venue gives no answer.
    pub async fn venue_orders(&self) -> Result<Vec<VenueOrderView>, String> {
        let Some(access) = &self.access else { return Err("there is no venue".to_owned()) };
        access.open_orders().await
    }
}
