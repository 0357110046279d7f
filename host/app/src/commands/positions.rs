//! `polytrader positions`: lists the positions of a running host's account by strategy, and reallocates them.

use crate::cli::{AssignArgs, HostedArgs, PositionsAction, PositionsArgs};
use crate::console::println;
use anyhow::Context;
use api::client::Remote;
use model::{Size, Usd};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs `polytrader positions`.
///
/// # Errors
/// If no host is running, or it rejects the request.
pub(crate) fn run(args: &PositionsArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        PositionsAction::List(args) => list(args),
        PositionsAction::Close(args) => crate::commands::bot::close(args),
        PositionsAction::Assign(args) => assign(args),
    }
}

fn list(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let all = Remote::of(&args.data_dir)?.get("/v1/positions")?;
    if args.json {
        println(&all.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for position in all.as_array().context("expected a JSON list in the host's response")? {
        println(&line(position));
        let owners = position.get("owners").and_then(Value::as_array);
        owners.into_iter().flatten().for_each(|owner| println(&owner_line(owner)));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(position: &Value) -> String {
    let text = |key: &str| position.get(key).and_then(Value::as_str).unwrap_or_default();
    let dollars = |key: &str| Usd(position.get(key).and_then(Value::as_i64).unwrap_or(0));
    let [token, market, outcome] = ["token", "market", "outcome"].map(text);
    let [cost, value] = ["cost_micro_usd", "value_micro_usd"].map(dollars);
    format!("{market} {outcome}: {} shares that cost ${cost}, worth ${value}; token {token}", shares(position))
}

fn owner_line(owner: &Value) -> String {
    let name = owner.get("strategy").and_then(Value::as_str).unwrap_or_default();
    let orphaned = owner.get("orphaned").and_then(Value::as_bool).unwrap_or(false);
    let note = if orphaned { "  orphaned: only the guards look after it" } else { "" };
    format!("    {name:24} {} shares{note}", shares(owner))
}

fn shares(of: &Value) -> Size {
    Size(of.get("size_micros").and_then(Value::as_u64).unwrap_or(0))
}

fn assign(args: &AssignArgs) -> anyhow::Result<ExitCode> {
    let AssignArgs { token, from, to, shares, reason, host } = args;
    let body = json!({ "token": token, "from": from, "to": to, "shares": shares, "reason": reason });
    Remote::of(&host.data_dir)?.post("/v1/positions/assign", &body)?;
    let given = shares.as_deref().unwrap_or("all");
    println(&if host.json {
        body.to_string()
    } else {
        format!("{to} has {given} of what {from} held of token {token}")
    });
    Ok(ExitCode::SUCCESS)
}
