//! What operators say about strategies.

use super::budgets::words;
use super::{Strategies, clock};
use crate::control::ControlError;
use crate::db::DecisionRow;
use crate::hex::hex;
use anyhow::{Context, bail, ensure};
use axum::body::Bytes;
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
pub(crate) enum Word {
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
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) word: Word,
    who: String,
    pub(crate) reply: oneshot::Sender<Result<Value, String>>,
}

/// Takes words to whoever looks after strategies. A cheap handle.
#[derive(Debug, Clone)]
pub(crate) struct Words {
    sender: mpsc::Sender<Asked>,
    /// What checks a module, and the folder where it then goes.
    place: Option<(Sandbox, PathBuf)>,
}

impl Words {
    /// Returns a handle, and where its words come out. Without a place nothing can be uploaded.
    pub(crate) fn new(place: Option<(Sandbox, PathBuf)>) -> (Self, mpsc::Receiver<Asked>) {
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
            Ok(Ok(answer)) => answer.map_err(ControlError::Refused),
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
            crate::private::replace(&path, &bytes).map_err(|error| format!("writing {}: {error}", path.display()))
        };
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(|error| refused(error.to_string()))?.map_err(refused)
    }
}

impl Strategies {
    /// Does what was asked for, and says so.
    pub(super) async fn answer(&mut self, asked: Asked) {
        let Asked { name, word, who, reply } = asked;
        let asks = word == Word::Parameters;
        if !asks {
            tracing::info!(name, ?word, who, "an operator's word about a strategy");
        }
        let nothing = |()| Value::Null;
        let done = match word {
            Word::Enable => self.enable(&name, who).await.map(nothing),
            Word::Disable => self.disable(&name, who).await.map(nothing),
            Word::RollBack { hash } => self.roll_back(&name, hash, who).await.map(nothing),
            Word::Arm { hash, budget } => self.arm(&name, hash, budget, who).await.map(Value::String),
            Word::SetParameters(parameters) => self.set_parameters(&name, parameters).map(nothing),
            Word::Parameters => self.parameters(&name),
        };
        // Nobody may be waiting any more; it is done all the same.
        if reply.send(done.map_err(|error| format!("{name}: {error:#}"))).is_err() {
            tracing::debug!(name, "an operator did not wait for the answer");
        }
    }

    async fn enable(&mut self, name: &str, who: String) -> anyhow::Result<()> {
        let known = self.known.get_mut(name).context("there is no such strategy")?;
        let file = known.file.clone().context("its file is gone, or cannot be loaded")?;
        let decision = known.decision.clone();
        known.forgive();
        self.decide(name, DecisionRow { disabled: 0, who, at_ms: clock::now().millis(), ..decision }).await?;
        let version = self.chosen(name, file).await;
        self.consider(name, version).await;
        Ok(())
    }

    async fn disable(&mut self, name: &str, who: String) -> anyhow::Result<()> {
        let known = self.known.get_mut(name).context("there is no such strategy")?;
        let (id, decision) = (known.id, known.decision.clone());
        // First of all, whatever the database says.
        known.forget();
        self.retire(id, "it was disabled".to_owned());
        self.edit(id, |view| "disabled".clone_into(&mut view.state));
        let decision = DecisionRow { disabled: 1, who, at_ms: clock::now().millis(), ..decision };
        self.decide(name, decision).await.context("it was ended, but a restart of the host would run it again")
    }

    /// Arms a version, and says which and with what.
    async fn arm(
        &mut self,
        name: &str,
        hash: Option<String>,
        budget: Option<Budget>,
        who: String,
    ) -> anyhow::Result<String> {
        let known = self.known.get(name).context("there is no such strategy")?;
        let file = known.file.clone().context("its file is gone, or cannot be loaded")?;
        if known.decision.disabled != 0 {
            bail!("it is disabled; enable it first");
        }
        let version = self.chosen(name, file).await;
        let armed = hex(&version.module.hash());
        if let Some(hash) = hash {
            // Somebody looked at a version; another one must not be armed in its place.
            ensure!(!hash.is_empty() && armed.starts_with(&hash), "what would run is {armed:.12}, and not `{hash}`");
        }
        let decision = self.known.get(name).map(|known| known.decision.clone()).unwrap_or_default();
        let budget = budget.unwrap_or_else(|| decision.armed_budget());
        let said = format!("{armed} with {}", words(budget));
        let decision = DecisionRow { armed, who, at_ms: clock::now().millis(), ..decision };
        self.decide(name, decision.with_armed_budget(budget)).await?;
        self.same(name);
        // It bounds what runs at once, also where the armed version cannot follow because its settings do not fit.
        self.settle_budget(name);
        self.consider(name, version).await;
        Ok(said)
    }
}
