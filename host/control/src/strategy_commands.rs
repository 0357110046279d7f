//! Commands of operators about one strategy, on their way to the task that runs strategies.

use super::ControlError;
use bytes::Bytes;
use model::Budget;
use sandbox::Sandbox;
use sandbox::supervisor::is_name;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// How long a word may take: going back compiles a module.
const PATIENCE: Duration = Duration::from_secs(30);
/// Words that wait.
const WORDS_MAX: usize = 64;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Let it run again: after it was disabled, or failed for good.
    Enable,
    /// End it and cancel its orders, whatever its file becomes.
    Disable,
    /// Go back to a version, or to the one before.
    RollBack {
        /// The beginning of its hash.
        hash: Option<String>,
    },
    /// Tell the parameters that hold, and their schema.
    Parameters,
    /// Set the parameters.
    SetParameters(Map<String, Value>),
    /// Let a version trade real money, or the file's.
    Arm {
        /// The beginning of its hash.
        hash: Option<String>,
        /// What it may use; what was armed before stays if nothing is said.
        budget: Option<Budget>,
    },
}

/// A word on its way.
#[derive(Debug)]
pub struct Asked {
    /// The strategy's name.
    pub name: String,
    /// What is asked for.
    pub word: Word,
    /// The name of the operator's token.
    pub who: String,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Result<Value, ControlError>>,
}

/// Takes words to whoever looks after strategies. A cheap handle.
#[derive(Debug, Clone)]
pub struct Words {
    sender: mpsc::Sender<Asked>,
    /// What checks a module, and the folder where it then goes.
    place: Option<(Sandbox, PathBuf)>,
}

impl Words {
    /// Returns a handle, and where its words come out. Without a place nothing can be uploaded.
    pub fn new(place: Option<(Sandbox, PathBuf)>) -> (Self, mpsc::Receiver<Asked>) {
        let (sender, words) = mpsc::channel(WORDS_MAX);
        (Self { sender, place }, words)
    }

    /// Says a word, and returns the answer when it is done.
    ///
    /// # Errors
    /// If it cannot be done, or is not in time.
    pub(crate) async fn say(&self, name: &str, word: Word, who: &str) -> Result<Value, ControlError> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked { name: name.to_owned(), word, who: who.to_owned(), reply };
        let full = |_full| ControlError::Refused("too many words wait already".to_owned());
        self.sender.try_send(asked).map_err(full)?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(ControlError::Silent),
        }
    }

    /// Puts a module into the strategies folder under a name, whole at once, if it is one that the host would take.
    ///
    /// # Errors
    /// Why it would not, or that it cannot be written.
    pub(crate) async fn upload(&self, name: &str, bytes: Bytes) -> Result<(), ControlError> {
        let refused = |words: String| ControlError::Refused(words);
        let (sandbox, dir) = self.place.clone().ok_or_else(|| refused("there is no strategies folder".to_owned()))?;
        if !is_name(name) {
            return Err(refused(format!("`{name}` is no name: at most 64 letters, digits, - and _")));
        }
        let path = dir.join(format!("{name}.wasm"));
        let write = move || {
            sandbox.load(&bytes).map_err(|error| error.to_string())?;
            store::private_file::replace(&path, &bytes).map_err(|error| format!("writing {}: {error}", path.display()))
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(|error| refused(error.to_string()))?.map_err(refused)
    }
}
