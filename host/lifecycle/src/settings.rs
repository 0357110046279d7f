//! Parameters, markets and budgets. The file `NAME.toml` next to a module is the single source; changes through the API
//! are written to it.

use super::Strategies;
use super::strategy_record::Version;
use crate::settings_file::{Settings, check, with_parameters};
use alerts::StrategyIncident;
use anyhow::{Context, anyhow, bail};
use model::{Budget, EventId, Market, MarketIx, StrategyId};
use readmodel::views::StrategyStateView;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

impl Strategies {
    /// Handles a settings file that appeared, changed or was removed.
    pub(super) async fn settings(&mut self, name: String, text: Option<String>) {
        self.unusable.remove(&name);
        if let Some(known) = self.known.get_mut(&name) {
            known.unusable.clear();
        }
        match text {
            Some(text) => self.texts.insert(name.clone(), text),
            None => self.texts.remove(&name),
        };
        // The strategy continues with the new settings, or restarts from its saved state.
        let Some(known) = self.known.get(&name).filter(|known| !known.failed_too_often()) else { return };
        let version = match (known.wanted.clone(), known.file.clone()) {
            (Some(version), _) => version,
            // The previous settings may be the reason why no version is wanted.
            (None, Some(file)) => self.chosen(&name, file).await,
            (None, None) => return,
        };
        self.same(&name);
        self.consider(&name, version).await;
    }

    /// Handles an unusable settings file. A running strategy keeps its settings; one that does not run does not start.
    pub(super) fn settings_unusable(&mut self, name: String, error: String) {
        let known = self.known.get_mut(&name).filter(|known| known.wanted.is_some());
        if let Some(known) = known {
            known.unusable.clone_from(&error);
            let id = known.id;
            self.misfit(id, &name, &anyhow!("it cannot be used: {error}"));
        }
        self.unusable.insert(name, error);
    }

    /// Returns a version with the settings from its file, and the budget.
    pub(super) fn with_settings(&self, name: &str, version: Version) -> anyhow::Result<(Version, Budget)> {
        if let Some(error) = self.unusable.get(name) {
            bail!("it cannot be used: {error}");
        }
        let text = self.texts.get(name).map_or("", String::as_str);
        let settings = Settings::parse(text)?;
        // Without parameters the strategy's own defaults apply, whatever its schema is.
        if !settings.parameters.is_empty() {
            check(&version.module.manifest().parameter_schema, &settings.parameters)?;
        }
        let (parameters, budget) = (settings.to_json(), settings.budget);
        Ok((Version { parameters, named: settings.markets, fuel: settings.fuel, ..version }, budget))
    }

    /// Reports invalid settings; the previous ones remain in force.
    pub(super) fn misfit(&self, id: StrategyId, name: &str, error: &anyhow::Error) {
        let runs = self.known.get(name).is_some_and(|known| known.running.is_some());
        tracing::error!(error = format!("{error:#}"), name, "strategy settings invalid; keeping the previous ones");
        self.edit(id, |view| {
            view.state = if runs { StrategyStateView::Running } else { StrategyStateView::Failed };
            let goes_on = if runs { "; the previous settings remain in force" } else { "" };
            view.error = format!("{name}.toml: {error:#}{goes_on}");
        });
        self.trouble(&StrategyIncident::Settings, name, runs, &format!("{name}.toml: {error:#}"));
    }

    /// Returns the current parameters and their schema.
    pub(super) fn parameters(&self, name: &str) -> anyhow::Result<Value> {
        let known = self.known.get(name).context("there is no such strategy")?;
        let version = known.running.as_ref().or(known.wanted.as_ref()).or(known.file.as_ref());
        let version = version.context("its file is missing or cannot be loaded")?;
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_no_json| json!({}));
        let schema = read(&version.module.manifest().parameter_schema);
        Ok(json!({ "schema": schema, "parameters": read(&version.parameters) }))
    }

    /// Writes parameters to the strategy's file, if they match the schema. They take effect once the folder watcher has
    /// read the file.
    pub(super) fn set_parameters(&self, name: &str, parameters: Map<String, Value>) -> anyhow::Result<()> {
        let known = self.known.get(name).context("there is no such strategy")?;
        let version =
            known.wanted.as_ref().or(known.file.as_ref()).context("its file is missing or cannot be loaded")?;
        check(&version.module.manifest().parameter_schema, &parameters)?;
        if let Some(error) = self.unusable.get(name) {
            bail!("{name}.toml cannot be used, and its contents would be lost: {error}");
        }
        // The rest of the file is preserved.
        let text = with_parameters(self.texts.get(name).map_or("", String::as_str), &parameters)
            .with_context(|| format!("{name}.toml"))?;
        let path = self.tools.strategies_dir.join(format!("{name}.toml"));
        store::private_file::replace(&path, text.as_bytes()).with_context(|| format!("writing {}", path.display()))
    }
}

/// Returns the open markets that are named, or all if there are no names, and the names that match nothing, with the
/// reason. A strategy that selects whole events gets no event of which only some markets are named.
pub fn of_names(
    open: Vec<(MarketIx, Market)>,
    named: &[String],
    whole_events: bool,
) -> (Vec<(MarketIx, Market)>, Vec<String>) {
    if named.is_empty() {
        return (open, Vec::new());
    }
    let is =
        |market: &Market, name: &str| market.slug == name || market.condition.to_string() == name.to_ascii_lowercase();
    let absent = named.iter().filter(|name| !open.iter().any(|(_, market)| is(market, name)));
    let mut missing: Vec<String> = absent.map(|name| format!("{name} (not open here)")).collect();
    let (mut kept, others): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|(_, market)| named.iter().any(|name| is(market, name)));
    let torn: BTreeSet<EventId> = others.iter().filter_map(|(_, market)| market.event).collect();
    if whole_events {
        kept.retain(|(_, market)| {
            let whole = market.event.is_none_or(|event| !torn.contains(&event));
            if !whole {
                missing.push(format!("{} (others of its event are not named)", market.slug));
            }
            whole
        });
    }
    (kept, missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ConditionId;

    fn market(slug: &str, byte: u8, event: Option<u8>) -> Market {
        let (condition, event) = (ConditionId([byte; 32]), event.map(|event| EventId([event; 32])));
        Market { condition, slug: slug.into(), event, ..testkit::market(1) }
    }

    fn got(open: &[Market], named: &[&str], whole: bool) -> (Vec<u32>, Vec<String>) {
        let open = (0..).map(MarketIx).zip(open.iter().cloned()).collect();
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        let (kept, missing) = of_names(open, &named, whole);
        (kept.iter().map(|(ix, _)| ix.0).collect(), missing)
    }

    #[test]
    fn a_market_is_named_by_its_slug_or_its_condition_and_other_names_are_reported() {
        let open = [market("rain", 1, None), market("snow", 0xab, None), market("sun", 3, None)];
        let condition = format!("0x{}", "AB".repeat(32));
        assert_eq!(got(&open, &[], false), (vec![0, 1, 2], vec![]));
        assert_eq!(got(&open, &["sun", condition.as_str()], false), (vec![1, 2], vec![]));
        let missing = vec!["rai (not open here)".to_owned(), "0x01 (not open here)".to_owned()];
        assert_eq!(got(&open, &["rain", "rai", "0x01"], false), (vec![0], missing));
        assert_eq!(got(&open, &["fog"], false).0, [0; 0]);
    }

    #[test]
    fn an_event_named_in_part_is_not_granted_to_a_strategy_of_whole_events() {
        let open = [market("a-1", 1, Some(1)), market("a-2", 2, Some(1)), market("b-1", 3, Some(2))];
        let missing = vec!["a-2 (others of its event are not named)".to_owned()];
        assert_eq!(got(&open, &["a-2", "b-1"], true), (vec![2], missing));
        assert_eq!(got(&open, &["a-2", "b-1"], false), (vec![1, 2], vec![]));
        assert_eq!(got(&open, &["a-1", "a-2"], true), (vec![0, 1], vec![]));
    }
}
