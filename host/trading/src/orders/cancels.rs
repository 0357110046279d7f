//! Cancels on their way out. Those that the venue's rate has no room for wait together and leave together; none is given up for want
//! of room. Only what the host itself decided may cancel more than was named: the market of the order, or everything.

#[cfg(test)]
mod tests;

use crate::listed_orders::NO_ID;
use crate::order_ids::Index;
use crate::sweeps::{HOST_PATIENCE, report_swept};
use control::clock;
use control::inbox::Inbox;
use model::input::CancelOutcome;
use model::{Body, ConditionId, OrderId, VenueOrderId};
use polymarket::client::CANCEL_MAX;
use polymarket::{AccountClient, CancelAnswer, RequestError};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Cancels that wait; each order has at most one.
pub(super) const CANCELS_MAX: usize = 65_536;
/// Requests under way at once.
const REQUESTS_MAX: usize = 256;
/// How long an order's request may take before the same order asks with another one.
const REPEAT: Duration = Duration::from_secs(1);

/// A cancel, as the engine asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cancel {
    /// Our number of the order.
    pub(crate) order: OrderId,
    /// The order's market, if the host itself decided the cancel: then the market may be cancelled with it.
    pub(crate) market: Option<ConditionId>,
}

/// Cancels that wait and those under way.
#[derive(Debug, Default)]
struct Queue {
    /// The host's own, which go first.
    host: BTreeMap<OrderId, ConditionId>,
    others: BTreeSet<OrderId>,
    under_way: BTreeMap<OrderId, UnderWay>,
    /// Markets that are being cancelled: each with one request at a time.
    sweeping: BTreeSet<ConditionId>,
    /// Whether everything is being cancelled.
    clearing: bool,
}

#[derive(Debug, Clone, Copy)]
struct UnderWay {
    since: Instant,
    market: Option<ConditionId>,
}

impl Queue {
    /// Takes a cancel in. One of an order that waits, or whose request is young, changes nothing but what may be cancelled with it.
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

    /// Takes so many out, the host's own first, for one request.
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

    /// Takes the host's own out, by their markets; those stay whose market is being cancelled already.
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

    /// Forgets a request for orders by name that ended. If it failed, the host's own wait again, and so do others that were refused for their
    /// rate; the rest is returned for an answer.
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

    /// Forgets a request that ended.
    fn forget(&mut self, ended: &Ended) {
        for order in &ended.orders {
            self.under_way.remove(order);
        }
    }
}

/// A request that ended.
#[derive(Debug)]
struct Ended {
    what: What,
    orders: Vec<OrderId>,
    failed: Option<Failed>,
}

/// What a request named.
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

/// Cancels at the venue and answers through the inbox.
#[derive(Debug, Clone)]
pub(super) struct Canceller {
    pub(super) account: AccountClient,
    pub(super) index: Index,
    pub(super) inbox: Inbox,
}

/// Sends cancels as they come, each request without waiting for the one before.
pub(super) async fn cancel_all(canceller: Canceller, mut asked: mpsc::Receiver<Cancel>) {
    let (mut queue, mut requests, mut new) = (Queue::default(), JoinSet::new(), Vec::new());
    let mut room_at = None;
    loop {
        let room = room_at.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            Some(ended) = requests.join_next() => match ended {
                Ok(ended) => canceller.settle(&mut queue, &mut requests, &ended),
                Err(error) => tracing::error!(%error, "a cancel request ended early; the engine asks again"),
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
    /// Sends what there is room for. Returns when there is more room, if something waits for it.
    fn dispatch(&self, queue: &mut Queue, requests: &mut JoinSet<Ended>) -> Option<Instant> {
        let now = Instant::now();
        while queue.len() > 0 {
            let room = if requests.len() < REQUESTS_MAX {
                self.account.take_cancels(queue.len().min(CANCEL_MAX))
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

    /// Cancels orders by name.
    async fn cancel(&self, orders: Vec<OrderId>) -> Ended {
        let named: Vec<(OrderId, Option<VenueOrderId>)> =
            orders.iter().map(|order| (*order, self.index.venue(*order))).collect();
        let ids: Vec<VenueOrderId> = named.iter().filter_map(|(_, venue)| *venue).collect();
        let answer = if ids.is_empty() { Ok(CancelAnswer::default()) } else { self.account.cancel_taken(&ids).await };
        for (order, venue) in named {
            match (&answer, venue) {
                (Ok(answer), Some(venue)) => self.answer(order, answer.outcome(venue)),
                (Err(_), Some(_)) => {}
                // That proves nothing: it is asked for by what else is known of it.
                (_, None) => self.answer(order, CancelOutcome::Failed { reason: NO_ID.to_owned() }),
            }
        }
        let failed = answer.err().map(|error| Failed::of(&error));
        Ended { what: What::Orders, orders, failed }
    }

    /// What failed for the host takes its market, and then everything; what failed for others is theirs to ask again.
    fn settle(&self, queue: &mut Queue, requests: &mut JoinSet<Ended>, ended: &Ended) {
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
            // The engine asks again.
            What::Market(_) | What::Everything => {
                queue.forget(ended);
                ended.orders.clone()
            }
        };
        for order in given_up {
            self.answer(order, CancelOutcome::Failed { reason: reason.clone() });
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
        let answer = self.account.cancel_all().await;
        self.swept(What::Everything, orders, answer, "all orders")
    }

    /// Answers the cancels that were wanted, and reports what else went with them; nothing if there was no good answer.
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
                // What was not there is over already, or never came; a look tells.
                Some(_) => CancelOutcome::NotOpen,
                None => CancelOutcome::Failed { reason: NO_ID.to_owned() },
            };
            self.answer(*order, outcome);
        }
    }

    fn answer(&self, order: OrderId, outcome: CancelOutcome) {
        self.inbox.account(clock::now(), Body::CancelAnswer { order, outcome });
    }
}
