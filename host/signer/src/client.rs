//! The host's end of the socket: [`Client`].

use crate::message::{BatchRequest, OrderRequest, Request, Response, Status, VERSION};
use crate::moment::since_boot;
use crate::platform::{self, Channel, Socket};
use crate::refusal::{Refusal, Rule};
use crate::wire::{Frames, WireError, encode};
use engine::{Approved, Placement};
use model::{OrderId, Seq, SessionId, Time, VenueOrderId};
use order::batch::CALLS_MAX;
use order::{Account, Batch, BuildError, Domains, OrderTerms, Signature65, SignedOrder, UnsignedOrder, recover};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The most requests that may wait for an answer at once.
pub const IN_FLIGHT_MAX: usize = 64;
/// The longest wait for an answer. A signature takes well below a millisecond; approvals live 250.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Errors of connecting to the signer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The standard input is not the socket that `polytrader run` hands over.
    #[error("the standard input is not a socket to a signer: only `polytrader run` may start this process")]
    NotInherited,
    /// The socket cannot be used.
    #[error("the socket to the signer cannot be used")]
    Socket(#[from] io::Error),
    /// The signer did not welcome the client.
    #[error("the handshake with the signer failed")]
    Hello(#[from] AskError),
}

/// Errors of a request to the signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The signer refused, by one of its rules.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many requests are waiting. This one was not sent.
    #[error("more than {IN_FLIGHT_MAX} requests are waiting for the signer")]
    Busy,
    /// No answer in time.
    #[error("the signer did not answer in time")]
    TimedOut,
    /// The signer's process ended, or it closed the connection. It does not come back: the host cancels everything and
    /// ends.
    #[error("the signer is gone")]
    Gone,
    /// The answer does not match the request.
    #[error("the signer's answer does not match the request")]
    Confused,
}

/// Errors of signing an approved order. Nothing was sent to the venue in any of these cases: the order was not placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The approval is from a simulation: a backtest, a replay or a self-test.
    #[error("the approval is from a simulation and is never signed")]
    Rehearsal,
    /// The approval is from another session.
    #[error("the approval is of session {got}, the live one is {live}")]
    Session {
        /// The approval's.
        got: SessionId,
        /// The live one; 0 if none has begun.
        live: SessionId,
    },
    /// The approval expired. Gate the order again.
    #[error("the approval expired at {expires} us, now is {now} us")]
    Expired {
        /// Its expiry, in microseconds since the epoch.
        expires: u64,
        /// The current time.
        now: u64,
    },
    /// This order number or a later one was used before. Each approval is good for one signature.
    #[error("expected an order number above {last}, got {got}")]
    OutOfOrder {
        /// The order's number.
        got: OrderId,
        /// The last number used.
        last: OrderId,
    },
    /// The input that caused the approval precedes that of an earlier approval.
    #[error("expected an approval caused by input {last} or later, got input {got}")]
    CauseOutOfOrder {
        /// The input.
        got: Seq,
        /// The input of the last approval used.
        last: Seq,
    },
    /// The order cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The signer signed something else. The signature is discarded; trading must stop.
    #[error("the signer signed {got} instead of {expected}")]
    WrongId {
        /// The id that it signed.
        got: VenueOrderId,
        /// The id that was requested.
        expected: VenueOrderId,
    },
    /// The signer did not sign.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// The connection to the signer. Requests may run concurrently; share it in an `Arc`. Dropping it closes the
/// connection, which ends the signer's service.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    account: Account,
    domains: Domains,
    _reader: ReaderTask,
}

/// The task that reads answers; it ends with the client.
#[derive(Debug)]
struct ReaderTask(JoinHandle<()>);

impl Drop for ReaderTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
struct Shared {
    socket: Channel,
    patience: Duration,
    /// Held while a batch is in flight: with one long frame at a time, all waiting requests fit the socket's buffer.
    batch: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    gone: watch::Sender<bool>,
}

/// The mutable state. Locked only briefly, never across an await.
#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<u32, oneshot::Sender<Response>>,
    last_request: u32,
    frame: Vec<u8>,
    gone: bool,
    session: SessionId,
    last_order: OrderId,
    last_cause: Seq,
}

impl Client {
    /// Takes the connection that `polytrader run` passed as this process's standard input, and leaves none in its place,
    /// so that no child process inherits it. Call it once, before anything else starts, inside a runtime.
    ///
    /// # Errors
    /// If there is no such socket, or the signer does not answer on it.
    pub async fn connect_inherited() -> Result<Self, ConnectError> {
        let socket = platform::take_inherited()?.ok_or(ConnectError::NotInherited)?;
        Self::connect(socket).await
    }

    /// Connects over a socket whose other end is served by a signer, and waits for answers up to [`REQUEST_TIMEOUT`].
    /// Call it inside a runtime.
    ///
    /// # Errors
    /// If the socket cannot be used, or the other end does not answer as a signer of our version.
    pub async fn connect(socket: Socket) -> Result<Self, ConnectError> {
        Self::connect_with(socket, REQUEST_TIMEOUT).await
    }

    /// Connects like [`Client::connect`], with another timeout for answers.
    ///
    /// # Errors
    /// If the socket cannot be used, or the other end does not answer as a signer of our version.
    pub async fn connect_with(socket: Socket, patience: Duration) -> Result<Self, ConnectError> {
        let socket = timeout(patience, Channel::open(socket)).await.map_err(|_elapsed| AskError::TimedOut)??;
        let shared = Arc::new(Shared {
            socket,
            patience,
            batch: tokio::sync::Mutex::default(),
            state: Mutex::default(),
            gone: watch::Sender::new(false),
        });
        let reader = ReaderTask(tokio::spawn(Arc::clone(&shared).read_until_the_end()));
        let Response::Welcome { account, .. } = shared.request(&Request::Hello { version: VERSION }).await? else {
            return Err(AskError::Confused.into());
        };
        Ok(Self { shared, account, domains: Domains::new(account.chain), _reader: reader })
    }

    /// Returns the account that the signer signs for.
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// Returns the domains of the account's chain, with which an order's id is computed before signing.
    pub const fn domains(&self) -> &Domains {
        &self.domains
    }

    /// Begins a session: from now on only its approvals are signed. Session ids must rise.
    ///
    /// # Errors
    /// If the signer refuses or does not answer.
    pub async fn begin(&self, session: SessionId) -> Result<(), AskError> {
        let Response::Done = self.shared.request(&Request::Begin { session }).await? else {
            return Err(AskError::Confused);
        };
        let mut state = self.shared.lock();
        state.session = session;
        state.last_order = OrderId::default();
        state.last_cause = Seq::default();
        Ok(())
    }

    /// Signs an order that the gate approved. The order is built here from the approval, so nothing else can be signed
    /// with it. Order numbers are used when the call is first polled: await the calls in the order of their approvals,
    /// or poll them in that order.
    ///
    /// Safe to cancel: an unclaimed signature is discarded. The approval is used up in any case.
    ///
    /// # Errors
    /// See [`SignError`]; in each case the order was not placed.
    pub async fn sign(
        &self,
        approved: Approved<Placement>,
        listing: &OrderTerms,
        now: Time,
    ) -> Result<SignedOrder, SignError> {
        if !approved.signs() {
            return Err(SignError::Rehearsal);
        }
        if now > approved.expires() {
            return Err(SignError::Expired { expires: approved.expires().0, now: now.0 });
        }
        // Measured by the clock that the signer also reads, so that changes of the wall clock have no effect.
        let deadline = since_boot().plus_micros(approved.expires().since(now));
        let Placement { order: new, salt, timestamp_ms } = *approved.item();
        let order = UnsignedOrder::build(&new, &self.account, listing, salt, timestamp_ms)?;
        let domain = *self.domains.of(listing.exchange);
        let expected = order.order_id(&domain);
        let answer = {
            let mut state = self.shared.lock();
            state.consume_approval(&approved)?;
            let request = Request::SignOrder(OrderRequest {
                session: approved.session(),
                sequence: new.id.0,
                deadline,
                exchange: listing.exchange,
                order,
            });
            self.shared.send(&mut state, &request)?
        };
        match self.shared.answered(answer).await? {
            Response::OrderSigned { id, signature } if id == expected => {
                Ok(SignedOrder { order, id, domain, signature })
            }
            Response::OrderSigned { id, .. } => Err(SignError::WrongId { got: id, expected }),
            _ => Err(AskError::Confused.into()),
        }
    }

    /// Signs a login (L1) at `timestamp_s`, in seconds since the epoch. `nonce` is usually 0; another nonce yields
    /// different API keys.
    ///
    /// # Errors
    /// If the signer refuses or does not answer.
    pub async fn sign_auth(&self, timestamp_s: u64, nonce: u64) -> Result<Signature65, AskError> {
        match self.shared.request(&Request::SignAuth { timestamp_s, nonce }).await? {
            Response::AuthSigned { signature } => Ok(signature),
            _ => Err(AskError::Confused),
        }
    }

    /// Signs a batch of our deposit wallet, in the live session. The signature is sent to the relayer unchanged. The
    /// signer refuses it unless wallet batches are enabled and every call is one that [`order::Action`] creates; only
    /// the wallet's own nonce prevents a batch from being used twice. One at a time: others wait. Safe to cancel.
    ///
    /// # Errors
    /// If the signer refuses or does not answer, or no session has begun.
    pub async fn sign_batch(&self, batch: &Batch) -> Result<Signature65, AskError> {
        if !batch.is_within_bounds() {
            let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            return Err(Refusal::numbers(Rule::Calls, number(batch.calls.len()), number(CALLS_MAX)).into());
        }
        let _alone = self.shared.batch.lock().await;
        let session = self.shared.lock().session;
        let request = Request::SignBatch(BatchRequest { session, batch: batch.clone() });
        match self.shared.request(&request).await? {
            Response::BatchSigned { signature }
                if recover(&batch.digest(self.account.chain), &signature) == Some(self.account.signer) =>
            {
                Ok(signature)
            }
            _ => Err(AskError::Confused),
        }
    }

    /// Locks the signer: it signs nothing until it is unlocked. The reason is recorded in its log.
    ///
    /// # Errors
    /// If the signer does not answer. Repeat the call: until the lock is confirmed, the signer may sign.
    pub async fn lock(&self, reason: &str) -> Result<(), AskError> {
        self.done(&Request::Lock { reason: reason.into() }).await
    }

    /// Unlocks the signer.
    ///
    /// # Errors
    /// If the signer does not answer.
    pub async fn unlock(&self) -> Result<(), AskError> {
        self.done(&Request::Unlock).await
    }

    /// Requests the signer's status.
    ///
    /// # Errors
    /// If the signer does not answer.
    pub async fn status(&self) -> Result<Status, AskError> {
        match self.shared.request(&Request::Status).await? {
            Response::Status(status) => Ok(status),
            _ => Err(AskError::Confused),
        }
    }

    /// Waits until the signer is gone: its process ended, or it closed the connection. The host must end then. Safe to
    /// cancel.
    pub async fn gone(&self) {
        let mut gone = self.shared.gone.subscribe();
        // The sender lives as long as `self`, so this only returns when the signer is gone.
        drop(gone.wait_for(|gone| *gone).await);
    }

    async fn done(&self, request: &Request) -> Result<(), AskError> {
        match self.shared.request(request).await? {
            Response::Done => Ok(()),
            _ => Err(AskError::Confused),
        }
    }
}

impl State {
    /// Uses an approval once, in rising order, of the live session only.
    fn consume_approval(&mut self, approved: &Approved<Placement>) -> Result<(), SignError> {
        let (session, cause, order) = (approved.session(), approved.cause(), approved.item().order.id);
        if session != self.session || self.session == SessionId::default() {
            return Err(SignError::Session { got: session, live: self.session });
        }
        if order <= self.last_order {
            return Err(SignError::OutOfOrder { got: order, last: self.last_order });
        }
        // One input may cause many orders.
        if cause < self.last_cause {
            return Err(SignError::CauseOutOfOrder { got: cause, last: self.last_cause });
        }
        self.last_order = order;
        self.last_cause = cause;
        Ok(())
    }
}

/// A request in flight.
type PendingRequest = (u32, oneshot::Receiver<Response>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code can panic while it holds the lock, and the state is consistent between any two statements.
        self.state.lock()
    }

    async fn request(&self, request: &Request) -> Result<Response, AskError> {
        let asked = self.send(&mut self.lock(), request)?;
        self.answered(asked).await
    }

    /// Writes a request from the caller's own task: handing it to a writer task would cost several microseconds.
    fn send(&self, state: &mut State, request: &Request) -> Result<PendingRequest, AskError> {
        if state.gone {
            return Err(AskError::Gone);
        }
        if state.waiting.len() >= IN_FLIGHT_MAX {
            return Err(AskError::Busy);
        }
        state.last_request = state.last_request.wrapping_add(1);
        let id = state.last_request;
        state.frame.clear();
        encode(request, id, &mut state.frame);
        match self.socket.try_write(&state.frame) {
            Ok(written) if written == state.frame.len() => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(AskError::Busy),
            // A partly written frame, which the bound on requests in flight prevents, cannot be taken back.
            Ok(_) | Err(_) => {
                self.end(state);
                return Err(AskError::Gone);
            }
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.insert(id, sender);
        Ok((id, receiver))
    }

    async fn answered(&self, (id, receiver): PendingRequest) -> Result<Response, AskError> {
        let waiting = RequestGuard { shared: self, id };
        let answer = timeout(self.patience, receiver).await;
        drop(waiting);
        match answer {
            Ok(Ok(Response::Refused(refusal))) => Err(refusal.into()),
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_closed)) => Err(AskError::Gone),
            Err(_elapsed) => Err(AskError::TimedOut),
        }
    }

    async fn read_until_the_end(self: Arc<Self>) {
        // The signer is unusable whatever the cause, which is in the signer's own log.
        let _end = self.read().await;
        self.end(&mut self.lock());
    }

    async fn read(&self) -> Result<(), ReadError> {
        let mut frames = Frames::default();
        loop {
            // No timeout: the signer only answers requests, and each request has its own timeout.
            if self.socket.read(&mut frames).await? == 0 {
                return Ok(());
            }
            while let Some((id, response)) = frames.next_message::<Response>()? {
                // The request may have timed out already.
                let waiting = self.lock().waiting.remove(&id);
                let _sent = waiting.map(|waiting| waiting.send(response));
            }
        }
    }

    /// Marks the signer as gone and wakes all waiting requests.
    fn end(&self, state: &mut State) {
        state.gone = true;
        state.waiting.clear();
        self.socket.close();
        self.gone.send_replace(true);
    }
}

/// Removes a request on drop, after a timeout or because the caller was cancelled.
struct RequestGuard<'a> {
    shared: &'a Shared,
    id: u32,
}

impl Drop for RequestGuard<'_> {
    fn drop(&mut self) {
        self.shared.lock().waiting.remove(&self.id);
    }
}

/// The error that ended reading.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error(transparent)]
    Wire(#[from] WireError),
}
