//! State machine of one file, from a change to its report. The current time is passed in.

use super::entries::Kind;
use crate::supervisor::Report;
use crate::supervisor::file_stamp::FileStamp;
use crate::supervisor::loading::{Early, Outcome, Ticket};
use std::time::{Duration, Instant};

/// Time for which a file must be unchanged before it is loaded.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// The interval between attempts to load a file that cannot be loaded yet.
const RETRY: Duration = Duration::from_millis(200);
/// Time after its last change during which a file that cannot be loaded is retried.
const PATIENCE: Duration = Duration::from_secs(2);

/// The SHA-256 of a module's bytes.
pub(super) type Hash = [u8; 32];

/// The reason for loading a file now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// It has been unchanged for long enough.
    Due,
    /// It has not been unchanged for long enough, but compilation can start.
    Early,
}

/// A file in the folder.
#[derive(Debug)]
pub(super) struct File {
    kind: Kind,
    mark: FileStamp,
    /// The last report about the module. It remains valid while the file settles again.
    verdict: Verdict,
    state: FileState,
}

/// The last report about a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// There is none, or the file is a settings file, which is not compared with its previous version.
    None,
    /// The module is loaded.
    Loaded(Hash),
    /// The latest version was rejected.
    Rejected {
        /// The previously loaded module.
        loaded: Option<Hash>,
    },
}

#[derive(Debug)]
enum FileState {
    /// It changed, and is loaded once it has been unchanged for long enough.
    Settling(Settling),
    /// It was due, and a thread is loading it.
    Loading(Settling),
    /// It was reported; nothing happens until it changes.
    Settled,
}

#[derive(Debug)]
struct Settling {
    changed: Instant,
    early: EarlyLoad,
    /// The time of the last failed attempt to load it when it was due.
    failed: Option<Instant>,
}

/// The early load of a file that is not due yet. It happens once until the file is settled, so that a slowly written
/// file is not compiled repeatedly.
#[derive(Debug)]
enum EarlyLoad {
    Untried,
    /// With the result for the current content, if there is one yet.
    Tried(Option<Early>),
}

impl File {
    pub(super) const fn new(kind: Kind, mark: FileStamp, changed: Instant) -> Self {
        let settling = Settling { changed, early: EarlyLoad::Untried, failed: None };
        Self { kind, mark, verdict: Verdict::None, state: FileState::Settling(settling) }
    }

    /// Returns whether the file still has this stamp.
    pub(super) fn has(&self, mark: &FileStamp) -> bool {
        self.mark == *mark
    }

    /// Returns the length in bytes.
    pub(super) const fn length(&self) -> u64 {
        self.mark.length()
    }

    /// Returns the hash of the last loaded module.
    pub(super) const fn loaded(&self) -> Option<Hash> {
        match self.verdict {
            Verdict::None => None,
            Verdict::Loaded(hash) => Some(hash),
            Verdict::Rejected { loaded } => loaded,
        }
    }

    /// Records that the file changed, so that it settles again.
    pub(super) fn change(&mut self, mark: FileStamp, changed: Instant) {
        let early = match &self.state {
            FileState::Settling(Settling { early: EarlyLoad::Tried(_), .. })
            | FileState::Loading(Settling { early: EarlyLoad::Tried(_), .. }) => EarlyLoad::Tried(None),
            _ => EarlyLoad::Untried,
        };
        self.mark = mark;
        self.state = FileState::Settling(Settling { changed, early, failed: None });
    }

    /// Returns the time until the file is due; none if it is not waiting for time to pass.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let FileState::Settling(settling) = &self.state else { return None };
        // An empty settings file is most likely still being written, and would mean the defaults.
        let quiet = if self.kind == Kind::Settings && self.length() == 0 { PATIENCE } else { DEBOUNCE };
        let left = |since: Instant, wait: Duration| wait.saturating_sub(now.saturating_duration_since(since));
        let retry = settling.failed.map_or(Duration::ZERO, |failed| left(failed, RETRY));
        Some(left(settling.changed, quiet).max(retry))
    }

    /// Returns whether the file is to be loaded now, and why.
    pub(super) fn due(&self, now: Instant) -> Option<When> {
        let FileState::Settling(settling) = &self.state else { return None };
        if self.wait(now)?.is_zero() {
            return Some(When::Due);
        }
        let early = matches!(settling.early, EarlyLoad::Untried) && settling.failed.is_none();
        (self.kind == Kind::Module && early && self.length() > 0).then_some(When::Early)
    }

    /// Returns the result of the early load, for the load that is due.
    pub(super) fn take_early(&mut self) -> Option<Early> {
        match &mut self.state {
            FileState::Settling(Settling { early: EarlyLoad::Tried(early), .. }) => early.take(),
            _ => None,
        }
    }

    /// Records that a thread is loading the file.
    pub(super) fn begin(&mut self, when: When) {
        self.state = match (std::mem::replace(&mut self.state, FileState::Settled), when) {
            (FileState::Settling(settling), When::Due) => FileState::Loading(settling),
            (FileState::Settling(settling), When::Early) => {
                FileState::Settling(Settling { early: EarlyLoad::Tried(None), ..settling })
            }
            (state, _) => state,
        };
    }

    /// Records that the file could not be read, so that it is retried.
    pub(super) fn retry(&mut self, now: Instant) {
        self.state = FileState::Settling(Settling { changed: now, early: EarlyLoad::Untried, failed: Some(now) });
    }

    /// Records that the file was reported or given up.
    pub(super) fn mark_reported(&mut self) {
        self.state = FileState::Settled;
    }

    /// Applies the result of a load, and returns the report about it.
    pub(super) fn finish(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Option<Report> {
        let (FileState::Settling(settling) | FileState::Loading(settling)) = &mut self.state else { return None };
        let (name, quiet) = (ticket.name, ticket.at.saturating_duration_since(settling.changed));
        match outcome {
            Outcome::Early(early) => {
                settling.early = EarlyLoad::Tried(early);
                None
            }
            Outcome::Failed { error, may_pass: true } if quiet < PATIENCE => {
                tracing::debug!(name, error, "loading a strategy file failed; it is retried");
                let changed = settling.changed;
                self.state = FileState::Settling(Settling { changed, early: EarlyLoad::Untried, failed: Some(now) });
                None
            }
            Outcome::Failed { error, .. } => {
                self.conclude(Verdict::Rejected { loaded: self.loaded() });
                Some(Report::Rejected { name, error })
            }
            Outcome::Loaded(module) => {
                self.conclude(Verdict::Loaded(module.hash()));
                Some(Report::Ready { name, module })
            }
            // The content is unchanged, so there is nothing to report, unless another version was rejected meanwhile.
            Outcome::Same => {
                let before = self.verdict;
                self.conclude(self.loaded().map_or(Verdict::None, Verdict::Loaded));
                matches!(before, Verdict::Rejected { .. }).then_some(Report::Same { name })
            }
        }
    }

    fn conclude(&mut self, verdict: Verdict) {
        self.verdict = verdict;
        self.mark_reported();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Returns the stamps of two files that are not empty.
    fn marks() -> [FileStamp; 2] {
        ["Cargo.toml", "src/lib.rs"].map(|path| {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
            FileStamp::of(&std::fs::metadata(path).unwrap())
        })
    }

    fn ticket(mark: FileStamp, at: Instant) -> Ticket {
        Ticket { name: "one".to_owned(), mark, at }
    }

    fn failed(may_pass: bool) -> Outcome {
        Outcome::Failed { error: "no module".to_owned(), may_pass }
    }

    #[test]
    fn a_file_is_loaded_early_once_and_again_when_it_is_due() {
        let ([first, second], start) = (marks(), Instant::now());
        let mut file = File::new(Kind::Module, first, start);
        assert_eq!(file.due(start), Some(When::Early));
        file.begin(When::Early);
        assert_eq!(file.due(start + millis(49)), None);
        file.change(second, start + millis(49));
        assert_eq!(file.due(start + millis(50)), None, "it is not compiled repeatedly");
        assert_eq!(file.wait(start + millis(50)), Some(millis(49)));
        assert_eq!(file.due(start + millis(99)), Some(When::Due));
        file.begin(When::Due);
        assert_eq!((file.due(start + millis(200)), file.wait(start + millis(200))), (None, None), "being loaded");
        file.change(first, start + millis(200));
        assert_eq!(file.due(start + millis(200)), None);
        let same = file.finish(ticket(first, start + millis(250)), failed(false), start + millis(250));
        assert!(matches!(same, Some(Report::Rejected { .. })));
        file.change(second, start + millis(300));
        assert_eq!(file.due(start + millis(300)), Some(When::Early), "it was settled in between");
    }

    #[test]
    fn a_file_that_cannot_be_loaded_yet_is_tried_again_until_it_is_rejected() {
        let ([mark, _], start) = (marks(), Instant::now());
        let mut file = File::new(Kind::Module, mark, start);
        let mut now = start + DEBOUNCE;
        let mut tries = 0;
        let error = loop {
            tries += 1;
            assert_eq!(file.due(now), Some(When::Due));
            file.begin(When::Due);
            match file.finish(ticket(mark, now), failed(true), now) {
                None => assert_eq!((file.due(now), file.wait(now)), (None, Some(RETRY))),
                Some(Report::Rejected { error, .. }) => break error,
                Some(other) => panic!("{other:?}"),
            }
            now += RETRY;
        };
        assert_eq!((error.as_str(), tries, now - start), ("no module", 11, millis(2_050)));
        assert_eq!((file.due(now), file.wait(now)), (None, None));
    }

    #[test]
    fn settings_are_never_early_and_a_file_that_was_rejected_may_be_the_one_before_again() {
        let ([first, second], start) = (marks(), Instant::now());
        let settings = File::new(Kind::Settings, first, start);
        assert_eq!((settings.due(start), settings.due(start + DEBOUNCE)), (None, Some(When::Due)));
        let mut file = File { verdict: Verdict::Loaded([1; 32]), ..File::new(Kind::Module, first, start) };
        assert!(file.finish(ticket(first, start), Outcome::Same, start).is_none(), "nothing changed");
        file.change(second, start);
        assert!(matches!(file.finish(ticket(second, start), failed(false), start), Some(Report::Rejected { .. })));
        assert_eq!(file.loaded(), Some([1; 32]), "it runs");
        file.change(first, start);
        assert!(matches!(file.finish(ticket(first, start), Outcome::Same, start), Some(Report::Same { .. })));
        assert_eq!(file.verdict, Verdict::Loaded([1; 32]));
    }
}
