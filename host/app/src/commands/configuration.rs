//! `polytrader config`: shows the configuration that a run would use, and shows and changes that of the running host.

use crate::cli::{CommonArgs, ConfigAction, ConfigArgs, GetArgs, HistoryArgs, HostedArgs, RollbackArgs, SetArgs};
use crate::commands::bot::{list, text};
use crate::console::println;
use anyhow::{Context, bail};
use api::client::Remote;
use model::Time;
use serde_json::{Value, json};
use std::process::ExitCode;

/// The most audit rows that are searched for changes.
const AUDIT_ROWS: usize = 100_000;
/// Prefix of the audit actions of changes.
const ACTION: &str = "config/";

/// Runs `polytrader config`.
///
/// # Errors
/// If the configuration is invalid, no host is running, or it rejects the request.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        None => show(&args.common),
        Some(ConfigAction::Get(args)) => get(args),
        Some(ConfigAction::Set(args)) => set(args),
        Some(ConfigAction::History(args)) => history(args),
        Some(ConfigAction::Rollback(args)) => rollback(args),
        Some(ConfigAction::Reload(args)) => reload(args),
    }
}

/// Prints one line per key: its value and its source.
fn show(args: &CommonArgs) -> anyhow::Result<ExitCode> {
    let config = args.load_config()?;
    if args.json {
        let entry = |entry: config::ConfigEntry| json!({ "key": entry.key, "value": entry.value, "default": entry.default, "source": entry.source.as_str() });
        println(&Value::from(config.entries().into_iter().map(entry).collect::<Vec<_>>()).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for entry in config.entries() {
        println(&format!("{:34} {:28} {}", entry.key, entry.value, entry.source.as_str()));
    }
    Ok(ExitCode::SUCCESS)
}

fn get(args: &GetArgs) -> anyhow::Result<ExitCode> {
    let all = Remote::of(&args.host.data_dir)?.get("/v1/config/")?;
    let Some(key) = &args.key else {
        if args.host.json {
            println(&all.to_string());
        } else {
            let entries = all.as_object().context("expected a JSON object in the host's response")?;
            entries.iter().for_each(|(key, entry)| println(&line(key, entry)));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let entry = all.get(key).with_context(|| format!("there is no key `{key}`; `polytrader config get` lists them"))?;
    if args.host.json {
        println(&entry.to_string());
    } else {
        println(&line(key, entry));
        println(&format!("    {}", text(entry, "description")));
        let live = entry.get("live").and_then(Value::as_bool).unwrap_or(false);
        println(if live {
            "    `polytrader config set` changes it at once"
        } else {
            "    set it in polytrader.toml; it takes effect after a restart"
        });
    }
    Ok(ExitCode::SUCCESS)
}

fn line(key: &str, entry: &Value) -> String {
    format!("{key:34} {:28} {}", text(entry, "value"), text(entry, "source"))
}

fn set(args: &SetArgs) -> anyhow::Result<ExitCode> {
    change(&args.host, &args.key, &args.value)
}

fn change(host: &HostedArgs, key: &str, value: &str) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(&host.data_dir)?;
    let before = remote.get("/v1/config/")?;
    let before = before.get(key).map(|entry| text(entry, "value").to_owned()).unwrap_or_default();
    // Sent as text, so that no decimal is converted to floating point.
    let changed = remote.put(&format!("/v1/config/{key}"), &json!({ "value": value }))?;
    if host.json {
        println(&changed.to_string());
    } else {
        let stored = changed.get("durable").and_then(Value::as_bool).unwrap_or(false);
        let note = if stored { "" } else { "; not stored yet; the host keeps retrying" };
        println(&format!("{key} is {} now, and was {before}; no restart is needed{note}", text(&changed, "value")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the changes, newest first: key, value before and after, and the audit row.
fn changes(remote: &Remote, key: Option<&str>, most: usize) -> anyhow::Result<Vec<(String, String, String, Value)>> {
    let rows = remote.rows("/v1/admin/audit?limit=500", AUDIT_ROWS, |_| true)?;
    let change = |row: Value| {
        let name = text(&row, "action").strip_prefix(ACTION)?.to_owned();
        let made = text(&row, "outcome") == "ok" && key.is_none_or(|key| key == name);
        let (before, after) = text(&row, "detail").split_once(" -> ").filter(|_| made)?;
        Some((name, before.to_owned(), after.to_owned(), row))
    };
    Ok(rows.into_iter().filter_map(change).take(most).collect())
}

fn history(args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(&args.host.data_dir)?;
    let most = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let changes = changes(&remote, args.key.as_deref(), most)?;
    if args.host.json {
        let row = |(key, before, after, row): &(String, String, String, Value)| {
            let at_ms = row.get("at_ms").cloned().unwrap_or(Value::Null);
            json!({ "at_ms": at_ms, "who": text(row, "who"), "key": key, "before": before, "after": after })
        };
        println(&Value::from(changes.iter().map(row).collect::<Vec<_>>()).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    for (key, before, after, row) in &changes {
        let at = row.get("at_ms").and_then(Value::as_u64).map(|at| Time::from_millis(at).iso()).unwrap_or_default();
        let claimed = text(row, "claimed_user");
        let claimed = if claimed.is_empty() { String::new() } else { format!(" ({claimed})") };
        println(&format!("{at}  {:16} {key}: {before} -> {after}{claimed}", text(row, "who")));
    }
    if changes.is_empty() {
        println("the audit has no change");
    }
    Ok(ExitCode::SUCCESS)
}

fn rollback(args: &RollbackArgs) -> anyhow::Result<ExitCode> {
    let RollbackArgs { key, host } = args;
    let remote = Remote::of(&host.data_dir)?;
    let all = remote.get("/v1/config/")?;
    let now = all.get(key).map(|entry| text(entry, "value"));
    let now = now.with_context(|| format!("there is no key `{key}`; `polytrader config get` lists them"))?;
    let last = changes(&remote, Some(key), 1)?.pop();
    let (_, before, after, _) =
        last.with_context(|| format!("the audit has no change of {key}; nothing was changed"))?;
    if after != now {
        bail!(
            "{key} is {now} now, and its last change in the audit made it {after}; set it with `polytrader config set`"
        );
    }
    change(host, key, &before)
}

fn reload(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let all = Remote::of(&args.data_dir)?.post("/v1/config/reload", &json!({}))?;
    let keys = list(&all)?;
    if args.json {
        println(&all.to_string());
    } else {
        keys.iter().for_each(|key| println(&reloaded(key)));
        if keys.is_empty() {
            println("the configuration equals the values in effect");
        }
    }
    let is_refused = |key: &Value| text(key, "outcome") == "refused";
    Ok(if keys.iter().any(is_refused) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn reloaded(key: &Value) -> String {
    let [name, old, new, note] = ["key", "old", "new", "note"].map(|field| text(key, field));
    match text(key, "outcome") {
        "applied" => format!("{name} is {new} now, and was {old}"),
        "needs_restart" => format!("{name} stays {old} until a restart; the configuration has {new}"),
        _ => format!("{name} stays {old}: {note}"),
    }
}
