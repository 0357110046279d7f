//! The last word on an order: whether its bytes may leave this machine. It is asked for when a connection is there, as the last thing
//! before they are written, so neither a queue nor a slow handshake lets an order leave that should not any more.
//!
//! The order travels in a body that asks when HTTP takes it. A head without its body is no order, for the signature is in the body:
//! a body that was not given out is the proof that nothing was placed.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Conditions under which orders may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The moment after which they are too old.
    pub leaves_by: Instant,
    /// Whether the host closes a position with them.
    pub exit: bool,
}

impl Terms {
    /// Returns the terms of orders that open positions and are good for so long from now.
    pub fn within(age: Duration) -> Self {
        let now = Instant::now();
        Self { leaves_by: now.checked_add(age).unwrap_or(now), exit: false }
    }
}

/// Why an order did not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// Orders are held back.
    #[error("orders are held back: an emergency stop is in force")]
    Held,
    /// Its approval ended first.
    #[error("the way to the venue took longer than the approval is good for")]
    TooOld,
    /// No connection took it in time.
    #[error("no connection to the venue took it in time")]
    NoConnection,
}

/// Holds back every order of an account that has not left. Cheap to clone; clones are one switch.
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

    /// Returns why an order may not leave now.
    pub(super) fn check(&self, leaves_by: Instant) -> Result<(), Withheld> {
        if *self.held.borrow() {
            return Err(Withheld::Held);
        }
        if Instant::now() > leaves_by { Err(Withheld::TooOld) } else { Ok(()) }
    }

    /// Waits until an order may not leave any more. Safe to cancel.
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

/// Its bytes are here.
const WAITS: u8 = 0;
/// Its bytes were given to a connection.
const LEFT: u8 = 1;
/// Its bytes will never be given out.
const WITHDRAWN: u8 = 2;

/// One request with orders, on its way out.
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

    /// Takes the permission to give the bytes out.
    fn leave(&self) -> Result<(), Withheld> {
        self.hold.check(self.leaves_by)?;
        // Withdrawn in this very moment.
        self.turn(LEFT).map_err(|_ended| self.why())
    }

    /// Keeps the bytes here for ever; false if they were given out before.
    pub(super) fn withdraw(&self) -> bool {
        matches!(self.turn(WITHDRAWN), Ok(()) | Err(WITHDRAWN))
    }

    /// Ends the wait. The error is how it ended before.
    fn turn(&self, to: u8) -> Result<(), u8> {
        self.state.compare_exchange(WAITS, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    /// Returns why the bytes are still here.
    pub(super) fn why(&self) -> Withheld {
        self.hold.check(self.leaves_by).err().unwrap_or(Withheld::NoConnection)
    }

    /// Waits until the order may not leave any more and withdraws it; without an end if it has left. Safe to cancel.
    pub(super) async fn withdrawn(&self) -> Withheld {
        let why = self.hold.ends(self.leaves_by).await;
        if self.withdraw() { why } else { std::future::pending().await }
    }
}

/// The bytes of a request with orders.
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

    /// What HTTP gets if it takes the bytes now.
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
        assert!(!departure.withdraw(), "its outcome is the venue's word alone");
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
        assert_eq!(taken(&mut held), None, "released orders are not those that were held");
    }

    #[tokio::test]
    async fn a_wait_ends_with_the_hold_or_with_the_approval() {
        let hold = Hold::default();
        assert_eq!(guarded(&hold, Duration::from_millis(5)).0.withdrawn().await, Withheld::TooOld);
        let (departure, _body) = guarded(&hold, LONG);
        let (why, ()) = tokio::join!(departure.withdrawn(), async { hold.set(true) });
        assert_eq!(why, Withheld::Held);
        assert_eq!(guarded(&hold, LONG).0.withdrawn().await, Withheld::Held, "what comes later is held as well");
    }
}
