//! `polytrader audit`: lists the audit of a running host, and verifies the database and the journals without one.

use crate::cli::{AuditAction, AuditArgs, CommonArgs, ListAuditArgs};
use crate::commands::bot::text;
use crate::console::println;
use anyhow::Context;
use api::client::Remote;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;
use store::db::{AuditCheck, Db, Plaintext};
use store::journal_files::AuditHeads;

/// The longest time for the database to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// The most missing entries to list.
const NAMED_MAX: usize = 10;
/// The maximum number of rows that are searched.
const ROWS_MAX: usize = 1_000_000;

/// Runs `polytrader audit`.
///
/// # Errors
/// If no host is running or it rejects the request, or the database or a journal cannot be read.
pub(crate) fn run(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        AuditAction::List(args) => list(args),
        AuditAction::Verify(args) => verify(args),
    }
}

fn list(args: &ListAuditArgs) -> anyhow::Result<ExitCode> {
    let remote = Remote::of(&args.host.data_dir)?;
    let is_wanted = |row: &Value| {
        let who = args.who.as_deref().is_none_or(|who| text(row, "who") == who);
        who && args.action.as_deref().is_none_or(|action| text(row, "action").starts_with(action))
    };
    let most = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut found = 0usize;
    // Reading ends with the row that completes the list.
    let rows = remote.rows("/v1/admin/audit?limit=500", ROWS_MAX, |row| {
        let goes_on = found < most;
        found = found.saturating_add(usize::from(is_wanted(row)));
        goes_on
    })?;
    let rows: Vec<Value> = rows.into_iter().filter(is_wanted).take(most).collect();
    if args.host.json {
        println(&Value::from(rows).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    rows.iter().for_each(|row| println(&line(row)));
    if rows.is_empty() {
        println("the audit has no such entry");
    }
    Ok(ExitCode::SUCCESS)
}

fn line(entry: &Value) -> String {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    let at = entry.get("at_ms").and_then(Value::as_u64).map(model::Time::from_millis);
    let at = at.map(|at| at.iso()).unwrap_or_default();
    let origin = if text("origin").is_empty() { String::new() } else { format!(" from {}", text("origin")) };
    let role = if text("role").is_empty() { String::new() } else { format!(" ({})", text("role")) };
    let change = if text("new").is_empty() { String::new() } else { format!("  {} -> {}", text("old"), text("new")) };
    let detail = if text("detail").is_empty() { String::new() } else { format!("  {}", text("detail")) };
    format!("{at} {}{role}{origin}: {}: {}{change}{detail}", text("who"), text("action"), text("outcome"))
}

fn verify(args: &CommonArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    let config = args.load_config().context("reading the configuration")?;
    let heads = AuditHeads::of(&config.data_dir).context("reading the heads in the journals")?;
    let plaintext = if config.database_plaintext { Plaintext::Allowed } else { Plaintext::Refused };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let check = runtime.block_on(async {
        let db = Db::open_with(config.database_url.expose_secret(), plaintext).await?;
        let check = db.verify_audit(heads.entries.clone()).await;
        db.close(CLOSE_WITHIN).await;
        check.context("reading the audit")
    })?;
    if args.json {
        let broken = check.broken.as_ref().map(|(entry, why)| json!({ "entry": entry, "reason": why }));
        let (sessions, read) = (heads.sessions, heads.read);
        println(
            &json!({ "intact": check.is_intact(), "entries": check.chained, "before": check.before, "broken": broken,
                     "missing": check.missing, "sessions": sessions, "heads": read })
            .to_string(),
        );
    } else {
        sentences(&check, &heads).iter().for_each(|sentence| println(sentence));
    }
    Ok(if check.is_intact() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the result, one sentence per line.
fn sentences(check: &AuditCheck, heads: &AuditHeads) -> Vec<String> {
    let mut lines = vec![format!(
        "{} entries in the chain and {} from before it; {} heads in the journals of {} sessions",
        check.chained, check.before, heads.read, heads.sessions
    )];
    if let Some((entry, why)) = &check.broken {
        lines.push(format!("entry {entry}: {why}"));
    }
    if !check.missing.is_empty() {
        let named: Vec<String> = check.missing.iter().take(NAMED_MAX).map(u64::to_string).collect();
        let more = check.missing.len().saturating_sub(NAMED_MAX);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        lines.push(format!(
            "the journals contain the hashes of entries that the database does not have: {}{more}; the entries were cut off or \
             changed, or the database is from an older backup",
            named.join(", ")
        ));
    }
    if check.chained > 0 && heads.entries.is_empty() {
        lines.push(
            "no journal in this folder contains a head: whether the end of the audit was cut off is unknown".to_owned(),
        );
    }
    lines.push(if check.is_intact() { "the audit is intact" } else { "the audit is NOT intact" }.to_owned());
    lines
}
