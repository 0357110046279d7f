//! Loading of files outside the watcher thread, so that a slow compilation delays neither other files nor the detection
//! of removals. Quick loads run one after another, in order.

use super::file_stamp::FileStamp;
use super::wake::Wake;
use crate::module::Module;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Time after which the next file no longer waits for this one.
const ALONE: Duration = Duration::from_millis(250);
/// The maximum number of files loaded in parallel, if all are slow.
const AT_ONCE: usize = 4;

/// The file being loaded, with its stamp at the start of the load.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    pub(super) name: String,
    pub(super) mark: FileStamp,
    pub(super) at: Instant,
}

/// The result of a load.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The file is the last loaded module.
    Same,
    Loaded(Module),
    /// The result of an early load; none if it is not usable.
    Early(Option<Early>),
    Failed {
        error: String,
        /// True if the file may load later, with more bytes or on another attempt.
        may_pass: bool,
    },
}

/// The result of an early load, for the content with this hash.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) hash: [u8; 32],
    pub(super) outcome: Box<Outcome>,
}

/// A finished load.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) ticket: Ticket,
    pub(super) outcome: Outcome,
}

/// The loads in progress.
#[derive(Debug)]
pub(super) struct Loading {
    wake: mpsc::Sender<Wake>,
    /// The start time of each load, by name.
    under_way: BTreeMap<String, Instant>,
}

impl Loading {
    /// Creates an empty set. Finished loads are sent to `wake`; pass each to [`Loading::end`].
    pub(super) const fn new(wake: mpsc::Sender<Wake>) -> Self {
        Self { wake, under_way: BTreeMap::new() }
    }

    /// Returns whether a file can be loaded now.
    pub(super) fn has_room(&self, name: &str, now: Instant) -> bool {
        let slow = |since: &Instant| now.saturating_duration_since(*since) >= ALONE;
        let room = self.under_way.len() < AT_ONCE && self.under_way.values().all(slow);
        room && !self.under_way.contains_key(name)
    }

    /// Starts loading a file in its own thread if there is capacity, and returns whether it did. Otherwise call it
    /// again later.
    pub(super) fn begin(&mut self, ticket: Ticket, load: impl FnOnce() -> Outcome + Send + 'static) -> bool {
        if !self.has_room(&ticket.name, ticket.at) {
            return false;
        }
        let (wake, name, at) = (self.wake.clone(), ticket.name.clone(), ticket.at);
        let work = move || {
            let failed =
                |_panic| Outcome::Failed { error: "loading it panicked in the host".to_owned(), may_pass: false };
            let outcome = catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(failed);
            // Sending fails only if the watcher has ended.
            let _sent = wake.send(Wake::Loaded(Box::new(Done { ticket, outcome })));
        };
        match std::thread::Builder::new().name("strategies-load".to_owned()).spawn(work) {
            Ok(_detached) => {
                self.under_way.insert(name, at);
                true
            }
            Err(error) => {
                tracing::warn!(%error, name, "creating a thread to load a strategy failed; it is retried");
                false
            }
        }
    }

    /// Removes a finished load.
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

    /// Waits for the next finished load.
    fn wait(loading: &mut Loading, wakes: &Receiver<Wake>) -> Done {
        let Wake::Loaded(done) = wakes.recv_timeout(SOON).unwrap() else { panic!("only loads send here") };
        loading.end(&done.ticket);
        *done
    }

    /// A load that ends when this is dropped.
    struct Held(Sender<()>);

    fn ticket(name: &str, at: Instant) -> Ticket {
        let mark = FileStamp::of(&std::fs::metadata(std::env::temp_dir()).unwrap());
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
        assert_eq!(loading.under_way.len(), 1, "a file is not loaded twice at once");
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
