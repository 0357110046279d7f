//! Operator commands about one strategy, sent to the task that manages strategies.

use super::ControlError;
use bytes::Bytes;
use model::Budget;
use sandbox::Sandbox;
use sandbox::supervisor::is_name;
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Time limit of a command: a rollback compiles a module.
const PATIENCE: Duration = Duration::from_secs(30);
/// Maximum number of queued commands.
const WORDS_MAX: usize = 64;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrategyCommand {
    /// Enable the strategy after it was disabled or failed permanently.
    Enable,
    /// Stop the strategy and cancel its orders, even if its file changes.
    Disable,
    /// Return to a version, or to the previous one.
    RollBack {
        /// Prefix of the version's hash.
        hash: Option<String>,
    },
    /// Return the effective parameters and their schema.
    Parameters,
    /// Set the parameters.
    SetParameters(Map<String, Value>),
    /// Let a version trade real money; by default the version of the file.
    Arm {
        /// Prefix of the version's hash.
        hash: Option<String>,
        /// The budget; if absent, the previous budget is kept.
        budget: Option<Budget>,
        /// Prefix of the backtest that it is armed from.
        run: Option<String>,
    },
}

/// A command waiting for execution.
#[derive(Debug)]
pub struct PendingCommand {
    /// The strategy's name.
    pub name: String,
    /// The command.
    pub command: StrategyCommand,
    /// The name of the operator's token.
    pub who: String,
    /// Channel for the result.
    pub reply: oneshot::Sender<Result<Value, ControlError>>,
}

/// Sends commands to the task that manages strategies. A cheap handle.
#[derive(Debug, Clone)]
pub struct StrategyCommands {
    sender: mpsc::Sender<PendingCommand>,
    /// The sandbox that validates an uploaded module, and the folder to install it into.
    place: Option<(Sandbox, PathBuf)>,
}

impl StrategyCommands {
    /// Returns a handle, and the receiver of its commands. Without `place`, uploads are rejected.
    pub fn new(place: Option<(Sandbox, PathBuf)>) -> (Self, mpsc::Receiver<PendingCommand>) {
        let (sender, words) = mpsc::channel(WORDS_MAX);
        (Self { sender, place }, words)
    }

    /// Sends a command, and returns its result.
    ///
    /// # Errors
    /// If it cannot be executed, or not in time.
    pub(crate) async fn send(&self, name: &str, word: StrategyCommand, who: &str) -> Result<Value, ControlError> {
        let (reply, answer) = oneshot::channel();
        let asked = PendingCommand { name: name.to_owned(), command: word, who: who.to_owned(), reply };
        let full = |_full| ControlError::Refused("too many commands are already waiting".to_owned());
        self.sender.try_send(asked).map_err(full)?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(ControlError::Silent),
        }
    }

    /// Validates a module and installs it atomically into the strategies folder under a name.
    ///
    /// # Errors
    /// If it is invalid, or cannot be written.
    pub(crate) async fn upload(&self, name: &str, bytes: Bytes) -> Result<(), ControlError> {
        let refused = |words: String| ControlError::Refused(words);
        let (sandbox, dir) = self.place.clone().ok_or_else(|| refused("there is no strategies folder".to_owned()))?;
        if !is_name(name) {
            return Err(refused(format!("invalid name `{name}`: expected at most 64 letters, digits, - and _")));
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
