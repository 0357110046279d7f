//! What operators say about strategies.

use super::budgets::words;
use super::{Strategies, clock};
use anyhow::{Context, bail, ensure};
use control::{Asked, ControlError, Word};
use model::{Budget, hex};
use readmodel::views::StrategyStateView;
use serde_json::Value;
use store::db::{DbError, Decision, DecisionRow};

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
            Word::Disable => self.disable(&name, who).map(nothing),
            Word::RollBack { hash } => self.roll_back(&name, hash, who).await.map(nothing),
            Word::Arm { hash, budget } => self.arm(&name, hash, budget, who).await.map(Value::String),
            Word::SetParameters(parameters) => self.set_parameters(&name, parameters).map(nothing),
            Word::Parameters => self.parameters(&name),
        };
        // Nobody may be waiting any more; it is done all the same.
        let failed = |error: anyhow::Error| {
            if error.is::<DbError>() {
                // What the database says may name files, hosts and values: it is for the operator of the machine.
                tracing::error!(
                    name,
                    error = format!("{error:#}"),
                    "decision about a strategy not stored; nothing has changed"
                );
                return ControlError::NotStored(format!(
                    "{name}: the database did not store it; the host's log has the reason"
                ));
            }
            ControlError::Refused(format!("{name}: {error:#}"))
        };
        if reply.send(done.map_err(failed)).is_err() {
            tracing::debug!(name, "an operator did not wait for the answer");
        }
    }

    async fn enable(&mut self, name: &str, who: String) -> anyhow::Result<()> {
        let known = self.known.get(name).context("there is no such strategy")?;
        let file = known.file.clone().context("its file is gone, or cannot be loaded")?;
        let decision = known.decision.clone();
        self.decide(name, DecisionRow { disabled: 0, who, at_ms: clock::now().millis(), ..decision }).await?;
        if let Some(known) = self.known.get_mut(name) {
            known.forgive();
        }
        let version = self.chosen(name, file).await;
        self.consider(name, version).await;
        Ok(())
    }

    /// Ends a strategy, whatever the database says; it is written there until it has it.
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
        let armed = hex::encode(&version.module.hash());
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
