//! Operator requests to redeem or merge, sent to the task that executes claims.

use super::ControlError;
use model::{ConditionId, Size, Usd};
use order::Claim;
use tokio::sync::mpsc;

/// Maximum number of operators' claim requests in the queue.
pub const CLAIMS_WAITING_MAX: usize = 16;

/// A requested claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The market's slug.
    pub market: String,
    /// The market's condition id.
    pub condition: ConditionId,
    /// True if it is a negative-risk market.
    pub neg_risk: bool,
    /// The action: redeem or merge.
    pub claim: Claim,
    /// Number of shares, or of pairs.
    pub size: Size,
    /// The expected payment for them.
    pub worth: Usd,
    /// The name of the operator's token.
    pub who: String,
}

/// Sends claim requests. A cheap handle.
#[derive(Debug, Clone)]
pub struct ClaimRequests(Result<mpsc::Sender<ClaimRequest>, String>);

impl ClaimRequests {
    /// Returns a handle that rejects all requests with this reason.
    pub fn closed(why: impl Into<String>) -> Self {
        Self(Err(why.into()))
    }

    /// Returns a handle, and the receiver of its requests.
    pub fn open() -> (Self, mpsc::Receiver<ClaimRequest>) {
        let (sender, requests) = mpsc::channel(CLAIMS_WAITING_MAX);
        (Self(Ok(sender)), requests)
    }

    /// Returns the reason why claims cannot be executed here; `None` if they can.
    pub(crate) fn why_closed(&self) -> Option<&str> {
        self.0.as_ref().err().map(String::as_str)
    }

    /// Requests a claim. It is executed after the ones requested earlier.
    ///
    /// # Errors
    /// If claims cannot be executed here, or too many are waiting.
    pub fn submit(&self, wanted: ClaimRequest) -> Result<(), ControlError> {
        let sender = self.0.as_ref().map_err(|why| ControlError::Refused(why.clone()))?;
        let full = |_| ControlError::Refused(format!("{CLAIMS_WAITING_MAX} claims are already waiting"));
        sender.try_send(wanted).map_err(full)
    }
}
