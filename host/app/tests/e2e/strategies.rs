//! Strategies that misbehave or are removed while others trade.

use crate::corpus::corpus;
use crate::crash::replay_all;
use crate::process::{Api, Folder, Run, program, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

fn state<'a>(all: &'a Value, name: &str) -> &'a str {
    let found = all.as_array().unwrap().iter().find(|strategy| strategy["name"] == name);
    found.map_or("", |strategy| strategy["state"].as_str().unwrap())
}

#[test]
fn an_invalid_file_is_shown_and_a_removed_strategy_has_its_orders_cancelled_while_others_trade() {
    let Some(built) = strategies("strategies that come and go") else { return };
    let folder = Folder::new("strategies");
    let dropped = folder.0.join("dropped");
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::copy(built.join("template.wasm"), dropped.join("template.wasm")).unwrap();
    let mut run = Run::start(&folder.0, &dropped, &["--seed", "6"]);
    let api = Api::new(&folder.0, &run.addresses());
    api.wait_for("/v1/strategies", SOON, |all| state(all, "template") == "running");
    std::fs::write(dropped.join("junk.wasm"), b"\0asm and then nothing").unwrap();
    std::fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    api.wait_for("/v1/strategies", SOON, |all| state(all, "quoter") == "running" && state(all, "junk") == "failed");
    let by = |all: &Value, name: &str| all.as_array().unwrap().iter().filter(|order| order["strategy"] == name).count();
    api.wait_for("/v1/trading/orders", SOON, |orders| by(orders, "quoter") > 0 && by(orders, "template") > 0);
    std::fs::remove_file(dropped.join("quoter.wasm")).unwrap();
    api.wait_for("/v1/strategies", SOON, |all| state(all, "quoter") == "removed");
    api.wait_for("/v1/trading/orders", SOON, |orders| by(orders, "quoter") == 0);
    api.wait_for("/v1/trading/orders", SOON, |orders| by(orders, "template") > 0);
    assert_eq!(state(&api.get("/v1/strategies"), "template"), "running");
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(replay_all(&folder.0), 1, "strategies that were added and removed give the same answers in the replay");
    assert_eq!((&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]), (&json!(0), &json!(true)));
}

#[test]
fn an_author_sees_what_a_file_is_and_whether_it_would_be_taken() {
    let Some(built) = strategies("strategy inspect and check") else { return };
    let folder = Folder::new("authors");
    let ask = |action: &str, file: &std::path::Path| {
        let output = program().args(["strategy", action, "--json"]).arg(file).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), serde_json::from_str(printed.trim()).unwrap_or(Value::Null), errors)
    };
    for name in ["bundle", "momentum", "quoter", "template"] {
        let file = built.join(format!("{name}.wasm"));
        let (code, findings, errors) = ask("check", &file);
        let good = |finding: &Value| finding["good"] == true;
        let findings = findings.as_array().unwrap();
        assert!(code == Some(0) && findings.iter().all(good), "{findings:?} {errors}");
        assert_eq!(findings.last().unwrap()["what"], "repeats", "{findings:?}");
        let (_, shown, _) = ask("inspect", &file);
        assert_eq!((&shown["identity"], &shown["capabilities"]), (&json!(name), &json!("log")), "{shown}");
        assert_eq!(shown["sha256"].as_str().unwrap().len(), 64, "{shown}");
    }
    let whole = std::fs::read(built.join("quoter.wasm")).unwrap();
    let torn = folder.0.join("torn.wasm");
    std::fs::write(&torn, &whole[..whole.len() / 2]).unwrap();
    let (code, findings, _) = ask("check", &torn);
    assert_eq!(
        (code, &findings[0]["what"], &findings[0]["good"]),
        (Some(1), &json!("contract"), &json!(false)),
        "{findings}"
    );
    let (code, _, errors) = ask("inspect", &torn);
    assert!(code == Some(1) && errors.contains("is not a valid strategy"), "{errors}");
    let forger = corpus().into_iter().find(|hostile| hostile.name == "words-that-act-on-terminals").unwrap();
    let file = folder.0.join("forger.wasm");
    std::fs::write(&file, &forger.file).unwrap();
    for action in ["inspect", "check"] {
        let output = program().args(["strategy", action]).arg(&file).output().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(printed.contains(r"\u{1b}[2J"), "{printed}");
        assert!(!printed.chars().any(|letter| letter.is_control() && letter != '\n'), "{printed:?}");
    }
    let (code, _, errors) = ask("check", &folder.0.join("missing.wasm"));
    assert!(code == Some(1) && errors.contains("missing.wasm"), "{errors}");
}
