//! Cancel requests. Cancels for which the venue's rate limit has no room wait together and are sent together; none is
//! dropped for lack of room. Only a cancel decided by the host may cancel more than it names: the order's market, or
//! everything.

#[cfg(test)]
mod tests;

use crate::listed_orders::NO_ID;
use crate::order_ids::OrderIds;
use crate::sweeps::{HOST_PATIENCE, report_swept};
use control::clock;
use control::inbox::Inbox;
use model::input::CancelOutcome;
use model::{ConditionId, InputKind, OrderId, VenueOrderId};
use polymarket::client::CANCEL_MAX;
use polymarket::{AccountClient, CancelAnswer, RequestError};
use readmodel::paths::Paths;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

/// The most cancels that wait; each order has at most one.
pub(super) const CANCELS_MAX: usize = 65_536;
/// The most requests in flight at once.
const REQUESTS_MAX: usize = 256;
/// The age from which an order's request no longer blocks another request for the same order.
const REPEAT: Duration = Duration::from_secs(1);
/// Pauses between requests to cancel everything that the venue refuses for their rate. Its bucket may be empty after the
/// single cancels, and refills within 13 ms to one token, which is enough: such a request may overdraw it.
const CLEAR_PAUSES: [Duration; 3] = [Duration::from_millis(25), Duration::from_millis(50), Duration::from_millis(100)];

/// A cancel requested by the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancel {
    /// Our number of the order.
    pub(crate) order: OrderId,
    /// The order's market, if the host itself decided the cancel: the whole market may then be cancelled.
    pub(crate) market: Option<ConditionId>,
}

/// Cancels that wait, and those in flight.
#[derive(Debug, Default)]
struct Queue {
    /// The host's own, sent first.
    host: BTreeMap<OrderId, ConditionId>,
    others: BTreeSet<OrderId>,
    under_way: BTreeMap<OrderId, UnderWay>,
    /// Markets being cancelled, each with one request at a time.
    sweeping: BTreeSet<ConditionId>,
    /// True if everything is being cancelled.
    clearing: bool,
}

#[derive(Debug, Clone, Copy)]
struct UnderWay {
    since: Instant,
    market: Option<ConditionId>,
}

impl Queue {
    /// Enqueues a cancel. If the order already waits, or its request is recent, only the permission to cancel its
    /// market changes.
    fn add(&mut self, Cancel { order, market }: Cancel, now: Instant) {
        if let Some(under_way) = self.under_way.get_mut(&order)
            && now.saturating_duration_since(under_way.since) < REPEAT
        {
            under_way.market = under_way.market.or(market);
            return;
        }
        self.wait(Cancel { order, market });
    }

    fn wait(&mut self, Cancel { order, market }: Cancel) {
        match market {
            Some(market) => {
                self.others.remove(&order);
                self.host.insert(order, market);
            }
            None if self.host.contains_key(&order) => {}
            None => {
                self.others.insert(order);
            }
        }
    }

    fn len(&self) -> usize {
        self.host.len().saturating_add(self.others.len())
    }

    /// Dequeues this many for one request, the host's own first.
    fn take(&mut self, count: usize, now: Instant) -> Vec<OrderId> {
        let mut taken = Vec::with_capacity(count.min(self.len()));
        while taken.len() < count {
            let next = match self.host.pop_first() {
                Some((order, market)) => Some((order, Some(market))),
                None => self.others.pop_first().map(|order| (order, None)),
            };
            let Some((order, market)) = next else { break };
            self.under_way.insert(order, UnderWay { since: now, market });
            taken.push(order);
        }
        taken
    }

    /// Dequeues the host's own, grouped by market; those whose market is already being cancelled stay.
    fn take_markets(&mut self, now: Instant) -> BTreeMap<ConditionId, Vec<OrderId>> {
        let mut markets: BTreeMap<ConditionId, Vec<OrderId>> = BTreeMap::new();
        let sweeping = &self.sweeping;
        for (order, market) in self.host.extract_if(.., |_, market| !sweeping.contains(market)) {
            self.under_way.insert(order, UnderWay { since: now, market: Some(market) });
            markets.entry(market).or_default().push(order);
        }
        self.sweeping.extend(markets.keys());
        markets
    }

    /// Removes a finished request for single orders. If it failed, the host's own wait again, and so do others refused
    /// for their rate; the rest is returned for an answer.
    fn ended(&mut self, ended: &Ended) -> Vec<OrderId> {
        let mut given_up = Vec::new();
        let for_rate = ended.failed.as_ref().is_some_and(|failed| failed.for_rate);
        for order in &ended.orders {
            let market = self.under_way.remove(order).and_then(|under_way| under_way.market);
            if market.is_some() || for_rate {
                self.wait(Cancel { order: *order, market });
            } else {
                given_up.push(*order);
            }
        }
        given_up
    }

    /// Removes a finished request.
    fn forget(&mut self, ended: &Ended) {
        for order in &ended.orders {
            self.under_way.remove(order);
        }
    }
}

/// A finished request.
#[derive(Debug)]
struct Ended {
    what: What,
    orders: Vec<OrderId>,
    failed: Option<Failed>,
}

/// The target of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Orders,
    Market(ConditionId),
    Everything,
}

#[derive(Debug)]
struct Failed {
    reason: String,
    for_rate: bool,
}

impl Failed {
    fn of(error: &RequestError) -> Self {
        let for_rate = matches!(error, RequestError::NoRoom { .. } | RequestError::Status { status: 429, .. });
        Self { reason: error.to_string(), for_rate }
    }
}

/// Sends cancels to the venue, and their outcomes to the inbox.
#[derive(Debug, Clone)]
pub(super) struct Canceller {
    pub(super) account: AccountClient,
    pub(super) index: OrderIds,
    pub(super) inbox: Inbox,
    pub(super) paths: Paths,
}

/// Sends cancels as they arrive; no request waits for an earlier one.
pub(super) async fn cancel_all(canceller: Canceller, mut asked: mpsc::Receiver<Cancel>) {
    let (mut queue, mut requests, mut new) = (Queue::default(), JoinSet::new(), Vec::new());
    let mut room_at = None;
    loop {
        let room = room_at.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            Some(ended) = requests.join_next() => match ended {
                Ok(ended) => canceller.on_ended(&mut queue, &mut requests, &ended),
                Err(error) => tracing::error!(%error, "cancel request ended early; the engine retries"),
            },
            count = asked.recv_many(&mut new, CANCELS_MAX) => {
                if count == 0 {
                    return requests.detach_all();
                }
            }
            () = tokio::time::sleep_until(room.into()), if room_at.is_some() => {}
        }
        let now = Instant::now();
        new.drain(..).for_each(|cancel| queue.add(cancel, now));
        room_at = canceller.dispatch(&mut queue, &mut requests);
    }
}

impl Canceller {
    /// Sends all cancels that have room. Returns the time of more room, if any cancels wait for it.
    fn dispatch(&self, queue: &mut Queue, requests: &mut JoinSet<Ended>) -> Option<Instant> {
        let now = Instant::now();
        while queue.len() > 0 {
            let room = if requests.len() < REQUESTS_MAX {
                self.account.acquire_cancels(queue.len().min(CANCEL_MAX))
            } else {
                Err(HOST_PATIENCE)
            };
            match room {
                Ok(count) => {
                    let (this, orders) = (self.clone(), queue.take(count, now));
                    requests.spawn(async move { this.cancel(orders).await });
                }
                Err(wait) => {
                    if !queue.host.is_empty() && self.account.cancels_wait(queue.host.len()) > HOST_PATIENCE {
                        self.widen(queue, requests);
                    }
                    return (queue.len() > 0).then(|| now.checked_add(wait).unwrap_or(now));
                }
            }
        }
        None
    }

    /// Cancels the markets of the host's own cancels.
    fn widen(&self, queue: &mut Queue, requests: &mut JoinSet<Ended>) {
        for (market, orders) in queue.take_markets(Instant::now()) {
            let this = self.clone();
            requests.spawn(async move { this.sweep(market, orders).await });
        }
    }

    /// Cancels single orders.
    async fn cancel(&self, orders: Vec<OrderId>) -> Ended {
        let named: Vec<(OrderId, Option<VenueOrderId>)> =
            orders.iter().map(|order| (*order, self.index.venue(*order))).collect();
        let ids: Vec<VenueOrderId> = named.iter().filter_map(|(_, venue)| *venue).collect();
        let (began, span) = (Instant::now(), tracing::info_span!("cancel_request", orders = ids.len()));
        let answer = if ids.is_empty() {
            Ok(CancelAnswer::default())
        } else {
            self.account.cancel_taken(&ids).instrument(span).await
        };
        self.paths.cancel.add_span(began.elapsed());
        for (order, venue) in named {
            match (&answer, venue) {
                (Ok(answer), Some(venue)) => self.report_outcome(order, answer.outcome(venue)),
                (Err(_), Some(_)) => {}
                // That proves nothing: the order is looked up by its terms.
                (_, None) => self.report_outcome(order, CancelOutcome::Failed { reason: NO_ID.to_owned() }),
            }
        }
        let failed = answer.err().map(|error| Failed::of(&error));
        Ended { what: What::Orders, orders, failed }
    }

    /// Handles a finished request. A failed cancel of the host's own escalates to its market, then to everything; for
    /// others the engine retries.
    fn on_ended(&self, queue: &mut Queue, requests: &mut JoinSet<Ended>, ended: &Ended) {
        match ended.what {
            What::Orders => {}
            What::Market(market) => {
                queue.sweeping.remove(&market);
            }
            What::Everything => queue.clearing = false,
        }
        let Some(Failed { reason, .. }) = &ended.failed else { return queue.forget(ended) };
        tracing::error!(what = ?ended.what, orders = ended.orders.len(), reason, "cancel request failed");
        let given_up = match ended.what {
            What::Orders => queue.ended(ended),
            What::Market(_) if !queue.clearing => {
                queue.clearing = true;
                let (this, orders) = (self.clone(), ended.orders.clone());
                requests.spawn(async move { this.clear(orders).await });
                Vec::new()
            }
            // The engine retries.
            What::Market(_) | What::Everything => {
                queue.forget(ended);
                ended.orders.clone()
            }
        };
        for order in given_up {
            self.report_outcome(order, CancelOutcome::Failed { reason: reason.clone() });
        }
        self.widen(queue, requests);
    }

    /// Cancels a market.
    async fn sweep(&self, market: ConditionId, orders: Vec<OrderId>) -> Ended {
        let answer = self.account.cancel_market(&market).await;
        self.swept(What::Market(market), orders, answer, "the market's orders")
    }

    /// Cancels everything.
    async fn clear(&self, orders: Vec<OrderId>) -> Ended {
        let mut answer = self.account.cancel_all().await;
        for pause in CLEAR_PAUSES {
            if !answer.as_ref().is_err_and(|error| Failed::of(error).for_rate) {
                break;
            }
            tokio::time::sleep(pause).await;
            answer = self.account.cancel_all().await;
        }
        self.swept(What::Everything, orders, answer, "all orders")
    }

    /// Answers the requested cancels, and reports the other orders cancelled with them; only if the request succeeded.
    fn swept(&self, what: What, orders: Vec<OrderId>, answer: Result<CancelAnswer, RequestError>, name: &str) -> Ended {
        match answer {
            Ok(answer) => {
                self.report(&orders, &answer, name);
                Ended { what, orders, failed: None }
            }
            Err(error) => Ended { what, orders, failed: Some(Failed::of(&error)) },
        }
    }

    fn report(&self, wanted: &[OrderId], answer: &CancelAnswer, name: &str) {
        let is_wanted = |venue: &&VenueOrderId| self.index.ours(venue).is_some_and(|order| wanted.contains(&order));
        report_swept(&self.index, &self.inbox, answer.cancelled.iter().filter(|venue| !is_wanted(venue)), name);
        for order in wanted {
            let venue = self.index.venue(*order);
            let outcome = match venue {
                Some(venue) if answer.cancelled.contains(&venue) => CancelOutcome::Cancelled,
                // An order that was not there is over already, or never arrived; a query finds out.
                Some(_) => CancelOutcome::NotOpen,
                None => CancelOutcome::Failed { reason: NO_ID.to_owned() },
            };
            self.report_outcome(*order, outcome);
        }
    }

    fn report_outcome(&self, order: OrderId, outcome: CancelOutcome) {
        self.inbox.account(clock::now(), InputKind::CancelAnswer { order, outcome });
    }
}
