//! Ways to lose the engine that no input can cause, for the watchdog's tests. Not in release builds.

use model::InputKind;
use model::input::Command;
use readmodel::ReadModel;
use std::path::Path;
use std::time::Duration;

/// The file in the data folder that requests a fault, by one of the words below.
const FILE: &str = "engine-fault";

/// The fault that hits the engine thread at an operator's pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EngineFault {
    /// The thread panics after the decision to cancel and before the first cancel.
    Panic,
    /// A step never ends.
    Loop,
    /// Another thread never releases the read model's lock.
    Lock,
}

impl EngineFault {
    /// Returns the fault requested in the data folder.
    pub(crate) fn requested(data_dir: &Path) -> Option<Self> {
        let word = files::read_text(&data_dir.join(FILE), files::Links::Refuse, 64).ok()?;
        match word.trim() {
            "panic" => Some(Self::Panic),
            "loop" => Some(Self::Loop),
            "lock" => Some(Self::Lock),
            _ => None,
        }
    }

    /// Causes the fault between a step with this input and its effects.
    pub(crate) fn strike(self, body: &InputKind, picture: &ReadModel) {
        if !matches!(body, InputKind::Command(Command::Pause)) {
            return;
        }
        match self {
            Self::Panic => std::panic::resume_unwind(Box::new("requested in the data folder")),
            Self::Loop => loop {
                std::hint::spin_loop();
            },
            Self::Lock => {
                let picture = picture.clone();
                // The lock is held while the iterator computes its first item.
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
