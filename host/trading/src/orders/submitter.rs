//! The way out: placements are signed and sent once the journal has them, cancels at once. Runs beside the engine's thread and
//! answers through the inbox.

use super::cancels::{CANCELS_MAX, Cancel, Canceller, cancel_all};
use crate::handles::Handles;
use alerts::{Alert, Severity};
use control::clock;
use engine::{Approved, Placement};
use futures_util::future::Either;
use model::input::{CancelOutcome, PlaceOutcome};
use model::{Body, OrderId, OrderKind, Side};
use order::{Listing, SignedOrder};
use polymarket::AccountClient;
use polymarket::client::{BATCH_MAX, Terms, Withheld};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use store::journal_files::Place;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Placements that wait for the signer.
const PLACEMENTS_MAX: usize = 1_024;
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
    /// Whether the host closes a position with it.
    pub(crate) exit: bool,
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
    placements: mpsc::Sender<(Job, Terms)>,
    cancels: mpsc::Sender<Cancel>,
}

impl Desk {
    /// Starts the tasks.
    pub(crate) fn start(tools: Tools) -> Self {
        let (placements, jobs) = mpsc::channel(PLACEMENTS_MAX);
        let (cancels, ids) = mpsc::channel(CANCELS_MAX);
        tools.runtime.spawn(place_all(tools.clone(), jobs));
        let Handles { index, inbox, .. } = &tools.handles;
        let canceller = Canceller { account: tools.account.clone(), index: index.clone(), inbox: inbox.clone() };
        tools.runtime.spawn(cancel_all(canceller, ids));
        Self { tools, placements, cancels }
    }

    /// Signs and places an order, or none of it if it cannot leave before its approval ends.
    pub(crate) fn place(&self, job: Job) {
        let order = job.approved.item().order.id;
        // From here on its age is measured on a clock that nobody sets.
        let left = Duration::from_micros(job.approved.expires().since(clock::now()));
        let terms = Terms { exit: job.exit, ..Terms::within(left) };
        if self.placements.try_send((job, terms)).is_err() {
            let reason = format!("more than {PLACEMENTS_MAX} placements wait");
            self.tools.placed(order, PlaceOutcome::NotSent { reason });
        }
    }

    /// Cancels an order.
    pub(crate) fn cancel(&self, cancel: Cancel) {
        if self.cancels.try_send(cancel).is_err() {
            let reason = format!("more than {CANCELS_MAX} cancels wait");
            self.tools.cancelled(cancel.order, CancelOutcome::Failed { reason });
        }
    }

    /// Cancels everything on the account, for good: no order leaves after it until the signer is unlocked.
    pub(crate) fn cancel_everything(&self) {
        self.tools.account.hold_orders();
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
        if lock {
            self.tools.account.hold_orders();
        } else {
            self.tools.account.release_orders();
        }
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
async fn place_all(tools: Tools, mut jobs: mpsc::Receiver<(Job, Terms)>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let (outgoing, ready) = mpsc::channel(UNDER_WAY_MAX);
    tokio::spawn(send_all(tools.clone(), ready));
    while let Some((Job { approved, listing, place, .. }, terms)) = jobs.recv().await {
        let (order, expires) = (approved.item().order, approved.expires());
        let permit = tokio::select! {
            biased;
            why = tools.account.withheld(terms.leaves_by) => {
                tools.placed(order.id, PlaceOutcome::NotSent { reason: not_sent(why) });
                continue;
            }
            permit = Arc::clone(&under_way).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { return };
        let signer = Arc::clone(&tools.handles.signer);
        let mut signing = Box::pin(async move { signer.sign(approved, &listing, clock::now()).await });
        let first = poll_fn(|context| Poll::Ready(signing.as_mut().poll(context))).await;
        let signed = match first {
            Poll::Ready(signed) => Either::Left(std::future::ready(signed)),
            Poll::Pending => Either::Right(signing),
        };
        let (tools, outgoing) = (tools.clone(), outgoing.clone());
        tokio::spawn(async move {
            let (signed, synced) = tokio::join!(signed, tools.synced(place, terms.leaves_by));
            // What it was judged by may be too old by now; whoever wants it asks again.
            let synced = synced.and_then(|()| tools.account.may_leave(terms.leaves_by).map_err(not_sent));
            // The terms' clock stands still while the machine sleeps, and host time does not.
            let synced = synced.and_then(|()| if clock::now() > expires { Err(TOO_OLD.to_owned()) } else { Ok(()) });
            let refused = match (synced, signed) {
                (Err(reason), _) => reason,
                (_, Err(error)) => tools.unsigned(&error),
                (Ok(()), Ok(signed)) => {
                    let ready = Ready { order: order.id, signed, kind: order.kind, terms, permit };
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

/// Returns why an order stays that is not with the client yet.
fn not_sent(why: Withheld) -> String {
    if why == Withheld::TooOld { TOO_OLD.to_owned() } else { why.to_string() }
}

/// An order that is signed and in the journal.
#[derive(Debug)]
struct Ready {
    order: OrderId,
    signed: SignedOrder,
    kind: OrderKind,
    terms: Terms,
    permit: OwnedSemaphorePermit,
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
        // Exits pass where reducing orders wait, and these where others do, so they travel apart.
        let (exits, others): (Vec<_>, Vec<_>) = ready.drain(..).partition(|ready: &Ready| ready.terms.exit);
        let (reducing, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|ready| ready.signed.order.side == Side::Sell);
        for batch in [exits, reducing, others] {
            if !batch.is_empty() {
                let tools = tools.clone();
                tokio::spawn(async move { tools.send(batch).await });
            }
        }
    }
}

impl Tools {
    /// Waits until the journal has a placement, or until it may not leave any more.
    async fn synced(&self, place: Place, leaves_by: Instant) -> Result<(), String> {
        tokio::select! {
            biased;
            synced = self.handles.journal.synced(place) => synced.map_err(|reason| format!("the journal: {reason}")),
            why = self.account.withheld(leaves_by) => Err(not_sent(why)),
        }
    }

    async fn send(&self, batch: Vec<Ready>) {
        // One request leaves whole, so the oldest approval counts.
        let Some(terms) = batch.iter().map(|ready| ready.terms).min_by_key(|terms| terms.leaves_by) else { return };
        let mut named = Vec::with_capacity(batch.len());
        let mut orders = Vec::with_capacity(batch.len());
        for Ready { order, signed, kind, permit, .. } in batch {
            named.push((order, permit));
            orders.push((signed, kind));
        }
        tracing::debug!(orders = orders.len(), "placing with one request");
        let answers = match orders.as_slice() {
            [(signed, kind)] => vec![self.account.post_order(signed, *kind, terms).await],
            many => self.account.post_orders(many, terms).await,
        };
        for ((order, permit), answer) in named.into_iter().zip(answers) {
            let outcome = answer.map_or_else(polymarket::PlaceError::into_outcome, |ack| ack.outcome());
            self.placed(order, outcome);
            drop(permit);
        }
    }
}
