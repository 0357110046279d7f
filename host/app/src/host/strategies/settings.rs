//! Parameters: the file `NAME.toml` beside a module is the one truth; what is set by the API is written there.

use super::Strategies;
use super::known::Version;
use crate::parameters::{Settings, check};
use anyhow::Context;
use model::StrategyId;
use serde_json::{Map, Value, json};

impl Strategies {
    /// A file of settings came, changed or went.
    pub(super) async fn settings(&mut self, name: String, text: Option<String>) {
        match text {
            Some(text) => self.texts.insert(name.clone(), text),
            None => self.texts.remove(&name),
        };
        // What should run starts again from its own state, with the new parameters.
        let version = self.known.get(&name).filter(|known| known.is_up()).and_then(|known| known.wanted.clone());
        if let Some(version) = version {
            self.same(&name);
            self.consider(&name, version).await;
        }
    }

    /// Returns a version with the parameters that its file gives.
    pub(super) fn with_parameters(&self, name: &str, version: Version) -> anyhow::Result<Version> {
        let text = self.texts.get(name).map_or("", String::as_str);
        let settings = Settings::parse(text)?;
        // Without parameters the strategy's own defaults hold, whatever its schema is.
        if !settings.parameters.is_empty() {
            check(&version.module.manifest().parameter_schema, &settings.parameters)?;
        }
        Ok(Version { parameters: settings.to_json(), ..version })
    }

    /// Parameters do not fit; those before stay in force.
    pub(super) fn misfit(&self, id: StrategyId, name: &str, error: &anyhow::Error) {
        let runs = self.known.get(name).is_some_and(|known| known.running.is_some());
        tracing::error!(error = format!("{error:#}"), name, "a strategy's parameters do not fit");
        self.edit(id, |view| {
            let state = if runs { "running" } else { "failed" };
            state.clone_into(&mut view.state);
            let goes_on = if runs { "; what ran before goes on" } else { "" };
            view.error = format!("{name}.toml: {error:#}{goes_on}");
        });
    }

    /// Tells the parameters that hold, and which there are.
    pub(super) fn parameters(&self, name: &str) -> anyhow::Result<Value> {
        let known = self.known.get(name).context("there is no such strategy")?;
        let version = known.running.as_ref().or(known.wanted.as_ref()).or(known.file.as_ref());
        let version = version.context("its file is gone, or cannot be loaded")?;
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_no_json| json!({}));
        let schema = read(&version.module.manifest().parameter_schema);
        Ok(json!({ "schema": schema, "parameters": read(&version.parameters) }))
    }

    /// Writes parameters to the strategy's file, if they fit what should run. They hold as soon as the folder's watcher has seen them.
    pub(super) fn set_parameters(&self, name: &str, parameters: Map<String, Value>) -> anyhow::Result<()> {
        let known = self.known.get(name).context("there is no such strategy")?;
        let version = known.wanted.as_ref().or(known.file.as_ref()).context("its file is gone, or cannot be loaded")?;
        check(&version.module.manifest().parameter_schema, &parameters)?;
        let text = Settings { parameters }.to_text()?;
        let path = self.tools.strategies_dir.join(format!("{name}.toml"));
        crate::private::replace(&path, text.as_bytes()).with_context(|| format!("writing {}", path.display()))
    }
}
