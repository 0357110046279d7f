//! The final check on an order: whether its bytes may be sent. It runs when a connection is ready, immediately before
//! the bytes are written, so neither a queue nor a slow handshake can send an order that has since been withheld.
//!
//! The order travels in a body that runs the check when HTTP polls it. A request head without its body cannot place an
//! order, because the signature is in the body: a body that was never yielded proves that nothing was placed.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Conditions under which orders may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The moment after which they are too old.
    pub leaves_by: Instant,
    /// True if the host closes a position with them.
    pub exit: bool,
}

impl Terms {
    /// Returns the terms of orders that open positions and are valid for `age` from now.
    pub fn within(age: Duration) -> Self {
        let now = Instant::now();
        Self { leaves_by: now.checked_add(age).unwrap_or(now), exit: false }
    }
}

/// Reasons why an order was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// All orders are held back.
    #[error("orders are held back: an emergency stop is in force")]
    Held,
    /// Its approval expired first.
    #[error("the approval expired before the order could be sent")]
    TooOld,
    /// No connection accepted it in time.
    #[error("no connection to the venue was ready in time")]
    NoConnection,
}

/// Holds back every unsent order of an account. Cheap to clone; clones share one switch.
#[derive(Debug, Clone)]
pub(super) struct Hold {
    held: Arc<watch::Sender<bool>>,
}

impl Default for Hold {
    fn default() -> Self {
        Self { held: Arc::new(watch::Sender::new(false)) }
    }
}

impl Hold {
    pub(super) fn set(&self, held: bool) {
        self.held.send_replace(held);
    }

    /// Returns the reason if an order may not be sent now.
    pub(super) fn check(&self, leaves_by: Instant) -> Result<(), Withheld> {
        if *self.held.borrow() {
            return Err(Withheld::Held);
        }
        if Instant::now() > leaves_by { Err(Withheld::TooOld) } else { Ok(()) }
    }

    /// Waits until an order may no longer be sent. Safe to cancel.
    pub(super) async fn ends(&self, leaves_by: Instant) -> Withheld {
        let mut held = self.held.subscribe();
        tokio::select! {
            biased;
            // The sender is in `self`, so the wait has no other end.
            _ = held.wait_for(|held| *held) => Withheld::Held,
            () = tokio::time::sleep_until(leaves_by.into()) => Withheld::TooOld,
        }
    }

    pub(super) fn departure(&self, leaves_by: Instant) -> Departure {
        Departure { hold: self.clone(), leaves_by, state: Arc::new(AtomicU8::new(WAITS)) }
    }
}

/// Its bytes are still held here.
const WAITS: u8 = 0;
/// Its bytes were yielded to a connection.
const LEFT: u8 = 1;
/// Its bytes will never be yielded.
const WITHDRAWN: u8 = 2;

/// One outgoing request with orders.
#[derive(Debug, Clone)]
pub(super) struct Departure {
    hold: Hold,
    leaves_by: Instant,
    state: Arc<AtomicU8>,
}

impl Departure {
    /// Returns the body of the request.
    pub(super) fn body(&self, content: String) -> reqwest::Body {
        reqwest::Body::wrap(Guarded { departure: self.clone(), content: Some(content.into()) })
    }

    /// Takes the permission to yield the bytes.
    fn leave(&self) -> Result<(), Withheld> {
        self.hold.check(self.leaves_by)?;
        // It was withdrawn concurrently.
        self.turn(LEFT).map_err(|_ended| self.why())
    }

    /// Withdraws the bytes for good; false if they were already yielded.
    pub(super) fn withdraw(&self) -> bool {
        matches!(self.turn(WITHDRAWN), Ok(()) | Err(WITHDRAWN))
    }

    /// Ends the wait. The error is the state in which it had already ended.
    fn turn(&self, to: u8) -> Result<(), u8> {
        self.state.compare_exchange(WAITS, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    /// Returns the reason why the bytes were not yielded.
    pub(super) fn why(&self) -> Withheld {
        self.hold.check(self.leaves_by).err().unwrap_or(Withheld::NoConnection)
    }

    /// Waits until the order may no longer be sent and withdraws it; never returns if it was sent. Safe to cancel.
    pub(super) async fn withdrawn(&self) -> Withheld {
        let why = self.hold.ends(self.leaves_by).await;
        if self.withdraw() { why } else { std::future::pending().await }
    }
}

/// The body of a request with orders.
struct Guarded {
    departure: Departure,
    content: Option<Bytes>,
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = Withheld;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Some(content) = self.content.take() else { return Poll::Ready(None) };
        Poll::Ready(Some(self.departure.leave().map(|()| Frame::data(content))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.content.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(left).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the result of polling the body now.
    fn taken(body: &mut Guarded) -> Option<Result<Bytes, Withheld>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(frame) = Pin::new(body).poll_frame(&mut context) else { panic!("a body never waits") };
        frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
    }

    fn guarded(hold: &Hold, age: Duration) -> (Departure, Guarded) {
        let departure = hold.departure(Terms::within(age).leaves_by);
        let body = Guarded { departure: departure.clone(), content: Some("order".into()) };
        (departure, body)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn bytes_leave_once_and_then_nothing_takes_them_back() {
        let hold = Hold::default();
        let (departure, mut body) = guarded(&hold, LONG);
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(5), false));
        assert_eq!(taken(&mut body), Some(Ok("order".into())));
        assert!(body.is_end_stream() && taken(&mut body).is_none());
        hold.set(true);
        assert!(!departure.withdraw(), "only the venue knows its outcome");
    }

    #[test]
    fn no_byte_leaves_after_a_hold_an_end_of_its_approval_or_a_withdrawal() {
        let hold = Hold::default();
        let (_, mut old) = guarded(&hold, Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(taken(&mut old), Some(Err(Withheld::TooOld)));
        let (departure, mut withdrawn) = guarded(&hold, LONG);
        assert!(departure.withdraw() && departure.withdraw());
        assert_eq!(taken(&mut withdrawn), Some(Err(Withheld::NoConnection)));
        let (departure, mut held) = guarded(&hold, LONG);
        hold.set(true);
        assert_eq!(taken(&mut held), Some(Err(Withheld::Held)));
        assert!(departure.withdraw() && held.is_end_stream());
        hold.set(false);
        assert_eq!(taken(&mut held), None, "releasing the hold does not revive withheld orders");
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_hold_or_with_the_approval() {
        let hold = Hold::default();
        assert_eq!(guarded(&hold, Duration::from_millis(5)).0.withdrawn().await, Withheld::TooOld);
        let (departure, _body) = guarded(&hold, LONG);
        let (why, ()) = tokio::join!(departure.withdrawn(), async { hold.set(true) });
        assert_eq!(why, Withheld::Held);
        assert_eq!(guarded(&hold, LONG).0.withdrawn().await, Withheld::Held, "later orders are held as well");
    }
}
