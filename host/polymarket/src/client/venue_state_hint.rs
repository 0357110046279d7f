//! The venue's trading state as derived from its refusals: the matching engine restarts, only resting orders are
//! accepted, or only cancels (PROTOCOL 8 and 9).

use super::RequestError;
use model::input::VenueState;
use std::time::Duration;

/// Time for which a state is assumed if the venue does not say how long it lasts.
const RESTART: Duration = Duration::from_secs(10);
const POST_ONLY: Duration = Duration::from_secs(120);
const CANCEL_ONLY: Duration = Duration::from_secs(30);
/// Longest time for which a state is assumed, whatever the venue says.
const LONGEST: Duration = Duration::from_secs(600);

/// A trading state of the venue, with a time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VenueStateHint {
    /// The state.
    pub state: VenueState,
    /// Time for which it is assumed.
    pub lasts: Duration,
}

impl VenueStateHint {
    /// Returns the state that a response implies; `None` if it concerns only the request.
    pub(super) fn of(error: &RequestError) -> Option<Self> {
        let RequestError::Status { status, reason, retry_after, .. } = error else { return None };
        let (state, usual) = match status {
            425 => (VenueState::Restarting, RESTART),
            503 if reason.starts_with("post-only mode") => (VenueState::PostOnly, POST_ONLY),
            503 if reason.starts_with("Trading is currently cancel-only") => (VenueState::CancelOnly, CANCEL_ONLY),
            503 if reason.starts_with("Trading is currently disabled") => (VenueState::Restarting, CANCEL_ONLY),
            _ => return None,
        };
        Some(Self { state, lasts: retry_after.unwrap_or(usual).min(LONGEST) })
    }

    /// Returns the state that probably follows: after a restart the venue accepts only resting orders for about two
    /// minutes. A wrong guess costs one refusal, which corrects it.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.state {
            VenueState::Restarting => Some(Self { state: VenueState::PostOnly, lasts: POST_ONLY }),
            VenueState::PostOnly | VenueState::CancelOnly => {
                Some(Self { state: VenueState::Open, lasts: Duration::ZERO })
            }
            VenueState::Open => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(status: u16, words: &str, retry_after: Option<u64>) -> Option<VenueStateHint> {
        let retry_after = retry_after.map(Duration::from_secs);
        VenueStateHint::of(&RequestError::Status {
            status,
            reason: words.to_owned(),
            limited: false,
            retry_after,
            expected: String::new(),
        })
    }

    #[test]
    fn refusals_tell_what_the_venue_takes() {
        let state = |status, words: &str| hint(status, words, None).map(|mood| mood.state);
        assert_eq!(state(425, ""), Some(VenueState::Restarting));
        let post_only = "post-only mode: only post-only orders and cancels are allowed";
        assert_eq!(hint(503, post_only, Some(7)).map(|mood| mood.lasts), Some(Duration::from_secs(7)));
        assert_eq!(state(503, post_only), Some(VenueState::PostOnly));
        let cancel_only = "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.";
        assert_eq!(state(503, cancel_only), Some(VenueState::CancelOnly));
        assert_eq!(
            state(503, "Trading is currently disabled. Check polymarket.com for updates"),
            Some(VenueState::Restarting)
        );
        assert_eq!(state(503, "upstream connect error"), None);
        assert_eq!(state(400, "not enough balance / allowance"), None);
        assert_eq!(hint(425, "", Some(1_000_000)).map(|mood| mood.lasts), Some(LONGEST));
    }

    #[test]
    fn a_restart_ends_in_two_steps() {
        let restart = hint(425, "", None).unwrap();
        let after = restart.next().unwrap();
        assert_eq!((after.state, after.next().unwrap().state), (VenueState::PostOnly, VenueState::Open));
        assert_eq!(after.next().unwrap().next(), None);
    }
}
