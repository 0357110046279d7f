//! `polytrader record` and `polytrader tape` with a local exchange.

use crate::process::{Exchange, Folder, program};
use serde_json::Value;

/// Runs a command and returns its standard output.
fn output(arguments: &[&str]) -> String {
    let output = program().args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_recording_of_the_local_exchange_is_read_back() {
    let folder = Folder::new("tapes");
    let exchange = Exchange::start(&folder.0.join("exchange"), 5);
    let (data, tapes) = (folder.0.join("data"), folder.0.join("tapes"));
    std::fs::create_dir_all(&data).unwrap();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let line = output(&[
        "record",
        "--mode",
        "paper",
        "--data-dir",
        &path(&data),
        "--exchange",
        &exchange.address,
        "--out",
        &path(&tapes),
        "--for",
        "8s",
        "--json",
    ]);
    let recorded: Value = serde_json::from_str(line.trim()).unwrap();
    assert!(recorded["records"].as_u64().unwrap() > 20, "{recorded}");
    assert_eq!((&recorded["dropped"], &recorded["stopped"]), (&Value::from(0), &Value::Null));
    let tape = recorded["tape"].as_str().unwrap();

    let info: Value = serde_json::from_str(output(&["tape", "info", tape, "--json"]).trim()).unwrap();
    assert_eq!(info["closed"], true, "{info}");
    assert!(info["markets"].as_array().unwrap().iter().all(|market| market["fee_known"] == true), "{info}");
    let manifest = tape::Tape::open(std::path::Path::new(tape)).unwrap().manifest().clone();
    assert!(manifest.markets.values().all(|market| market.rule == "A market of the local exchange."), "{manifest:?}");
    for (condition, market) in manifest.markets.iter().filter(|(_, market)| market.neg_risk) {
        let group = &manifest.groups[market.event.as_ref().unwrap()];
        assert!(group.complete && group.members.len() > 1 && group.members.contains(condition), "{group:?}");
    }
    let check: Value = serde_json::from_str(output(&["tape", "check", tape, "--json"]).trim()).unwrap();
    assert_eq!((&check["identity_agrees"], &check["identity"]), (&Value::from(true), &info["identity"]));
    let quality = check["quality"].as_array().unwrap();
    let bad = ["torn_frame", "unread_part", "mirror_differs", "crossed", "before_book"];
    assert!(quality.iter().all(|row| !bad.contains(&row[0].as_str().unwrap())), "{check}");

    let merged = folder.0.join("merged.tape");
    let line = output(&["tape", "merge", tape, "--out", &path(&merged)]);
    assert!(line.contains(info["identity"].as_str().unwrap()), "recompressing keeps the identity: {line}");
    let tables = folder.0.join("tables");
    let exported: Value =
        serde_json::from_str(output(&["tape", "export", tape, "--out", &path(&tables), "--json"]).trim()).unwrap();
    assert!(exported["deltas"].as_u64().unwrap() > 100 && exported["unread"] == 0, "{exported}");

    let missing = program().args(["tape", "info", "/no/such/file.tape"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such/file.tape"));
}

#[test]
fn a_session_records_its_markets_and_marks_its_own_orders_and_fills() {
    let Some(strategies) = crate::process::strategies("the recording of a session") else { return };
    let folder = Folder::new("session-tape");
    let run = |name: &str, more: &[&str]| {
        let data = folder.0.join(name);
        let (data_text, strategies) = (data.to_str().unwrap().to_owned(), strategies.to_str().unwrap());
        let mut arguments = vec!["run", "--mode", "demo", "--data-dir", &data_text, "--strategies", strategies];
        arguments.extend(["--for", "12s", "--json", "--api-port", "0", "--dashboard-port", "0"]);
        arguments.extend(more);
        output(&arguments);
        let tapes = std::fs::read_dir(data.join("tapes")).into_iter().flatten();
        tapes.map(|entry| entry.unwrap().path().to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let tapes = run("on", &[]);
    let [tape] = tapes.as_slice() else { panic!("{tapes:?}") };
    let check: Value = serde_json::from_str(output(&["tape", "check", tape, "--json"]).trim()).unwrap();
    assert_eq!((&check["identity_agrees"], &check["damaged"]), (&Value::from(true), &Value::from(0)), "{check}");
    let info: Value = serde_json::from_str(output(&["tape", "info", tape, "--json"]).trim()).unwrap();
    for kind in ["frame", "own_order", "own_fill"] {
        assert!(info["records"][kind].as_u64().unwrap_or(0) > 0, "no {kind}: {info}");
    }
    assert_eq!(info["gaps"]["stopped"], 1, "{info}");
    assert!(run("off", &["--set", "record.enabled=false"]).is_empty());
}
