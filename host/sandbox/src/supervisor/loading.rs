//! Loading files beside the watcher, so that one which takes long to compile delays no other, nor keeps a file's removal from being
//! seen. Files come one after another, in order, as long as they are quick.

use super::mark::Mark;
use super::wake::Wake;
use crate::module::Module;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// After so long the next file does not wait any more.
const ALONE: Duration = Duration::from_millis(250);
/// The most files that are loaded at once, if all are slow.
const AT_ONCE: usize = 4;

/// Which file is loaded, as it was when that began.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) at: Instant,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is what was loaded last.
    Same,
    Loaded(Module),
    /// It was loaded before it counts; none if that came to nothing.
    Early(Option<Early>),
    Failed {
        error: String,
        /// Whether the same file may load later, with more bytes or with time.
        may_pass: bool,
    },
}

/// What came of the file with this content, when it was read early.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) hash: [u8; 32],
    pub(super) outcome: Box<Outcome>,
}

/// A file, and what came of it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) ticket: Ticket,
    pub(super) outcome: Outcome,
}

/// The files that are being loaded.
#[derive(Debug)]
pub(super) struct Loading {
    wake: mpsc::Sender<Wake>,
    /// Since when.
    under_way: BTreeMap<String, Instant>,
}

impl Loading {
    /// Sends to `wake` what was loaded; each is to be given to [`Loading::end`].
    pub(super) const fn new(wake: mpsc::Sender<Wake>) -> Self {
        Self { wake, under_way: BTreeMap::new() }
    }

    /// Says whether it is a file's turn.
    pub(super) fn has_room(&self, name: &str, now: Instant) -> bool {
        let slow = |since: &Instant| now.saturating_duration_since(*since) >= ALONE;
        let room = self.under_way.len() < AT_ONCE && self.under_way.values().all(slow);
        room && !self.under_way.contains_key(name)
    }

    /// Loads a file in a thread of its own if it is its turn. Returns whether it does; it is to be asked for again otherwise.
    pub(super) fn begin(&mut self, ticket: Ticket, load: impl FnOnce() -> Outcome + Send + 'static) -> bool {
        if !self.has_room(&ticket.name, ticket.at) {
            return false;
        }
        let (wake, name, at) = (self.wake.clone(), ticket.name.clone(), ticket.at);
        let work = move || {
            let failed =
                |_panic| Outcome::Failed { error: "loading it failed in the host".to_owned(), may_pass: false };
            let outcome = catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(failed);
            // The watcher has ended if it does not take it.
            let _sent = wake.send(Wake::Loaded(Box::new(Done { ticket, outcome })));
        };
        match std::thread::Builder::new().name("strategies-load".to_owned()).spawn(work) {
            Ok(_detached) => {
                self.under_way.insert(name, at);
                true
            }
            Err(error) => {
                tracing::warn!(%error, name, "there is no thread to load a strategy with; it is tried again");
                false
            }
        }
    }

    /// Frees the place of a file that was loaded.
    pub(super) fn end(&mut self, ticket: &Ticket) {
        self.under_way.remove(&ticket.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const SOON: Duration = Duration::from_secs(20);

    fn loading() -> (Loading, Receiver<Wake>) {
        let (wake, wakes) = channel();
        (Loading::new(wake), wakes)
    }

    /// Waits for the next file that was loaded.
    fn wait(loading: &mut Loading, wakes: &Receiver<Wake>) -> Done {
        let Wake::Loaded(done) = wakes.recv_timeout(SOON).unwrap() else { panic!("only loads send here") };
        loading.end(&done.ticket);
        *done
    }

    /// A load that ends when it is told to.
    struct Held(Sender<()>);

    fn ticket(name: &str, at: Instant) -> Ticket {
        let mark = Mark::of(&std::fs::metadata(std::env::temp_dir()).unwrap());
        Ticket { name: name.to_owned(), mark, at }
    }

    fn hold(loading: &mut Loading, name: &str, at: Instant) -> Held {
        let (end, ended): (Sender<()>, Receiver<()>) = channel();
        loading.begin(ticket(name, at), move || {
            let _ended = ended.recv();
            Outcome::Same
        });
        Held(end)
    }

    #[test]
    fn files_are_loaded_one_after_another_until_one_is_slow() {
        let ((mut loading, wakes), start) = (loading(), Instant::now());
        let slow = hold(&mut loading, "slow", start);
        assert!(!loading.begin(ticket("next", start), || Outcome::Same));
        assert_eq!(loading.under_way.len(), 1, "it waits for its turn");
        loading.begin(ticket("slow", start + ALONE), || Outcome::Same);
        assert_eq!(loading.under_way.len(), 1, "nobody is loaded twice at once");
        loading.begin(ticket("next", start + ALONE), || Outcome::Same);
        assert_eq!(wait(&mut loading, &wakes).ticket.name, "next");
        assert_eq!(loading.under_way.len(), 1);
        drop(slow.0);
        assert_eq!(wait(&mut loading, &wakes).ticket.name, "slow");
        assert!(loading.under_way.is_empty());
    }

    #[test]
    fn there_are_never_more_than_a_few_and_one_that_panics_is_an_error() {
        let ((mut loading, wakes), start) = (loading(), Instant::now());
        let at = |place: u32| start + ALONE * place;
        let held: Vec<Held> = (0..9).map(|place| hold(&mut loading, &place.to_string(), at(place))).collect();
        assert_eq!(loading.under_way.len(), AT_ONCE);
        drop(held);
        while !loading.under_way.is_empty() {
            wait(&mut loading, &wakes);
        }
        loading.begin(ticket("mad", at(9)), || panic!("a panic in a test"));
        let done = wait(&mut loading, &wakes);
        assert!(matches!(&done.outcome, Outcome::Failed { may_pass: false, .. }), "{done:?}");
    }
}
