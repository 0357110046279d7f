//! Replay of a journal's strategies: each receives the same events as in the session, and must produce the same
//! answers.

use anyhow::Context;
use engine::{Effect, Engine};
use lifecycle::session_of;
use model::input::{Blob, StrategyAnswer, StrategyChange};
use model::{Input, StrategyId};
use sandbox::{Module, Sandbox, Settings, StrategyReplay};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Deadline of a call. It is generous, because a slow machine must not look like a different answer.
const DEADLINE_MS: u64 = 60_000;

/// A strategy: the running instance and its predecessor, which may still answer and save its state after its successor
/// was announced.
struct Stream {
    number: u32,
    run: StrategyReplay,
    before: Option<Box<Self>>,
    removed: bool,
}

impl Stream {
    /// Returns the instance with this number, and starts it if necessary.
    fn instance(&mut self, number: u32, last: Option<&Blob>) -> Result<&mut StrategyReplay, String> {
        if self.number == number {
            if !self.run.is_started() {
                self.before = None;
                self.run.start(last.map(|state| state.0.clone()));
            }
            return Ok(&mut self.run);
        }
        match &mut self.before {
            Some(before) => before.instance(number, last),
            None => Err(format!("instance {number} answered, but was not running any more")),
        }
    }

    /// Replaces the newest instance, which failed to start, by its predecessor.
    fn retain(&mut self, number: u32) -> Result<(), String> {
        match self.before.take() {
            Some(before) if self.number == number && !self.run.is_started() => {
                self.run.retain(before.run);
                Ok(())
            }
            _ => Err(format!("no predecessor can replace instance {number}")),
        }
    }
}

/// The strategies of a session.
pub(super) struct Strategies {
    data_dir: PathBuf,
    sandbox: Sandbox,
    modules: BTreeMap<[u8; 32], Module>,
    streams: BTreeMap<StrategyId, Stream>,
    /// The last saved state of each strategy.
    states: BTreeMap<StrategyId, Blob>,
    /// Number of compared answers.
    pub(super) answers: u64,
}

impl Strategies {
    /// Returns a replay without strategies; their modules are read from this data directory.
    ///
    /// # Errors
    /// If this machine does not support the sandbox.
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

    /// Compares a journaled answer with the one produced by the replay.
    ///
    /// # Errors
    /// The difference, as a sentence.
    pub(super) fn on_answer(&mut self, answer: &StrategyAnswer) -> Result<(), String> {
        self.answers = self.answers.saturating_add(1);
        let last = self.states.get(&answer.strategy);
        let stream = self.streams.get_mut(&answer.strategy).ok_or_else(|| "it was never loaded".to_owned());
        stream
            .and_then(|stream| stream.instance(answer.instance, last)?.verify_answer(answer))
            .map_err(|difference| format!("strategy {}: {difference}", answer.strategy.0))
    }

    /// Compares a journaled state with the one produced by the replay, or restores the predecessor of an instance that
    /// failed to start.
    ///
    /// # Errors
    /// The difference, as a sentence.
    pub(super) fn on_change(&mut self, change: &StrategyChange) -> Result<(), String> {
        match change {
            StrategyChange::Saved { strategy, instance, state } => self.saved(*strategy, *instance, state.as_ref()),
            StrategyChange::Kept { strategy, instance, .. } => match self.streams.get_mut(strategy) {
                Some(stream) => stream.retain(*instance).map_err(|error| format!("strategy {}: {error}", strategy.0)),
                // The predecessor had failed before it was replaced.
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
        let wrong = |what: &str| format!("saving the state of strategy {}: {what}", strategy.0);
        // A state carried over from an earlier session is not produced here.
        if instance > 0 {
            let stream = self.streams.get_mut(&strategy).ok_or_else(|| wrong("it was never loaded"))?;
            let now = stream.instance(instance, last).map_err(|error| wrong(&error))?.save();
            let now = now.ok_or_else(|| wrong("it fails in the replay"))?;
            if then.or(last).is_none_or(|then| then.0 != now) {
                return Err(wrong("the state differs"));
            }
        }
        if let Some(then) = then {
            self.states.insert(strategy, then.clone());
        }
        Ok(())
    }

    /// Starts, replaces or removes a strategy; `engine` has already processed the input.
    ///
    /// # Errors
    /// If its module is not archived.
    pub(super) fn change(&mut self, engine: &Engine, input: &Input, change: &StrategyChange) -> anyhow::Result<()> {
        match change {
            // The engine notifies them of the first two and knows the next two; the last two are handled elsewhere.
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
                let run = StrategyReplay::new(self.sandbox.clone(), module, session);
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

    /// Sends the engine's notifications to the strategies.
    pub(super) fn on_input(&mut self, input: &Input, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::NotifyMarket { strategy, note } => self.with(strategy, |run| run.market(note)),
                Effect::NotifyOwn { strategy, event } => self.with(strategy, |run| run.own(input.at, event)),
                _ => {}
            }
        }
    }

    fn with(&mut self, strategy: StrategyId, tell: impl FnOnce(&mut StrategyReplay)) {
        if let Some(stream) = self.streams.get_mut(&strategy).filter(|stream| !stream.removed) {
            tell(&mut stream.run);
        }
    }
}
