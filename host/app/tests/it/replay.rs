//! Replay of a recorded session with this build: every decision and every strategy answer must match the journal.
//!
//! `fixtures/recorded_session` was written by `fixtures/record_session.py` with the build of 29 November 2026 in which
//! the texts of the engine were reworded: a demo with fills, refusals, a tripped breaker, a reload, a pause, a host that was
//! killed, and the session that continued after it. A change that alters a decision on purpose replaces the fixture and
//! states this in its commit.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/recorded_session")
}

/// Returns the sessions of the fixture, the oldest first.
fn sessions() -> Vec<String> {
    let files = std::fs::read_dir(fixture().join("journal")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut sessions: Vec<String> = names.map(|name| name.split('-').next().unwrap().to_owned()).collect();
    sessions.sort();
    sessions
}

fn replay(session: &str) -> (bool, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polytrader"));
    command.args(["replay", "--wasm", "--strict", "--json", "--session", session, "--data-dir"]).arg(fixture());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.success(), serde_json::from_str(text.trim()).unwrap())
}

#[test]
fn a_recorded_session_is_decided_as_it_was() {
    let sessions = sessions();
    assert_eq!(sessions.len(), 2, "a session and the one that continued after it");
    for session in sessions {
        let (success, outcome) = replay(&session);
        assert_eq!((&outcome["differences"], &outcome["answers_differ"]), (&0.into(), &0.into()), "{outcome}");
        assert!(success, "{outcome}");
        assert!(
            outcome["decisions"].as_u64().unwrap() > 200 && outcome["answers"].as_u64().unwrap() > 900,
            "{outcome}"
        );
    }
}
