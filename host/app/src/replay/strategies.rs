//! The strategies of a journal, run again: each hears what it heard then, and must answer the same.

use crate::host::session_of;
use anyhow::Context;
use engine::{Effect, Engine};
use model::input::{StrategyAnswer, StrategyChange};
use model::{Input, StrategyId};
use sandbox::{Module, Rerun, Sandbox, Settings};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Nobody waits for a replay, and a slow machine must not look like another answer.
const DEADLINE_MS: u64 = 60_000;

/// One strategy: the instance that runs, and the one before it, whose last answer may come after its successor's start.
struct Stream {
    number: u32,
    run: Rerun,
    before: Option<Box<Self>>,
    removed: bool,
}

impl Stream {
    /// Starts the instance, if it has not started: the one before it gives its state first.
    fn start(&mut self) {
        if !self.run.is_started() {
            let restored = self.before.take().and_then(|mut before| {
                before.start();
                before.run.save()
            });
            self.run.start(restored);
        }
    }

    fn answer(&mut self, answer: &StrategyAnswer) -> Result<(), String> {
        if self.number == answer.instance {
            self.start();
            return self.run.answer(answer);
        }
        match &mut self.before {
            Some(before) => before.answer(answer),
            None => Err(format!("instance {} answered, which did not run any more", answer.instance)),
        }
    }
}

/// The strategies of a session.
pub(super) struct Strategies {
    data_dir: PathBuf,
    sandbox: Sandbox,
    modules: BTreeMap<[u8; 32], Module>,
    streams: BTreeMap<StrategyId, Stream>,
    /// Answers compared.
    pub(super) answers: u64,
}

impl Strategies {
    /// Returns none yet; their modules are in this data folder.
    ///
    /// # Errors
    /// If this machine has no sandbox.
    pub(super) fn new(data_dir: PathBuf) -> anyhow::Result<Self> {
        let settings = Settings { deadline_ms: DEADLINE_MS, ..Settings::default() };
        let sandbox = crate::compile::sandbox(settings, None)?;
        Ok(Self { data_dir, sandbox, modules: BTreeMap::new(), streams: BTreeMap::new(), answers: 0 })
    }

    /// A strategy answered. Compares it with what it answers now.
    ///
    /// # Errors
    /// What differs, as a sentence.
    pub(super) fn answer(&mut self, answer: &StrategyAnswer) -> Result<(), String> {
        self.answers = self.answers.saturating_add(1);
        match self.streams.get_mut(&answer.strategy) {
            Some(stream) => stream.answer(answer),
            None => Err("it was never loaded".to_owned()),
        }
        .map_err(|difference| format!("strategy {}: {difference}", answer.strategy.0))
    }

    /// A strategy came, changed or went; `engine` has taken the input.
    ///
    /// # Errors
    /// If its module is not kept.
    pub(super) fn change(&mut self, engine: &Engine, input: &Input, change: &StrategyChange) -> anyhow::Result<()> {
        match change {
            // The engine tells of these.
            StrategyChange::Parameters { .. } | StrategyChange::Signal { .. } | StrategyChange::Budget { .. } => {}
            StrategyChange::Removed { strategy, .. } => {
                if let Some(stream) = self.streams.get_mut(strategy) {
                    stream.removed = true;
                }
            }
            StrategyChange::Loaded { strategy, name, hash, instance, markets, places, parameters, .. } => {
                let module = self.module(hash).with_context(|| format!("the strategy {name}"))?;
                let session = session_of(engine, input.at, *strategy, (markets, places), parameters.clone());
                let run = Rerun::new(self.sandbox.clone(), module, session);
                // Without the one before it in the supervisor there is no state either.
                let before = self.streams.remove(strategy).filter(|before| !before.removed).map(Box::new);
                self.streams.insert(*strategy, Stream { number: *instance, run, before, removed: false });
            }
        }
        Ok(())
    }

    fn module(&mut self, hash: &[u8; 32]) -> anyhow::Result<Module> {
        if let Some(module) = self.modules.get(hash) {
            return Ok(module.clone());
        }
        let module = self.sandbox.load(&crate::modules::get(&self.data_dir, hash)?)?;
        self.modules.insert(*hash, module.clone());
        Ok(module)
    }

    /// The engine told strategies something.
    pub(super) fn tell(&mut self, input: &Input, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::NotifyMarket { strategy, note } => self.with(strategy, |run| run.market(note)),
                Effect::NotifyOwn { strategy, event } => self.with(strategy, |run| run.own(input.at, event)),
                _ => {}
            }
        }
    }

    fn with(&mut self, strategy: StrategyId, tell: impl FnOnce(&mut Rerun)) {
        if let Some(stream) = self.streams.get_mut(&strategy).filter(|stream| !stream.removed) {
            tell(&mut stream.run);
        }
    }
}
