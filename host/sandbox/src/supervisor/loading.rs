//! Loading files beside the watcher, so that one which takes long to compile delays no other, nor keeps a file's removal from being
//! seen. Files come one after another, in order, as long as they are quick.

use super::mark::Mark;
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
    tell: mpsc::Sender<Done>,
    done: mpsc::Receiver<Done>,
    /// Since when.
    under_way: BTreeMap<String, Instant>,
}

impl Loading {
    pub(super) fn new() -> Self {
        let (tell, done) = mpsc::channel();
        Self { tell, done, under_way: BTreeMap::new() }
    }

    /// Says whether something is being loaded.
    pub(super) fn is_busy(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// Says whether it is a file's turn.
    pub(super) fn has_room(&self, name: &str, now: Instant) -> bool {
        let slow = |since: &Instant| now.saturating_duration_since(*since) >= ALONE;
        let room = self.under_way.len() < AT_ONCE && self.under_way.values().all(slow);
        room && !self.under_way.contains_key(name)
    }

    /// Loads a file in a thread of its own if it is its turn; it is to be asked for again otherwise.
    pub(super) fn begin(&mut self, ticket: Ticket, load: impl FnOnce() -> Outcome + Send + 'static) {
        if !self.has_room(&ticket.name, ticket.at) {
            return;
        }
        let (tell, name, at) = (self.tell.clone(), ticket.name.clone(), ticket.at);
        let work = move || {
            let failed =
                |_panic| Outcome::Failed { error: "loading it failed in the host".to_owned(), may_pass: false };
            let outcome = catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(failed);
            // Nobody listens any more at the end.
            let _told = tell.send(Done { ticket, outcome });
        };
        match std::thread::Builder::new().name("strategies-load".to_owned()).spawn(work) {
            Ok(_detached) => {
                self.under_way.insert(name, at);
            }
            Err(error) => tracing::warn!(%error, name, "there is no thread to load a strategy with; it is tried again"),
        }
    }

    /// Waits so long for what is done.
    pub(super) fn wait(&mut self, most: Duration) -> Vec<Done> {
        let first = self.done.recv_timeout(most).ok();
        let done: Vec<Done> = first.into_iter().chain(self.done.try_iter()).collect();
        for Done { ticket, .. } in &done {
            self.under_way.remove(&ticket.name);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    const SOON: Duration = Duration::from_secs(20);

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

    fn names(done: &[Done]) -> Vec<&str> {
        done.iter().map(|done| done.ticket.name.as_str()).collect()
    }

    #[test]
    fn files_are_loaded_one_after_another_until_one_is_slow() {
        let (mut loading, start) = (Loading::new(), Instant::now());
        let slow = hold(&mut loading, "slow", start);
        loading.begin(ticket("next", start), || Outcome::Same);
        assert_eq!(loading.under_way.len(), 1, "it waits for its turn");
        loading.begin(ticket("slow", start + ALONE), || Outcome::Same);
        assert_eq!(loading.under_way.len(), 1, "nobody is loaded twice at once");
        loading.begin(ticket("next", start + ALONE), || Outcome::Same);
        assert_eq!(names(&loading.wait(SOON)), ["next"]);
        assert!(loading.is_busy());
        drop(slow.0);
        assert_eq!(names(&loading.wait(SOON)), ["slow"]);
        assert!(!loading.is_busy());
    }

    #[test]
    fn there_are_never_more_than_a_few_and_one_that_panics_is_an_error() {
        let (mut loading, start) = (Loading::new(), Instant::now());
        let at = |place: u32| start + ALONE * place;
        let held: Vec<Held> = (0..9).map(|place| hold(&mut loading, &place.to_string(), at(place))).collect();
        assert_eq!(loading.under_way.len(), AT_ONCE);
        drop(held);
        while loading.is_busy() {
            loading.wait(SOON);
        }
        loading.begin(ticket("mad", at(9)), || panic!("a panic in a test"));
        let done = loading.wait(SOON);
        assert!(matches!(&done[0].outcome, Outcome::Failed { may_pass: false, .. }), "{done:?}");
    }
}
