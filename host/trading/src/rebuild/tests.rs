//! Rows of journals that the tests write.
#![allow(clippy::arithmetic_side_effects, reason = "test code may overflow loudly")]

use super::*;
use model::Limits;
use model::input::{Command, SessionStart};

fn header() -> Header {
    Header {
        build: "a build".to_owned(),
        session: SessionId(9),
        segment: 1,
        account: "0xfeed".to_owned(),
        follows: None,
        config: [0; 32],
        sandbox: [0; 32],
        created: Time(5_000),
    }
}

fn start() -> InputKind {
    InputKind::Session(SessionStart {
        session: SessionId(9),
        mode: Mode::Paper,
        cash: Usd::dollars(5),
        day_start: None,
        limits: Limits::DEFAULT,
        salt_seed: 1,
        halted: false,
    })
}

/// Steps through a journal of these inputs, with its recorded decisions changed by `journaled`.
fn rebuilt(
    bodies: Vec<InputKind>,
    journaled: impl Fn(Option<(u32, u64)>) -> Option<(u32, u64)>,
) -> (anyhow::Result<Rebuilt>, Vec<DbWrite>) {
    let (mut engine, mut effects, mut rows) = (Engine::new(Purpose::Trade), Effects::new(), Vec::new());
    let mut replay = Replay::new(SessionId(9), StrategyNames::default(), |row| rows.push(row));
    replay.on_step(Step::Record(Record::Header(header())));
    for (seq, body) in (1_u64..).zip(bodies) {
        let input = testkit::input(seq, Time(seq * 1_000_000), body);
        engine.step(&input, &mut effects);
        replay.on_step(Step::Record(Record::Input(input)));
        if let Some((count, digest)) = journaled(digest(&effects)) {
            replay.on_step(Step::Record(Record::Effects { count, digest }));
        }
        effects.clear();
    }
    replay.on_step(Step::Record(Record::End(Time(9))));
    let rebuilt = replay.end();
    (rebuilt, rows)
}

fn bodies() -> Vec<InputKind> {
    vec![
        start(),
        InputKind::Market(testkit::market(1)),
        InputKind::Clock,
        InputKind::Command(Command::Start),
        InputKind::Clock,
    ]
}

#[test]
fn a_journal_gives_its_session_and_what_the_day_counts_from() {
    let (rebuilt, rows) = rebuilt(bodies(), |digest| digest);
    let rebuilt = rebuilt.unwrap();
    assert_eq!((rebuilt.inputs, rebuilt.account.as_str(), rebuilt.mode), (5, "0xfeed", Mode::Paper));
    let values: Vec<_> = rebuilt.valuations.values().map(|(value, _)| *value).collect();
    assert_eq!(values.last(), Some(&Usd::dollars(5)));
    let session = SessionRow { session: 9, mode: "paper", account: "0xfeed".to_owned(), started_at_ms: 5 };
    assert!(matches!(rows.first(), Some(DbWrite::Session(row)) if *row == session), "{rows:?}");
}

#[test]
fn a_journal_that_this_build_decides_otherwise_gives_no_rows_to_keep() {
    let other = |digest: Option<(u32, u64)>| digest.map(|(count, digest)| (count, digest ^ 1));
    let error = rebuilt(bodies(), other).0.unwrap_err().to_string();
    assert!(error.contains("a build, which wrote its journal"), "{error}");
    assert!(rebuilt(bodies(), |_| None).0.is_err(), "a missing decision is a different one");
}

#[test]
fn a_journal_without_its_beginning_or_of_a_session_that_never_began_is_refused() {
    let files = [PathBuf::from("/journal/9-0002.journal")];
    let error = rows_of(SessionId(9), &files, StrategyNames::default(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("journal.keep_days"), "{error}");
    assert!(rebuilt(Vec::new(), |digest| digest).0.is_err());
}
