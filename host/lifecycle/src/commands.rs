//! Operator commands about strategies.

use super::budgets::describe;
use super::{Strategies, clock};
use anyhow::{Context, bail, ensure};
use control::{ControlError, PendingCommand, StrategyCommand};
use model::{Budget, hex};
use readmodel::views::StrategyStateView;
use serde_json::Value;
use store::db::{DbError, Decision, DecisionRow};

impl Strategies {
    /// Executes a command and sends the reply.
    pub(super) async fn on_command(&mut self, asked: PendingCommand) {
        let PendingCommand { name, command: word, who, reply } = asked;
        let asks = word == StrategyCommand::Parameters;
        if !asks {
            tracing::info!(name, ?word, who, "operator command for a strategy");
        }
        let nothing = |()| Value::Null;
        let done = match word {
            StrategyCommand::Enable => self.enable(&name, who).await.map(nothing),
            StrategyCommand::Disable => self.disable(&name, who).map(nothing),
            StrategyCommand::RollBack { hash } => self.roll_back(&name, hash, who).await.map(nothing),
            StrategyCommand::Arm { hash, budget, run } => {
                self.arm(&name, hash, (budget, run), who).await.map(Value::String)
            }
            StrategyCommand::SetParameters(parameters) => self.set_parameters(&name, parameters).map(nothing),
            StrategyCommand::Parameters => self.parameters(&name),
        };
        // The operator may no longer be waiting; the command has been executed nevertheless.
        let failed = |error: anyhow::Error| {
            if error.is::<DbError>() {
                // Database errors may contain file names, hosts and values, so they go to the log only.
                tracing::error!(
                    name,
                    error = format!("{error:#}"),
                    "decision about a strategy not stored; nothing has changed"
                );
                return ControlError::NotStored(format!(
                    "{name}: the database did not store the decision; see the host's log"
                ));
            }
            ControlError::Refused(format!("{name}: {error:#}"))
        };
        if reply.send(done.map_err(failed)).is_err() {
            tracing::debug!(name, "reply to an operator not delivered; the request had ended");
        }
    }

    async fn enable(&mut self, name: &str, who: String) -> anyhow::Result<()> {
        let known = self.known.get(name).context("there is no such strategy")?;
        let file = known.file.clone().context("its file is missing or cannot be loaded")?;
        let decision = known.decision.clone();
        self.decide(name, DecisionRow { disabled: 0, who, at_ms: clock::now().millis(), ..decision }).await?;
        if let Some(known) = self.known.get_mut(name) {
            known.forgive();
        }
        let version = self.chosen(name, file).await;
        self.consider(name, version).await;
        Ok(())
    }

    /// Stops a strategy, even if the database is not available; storing the decision is retried until it succeeds.
    fn disable(&mut self, name: &str, who: String) -> anyhow::Result<()> {
        let known = self.known.get_mut(name).context("there is no such strategy")?;
        let id = known.id;
        known.forget();
        known.decision = DecisionRow { disabled: 1, who, at_ms: clock::now().millis(), ..known.decision.clone() };
        let decision = Decision::Strategy(self.tools.scope.clone(), known.decision.clone());
        self.retire(id, "it was disabled".to_owned());
        self.edit(id, |view| view.state = StrategyStateView::Disabled);
        self.tools.db.decisions().write(decision);
        Ok(())
    }

    /// Arms a version, and returns its hash, its budget and the run that it is armed from as text.
    async fn arm(
        &mut self,
        name: &str,
        hash: Option<String>,
        (budget, run): (Option<Budget>, Option<String>),
        who: String,
    ) -> anyhow::Result<String> {
        let known = self.known.get(name).context("there is no such strategy")?;
        let file = known.file.clone().context("its file is missing or cannot be loaded")?;
        if known.decision.disabled != 0 {
            bail!("it is disabled; enable it first");
        }
        let version = self.chosen(name, file).await;
        let armed = hex::encode(&version.module.hash());
        if let Some(hash) = hash {
            // The operator chose a specific version; no other one may be armed in its place.
            ensure!(!hash.is_empty() && armed.starts_with(&hash), "the version to arm is {armed:.12}, not `{hash}`");
        }
        let from = self.promoted(&armed, run.as_deref()).await?;
        let decision = self.known.get(name).map(|known| known.decision.clone()).unwrap_or_default();
        let budget = budget.unwrap_or_else(|| decision.armed_budget());
        let summary = format!("{armed} with {}{from}", describe(budget));
        let decision = DecisionRow { armed, who, at_ms: clock::now().millis(), ..decision };
        self.decide(name, decision.with_armed_budget(budget)).await?;
        self.same(name);
        // The budget applies to the running version at once, even if the armed version cannot start because its
        // settings are invalid.
        self.apply_budget(name);
        self.consider(name, version).await;
        Ok(summary)
    }
}
