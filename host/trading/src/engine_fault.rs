//! Ways to lose the engine that no input leads to, for the tests of the watchdog. Not in release builds.

use model::Body;
use model::input::Command;
use readmodel::Picture;
use std::path::Path;
use std::time::Duration;

/// The file in the data folder that asks for a fault, by one of the words below.
const FILE: &str = "engine-fault";

/// What happens to the engine's thread at an operator's pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineFault {
    /// It panics after the decision to cancel and before the first cancel.
    Panic,
    /// A step never ends.
    Loop,
    /// The read model's lock is never let go by another thread.
    Lock,
}

impl EngineFault {
    /// Returns what the data folder asks for.
    pub(crate) fn asked(data_dir: &Path) -> Option<Self> {
        let word = files::read_text(&data_dir.join(FILE), files::Links::Refuse, 64).ok()?;
        match word.trim() {
            "panic" => Some(Self::Panic),
            "loop" => Some(Self::Loop),
            "lock" => Some(Self::Lock),
            _ => None,
        }
    }

    /// Strikes between a step with this input and its effects.
    pub(crate) fn strike(self, body: &Body, picture: &Picture) {
        if !matches!(body, Body::Command(Command::Pause)) {
            return;
        }
        match self {
            Self::Panic => std::panic::resume_unwind(Box::new("asked for by the data folder")),
            Self::Loop => loop {
                std::hint::spin_loop();
            },
            Self::Lock => {
                let picture = picture.clone();
                // The lock is held while the iterator is asked for its first item.
                std::thread::spawn(move || picture.restrictions(std::iter::from_fn(asleep)));
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn asleep<T>() -> Option<T> {
    loop {
        std::thread::sleep(Duration::from_secs(3_600));
    }
}
