//! Replays: steps an engine through a journal and compares every decision with the journaled one.

mod strategies;

use anyhow::ensure;
use engine::{Effects, Engine, Purpose, digest};
use journal::Record;
use model::{Input, InputKind, Seq, SessionId};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;
use store::journal_files::{Step, is_first, walk};
use strategies::Strategies;

/// Maximum number of differences listed; one causes many others.
const LISTED_MAX: usize = 20;

/// Result of a replay; the last line of `replay --json`.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// The session id.
    pub session: u64,
    /// The name of the build that wrote the journal.
    pub build: String,
    /// Number of processed inputs.
    pub inputs: u64,
    /// Number of inputs that caused effects.
    pub decisions: u64,
    /// Number of inputs whose effects differ from the journaled ones.
    pub differences: u64,
    /// Sequence numbers of the first inputs whose effects differ.
    pub differ_at: Vec<u64>,
    pub(crate) ended_in_order: bool,
    /// Number of compared strategy answers; 0 if the strategies are not replayed.
    pub answers: u64,
    /// Number of answers that differ.
    pub answers_differ: u64,
    /// Speed of the replay.
    pub inputs_per_second: u64,
}

/// A replay in progress.
struct Replay {
    engine: Engine,
    effects: Effects,
    /// The last input, and the digest of its effects.
    last: Option<(Seq, Option<(u32, u64)>)>,
    /// The strategies, if they are replayed too.
    strategies: Option<Strategies>,
    /// The error that ended the replay.
    failed: Option<anyhow::Error>,
    outcome: Outcome,
}

/// Replays one session; `files` are its journal segments in order. With a data directory, the strategies are replayed
/// too, from the modules archived there.
///
/// # Errors
/// If the beginning of the journal is missing, a record is damaged, or a module is not archived.
pub fn replay(session: SessionId, files: &[PathBuf], modules: Option<PathBuf>) -> anyhow::Result<Outcome> {
    ensure!(
        files.first().is_some_and(|file| is_first(file)),
        "the beginning of session {} was deleted (journal.keep_days); a replay needs the whole journal",
        session.0
    );
    let started = Instant::now();
    let strategies = modules.map(Strategies::new).transpose()?;
    let mut replay = Replay::new(session, strategies);
    walk(files, |step| replay.on_step(step))?;
    replay.end(started)
}

impl Replay {
    fn new(session: SessionId, strategies: Option<Strategies>) -> Self {
        let outcome = Outcome { session: session.0, ..Outcome::default() };
        Self {
            engine: Engine::new(Purpose::Simulate),
            effects: Effects::new(),
            last: None,
            strategies,
            failed: None,
            outcome,
        }
    }

    fn on_step(&mut self, step: Step) {
        match step {
            Step::Record(Record::Header(header)) => self.outcome.build = header.build,
            Step::Record(Record::Input(input)) => {
                self.compare(None);
                self.compare_answer(&input.kind);
                self.engine.step(&input, &mut self.effects);
                let digest = digest(&self.effects);
                self.run_strategies(&input);
                self.outcome.inputs = self.outcome.inputs.saturating_add(1);
                self.outcome.decisions = self.outcome.decisions.saturating_add(u64::from(digest.is_some()));
                self.last = Some((input.seq, digest));
            }
            Step::Record(Record::Effects { count, digest }) => self.compare(Some((count, digest))),
            Step::Record(Record::Placement(_) | Record::AuditHead { .. }) => {}
            Step::Record(Record::End(_)) => self.outcome.ended_in_order = true,
            // The digest of the last input may have been cut off.
            Step::Torn { .. } => self.last = None,
        }
    }

    /// Compares a journaled strategy answer or state with the one produced by the replay.
    fn compare_answer(&mut self, body: &InputKind) {
        let Some(strategies) = &mut self.strategies else { return };
        let compared = match body {
            InputKind::Intents(answer) => strategies.on_answer(answer),
            InputKind::Strategy(change) => strategies.on_change(change),
            _ => return,
        };
        if let Err(difference) = compared {
            self.outcome.answers_differ = self.outcome.answers_differ.saturating_add(1);
            if self.outcome.answers_differ <= u64::try_from(LISTED_MAX).unwrap_or(0) {
                tracing::warn!(difference, "strategy answer differs");
            }
        }
    }

    /// Sends the engine's notifications to the strategies.
    fn run_strategies(&mut self, input: &Input) {
        let Some(strategies) = &mut self.strategies else { return };
        if let InputKind::Strategy(change) = &input.kind
            && let Err(error) = strategies.change(&self.engine, input, change)
        {
            self.failed.get_or_insert(error);
        }
        strategies.on_input(input, std::mem::take(&mut self.effects));
    }

    /// Compares the effects of the last input with the journaled ones.
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
        // A journal that ended in a crash may lack the last digest.
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
    use model::{InputKind, Limits, Time, Usd};

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
        let bodies =
            [InputKind::Session(start), InputKind::Clock, InputKind::Command(Command::Start), InputKind::Clock];
        let mut engine = Engine::new(Purpose::Trade);
        let mut effects = Effects::new();
        let mut replay = Replay::new(SessionId(1), None);
        for (seq, body) in (1u64..).zip(bodies) {
            let input = testkit::input(seq, Time(seq), body);
            engine.step(&input, &mut effects);
            replay.on_step(Step::Record(Record::Input(input)));
            if let Some((count, digest)) = digest_of(digest(&effects)) {
                replay.on_step(Step::Record(Record::Effects { count, digest }));
            }
        }
        replay.on_step(Step::Record(Record::End(Time(9))));
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
