//! Strategy commands for a running host.

use crate::cli::{ArmArgs, HostedArgs, NameArgs, VersionArgs};
use crate::console::println;
use anyhow::Context;
use api::client::Remote;
use model::Usd;
use serde_json::{Map, Value};
use std::process::ExitCode;

/// Lists the host's strategies.
pub(super) fn list(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(&args.data_dir)?;
    let all = remote.get("/v1/strategies")?;
    if args.json {
        println(&all.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for strategy in all.as_array().context("expected a JSON list in the host's response")? {
        println(&line(strategy));
    }
    let skipped = remote.get("/v1/skipped-files")?;
    for file in skipped.as_array().context("expected a JSON list in the host's response")? {
        let text = |key: &str| file.get(key).and_then(Value::as_str).unwrap_or_default();
        println(&format!("not loaded: {}: {}", text("file"), text("reason")));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(strategy: &Value) -> String {
    let text = |key: &str| strategy.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| strategy.get(key).and_then(Value::as_u64).unwrap_or(0);
    let [name, state, version, error, bounded] = ["name", "state", "version", "error", "bounded"].map(text);
    let [markets, orders, fills] = ["markets", "orders", "fills"].map(number);
    let hash = text("hash");
    let [armed, left] = ["armed_budget", "budget"].map(|key| strategy.get(key).map(budget).unwrap_or_default());
    let armed = if armed.is_empty() { armed } else { format!("  armed with {armed}") };
    let left = if left.is_empty() { left } else { format!("  may use {left}") };
    let why = if error.is_empty() { bounded } else { error };
    format!(
        "{name:24} {state:12} {version:10} {hash:.12} {markets:3} markets {orders:6} orders {fills:6} fills{armed}{left}  {why}"
    )
}

/// Formats a budget; empty if it sets no limit.
fn budget(view: &Value) -> String {
    let number = |key: &str| view.get(key).and_then(Value::as_i64);
    let dollars = |key: &str, what: &str| number(key).map(|micros| format!("${} {what}", Usd(micros)));
    let parts = [
        dollars("capital_micro_usd", "of capital"),
        dollars("daily_loss_micro_usd", "of loss a day"),
        number("orders_per_minute").map(|orders| format!("{orders} orders a minute")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Returns the request fields that select a version.
pub(super) fn version(args: &VersionArgs) -> Map<String, Value> {
    args.hash.iter().map(|hash| ("hash".to_owned(), hash.as_str().into())).collect()
}

/// Arms a strategy.
pub(super) fn arm(args: &ArmArgs) -> anyhow::Result<ExitCode> {
    let mut budget = Map::new();
    for (key, amount) in [("capital_usd", &args.capital_usd), ("daily_loss_usd", &args.daily_loss_usd)] {
        budget.extend(amount.iter().map(|amount| (key.to_owned(), amount.as_str().into())));
    }
    budget.extend(args.orders_per_minute.map(|orders| ("orders_per_minute".to_owned(), orders.into())));
    let mut body = version(&args.version);
    body.extend(args.from.iter().map(|run| ("run".to_owned(), run.as_str().into())));
    if args.no_budget || !budget.is_empty() {
        body.insert("budget".to_owned(), Value::Object(budget));
    }
    send_command("arm", &args.version.named, body)
}

/// Sends a command about a strategy to the host, and prints the strategy's resulting state.
pub(super) fn send_command(word: &str, args: &NameArgs, mut body: Map<String, Value>) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(&args.host.data_dir)?;
    body.insert("reason".to_owned(), args.reason.as_str().into());
    remote.post(&format!("/v1/strategies/{}/{word}", args.name), &Value::Object(body))?;
    let all = remote.get("/v1/strategies")?;
    let named = |strategy: &&Value| strategy.get("name").and_then(Value::as_str) == Some(args.name.as_str());
    let strategy = all.as_array().and_then(|all| all.iter().find(named)).cloned().unwrap_or(Value::Null);
    println(&if args.host.json { strategy.to_string() } else { line(&strategy) });
    Ok(ExitCode::SUCCESS)
}
