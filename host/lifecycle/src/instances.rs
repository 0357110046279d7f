//! Handling of instance reports: started, not started, failed, and logged.

use super::Strategies;
use super::deployment::describe;
use super::log_day::Room;
use super::pruning;
use super::strategy_record::{FAULTS_MAX, ManagedStrategy};
use alerts::StrategyIncident;
use control::clock;
use model::{StrategyId, hex};
use readmodel::views::StrategyStateView;
use sandbox::{LogLevel, LogLine};

impl Strategies {
    fn by_number(&mut self, strategy: StrategyId) -> Option<(String, &mut ManagedStrategy)> {
        self.known.iter_mut().find(|(_, known)| known.id == strategy).map(|(name, known)| (name.clone(), known))
    }

    pub(super) fn started(&mut self, strategy: StrategyId, instance: u32) {
        let Some((name, known)) = self.by_number(strategy) else { return };
        known.started(instance);
        let (markets, running) = (known.markets.len(), known.running.clone());
        let note = known.notice();
        let most = self.tools.sandbox.fuel();
        let intents = self.tools.sandbox.rates().intents_of(markets);
        tracing::info!(name, instance, "strategy started");
        self.tools.picture.paths().reload_ends(&name);
        self.prune_at.get_or_insert_with(pruning::soon);
        self.edit(strategy, |view| {
            view.state = StrategyStateView::Running;
            view.error = note;
            view.instance = instance;
            view.markets = u32::try_from(markets).unwrap_or(u32::MAX);
            view.intents_a_second_limit = intents;
            if let Some(version) = &running {
                describe(view, &version.module);
                view.fuel_limit = most.min(version.fuel.unwrap_or(most));
            }
        });
    }

    /// Handles a new instance that did not start, so that its predecessor continues.
    pub(super) fn kept(&mut self, strategy: StrategyId, instance: u32, error: &str) {
        let Some((name, known)) = self.by_number(strategy) else { return };
        let refused = known.kept(instance).map(|version| version.module.hash());
        let same = refused.is_some() && refused == known.running.as_ref().map(|running| running.module.hash());
        let hash = refused.map(|hash| hex::encode(&hash)).unwrap_or_default();
        tracing::error!(name, hash, error, "new version of a strategy did not start; the previous one keeps running");
        let what =
            if same { "a new instance of the same version".to_owned() } else { format!("the new version {hash:.12}") };
        self.edit(strategy, |view| {
            view.state = StrategyStateView::Running;
            view.instance = instance;
            view.error = format!("{what} did not start; the previous one keeps running: {error}");
        });
        self.trouble(&StrategyIncident::NotStarted, &name, true, &format!("{what} did not start: {error}"));
    }

    pub(super) fn faulted(
        &mut self,
        strategy: StrategyId,
        instance: u32,
        error: String,
        (strike, saving): (bool, bool),
    ) {
        let now = clock::now();
        // The failure of an older instance is irrelevant.
        let Some((name, known)) = self.by_number(strategy).filter(|(_, known)| known.instance == instance) else {
            return;
        };
        let down = known.failed(instance, now, (strike, saving));
        let within = if saving { "while saving its state" } else { "within a minute" };
        tracing::error!(name, error, down, "strategy failed");
        let quarantined = format!("failed {FAULTS_MAX} times {within}: {error}");
        self.edit(strategy, |view| {
            view.state = if down { StrategyStateView::Quarantined } else { StrategyStateView::Restarting };
            view.error.clone_from(if down { &quarantined } else { &error });
        });
        self.trouble(
            if down { &StrategyIncident::Quarantined } else { &StrategyIncident::Restarted },
            &name,
            false,
            &error,
        );
        if down {
            self.retire(strategy, quarantined);
        } else {
            self.announce(&name);
        }
    }

    pub(super) fn log(&mut self, strategy: StrategyId, lines: &[LogLine], mut lost: u64) {
        let name = self.name(strategy);
        for LogLine { level, text } in lines {
            let room = self.log_day.reserve(clock::now(), text.len());
            if room == Room::None {
                let most = self.tools.log_per_day;
                tracing::error!(most, "log.strategies_max_mb_per_day reached; no more strategy log lines today");
            }
            if room != Room::Enough {
                lost = lost.saturating_add(1);
                continue;
            }
            match level {
                LogLevel::Debug => tracing::debug!(strategy = name, "{text}"),
                LogLevel::Info => tracing::info!(strategy = name, "{text}"),
                LogLevel::Warn | LogLevel::Error => tracing::warn!(strategy = name, "{text}"),
            }
        }
        if lost > 0 && self.log_day.reserve(clock::now(), name.len()) == Room::Enough {
            tracing::warn!(strategy = name, lost, "strategy log lines dropped");
        }
        self.edit(strategy, |view| {
            view.log_lines_lost = view.log_lines_lost.saturating_add(lost);
            if let Some(last) = lines.last() {
                view.log.clone_from(&last.text);
            }
        });
    }
}
