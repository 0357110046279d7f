//! Requests of operators to redeem or merge, on their way to the task that executes claims.

use super::ControlError;
use model::{ConditionId, Size, Usd};
use order::Claim;
use tokio::sync::mpsc;

/// The most claims of operators that wait.
pub const CLAIMS_WAITING_MAX: usize = 16;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The market's slug.
    pub market: String,
    /// Its condition.
    pub condition: ConditionId,
    /// Whether it is a negative-risk market.
    pub neg_risk: bool,
    /// What to do: redeem or merge.
    pub claim: Claim,
    /// Shares, or pairs.
    pub size: Size,
    /// What is to be paid for them.
    pub worth: Usd,
    /// Who wants it.
    pub who: String,
}

/// Where operators ask for claims.
#[derive(Debug, Clone)]
pub struct Door(Result<mpsc::Sender<Wanted>, String>);

impl Door {
    /// Returns a door that is closed, and why.
    pub fn closed(why: impl Into<String>) -> Self {
        Self(Err(why.into()))
    }

    /// Returns a handle, and where its requests come out.
    pub fn open() -> (Self, mpsc::Receiver<Wanted>) {
        let (sender, requests) = mpsc::channel(CLAIMS_WAITING_MAX);
        (Self(Ok(sender)), requests)
    }

    /// Returns why nothing can be executed here; nothing if it can.
    pub(crate) fn why_closed(&self) -> Option<&str> {
        self.0.as_ref().err().map(String::as_str)
    }

    /// Asks for a claim. It is done when those before it are.
    ///
    /// # Errors
    /// If nothing can be executed here, or too much waits.
    pub fn ask(&self, wanted: Wanted) -> Result<(), ControlError> {
        let sender = self.0.as_ref().map_err(|why| ControlError::Refused(why.clone()))?;
        let full = |_| ControlError::Refused(format!("{CLAIMS_WAITING_MAX} claims wait already"));
        sender.try_send(wanted).map_err(full)
    }
}
