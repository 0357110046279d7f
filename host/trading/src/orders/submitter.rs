//! The way out: placements are signed and sent once the journal has them, cancels at once. Runs beside the engine's thread and
//! answers through the inbox.

use crate::handles::Handles;
use alerts::{Alert, Severity};
use control::clock;
use engine::{Approved, Placement};
use futures_util::future::Either;
use model::input::{CancelOutcome, PlaceOutcome};
use model::{Body, OrderId, OrderKind, Side, VenueOrderId};
use order::{Listing, SignedOrder};
use polymarket::AccountClient;
use polymarket::client::{BATCH_MAX, CANCEL_MAX};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use store::journal_files::Place;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Placements that wait for the signer.
const PLACEMENTS_MAX: usize = 1_024;
/// Cancels that wait; each order has at most one.
const CANCELS_MAX: usize = 65_536;
/// Placements under way at once; fewer than the signer takes.
const UNDER_WAY_MAX: usize = 48;

/// Said when signature and journal took longer than an approval is good for.
pub(crate) const TOO_OLD: &str = "signing and the journal's sync took longer than the approval is good for";

/// A placement on its way.
pub(crate) struct Job {
    pub(crate) approved: Approved<Placement>,
    pub(crate) listing: Listing,
    /// Where the journal has to be synced to before it leaves.
    pub(crate) place: Place,
}

/// What the desk works with.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) handles: Handles,
    pub(crate) account: AccountClient,
    pub(crate) runtime: Handle,
}

/// The engine's handle on the way out. Nothing here waits.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    tools: Tools,
    placements: mpsc::Sender<Job>,
    cancels: mpsc::Sender<OrderId>,
}

impl Desk {
    /// Starts the tasks.
    pub(crate) fn start(tools: Tools) -> Self {
        let (placements, jobs) = mpsc::channel(PLACEMENTS_MAX);
        let (cancels, ids) = mpsc::channel(CANCELS_MAX);
        tools.runtime.spawn(place_all(tools.clone(), jobs));
        tools.runtime.spawn(cancel_all(tools.clone(), ids));
        Self { tools, placements, cancels }
    }

    /// Signs and places an order.
    pub(crate) fn place(&self, job: Job) {
        let order = job.approved.item().order.id;
        if self.placements.try_send(job).is_err() {
            let reason = format!("more than {PLACEMENTS_MAX} placements wait");
            self.tools.placed(order, PlaceOutcome::NotSent { reason });
        }
    }

    /// Cancels an order.
    pub(crate) fn cancel(&self, order: OrderId) {
        if self.cancels.try_send(order).is_err() {
            let reason = format!("more than {CANCELS_MAX} cancels wait");
            self.tools.cancelled(order, CancelOutcome::Failed { reason });
        }
    }

    /// Cancels everything on the account.
    pub(crate) fn cancel_everything(&self) {
        let account = self.tools.account.clone();
        self.tools.runtime.spawn(async move {
            match account.cancel_all().await {
                Ok(answer) => {
                    tracing::warn!(cancelled = answer.cancelled.len(), "everything on the account is cancelled")
                }
                // The engine asks again until nothing is open.
                Err(error) => tracing::error!(%error, "cancelling everything failed"),
            }
        });
    }

    /// Locks or unlocks the signer.
    pub(crate) fn lock(&self, lock: bool) {
        let (signer, alerts) = (Arc::clone(&self.tools.handles.signer), self.tools.handles.alerts.clone());
        self.tools.runtime.spawn(async move {
            // As long as it is not known to be locked, it may sign.
            for _ in 0..10 {
                let done = if lock { signer.lock("emergency stop").await } else { signer.unlock().await };
                match done {
                    Ok(()) => return,
                    Err(error) => tracing::error!(%error, lock, "the signer did not take the lock"),
                }
            }
            let title = if lock { "the signer is NOT locked" } else { "the signer stays locked" };
            alerts.raise(Alert::new(
                clock::now(),
                Severity::Critical,
                "signer_lock",
                title,
                "it did not take the word ten times",
            ));
        });
    }
}

impl Tools {
    fn placed(&self, order: OrderId, outcome: PlaceOutcome) {
        self.handles.inbox.account(clock::now(), Body::Placed { order, outcome });
    }

    /// The gate approved what the signer does not sign: their limits differ, or one of them is wrong.
    fn unsigned(&self, error: &signer::SignError) -> String {
        let (why, severity) = (error.to_string(), Severity::Critical);
        self.handles.alerts.raise(Alert::new(
            clock::now(),
            severity,
            "signer_refused",
            "the signer does not sign an order",
            &why,
        ));
        format!("the signer: {why}")
    }

    fn cancelled(&self, order: OrderId, outcome: CancelOutcome) {
        self.handles.inbox.account(clock::now(), Body::CancelAnswer { order, outcome });
    }
}

/// The signer takes approvals in rising order, so each signature is asked for here, in turn, and waited for elsewhere.
async fn place_all(tools: Tools, mut jobs: mpsc::Receiver<Job>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let (outgoing, ready) = mpsc::channel(UNDER_WAY_MAX);
    tokio::spawn(send_all(tools.clone(), ready));
    while let Some(Job { approved, listing, place }) = jobs.recv().await {
        let Ok(permit) = Arc::clone(&under_way).acquire_owned().await else { return };
        let (order, expires) = (approved.item().order, approved.expires());
        let signer = Arc::clone(&tools.handles.signer);
        let mut signing = Box::pin(async move { signer.sign(approved, &listing, clock::now()).await });
        let first = poll_fn(|context| Poll::Ready(signing.as_mut().poll(context))).await;
        let signed = match first {
            Poll::Ready(signed) => Either::Left(std::future::ready(signed)),
            Poll::Pending => Either::Right(signing),
        };
        let (tools, outgoing) = (tools.clone(), outgoing.clone());
        tokio::spawn(async move {
            let (signed, synced) = tokio::join!(signed, tools.handles.journal.synced(place));
            let refused = match (synced, signed) {
                (Err(reason), _) => format!("the journal: {reason}"),
                (_, Err(error)) => tools.unsigned(&error),
                // What it was judged by is too old by now; whoever wants it asks again.
                _ if clock::now() > expires => TOO_OLD.to_owned(),
                (Ok(()), Ok(signed)) => {
                    let ready = Ready { order: order.id, signed, kind: order.kind, permit };
                    if outgoing.send(ready).await.is_ok() {
                        return;
                    }
                    "the host ends".to_owned()
                }
            };
            tools.placed(order.id, PlaceOutcome::NotSent { reason: refused });
        });
    }
}

/// An order that is signed and in the journal.
#[derive(Debug)]
struct Ready {
    order: OrderId,
    signed: SignedOrder,
    kind: OrderKind,
    permit: OwnedSemaphorePermit,
}

impl Ready {
    /// Reducing orders pass where others wait, so they travel apart.
    fn reduces(&self) -> bool {
        self.signed.order.side == Side::Sell
    }
}

/// Sends what is ready: all that is so at this moment in one request, without waiting for more.
async fn send_all(tools: Tools, mut outgoing: mpsc::Receiver<Ready>) {
    let mut ready = Vec::new();
    while outgoing.recv_many(&mut ready, BATCH_MAX).await > 0 {
        // What the same sync of the journal let go comes in the same turn.
        tokio::task::yield_now().await;
        while ready.len() < BATCH_MAX
            && let Ok(more) = outgoing.try_recv()
        {
            ready.push(more);
        }
        let (reducing, others): (Vec<_>, Vec<_>) = ready.drain(..).partition(Ready::reduces);
        for batch in [reducing, others] {
            if !batch.is_empty() {
                let tools = tools.clone();
                tokio::spawn(async move { tools.send(batch).await });
            }
        }
    }
}

impl Tools {
    async fn send(&self, batch: Vec<Ready>) {
        let mut named = Vec::with_capacity(batch.len());
        let mut orders = Vec::with_capacity(batch.len());
        for Ready { order, signed, kind, permit } in batch {
            named.push((order, permit));
            orders.push((signed, kind));
        }
        tracing::debug!(orders = orders.len(), "placing with one request");
        let answers = match orders.as_slice() {
            [(signed, kind)] => vec![self.account.post_order(signed, *kind).await],
            many => self.account.post_orders(many).await,
        };
        for ((order, permit), answer) in named.into_iter().zip(answers) {
            let outcome = answer.map_or_else(polymarket::PlaceError::into_outcome, |ack| ack.outcome());
            self.placed(order, outcome);
            drop(permit);
        }
    }
}

/// Takes all cancels that wait and asks for them in one request, without waiting for the answer to the one before.
async fn cancel_all(tools: Tools, mut ids: mpsc::Receiver<OrderId>) {
    let mut orders = Vec::new();
    while ids.recv_many(&mut orders, CANCEL_MAX).await > 0 {
        let named: Vec<(OrderId, Option<VenueOrderId>)> =
            orders.drain(..).map(|order| (order, tools.handles.index.venue(order))).collect();
        let tools = tools.clone();
        tokio::spawn(async move { tools.cancel(&named).await });
    }
}

impl Tools {
    async fn cancel(&self, orders: &[(OrderId, Option<VenueOrderId>)]) {
        let venue: Vec<VenueOrderId> = orders.iter().filter_map(|(_, venue)| *venue).collect();
        let answer = match venue.as_slice() {
            [one] => self.account.cancel(*one).await,
            many => self.account.cancel_many(many).await,
        };
        for (order, venue) in orders {
            let outcome = match (&answer, venue) {
                (Ok(answer), Some(venue)) => answer.outcome(*venue),
                (Err(error), Some(_)) => CancelOutcome::Failed { reason: error.to_string() },
                // Without an id it was never sent.
                (_, None) => CancelOutcome::NotOpen,
            };
            self.cancelled(*order, outcome);
        }
    }
}
