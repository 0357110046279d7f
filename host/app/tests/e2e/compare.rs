//! `polytrader compare --session`: a short demo against backtests of its own recording.

use crate::process::{Exchange, Folder, Run, program, strategies};
use serde_json::Value;
use std::path::Path;

/// Runs the comparison of the newest session.
fn compared(data: &Path, more: &[&str]) -> Value {
    let mut command = program();
    let output = command.args(["compare", "--session", "newest", "--json", "--data-dir"]).arg(data).args(more).output();
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

/// Returns the number of orders that are the same, and of all; each difference must have a cause.
fn counted(found: &Value) -> (u64, u64) {
    let counts = found["counts"].as_object().unwrap();
    let all = counts.values().map(|count| count.as_u64().unwrap()).sum();
    let differences = found["differences"].as_array().unwrap();
    for difference in differences {
        assert!(!difference["cause"].as_str().unwrap().is_empty(), "{difference}");
    }
    let same = counts.get("same").map_or(0, |same| same.as_u64().unwrap());
    assert_eq!(all - same, u64::try_from(differences.len()).unwrap());
    (same, all)
}

/// Checks the three results; `decided` is the least part of the orders, in percent, that is the same although
/// everything is decided again.
fn check(found: &Value, placed: u64, decided: u64) {
    // The same events give the same answers and the same decisions, without exception.
    let answers = &found["answers"];
    assert!(answers["answers"].as_u64().unwrap() > 20 && answers["decisions"].as_u64().unwrap() > placed, "{answers}");
    assert_eq!((&answers["answers_differ"], &answers["differences"]), (&Value::from(0), &Value::from(0)), "{answers}");
    // The same orders at the same times are filled in the same way.
    let (same, all) = counted(&found["own_orders"]);
    eprintln!("the session's own orders on its recording: {same} of {all} are the same");
    assert!(all == placed && same * 10 >= all * 9, "{}", found["own_orders"]);
    let (same, all) = counted(&found["backtest"]);
    eprintln!("everything decided again on the recording: {same} of {all} are the same");
    assert!(same * 100 >= all * decided, "{}", found["backtest"]);
}

#[test]
fn a_demo_equals_the_backtest_of_its_own_recording() {
    let Some(built) = strategies("a demo against its own recording") else { return };
    let folder = Folder::new("compare");
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    std::fs::create_dir_all(&data).unwrap();
    let outcome = Run::start(&data, &dropped, &["--for", "25s", "--seed", "7"]).finish();
    let placed = outcome["orders"].as_u64().unwrap();
    assert!(placed >= 20, "{outcome}");
    // The demo's strategy saw its own quotes in the venue's books, and answers them; a backtest's does not see them.
    check(&compared(&data, &[]), placed, 5);
}

#[test]
fn a_paper_session_equals_the_backtest_of_its_own_recording() {
    let Some(built) = strategies("a paper session against its own recording") else { return };
    let folder = Folder::new("compare-paper");
    let exchange = Exchange::start(&folder.0.join("exchange"), 11);
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    std::fs::create_dir_all(&data).unwrap();
    let more = ["--exchange", &exchange.address, "--for", "25s"];
    let outcome = Run::start_as("paper", &data, &dropped, &more).finish();
    let placed = outcome["orders"].as_u64().unwrap();
    assert!(placed >= 20, "{outcome}");
    check(&compared(&data, &["--fill", "pessimistic"]), placed, 20);
    let unknown = program().args(["compare", "--session", "7", "--data-dir"]).arg(&data).output().unwrap();
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("session 7 is not among the 1 sessions"), "{unknown:?}");
}
