//! `polytrader db`: backups in [`backup`]; `rebuild`, which rebuilds database rows from the journals, here. Start
//! reading in [`run`].

mod backup;
mod numbers;

use crate::cli::{DbAction, DbArgs, RebuildArgs};
use crate::console::{eprintln, println};
use anyhow::{Context, bail, ensure};
use config::Config;
use control::StrategyNames;
use model::{SessionId, Time, Usd};
use secrecy::ExposeSecret;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use store::db::{Ceilings, Db, DbWrite, Plaintext};
use store::journal_files::{RunLock, account_of, folder, is_first, segments_of};
use tokio::sync::mpsc;
use trading::rebuild::{Rebuilt, names_of, rows_of};

/// Rows per batch, and number of batches that may be queued for the database.
const BATCH: usize = 512;
const BATCHES_WAITING: usize = 8;
/// Time limit for closing the database.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Runs `polytrader db`.
///
/// # Errors
/// If a host uses the data directory or the account, if a journal cannot be read, or if the database fails.
pub(crate) fn run(args: &DbArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    match &args.action {
        DbAction::Rebuild(args) => rebuild_all(args),
        DbAction::Backup(args) => backup::back_up(args),
        DbAction::Restore(args) => backup::restore(args),
        DbAction::Migrate(args) => backup::migrate(args),
        DbAction::SetAside(args) => backup::set_aside(args),
        DbAction::ToPostgres(args) => backup::to_postgres(args),
    }
}

fn rebuild_all(args: &RebuildArgs) -> anyhow::Result<ExitCode> {
    let config = args.common.load_config().context("reading the configuration")?;
    let journals = folder(&config.data_dir);
    let mut sessions = segments_of(&journals).with_context(|| format!("reading {}", journals.display()))?;
    sessions.retain(|(session, _)| args.session.is_none_or(|wanted| wanted == session.0));
    ensure!(!sessions.is_empty(), "no matching journal in {}", journals.display());
    // The last session determines the valuation at the start of a day.
    sessions.sort_by_key(|(session, _)| *session);
    let _folder = RunLock::of_folder(&config.data_dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(rebuild(args, &config, sessions))
}

const fn plaintext_of(config: &Config) -> Plaintext {
    if config.database_plaintext { Plaintext::Allowed } else { Plaintext::Refused }
}

/// Totals over all sessions.
#[derive(Default)]
struct Totals {
    sessions: u64,
    rows: u64,
    kept: u64,
    failed: u64,
    valuations: BTreeMap<(String, u64), (Usd, Time)>,
}

async fn rebuild(
    args: &RebuildArgs,
    config: &Config,
    sessions: Vec<(SessionId, Vec<PathBuf>)>,
) -> anyhow::Result<ExitCode> {
    let db = Db::open_with(config.database_url.expose_secret(), plaintext_of(config)).await?;
    let numbers = numbers::write_again(&db, &sessions).await?;
    let names = names_of(db.strategy_names().await?);
    let (mut totals, mut asked) = (Totals::default(), BTreeSet::new());
    for (session, files) in sessions {
        if !files.first().is_some_and(|file| is_first(file)) {
            print_line(args, &format!("session {}: kept; the beginning of its journal was deleted", session.0));
            totals.kept = totals.kept.saturating_add(1);
            continue;
        }
        match session_again(&db, session, files, names.clone(), &mut asked).await {
            Ok((rebuilt, rows)) => {
                print_line(args, &format!("session {}: {rows} rows from {} inputs", session.0, rebuilt.inputs));
                totals.sessions = totals.sessions.saturating_add(1);
                totals.rows = totals.rows.saturating_add(rows);
                let days = rebuilt.valuations.into_iter();
                totals.valuations.extend(days.map(|(day, value)| ((rebuilt.account.clone(), day), value)));
            }
            Err(error) => {
                eprintln(&format!("session {}: rows left unchanged: {error:#}", session.0));
                totals.failed = totals.failed.saturating_add(1);
            }
        }
    }
    let mut valuations = 0_u64;
    for ((account, day), (value, at)) in totals.valuations {
        valuations = valuations.saturating_add(db.add_valuation(&account, day, value, at.millis()).await?);
    }
    let storage = config.storage;
    let ceilings = Ceilings { refusals: storage.refusals, order_events: storage.order_events };
    let pruned = db.prune(ceilings).await?;
    db.close(CLOSE_WITHIN).await;
    let Totals { sessions, rows, kept, failed, .. } = totals;
    if args.common.json {
        let outcome = json!({"sessions": sessions, "rows": rows, "kept": kept, "failed": failed,
                          "valuations": valuations, "pruned": pruned, "numbers": numbers});
        println(&outcome.to_string());
    } else {
        println(&format!(
            "{sessions} sessions with {rows} rows written, {valuations} valuations and {numbers} numbers added, {kept} sessions kept, {failed} failed"
        ));
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_line(args: &RebuildArgs, line: &str) {
    if !args.common.json {
        println(line);
    }
}

/// Replaces the rows of a session, all or none, and returns the number of new rows.
async fn session_again(
    db: &Db,
    session: SessionId,
    files: Vec<PathBuf>,
    names: StrategyNames,
    asked: &mut BTreeSet<String>,
) -> anyhow::Result<(Rebuilt, u64)> {
    if let Some(account) = files.first().map(|file| account_of(file)).transpose()?.flatten() {
        refuse_living(db, account, asked).await?;
    }
    let (batches, mut waiting) = mpsc::channel::<Vec<DbWrite>>(BATCHES_WAITING);
    let reading = tokio::task::spawn_blocking(move || {
        let mut batch = Vec::new();
        let rebuilt = rows_of(session, &files, names, |row| {
            batch.push(row);
            if batch.len() >= BATCH {
                // A writer that has failed accepts no more batches, and reports its own error.
                drop(batches.blocking_send(std::mem::take(&mut batch)));
            }
        })?;
        drop(batches.blocking_send(batch));
        anyhow::Ok(rebuilt)
    });
    let mut rows = 0_u64;
    let mut work = db.replace_session(session.0).await?;
    while let Some(batch) = waiting.recv().await {
        work.write(&batch).await?;
        rows = rows.saturating_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
    }
    let rebuilt = reading.await.context("reading the journal")??;
    work.commit().await?;
    Ok((rebuilt, rows))
}

/// Returns an error if an engine trades on the account in this database, possibly from another machine.
async fn refuse_living(db: &Db, account: String, asked: &mut BTreeSet<String>) -> anyhow::Result<()> {
    if asked.contains(&account) {
        return Ok(());
    }
    if let Some(place) = db.living_engine(&account).await? {
        bail!("a run is trading on the account {account} in this database: {place}; stop it first");
    }
    asked.insert(account);
    Ok(())
}
