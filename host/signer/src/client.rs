//! The host's end of the socket: [`Client`].

use crate::message::{BatchRequest, OrderRequest, Request, Response, Status, VERSION};
use crate::moment::since_boot;
use crate::refusal::{Refusal, Rule};
use crate::wire::{Frames, WireError, encode};
use engine::{Approved, Placement};
use model::{OrderId, Seq, SessionId, Time, VenueOrderId};
use order::batch::CALLS_MAX;
use order::{Account, Batch, BuildError, Domains, Listing, Signature65, SignedOrder, UnsignedOrder, recover};
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Requests that may wait for an answer at once.
pub const IN_FLIGHT_MAX: usize = 64;
/// How long an answer may take. A signature takes well below a millisecond; approvals live 250.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes read at once.
const CHUNK_BYTES: usize = 4_096;

/// Why there is no connection to the signer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The standard input is not the socket that `polytrader run` hands over.
    #[error("the standard input is no socket to a signer: this process is started by `polytrader run` only")]
    NotInherited,
    /// The socket cannot be used.
    #[error("the socket to the signer cannot be used")]
    Socket(#[from] io::Error),
    /// The signer did not welcome us.
    #[error("the signer did not answer the first word")]
    Hello(#[from] AskError),
}

/// Why the signer did not do as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It has its reason.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many requests wait already. Nothing was asked.
    #[error("more than {IN_FLIGHT_MAX} requests wait for the signer")]
    Busy,
    /// No answer in time.
    #[error("the signer did not answer in time")]
    TimedOut,
    /// The signer's process is gone, or closed the connection. It does not come back: the host cancels all and ends.
    #[error("the signer is gone")]
    Gone,
    /// The answer is not one to this question.
    #[error("the signer answered another question")]
    Confused,
}

/// Why an approved order was not signed. Nothing has left the machine then, whichever it is: the order was not placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The approval was made by a rehearsal: a backtest, a replay or a self-test.
    #[error("the approval was made by a rehearsal and is never signed")]
    Rehearsal,
    /// The approval is of another session.
    #[error("the approval is of session {got}, the live one is {live}")]
    Session {
        /// The approval's.
        got: SessionId,
        /// The live one; 0 if none has begun.
        live: SessionId,
    },
    /// The approval is over. Gate the order again.
    #[error("the approval ended at {expires} us, it is {now} us")]
    Expired {
        /// Its end, in microseconds since the epoch.
        expires: u64,
        /// Now.
        now: u64,
    },
    /// An order with this number or a later one was taken before. Each approval is good for one signature.
    #[error("order {got} comes after order {last}")]
    OutOfOrder {
        /// The order.
        got: OrderId,
        /// The last one taken.
        last: OrderId,
    },
    /// The approval was caused by an input before that of an approval taken earlier.
    #[error("the approval was caused by input {got}, an earlier one by input {last}")]
    CauseOutOfOrder {
        /// The input.
        got: Seq,
        /// The input of the last one taken.
        last: Seq,
    },
    /// The order cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The signer signed something else. Its signature is thrown away; trading must stop.
    #[error("the signer signed {got} instead of {expected}")]
    WrongId {
        /// What it signed.
        got: VenueOrderId,
        /// What it was asked for.
        expected: VenueOrderId,
    },
    /// The signer did not sign.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// The connection to the signer. Requests may run side by side; share it in an `Arc`. Dropping it hangs up, which ends
/// the signer's service.
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
    socket: UnixStream,
    patience: Duration,
    /// Held while a batch is on its way: with one long frame at a time, all that may wait fits the socket's buffer.
    batch: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    gone: watch::Sender<bool>,
}

/// What changes. Locked for moments only, never across an await.
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
    /// Takes over the socket that `polytrader run` left as this process's standard input, and puts `/dev/null` in its
    /// place, so that no process started from here inherits it. Call it once, before anything else starts, inside a
    /// runtime.
    ///
    /// # Errors
    /// If there is no such socket, or the signer does not answer as one.
    pub async fn connect_inherited() -> Result<Self, ConnectError> {
        // A duplicate is closed when another program is executed; the standard input itself is not.
        let socket = io::stdin().as_fd().try_clone_to_owned()?;
        let domain = rustix::net::sockopt::socket_domain(&socket).ok();
        if domain != Some(rustix::net::AddressFamily::UNIX) {
            return Err(ConnectError::NotInherited);
        }
        let nothing = std::fs::File::open("/dev/null")?;
        rustix::stdio::dup2_stdin(&nothing).map_err(io::Error::from)?;
        Self::connect(socket.into()).await
    }

    /// Connects over a socket whose other end a signer serves, and waits for answers up to [`REQUEST_TIMEOUT`]. Call it
    /// inside a runtime.
    ///
    /// # Errors
    /// If the socket cannot be used, or the other end does not answer as a signer of our version.
    pub async fn connect(socket: std::os::unix::net::UnixStream) -> Result<Self, ConnectError> {
        Self::connect_with(socket, REQUEST_TIMEOUT).await
    }

    /// Connects as [`Client::connect`] does, with another patience.
    ///
    /// # Errors
    /// If the socket cannot be used, or the other end does not answer as a signer of our version.
    pub async fn connect_with(
        socket: std::os::unix::net::UnixStream,
        patience: Duration,
    ) -> Result<Self, ConnectError> {
        socket.set_nonblocking(true)?;
        let socket = UnixStream::from_std(socket)?;
        // Until a socket was once seen to be writable, `try_write` takes it for blocked.
        timeout(patience, socket.writable()).await.map_err(|_elapsed| AskError::TimedOut)??;
        let shared = Arc::new(Shared {
            socket,
            patience,
            batch: tokio::sync::Mutex::default(),
            state: Mutex::default(),
            gone: watch::Sender::new(false),
        });
        let reader = ReaderTask(tokio::spawn(Arc::clone(&shared).read_until_the_end()));
        let Response::Welcome { account, .. } = shared.ask(&Request::Hello { version: VERSION }).await? else {
            return Err(AskError::Confused.into());
        };
        Ok(Self { shared, account, domains: Domains::new(account.chain), _reader: reader })
    }

    /// Returns the account that the signer signs for.
    pub const fn account(&self) -> &Account {
        &self.account
    }

    /// Returns the domains of the account's chain, with which an order's id is known before it is signed.
    pub const fn domains(&self) -> &Domains {
        &self.domains
    }

    /// Begins a session: from here on only its approvals are signed. Sessions rise.
    ///
    /// # Errors
    /// If the signer refuses or does not answer.
    pub async fn begin(&self, session: SessionId) -> Result<(), AskError> {
        let Response::Done = self.shared.ask(&Request::Begin { session }).await? else {
            return Err(AskError::Confused);
        };
        let mut state = self.shared.lock();
        state.session = session;
        state.last_order = OrderId::default();
        state.last_cause = Seq::default();
        Ok(())
    }

    /// Signs an order that the gate approved. The order is built from the approval here, so nothing else can be signed
    /// with it. Numbers are taken when the call is first polled: await calls in the order of their approvals, or poll
    /// them in that order.
    ///
    /// Safe to cancel: a signature that nobody waits for is thrown away. The approval is used up in any case.
    ///
    /// # Errors
    /// See [`SignError`]; the order was not placed then.
    pub async fn sign(
        &self,
        approved: Approved<Placement>,
        listing: &Listing,
        now: Time,
    ) -> Result<SignedOrder, SignError> {
        if !approved.signs() {
            return Err(SignError::Rehearsal);
        }
        if now > approved.expires() {
            return Err(SignError::Expired { expires: approved.expires().0, now: now.0 });
        }
        // By the clock that the signer reads too, whatever becomes of the wall clock.
        let deadline = since_boot().plus_micros(approved.expires().since(now));
        let Placement { order: new, salt, timestamp_ms } = *approved.item();
        let order = UnsignedOrder::build(&new, &self.account, listing, salt, timestamp_ms)?;
        let domain = *self.domains.of(listing.exchange);
        let expected = order.order_id(&domain);
        let answer = {
            let mut state = self.shared.lock();
            state.take(&approved)?;
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

    /// Signs a login (L1) at `timestamp_s`, in seconds since the epoch. `nonce` is 0 as a rule; another one gives other
    /// API keys.
    ///
    /// # Errors
    /// If the signer refuses or does not answer.
    pub async fn sign_auth(&self, timestamp_s: u64, nonce: u64) -> Result<Signature65, AskError> {
        match self.shared.ask(&Request::SignAuth { timestamp_s, nonce }).await? {
            Response::AuthSigned { signature } => Ok(signature),
            _ => Err(AskError::Confused),
        }
    }

    /// Signs a batch of our deposit wallet, in the live session. The signature goes to the relayer as it is. The signer refuses it
    /// unless it was started with wallet batches allowed and every call is one that [`order::Action`] makes; only the wallet's own
    /// number keeps a batch from being used twice. One at a time: others wait for it. Safe to cancel.
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
        match self.shared.ask(&request).await? {
            Response::BatchSigned { signature }
                if recover(&batch.digest(self.account.chain), &signature) == Some(self.account.signer) =>
            {
                Ok(signature)
            }
            _ => Err(AskError::Confused),
        }
    }

    /// Locks the signer: it signs nothing until it is unlocked. The reason stands in its log.
    ///
    /// # Errors
    /// If the signer does not answer. Ask again: as long as it is not known to be locked, it may sign.
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

    /// Asks the signer how it is.
    ///
    /// # Errors
    /// If the signer does not answer.
    pub async fn status(&self) -> Result<Status, AskError> {
        match self.shared.ask(&Request::Status).await? {
            Response::Status(status) => Ok(status),
            _ => Err(AskError::Confused),
        }
    }

    /// Waits until the signer is gone: its process ended, or it closed the connection. The host has to end then. Safe to
    /// cancel.
    pub async fn gone(&self) {
        let mut gone = self.shared.gone.subscribe();
        // The sender lives as long as `self`, so this ends for the one reason only.
        drop(gone.wait_for(|gone| *gone).await);
    }

    async fn done(&self, request: &Request) -> Result<(), AskError> {
        match self.shared.ask(request).await? {
            Response::Done => Ok(()),
            _ => Err(AskError::Confused),
        }
    }
}

impl State {
    /// Takes an approval once, in rising order, of the live session only.
    fn take(&mut self, approved: &Approved<Placement>) -> Result<(), SignError> {
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

/// A question on its way.
type Asked = (u32, oneshot::Receiver<Response>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code can panic while it holds the lock, and the state is whole between any two statements.
        self.state.lock()
    }

    async fn ask(&self, request: &Request) -> Result<Response, AskError> {
        let asked = self.send(&mut self.lock(), request)?;
        self.answered(asked).await
    }

    /// Writes a request from the caller's own task: a hop to a writing task would cost the order several microseconds.
    fn send(&self, state: &mut State, request: &Request) -> Result<Asked, AskError> {
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
            // Half a frame, which the bound on requests in flight keeps from happening, cannot be taken back.
            Ok(_) | Err(_) => {
                self.end(state);
                return Err(AskError::Gone);
            }
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.insert(id, sender);
        Ok((id, receiver))
    }

    async fn answered(&self, (id, receiver): Asked) -> Result<Response, AskError> {
        let waiting = Waiting { shared: self, id };
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
        // Whatever ends it, the signer is of no use any more; the cause stands in the signer's own log.
        let _end = self.read().await;
        self.end(&mut self.lock());
    }

    async fn read(&self) -> Result<(), ReadError> {
        let mut frames = Frames::default();
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            // No timeout: the signer speaks when it is asked, and each question has a timeout of its own.
            self.socket.readable().await?;
            match self.socket.try_read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => frames.push(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            while let Some((id, response)) = frames.take::<Response>()? {
                // Nobody waits any more if the question timed out.
                let waiting = self.lock().waiting.remove(&id);
                let _nobody = waiting.map(|waiting| waiting.send(response));
            }
        }
    }

    /// Marks the signer as gone and wakes everybody who waits for it.
    fn end(&self, state: &mut State) {
        state.gone = true;
        state.waiting.clear();
        // The other end may have hung up already, which is as good.
        let _already = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        self.gone.send_replace(true);
    }
}

/// Forgets a question when nobody waits for its answer any more, by timeout or because the caller was cancelled.
struct Waiting<'a> {
    shared: &'a Shared,
    id: u32,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.shared.lock().waiting.remove(&self.id);
    }
}

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error(transparent)]
    Wire(#[from] WireError),
}
