//! The inbox of the engine's thread: three bounded queues, of which each round takes a bounded part. First what concerns the account
//! (operators' commands, faults of the host, fills, answers of the venue), then what strategies answer, then market inputs. What one queue
//! holds never takes another one's room. Market inputs that do not fit are dropped and the loss is reported, so that books are fetched again.

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
/// Room beyond [`ACCOUNT_MAX`] for what is not asked for again: operators' commands, faults of the host, fills, answers about orders.
const ACCOUNT_RESERVE: usize = 65_536;
/// The most inputs of strategies that wait. An instance has one answer there, and what it reports at its end.
const STRATEGY_MAX: usize = 65_536;
/// Account inputs of one round.
const ACCOUNT_ROUND: usize = 1_024;
/// Intents of one round, and what else strategies report: the answer that reaches it is the round's last.
const INTENTS_ROUND: usize = 256;

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
    /// In the order to be taken: account inputs, then inputs of strategies, then market inputs.
    pub arrivals: Vec<Arrival>,
    /// Market inputs were dropped since the last time.
    pub market_lost: bool,
    /// Inputs of the account or of strategies were dropped since the last time, which must not happen.
    pub account_lost: bool,
    /// Nobody will send any more.
    pub closed: bool,
}

#[derive(Debug, Default)]
struct Queues {
    account: VecDeque<Arrival>,
    strategy: VecDeque<Arrival>,
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

impl Queues {
    fn is_empty(&self) -> bool {
        self.account.is_empty() && self.strategy.is_empty() && self.market.is_empty()
    }

    fn put_account(&mut self, arrival: Arrival) {
        let room = if is_kept(&arrival.body) { ACCOUNT_MAX.saturating_add(ACCOUNT_RESERVE) } else { ACCOUNT_MAX };
        if self.account.len() >= room {
            self.account_lost = true;
        } else {
            self.account.push_back(arrival);
        }
    }

    fn put_strategy(&mut self, mut arrival: Arrival) {
        if self.closed {
            arrival.unjudged = None;
        }
        if self.strategy.len() >= STRATEGY_MAX {
            // It may have had cancels.
            self.account_lost = true;
        } else {
            self.strategy.push_back(arrival);
        }
    }

    /// Moves one round's part to `arrivals`.
    fn round(&mut self, arrivals: &mut Vec<Arrival>, market_max: usize) {
        let some = self.account.len().min(ACCOUNT_ROUND);
        arrivals.extend(self.account.drain(..some));
        let mut intents = 0_usize;
        while intents < INTENTS_ROUND
            && let Some(arrival) = self.strategy.pop_front()
        {
            intents = intents.saturating_add(weight(&arrival.body));
            arrivals.push(arrival);
        }
        let some = self.market.len().min(market_max);
        arrivals.extend(self.market.drain(..some));
    }
}

/// Says whether an input is lost for good if it does not fit. The others are counted or asked for again.
const fn is_kept(body: &Body) -> bool {
    !matches!(
        body,
        Body::Account(_)
            | Body::Looked { .. }
            | Body::Requests { .. }
            | Body::Skew { .. }
            | Body::Alive { .. }
            | Body::Event(_)
            | Body::Tick
    )
}

/// Returns how many intents an input of a strategy counts as.
fn weight(body: &Body) -> usize {
    match body {
        Body::Intents(answer) => answer.intents.len().max(1),
        _ => 1,
    }
}

impl Inbox {
    /// Adds an account input: answers of the venue, fills, ticks.
    pub fn account(&self, at: Time, body: Body) {
        self.put(|queues| queues.put_account(Arrival { at, body, reply: None, unjudged: None }));
    }

    /// Adds an operator's command, whose answer is waited for.
    pub fn asked(&self, at: Time, body: Body, reply: Reply) {
        self.put(|queues| queues.put_account(Arrival { at, body, reply: Some(reply), unjudged: None }));
    }

    /// Adds what a strategy answered. The instance is called again when the engine has judged it, when it does not fit, or when nothing is
    /// taken any more.
    pub fn answer(&self, at: Time, answer: StrategyAnswer, unjudged: Unjudged) {
        let arrival = Arrival { at, body: Body::Intents(answer), reply: None, unjudged: Some(unjudged) };
        self.put(|queues| queues.put_strategy(arrival));
    }

    /// Adds what else an instance reports. It stays behind the instance's answers.
    pub fn strategy(&self, at: Time, body: Body) {
        self.put(|queues| queues.put_strategy(Arrival { at, body, reply: None, unjudged: None }));
    }

    fn put(&self, put: impl FnOnce(&mut Queues)) {
        put(&mut self.lock());
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
        queues.strategy.iter_mut().for_each(|arrival| arrival.unjudged = None);
        drop(queues);
        self.shared.1.notify_all();
    }

    /// Waits until something is there, at most `patience`, and takes one round into `taken`, whose memory is reused: a bounded part of each
    /// queue, of the market inputs at most `market_max`.
    pub fn take(&self, taken: &mut Taken, market_max: usize, patience: Duration) {
        taken.arrivals.clear();
        let mut queues = self.lock();
        if queues.is_empty() && !queues.closed {
            let _waited = self.shared.1.wait_for(&mut queues, patience);
        }
        queues.round(&mut taken.arrivals, market_max);
        taken.market_lost = std::mem::take(&mut queues.market_lost);
        taken.account_lost = std::mem::take(&mut queues.account_lost);
        taken.closed = queues.closed && queues.is_empty();
    }

    /// Takes all account inputs that wait: at the start of the engine's thread, those with which a session begins.
    pub fn take_opening(&self) -> Vec<Arrival> {
        self.lock().account.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        // A panic elsewhere cannot leave the queues half changed.
        self.shared.0.lock()
    }
}

#[cfg(test)]
mod tests;
