//! The order submitter: signs placements and sends them once the journal has them; sends cancels at once. Runs beside
//! the engine thread and answers through the inbox.

use super::cancels::{CANCELS_MAX, Cancel, Canceller, cancel_all};
use crate::handles::Handles;
use alerts::{Alert, Severity};
use control::clock;
use engine::{Approved, Placement};
use futures_util::future::Either;
use model::input::{CancelOutcome, PlaceOutcome};
use model::{InputKind, OrderId, OrderKind, Side};
use order::{OrderTerms, SignedOrder};
use polymarket::AccountClient;
use polymarket::client::{BATCH_MAX, Terms, Withheld};
use readmodel::paths::SpanHistogram;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use store::journal_files::JournalOffset;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::Instrument;

/// The most placements that wait for the signer.
const PLACEMENTS_MAX: usize = 1_024;
/// The most placements in flight at once; fewer than the signer takes.
const UNDER_WAY_MAX: usize = 48;

/// The reason given when signing and the journal took longer than an approval is valid.
pub(crate) const TOO_OLD: &str = "signing and the journal's sync took longer than the approval is valid";

/// A placement to submit.
pub(crate) struct Submission {
    pub(crate) approved: Approved<Placement>,
    pub(crate) listing: OrderTerms,
    /// The journal offset that must be synced before the order is sent.
    pub(crate) place: JournalOffset,
    /// True if the host closes a position with it.
    pub(crate) exit: bool,
}

/// The resources of the submitter.
#[derive(Debug, Clone)]
pub(crate) struct SubmitterParts {
    pub(crate) handles: Handles,
    pub(crate) account: AccountClient,
    pub(crate) runtime: Handle,
}

/// The engine's handle on the submitter. No method blocks.
#[derive(Debug, Clone)]
pub(crate) struct OrderSubmitter {
    tools: SubmitterParts,
    placements: mpsc::Sender<(Submission, Terms)>,
    cancels: mpsc::Sender<Cancel>,
}

impl OrderSubmitter {
    /// Starts the tasks.
    pub(crate) fn start(tools: SubmitterParts) -> Self {
        let (placements, jobs) = mpsc::channel(PLACEMENTS_MAX);
        let (cancels, ids) = mpsc::channel(CANCELS_MAX);
        tools.runtime.spawn(place_all(tools.clone(), jobs));
        let Handles { index, inbox, .. } = &tools.handles;
        let canceller = Canceller {
            account: tools.account.clone(),
            index: index.clone(),
            inbox: inbox.clone(),
            paths: tools.handles.picture.paths().clone(),
        };
        tools.runtime.spawn(cancel_all(canceller, ids));
        Self { tools, placements, cancels }
    }

    /// Signs and places an order; reports it as not sent if it cannot be sent before its approval expires.
    pub(crate) fn place(&self, job: Submission) {
        let order = job.approved.item().order.id;
        // From here on its age is measured on a monotonic clock.
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

    /// Cancels everything on the account, permanently: no order is sent afterwards until the signer is unlocked.
    pub(crate) fn cancel_everything(&self) {
        self.tools.account.hold_orders();
        let account = self.tools.account.clone();
        self.tools.runtime.spawn(async move {
            match account.cancel_all().await {
                Ok(answer) => {
                    tracing::warn!(cancelled = answer.cancelled.len(), "cancelled everything on the account")
                }
                // The engine retries until no order is open.
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
            // Until the lock is confirmed, the signer may sign.
            for _ in 0..10 {
                let done = if lock { signer.lock("emergency stop").await } else { signer.unlock().await };
                match done {
                    Ok(()) => return,
                    Err(error) => tracing::error!(%error, lock, "changing the signer's lock failed"),
                }
            }
            let title = if lock { "the signer is NOT locked" } else { "the signer stays locked" };
            alerts.raise(Alert::new(
                clock::now(),
                Severity::Critical,
                "signer_lock",
                title,
                "it did not confirm the request in ten attempts",
            ));
        });
    }
}

impl SubmitterParts {
    fn placed(&self, order: OrderId, outcome: PlaceOutcome) {
        self.handles.inbox.account(clock::now(), InputKind::Placed { order, outcome });
    }

    /// Raises an alert that the signer refused an order approved by the gate: their limits differ, or one of them is
    /// wrong.
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
        self.handles.inbox.account(clock::now(), InputKind::CancelAnswer { order, outcome });
    }
}

/// Requests signatures in order, because the signer takes approvals in rising order; their results are awaited
/// elsewhere.
async fn place_all(tools: SubmitterParts, mut jobs: mpsc::Receiver<(Submission, Terms)>) {
    let under_way = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let (outgoing, ready) = mpsc::channel(UNDER_WAY_MAX);
    tokio::spawn(send_all(tools.clone(), ready));
    while let Some((Submission { approved, listing, place, .. }, terms)) = jobs.recv().await {
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
        let (signer, began) = (Arc::clone(&tools.handles.signer), Instant::now());
        let mut signing = Box::pin(async move { signer.sign(approved, &listing, clock::now()).await });
        let first = poll_fn(|context| Poll::Ready(signing.as_mut().poll(context))).await;
        let signed = match first {
            Poll::Ready(signed) => Either::Left(std::future::ready(signed)),
            Poll::Pending => Either::Right(signing),
        };
        let (tools, outgoing) = (tools.clone(), outgoing.clone());
        let span = tracing::info_span!("placement", order = order.id.0);
        let placement = async move {
            let paths = tools.handles.picture.paths().clone();
            let signed = measured(signed, &paths.sign, began).instrument(tracing::info_span!("sign"));
            let synced = measured(tools.synced(place, terms.leaves_by), &paths.journal, began);
            let (signed, synced) = tokio::join!(signed, synced.instrument(tracing::info_span!("journal")));
            // The data behind the approval may be too old by now; the strategy has to request the order again.
            let synced = synced.and_then(|()| tools.account.may_leave(terms.leaves_by).map_err(not_sent));
            // The clock of the terms stops while the machine is suspended; host time does not.
            let synced = synced.and_then(|()| if clock::now() > expires { Err(TOO_OLD.to_owned()) } else { Ok(()) });
            let refused = match (synced, signed) {
                (Err(reason), _) => reason,
                (_, Err(error)) => tools.unsigned(&error),
                (Ok(()), Ok(signed)) => {
                    let ready = SignedSubmission { order: order.id, signed, kind: order.kind, terms, permit };
                    paths.order_ready.add_span(began.elapsed());
                    if outgoing.send(ready).await.is_ok() {
                        return;
                    }
                    "the host ends".to_owned()
                }
            };
            tools.placed(order.id, PlaceOutcome::NotSent { reason: refused });
        };
        tokio::spawn(placement.instrument(span));
    }
}

/// Records the time from `began` to the end of a future.
async fn measured<T>(future: impl Future<Output = T>, spans: &SpanHistogram, began: Instant) -> T {
    let done = future.await;
    spans.add_span(began.elapsed());
    done
}

/// Returns the reason why an order has not been handed to the client.
fn not_sent(why: Withheld) -> String {
    if why == Withheld::TooOld { TOO_OLD.to_owned() } else { why.to_string() }
}

/// An order that is signed and in the journal.
#[derive(Debug)]
struct SignedSubmission {
    order: OrderId,
    signed: SignedOrder,
    kind: OrderKind,
    terms: Terms,
    permit: OwnedSemaphorePermit,
}

/// Sends all orders that are ready at this moment in one request, without waiting for more.
async fn send_all(tools: SubmitterParts, mut outgoing: mpsc::Receiver<SignedSubmission>) {
    let mut ready = Vec::new();
    while outgoing.recv_many(&mut ready, BATCH_MAX).await > 0 {
        // Orders released by the same sync of the journal become ready in this same turn.
        tokio::task::yield_now().await;
        while ready.len() < BATCH_MAX
            && let Ok(more) = outgoing.try_recv()
        {
            ready.push(more);
        }
        // Exits have room where reducing orders wait, and these where others do, so they are sent separately.
        let (exits, others): (Vec<_>, Vec<_>) = ready.drain(..).partition(|ready: &SignedSubmission| ready.terms.exit);
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

impl SubmitterParts {
    /// Waits until the journal has a placement, or until the order may no longer be sent.
    async fn synced(&self, place: JournalOffset, leaves_by: Instant) -> Result<(), String> {
        tokio::select! {
            biased;
            synced = self.handles.journal.synced(place) => synced.map_err(|reason| format!("the journal: {reason}")),
            why = self.account.withheld(leaves_by) => Err(not_sent(why)),
        }
    }

    async fn send(&self, batch: Vec<SignedSubmission>) {
        // A request is sent as a whole, so the oldest approval counts.
        let Some(terms) = batch.iter().map(|ready| ready.terms).min_by_key(|terms| terms.leaves_by) else { return };
        let mut named = Vec::with_capacity(batch.len());
        let mut orders = Vec::with_capacity(batch.len());
        for SignedSubmission { order, signed, kind, permit, .. } in batch {
            named.push((order, permit));
            orders.push((signed, kind));
        }
        tracing::debug!(orders = orders.len(), "placing with one request");
        let (began, span) = (Instant::now(), tracing::info_span!("place_request", orders = orders.len()));
        let answers = match orders.as_slice() {
            [(signed, kind)] => vec![self.account.post_order(signed, *kind, terms).instrument(span).await],
            many => self.account.post_orders(many, terms).instrument(span).await,
        };
        self.handles.picture.paths().place.add_span(began.elapsed());
        for ((order, permit), answer) in named.into_iter().zip(answers) {
            let outcome = answer.map_or_else(polymarket::PlaceError::into_outcome, |ack| ack.outcome());
            self.placed(order, outcome);
            drop(permit);
        }
    }
}
