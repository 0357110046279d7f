//! The strategies of a journal, run again: each hears what it heard then, and must answer the same.

use anyhow::Context;
use engine::{Effect, Engine};
use lifecycle::session_of;
use model::input::{Blob, StrategyAnswer, StrategyChange};
use model::{Input, StrategyId};
use sandbox::{Module, Rerun, Sandbox, Settings};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Nobody waits for a replay, and a slow machine must not look like another answer.
const DEADLINE_MS: u64 = 60_000;

/// One strategy: the instance that runs, and the one before it, which may answer and give its state after its successor was announced.
struct Stream {
    number: u32,
    run: Rerun,
    before: Option<Box<Self>>,
    removed: bool,
}

impl Stream {
    /// Returns the instance of this number, started if it was not.
    fn instance(&mut self, number: u32, last: Option<&Blob>) -> Result<&mut Rerun, String> {
        if self.number == number {
            if !self.run.is_started() {
                self.before = None;
                self.run.start(last.map(|state| state.0.clone()));
            }
            return Ok(&mut self.run);
        }
        match &mut self.before {
            Some(before) => before.instance(number, last),
            None => Err(format!("instance {number} spoke, which did not run any more")),
        }
    }

    /// The newest instance did not start; the one before it goes on.
    fn keep(&mut self, number: u32) -> Result<(), String> {
        match self.before.take() {
            Some(before) if self.number == number && !self.run.is_started() => {
                self.run.keep(before.run);
                Ok(())
            }
            _ => Err(format!("there is nothing that could go on in place of instance {number}")),
        }
    }
}

/// The strategies of a session.
pub(super) struct Strategies {
    data_dir: PathBuf,
    sandbox: Sandbox,
    modules: BTreeMap<[u8; 32], Module>,
    streams: BTreeMap<StrategyId, Stream>,
    /// What each saved last.
    states: BTreeMap<StrategyId, Blob>,
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
        let sandbox = Sandbox::of_own_program(settings, None)?;
        Ok(Self {
            data_dir,
            sandbox,
            modules: BTreeMap::new(),
            streams: BTreeMap::new(),
            states: BTreeMap::new(),
            answers: 0,
        })
    }

    /// A strategy answered. Compares it with what it answers now.
    ///
    /// # Errors
    /// What differs, as a sentence.
    pub(super) fn answer(&mut self, answer: &StrategyAnswer) -> Result<(), String> {
        self.answers = self.answers.saturating_add(1);
        let last = self.states.get(&answer.strategy);
        let stream = self.streams.get_mut(&answer.strategy).ok_or_else(|| "it was never loaded".to_owned());
        stream
            .and_then(|stream| stream.instance(answer.instance, last)?.answer(answer))
            .map_err(|difference| format!("strategy {}: {difference}", answer.strategy.0))
    }

    /// A strategy gave its state, or went on in place of one that did not start. Compares the state with the one that it gives now.
    ///
    /// # Errors
    /// What differs, as a sentence.
    pub(super) fn told(&mut self, change: &StrategyChange) -> Result<(), String> {
        match change {
            StrategyChange::Saved { strategy, instance, state } => self.saved(*strategy, *instance, state.as_ref()),
            StrategyChange::Kept { strategy, instance, .. } => match self.streams.get_mut(strategy) {
                Some(stream) => stream.keep(*instance).map_err(|error| format!("strategy {}: {error}", strategy.0)),
                // It had failed before it was replaced.
                None => Ok(()),
            },
            StrategyChange::Loaded { .. }
            | StrategyChange::Removed { .. }
            | StrategyChange::Parameters { .. }
            | StrategyChange::Signal { .. }
            | StrategyChange::Budget { .. }
            | StrategyChange::Fuel { .. } => Ok(()),
        }
    }

    fn saved(&mut self, strategy: StrategyId, instance: u32, then: Option<&Blob>) -> Result<(), String> {
        let last = self.states.get(&strategy);
        let wrong = |what: &str| format!("strategy {}, asked for its state: {what}", strategy.0);
        // What an earlier session left is not made here.
        if instance > 0 {
            let stream = self.streams.get_mut(&strategy).ok_or_else(|| wrong("it was never loaded"))?;
            let now = stream.instance(instance, last).map_err(|error| wrong(&error))?.save();
            let now = now.ok_or_else(|| wrong("it fails now"))?;
            if then.or(last).is_none_or(|then| then.0 != now) {
                return Err(wrong("it gives another one"));
            }
        }
        if let Some(then) = then {
            self.states.insert(strategy, then.clone());
        }
        Ok(())
    }

    /// A strategy came, changed or went; `engine` has taken the input.
    ///
    /// # Errors
    /// If its module is not kept.
    pub(super) fn change(&mut self, engine: &Engine, input: &Input, change: &StrategyChange) -> anyhow::Result<()> {
        match change {
            // The engine tells of these, or knows them when it is asked, and of the others `told` hears.
            StrategyChange::Parameters { .. } | StrategyChange::Signal { .. } => {}
            StrategyChange::Budget { .. } | StrategyChange::Fuel { .. } => {}
            StrategyChange::Kept { .. } | StrategyChange::Saved { .. } => {}
            StrategyChange::Removed { strategy, .. } => {
                if let Some(stream) = self.streams.get_mut(strategy) {
                    stream.removed = true;
                }
            }
            StrategyChange::Loaded { strategy, name, hash, instance, markets, places, parameters, .. } => {
                let module = self.module(hash).with_context(|| format!("the strategy {name}"))?;
                let session = session_of(engine, input.at, *strategy, (markets, places), parameters.clone());
                let run = Rerun::new(self.sandbox.clone(), module, session);
                let before = self.streams.remove(strategy).map(Box::new);
                self.streams.insert(*strategy, Stream { number: *instance, run, before, removed: false });
            }
        }
        Ok(())
    }

    fn module(&mut self, hash: &[u8; 32]) -> anyhow::Result<Module> {
        if let Some(module) = self.modules.get(hash) {
            return Ok(module.clone());
        }
        let module = self.sandbox.load(&store::module_archive::get(&self.data_dir, hash)?)?;
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
