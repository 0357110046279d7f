//! What is said to a running host about its strategies.

use crate::cli::{HostedArgs, NameArgs, say};
use crate::remote::Remote;
use anyhow::Context;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Lists the host's strategies.
pub(super) fn list(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let all = Remote::of(&args.data_dir)?.get("/v1/strategies")?;
    if args.json {
        say(&all.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for strategy in all.as_array().context("the host's answer is no list")? {
        say(&line(strategy));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(strategy: &Value) -> String {
    let text = |key: &str| strategy.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| strategy.get(key).and_then(Value::as_u64).unwrap_or(0);
    let [name, state, version, error] = ["name", "state", "version", "error"].map(text);
    let [markets, orders, fills] = ["markets", "orders", "fills"].map(number);
    let hash = text("hash");
    format!(
        "{name:24} {state:12} {version:10} {hash:.12} {markets:3} markets {orders:6} orders {fills:6} fills  {error}"
    )
}

/// Has the host do something with a strategy, and shows what it is then.
pub(super) fn say_to(word: &str, args: &NameArgs, hash: Option<&str>) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(&args.host.data_dir)?;
    let mut body = json!({ "reason": args.reason });
    if let (Some(hash), Some(body)) = (hash, body.as_object_mut()) {
        body.insert("hash".to_owned(), hash.into());
    }
    remote.post(&format!("/v1/strategies/{}/{word}", args.name), &body)?;
    let all = remote.get("/v1/strategies")?;
    let named = |strategy: &&Value| strategy.get("name").and_then(Value::as_str) == Some(args.name.as_str());
    let strategy = all.as_array().and_then(|all| all.iter().find(named)).cloned().unwrap_or(Value::Null);
    say(&if args.host.json { strategy.to_string() } else { line(&strategy) });
    Ok(ExitCode::SUCCESS)
}
