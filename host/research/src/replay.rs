//! Replays: steps an engine through a journal again and holds every decision against the one that was journaled.

mod strategies;

use anyhow::ensure;
use engine::{Effects, Engine, Purpose, digest};
use journal::Record;
use model::{Body, Input, Seq, SessionId};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;
use store::journal_files::{Step, is_first, walk};
use strategies::Strategies;

/// Differences that are listed; one leads to many.
const LISTED_MAX: usize = 20;

/// What a replay came to; the last line of `replay --json`.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// The session.
    pub session: u64,
    /// The name of the build that wrote the journal.
    pub build: String,
    /// Inputs that were stepped through.
    pub inputs: u64,
    /// Inputs that led to effects.
    pub decisions: u64,
    /// Inputs whose effects differ from the journaled ones.
    pub differences: u64,
    /// The inputs whose decisions differ, the first ones.
    pub differ_at: Vec<u64>,
    pub(crate) ended_in_order: bool,
    /// Answers of strategies that were compared; none unless they were run again.
    pub answers: u64,
    /// Answers that differ.
    pub answers_differ: u64,
    /// The speed of the replay.
    pub inputs_per_second: u64,
}

/// A journal that is stepped through.
struct Replay {
    engine: Engine,
    effects: Effects,
    /// The last input, and what it came to now.
    last: Option<(Seq, Option<(u32, u64)>)>,
    /// The strategies, if they are run again too.
    strategies: Option<Strategies>,
    /// What kept the replay from going on.
    failed: Option<anyhow::Error>,
    outcome: Outcome,
}

/// Replays one session: `files` are its journal in order. With a data folder the strategies are run again too, from the modules kept there.
///
/// # Errors
/// If the journal's beginning is missing, a record is damaged, or a module is not kept.
pub fn replay(session: SessionId, files: &[PathBuf], modules: Option<PathBuf>) -> anyhow::Result<Outcome> {
    ensure!(
        files.first().is_some_and(|file| is_first(file)),
        "the beginning of session {} is no longer kept (journal.keep_days); a replay needs all of it",
        session.0
    );
    let started = Instant::now();
    let strategies = modules.map(Strategies::new).transpose()?;
    let mut replay = Replay::new(session, strategies);
    walk(files, |step| replay.take(step))?;
    replay.end(started)
}

impl Replay {
    fn new(session: SessionId, strategies: Option<Strategies>) -> Self {
        let outcome = Outcome { session: session.0, ..Outcome::default() };
        Self {
            engine: Engine::new(Purpose::Rehearse),
            effects: Effects::new(),
            last: None,
            strategies,
            failed: None,
            outcome,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Record(Record::Header(header)) => self.outcome.build = header.build,
            Step::Record(Record::Input(input)) => {
                self.compare(None);
                self.compare_answer(&input.body);
                self.engine.step(&input, &mut self.effects);
                let digest = digest(&self.effects);
                self.run_strategies(&input);
                self.outcome.inputs = self.outcome.inputs.saturating_add(1);
                self.outcome.decisions = self.outcome.decisions.saturating_add(u64::from(digest.is_some()));
                self.last = Some((input.seq, digest));
            }
            Step::Record(Record::Effects { count, digest }) => self.compare(Some((count, digest))),
            Step::Record(Record::Placement(_)) => {}
            Step::Record(Record::End(_)) => self.outcome.ended_in_order = true,
            // The digest of the last input may be what was cut off.
            Step::Torn { .. } => self.last = None,
        }
    }

    /// Holds what a strategy answered, or gave as its state, against what it does now.
    fn compare_answer(&mut self, body: &Body) {
        let Some(strategies) = &mut self.strategies else { return };
        let compared = match body {
            Body::Intents(answer) => strategies.answer(answer),
            Body::Strategy(change) => strategies.told(change),
            _ => return,
        };
        if let Err(difference) = compared {
            self.outcome.answers_differ = self.outcome.answers_differ.saturating_add(1);
            if self.outcome.answers_differ <= u64::try_from(LISTED_MAX).unwrap_or(0) {
                tracing::warn!(difference, "answer of a strategy differs");
            }
        }
    }

    /// Gives the strategies what the engine told them.
    fn run_strategies(&mut self, input: &Input) {
        let Some(strategies) = &mut self.strategies else { return };
        if let Body::Strategy(change) = &input.body
            && let Err(error) = strategies.change(&self.engine, input, change)
        {
            self.failed.get_or_insert(error);
        }
        strategies.tell(input, std::mem::take(&mut self.effects));
    }

    /// Holds the last input's decisions against the journaled ones.
    fn compare(&mut self, journaled: Option<(u32, u64)>) {
        let Some((seq, now)) = self.last.take() else { return };
        if now != journaled {
            self.outcome.differences = self.outcome.differences.saturating_add(1);
            if self.outcome.differ_at.len() < LISTED_MAX {
                self.outcome.differ_at.push(seq.0);
            }
        }
    }

    fn end(mut self, started: Instant) -> anyhow::Result<Outcome> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.outcome.answers = self.strategies.as_ref().map_or(0, |strategies| strategies.answers);
        // A journal that a crash ended may have lost the last digest.
        if self.outcome.ended_in_order {
            self.compare(None);
        }
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX).max(1);
        self.outcome.inputs_per_second = self.outcome.inputs.saturating_mul(1_000_000).checked_div(micros).unwrap_or(0);
        Ok(self.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::input::{Command, Mode, SessionStart};
    use model::{Body, Limits, Time, Usd};

    fn journaled(digest_of: impl Fn(Option<(u32, u64)>) -> Option<(u32, u64)>) -> Outcome {
        let start = SessionStart {
            session: SessionId(1),
            mode: Mode::Demo,
            cash: Usd::dollars(5),
            day_start: None,
            limits: Limits::DEFAULT,
            salt_seed: 1,
            halted: false,
        };
        let bodies = [Body::Session(start), Body::Tick, Body::Command(Command::Start), Body::Tick];
        let mut engine = Engine::new(Purpose::Trade);
        let mut effects = Effects::new();
        let mut replay = Replay::new(SessionId(1), None);
        for (seq, body) in (1u64..).zip(bodies) {
            let input = testkit::input(seq, Time(seq), body);
            engine.step(&input, &mut effects);
            replay.take(Step::Record(Record::Input(input)));
            if let Some((count, digest)) = digest_of(digest(&effects)) {
                replay.take(Step::Record(Record::Effects { count, digest }));
            }
        }
        replay.take(Step::Record(Record::End(Time(9))));
        replay.end(Instant::now()).unwrap()
    }

    #[test]
    fn a_journal_replays_to_the_same_decisions() {
        let outcome = journaled(|digest| digest);
        assert_eq!((outcome.inputs, outcome.decisions, outcome.differences), (4, 2, 0));
        assert!(outcome.ended_in_order);
    }

    #[test]
    fn another_decision_or_a_missing_one_is_a_difference() {
        let outcome = journaled(|digest| digest.map(|(count, digest)| (count, digest ^ 1)));
        assert_eq!((outcome.differences, outcome.differ_at.as_slice()), (2, [1, 3].as_slice()));
        assert_eq!(journaled(|_| None).differences, 2);
    }
}
