//! The engine's door: two bounded queues, account before market. Account inputs never drop; market inputs that do not
//! fit are dropped and the loss is told, so that books are fetched again.

use model::input::StrategyAnswer;
use model::{Body, Time};
use parking_lot::{Condvar, Mutex, MutexGuard};
use sandbox::Unjudged;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// The most market inputs that wait.
const MARKET_MAX: usize = 65_536;
/// The most account inputs that wait; more than this means that the engine stands still.
const ACCOUNT_MAX: usize = 65_536;

/// Where the answer to a command goes.
pub type Reply = tokio::sync::oneshot::Sender<Result<(), String>>;

/// One thing that arrived.
#[derive(Debug)]
pub struct Arrival {
    /// When it did.
    pub at: Time,
    /// What it is.
    pub body: Body,
    /// Who waits for the engine's answer, if it is a command.
    pub reply: Option<Reply>,
    /// If it is an answer of a strategy: dropped when the engine has judged it, which lets the strategy hear what comes next.
    pub unjudged: Option<Unjudged>,
}

/// What [`Inbox::take`] found.
#[derive(Debug, Default)]
pub struct Taken {
    /// In the order to be heard: all account inputs, then market inputs.
    pub arrivals: Vec<Arrival>,
    /// Market inputs were dropped since the last time.
    pub market_lost: bool,
    /// Account inputs were dropped since the last time, which must not happen.
    pub account_lost: bool,
    /// Nobody will send any more.
    pub closed: bool,
}

#[derive(Debug, Default)]
struct Queues {
    account: VecDeque<Arrival>,
    market: VecDeque<Arrival>,
    market_lost: bool,
    account_lost: bool,
    closed: bool,
}

/// A cheap handle on the queues.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    shared: Arc<(Mutex<Queues>, Condvar)>,
}

impl Inbox {
    /// Adds an account input: answers, fills, commands, intents, ticks.
    pub fn account(&self, at: Time, body: Body) {
        self.put(Arrival { at, body, reply: None, unjudged: None });
    }

    /// Adds an operator's word, whose answer somebody waits for.
    pub fn asked(&self, at: Time, body: Body, reply: Reply) {
        self.put(Arrival { at, body, reply: Some(reply), unjudged: None });
    }

    /// Adds what a strategy answered, which waits for the engine's verdict before it answers again. If the answer does not fit, or nothing
    /// is taken any more, it waits no longer.
    pub fn answer(&self, at: Time, answer: StrategyAnswer, unjudged: Unjudged) {
        self.put(Arrival { at, body: Body::Intents(answer), reply: None, unjudged: Some(unjudged) });
    }

    fn put(&self, mut arrival: Arrival) {
        let mut queues = self.lock();
        if queues.closed {
            arrival.unjudged = None;
        }
        if queues.account.len() >= ACCOUNT_MAX {
            queues.account_lost = true;
        } else {
            queues.account.push_back(arrival);
        }
        drop(queues);
        self.shared.1.notify_one();
    }

    /// Adds what one frame said, all or nothing.
    pub fn market(&self, at: Time, bodies: impl ExactSizeIterator<Item = Body>) {
        let mut queues = self.lock();
        if queues.market.len().saturating_add(bodies.len()) > MARKET_MAX {
            queues.market_lost = true;
        } else {
            queues.market.extend(bodies.map(|body| Arrival { at, body, reply: None, unjudged: None }));
        }
        drop(queues);
        self.shared.1.notify_one();
    }

    /// Ends [`Inbox::take`] when all is taken.
    pub fn close(&self) {
        let mut queues = self.lock();
        queues.closed = true;
        queues.account.iter_mut().for_each(|arrival| arrival.unjudged = None);
        drop(queues);
        self.shared.1.notify_all();
    }

    /// Waits until something is there, at most `patience`, and takes all account inputs and at most `market_max` market
    /// inputs into `taken`, whose memory is reused.
    pub fn take(&self, taken: &mut Taken, market_max: usize, patience: Duration) {
        taken.arrivals.clear();
        let mut queues = self.lock();
        if queues.account.is_empty() && queues.market.is_empty() && !queues.closed {
            let _waited = self.shared.1.wait_for(&mut queues, patience);
        }
        taken.arrivals.extend(queues.account.drain(..));
        let some = queues.market.len().min(market_max);
        taken.arrivals.extend(queues.market.drain(..some));
        taken.market_lost = std::mem::take(&mut queues.market_lost);
        taken.account_lost = std::mem::take(&mut queues.account_lost);
        taken.closed = queues.closed && queues.market.is_empty();
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        // A panic elsewhere cannot leave the queues half changed.
        self.shared.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::OrderId;
    use model::TokenIx;

    const SOON: Duration = Duration::from_millis(1);

    fn alive(token: u32) -> Body {
        Body::Alive { token: TokenIx(token) }
    }

    #[test]
    fn account_inputs_are_heard_first() {
        let inbox = Inbox::default();
        inbox.market(Time(1), [alive(1), alive(2)].into_iter());
        inbox.account(Time(2), Body::Looked { order: OrderId(1), denied: true, asked: Time(1) });
        let mut taken = Taken::default();
        inbox.take(&mut taken, 1, SOON);
        let bodies = |taken: &Taken| taken.arrivals.iter().map(|arrival| arrival.body.clone()).collect::<Vec<_>>();
        assert!(matches!(bodies(&taken).as_slice(), [Body::Looked { .. }, Body::Alive { .. }]));
        inbox.take(&mut taken, 10, SOON);
        assert_eq!(bodies(&taken), vec![alive(2)]);
    }

    #[test]
    fn market_inputs_that_do_not_fit_are_told_of_once() {
        let inbox = Inbox::default();
        let flood: Vec<Body> = (0..u32::try_from(MARKET_MAX).unwrap()).map(alive).collect();
        inbox.market(Time(1), flood.into_iter());
        inbox.market(Time(1), [alive(1)].into_iter());
        let mut taken = Taken::default();
        inbox.take(&mut taken, usize::MAX, SOON);
        assert!(taken.market_lost && taken.arrivals.len() == MARKET_MAX);
        inbox.take(&mut taken, usize::MAX, SOON);
        assert!(!taken.market_lost && taken.arrivals.is_empty());
    }
}
