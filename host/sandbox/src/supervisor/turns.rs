//! Whose turn it is to run a strategy. Each strategy has a thread of its own, but no more of them are in a call at a time than the machine
//! can run side by side: with two hundred that all have something to hear, the system would take a thread away in the middle of its call,
//! for longer than the call may take. Who waits is let in by the order of asking, so a slow strategy delays the others by no more than its
//! own call.

use parking_lot::{Mutex, MutexGuard};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;

/// Calls under way at a time, for each processor: two, so that one that burns its fuel leaves room for another.
const FOR_EACH_PROCESSOR: usize = 2;

/// Somebody who waits.
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

/// Lets a few in at a time. A cheap handle.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    state: Arc<Mutex<State>>,
}

impl Turns {
    /// Returns turns for this machine.
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

    /// Waits for a turn, which lasts until it is dropped.
    pub(super) fn take(&self) -> Turn<'_> {
        let mut state = self.lock();
        if state.free > 0 {
            state.free = state.free.saturating_sub(1);
            return Turn(self);
        }
        let waiter = Arc::new(Waiter { thread: std::thread::current(), let_in: AtomicBool::new(false) });
        state.waiting.push_back(Arc::clone(&waiter));
        drop(state);
        while !waiter.let_in.load(Ordering::Acquire) {
            std::thread::park();
        }
        Turn(self)
    }
}

/// A turn; whoever waits longest has the next one when it is over.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
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
            (Turns::at_a_time(3), AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    for _ in 0..40 {
                        let turn = turns.take();
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
    fn who_asked_first_is_let_in_first() {
        let turns = Turns::at_a_time(1);
        let (told, heard) = mpsc::channel();
        let held = turns.take();
        std::thread::scope(|scope| {
            for number in 0..10 {
                let (turns, told) = (&turns, told.clone());
                scope.spawn(move || {
                    let _turn = turns.take();
                    told.send(number).unwrap();
                });
                // The next one asks when this one waits.
                while turns.lock().waiting.len() <= number {
                    std::thread::yield_now();
                }
            }
            drop(held);
        });
        drop(told);
        assert_eq!(heard.iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }
}
