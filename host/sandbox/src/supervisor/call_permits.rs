//! Call permits: a fair semaphore for strategy calls. Each strategy has its own thread, but only as many of them are in
//! a call at a time as the machine can run in parallel. Otherwise, with events for two hundred strategies, the system
//! could suspend a thread in the middle of its call for longer than the call may take. Permits are granted in order of
//! request, so a slow strategy delays the others by no more than its own call.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;

/// Concurrent calls per processor: two, so that a call that uses up its fuel leaves room for another.
const FOR_EACH_PROCESSOR: usize = 2;

/// A waiting thread.
#[derive(Debug)]
struct Waiter {
    thread: Thread,
    let_in: AtomicBool,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: VecDeque<Arc<Waiter>>,
}

/// Limits the number of concurrent calls. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct CallPermits {
    state: Arc<Mutex<State>>,
}

impl CallPermits {
    /// Returns the permits for this machine.
    pub(super) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::at_a_time(processors.saturating_mul(FOR_EACH_PROCESSOR))
    }

    fn at_a_time(free: usize) -> Self {
        Self { state: Arc::new(Mutex::new(State { free, waiting: VecDeque::new() })) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Waits for a permit, which is held until it is dropped.
    pub(super) fn acquire(&self) -> CallPermit<'_> {
        let mut state = self.lock();
        if state.free > 0 {
            state.free = state.free.saturating_sub(1);
            return CallPermit(self);
        }
        let waiter = Arc::new(Waiter { thread: std::thread::current(), let_in: AtomicBool::new(false) });
        state.waiting.push_back(Arc::clone(&waiter));
        drop(state);
        while !waiter.let_in.load(Ordering::Acquire) {
            std::thread::park();
        }
        CallPermit(self)
    }
}

/// A permit. When it is dropped, the longest waiting thread gets the next one.
#[derive(Debug)]
pub(super) struct CallPermit<'a>(&'a CallPermits);

impl Drop for CallPermit<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        match state.waiting.pop_front() {
            Some(next) => {
                drop(state);
                next.let_in.store(true, Ordering::Release);
                next.thread.unpark();
            }
            None => state.free = state.free.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    #[test]
    fn no_more_are_let_in_than_there_are_turns_and_all_get_one() {
        let (turns, inside, most, done) =
            (CallPermits::at_a_time(3), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    for _ in 0..40 {
                        let turn = turns.acquire();
                        let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(done.load(Ordering::SeqCst), 2_000);
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?} at a time");
        assert_eq!(turns.lock().free, 3);
    }

    #[test]
    fn permits_are_granted_in_order_of_request() {
        let turns = CallPermits::at_a_time(1);
        let (sender, receiver) = mpsc::channel();
        let held = turns.acquire();
        std::thread::scope(|scope| {
            for number in 0..10 {
                let (turns, sender) = (&turns, sender.clone());
                scope.spawn(move || {
                    let _turn = turns.acquire();
                    sender.send(number).unwrap();
                });
                // The next thread starts once this one is waiting.
                while turns.lock().waiting.len() <= number {
                    std::thread::yield_now();
                }
            }
            drop(held);
        });
        drop(sender);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }
}
