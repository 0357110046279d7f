//! The inbox of the engine thread: three bounded queues, of which each round takes a bounded part. Account inputs come
//! first (operator commands, faults of the host, fills, venue responses), then market inputs, then strategy answers.
//! The content of one queue never takes up room in another. Market inputs that do not fit are dropped and the loss is
//! reported, so that books are fetched again.

use model::input::StrategyAnswer;
use model::{InputKind, Time};
use parking_lot::{Condvar, Mutex, MutexGuard};
use sandbox::Unjudged;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Maximum number of queued market inputs.
const MARKET_MAX: usize = 65_536;
/// Maximum number of queued account inputs; more than this means that the engine is stalled.
const ACCOUNT_MAX: usize = 65_536;
/// Additional room above [`ACCOUNT_MAX`] for inputs that are not requested again: operator commands, faults of the
/// host, fills, responses about orders.
const ACCOUNT_RESERVE: usize = 65_536;
/// Maximum number of queued strategy inputs. An instance has at most one answer there, and its final report.
const STRATEGY_MAX: usize = 65_536;
/// Maximum number of account inputs per round.
const ACCOUNT_ROUND: usize = 1_024;
/// Number of intents and other strategy reports per round; the answer that reaches it is the last of the round. A market
/// input waits for at most the answers of one round.
const INTENTS_ROUND: usize = 64;

/// Channel for the result of a command.
pub type Reply = tokio::sync::oneshot::Sender<Result<(), String>>;

/// A received input.
#[derive(Debug)]
pub struct Arrival {
    /// The time of receipt.
    pub at: Time,
    /// The input.
    pub body: InputKind,
    /// Channel for the engine's result, if the input is a command.
    pub reply: Option<Reply>,
    /// Set for a strategy's answer; dropped after the engine has judged it, which lets the strategy receive the next
    /// events.
    pub unjudged: Option<Unjudged>,
}

/// Result of [`Inbox::next_round`].
#[derive(Debug, Default)]
pub struct Taken {
    /// Inputs in processing order: account, market, strategies.
    pub arrivals: Vec<Arrival>,
    /// True if market inputs were dropped since the last call.
    pub market_lost: bool,
    /// True if account or strategy inputs were dropped since the last call, which must not happen.
    pub account_lost: bool,
    /// True if the inbox is closed and empty.
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

/// A cheap handle to the queues.
#[derive(Debug, Clone, Default)]
pub struct Inbox {
    shared: Arc<(Mutex<Queues>, Condvar)>,
}

impl Queues {
    fn is_empty(&self) -> bool {
        self.account.is_empty() && self.strategy.is_empty() && self.market.is_empty()
    }

    fn push_account(&mut self, arrival: Arrival) {
        let room = if is_kept(&arrival.body) { ACCOUNT_MAX.saturating_add(ACCOUNT_RESERVE) } else { ACCOUNT_MAX };
        if self.account.len() >= room {
            self.account_lost = true;
        } else {
            self.account.push_back(arrival);
        }
    }

    fn push_strategy(&mut self, mut arrival: Arrival) {
        if self.closed {
            arrival.unjudged = None;
        }
        if self.strategy.len() >= STRATEGY_MAX {
            // The dropped input may have contained cancels.
            self.account_lost = true;
        } else {
            self.strategy.push_back(arrival);
        }
    }

    /// Moves the inputs of one round to `arrivals`.
    fn round(&mut self, arrivals: &mut Vec<Arrival>, market_max: usize) {
        let some = self.account.len().min(ACCOUNT_ROUND);
        arrivals.extend(self.account.drain(..some));
        let some = self.market.len().min(market_max);
        arrivals.extend(self.market.drain(..some));
        let mut intents = 0_usize;
        while intents < INTENTS_ROUND
            && let Some(arrival) = self.strategy.pop_front()
        {
            intents = intents.saturating_add(weight(&arrival.body));
            arrivals.push(arrival);
        }
    }
}

/// Returns true if an input that does not fit is lost for good. The others are counted or requested again.
const fn is_kept(body: &InputKind) -> bool {
    !matches!(
        body,
        InputKind::Account(_)
            | InputKind::OrderQueried { .. }
            | InputKind::Requests { .. }
            | InputKind::ClockSkew { .. }
            | InputKind::BookConfirmed { .. }
            | InputKind::Event(_)
            | InputKind::Clock
    )
}

/// Returns the number of intents that a strategy input counts as.
fn weight(body: &InputKind) -> usize {
    match body {
        InputKind::Intents(answer) => answer.intents.len().max(1),
        _ => 1,
    }
}

impl Inbox {
    /// Adds an account input: venue responses, fills, clock events.
    pub fn account(&self, at: Time, body: InputKind) {
        self.push(|queues| queues.push_account(Arrival { at, body, reply: None, unjudged: None }));
    }

    /// Adds an operator command, whose result is sent to `reply`.
    pub fn command(&self, at: Time, body: InputKind, reply: Reply) {
        self.push(|queues| queues.push_account(Arrival { at, body, reply: Some(reply), unjudged: None }));
    }

    /// Adds a strategy's answer. The instance is called again once the engine has judged the answer, if it does not
    /// fit, or if the inbox is closed.
    pub fn answer(&self, at: Time, answer: StrategyAnswer, unjudged: Unjudged) {
        let arrival = Arrival { at, body: InputKind::Intents(answer), reply: None, unjudged: Some(unjudged) };
        self.push(|queues| queues.push_strategy(arrival));
    }

    /// Adds another report of an instance. It is processed after the instance's answers.
    pub fn strategy(&self, at: Time, body: InputKind) {
        self.push(|queues| queues.push_strategy(Arrival { at, body, reply: None, unjudged: None }));
    }

    fn push(&self, put: impl FnOnce(&mut Queues)) {
        put(&mut self.lock());
        self.shared.1.notify_one();
    }

    /// Adds the inputs of one market frame, all or nothing.
    pub fn market(&self, at: Time, bodies: impl ExactSizeIterator<Item = InputKind>) {
        let mut queues = self.lock();
        if queues.market.len().saturating_add(bodies.len()) > MARKET_MAX {
            queues.market_lost = true;
        } else {
            queues.market.extend(bodies.map(|body| Arrival { at, body, reply: None, unjudged: None }));
        }
        drop(queues);
        self.shared.1.notify_one();
    }

    /// Closes the inbox: [`Inbox::next_round`] reports the end once all inputs are taken.
    pub fn close(&self) {
        let mut queues = self.lock();
        queues.closed = true;
        queues.strategy.iter_mut().for_each(|arrival| arrival.unjudged = None);
        drop(queues);
        self.shared.1.notify_all();
    }

    /// Waits at most `patience` for inputs, and moves one round into `taken`, whose memory is reused: a bounded part of
    /// each queue, with at most `market_max` market inputs.
    pub fn next_round(&self, taken: &mut Taken, market_max: usize, patience: Duration) {
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

    /// Takes all queued account inputs: those with which a session begins, when the engine thread starts.
    pub fn take_opening(&self) -> Vec<Arrival> {
        self.lock().account.drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        // A panic elsewhere cannot leave the queues in an inconsistent state.
        self.shared.0.lock()
    }
}

#[cfg(test)]
mod tests;
