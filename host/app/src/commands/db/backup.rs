//! `polytrader db backup|restore|migrate|to-postgres`.

use super::{CLOSE_WITHIN, plaintext_of};
use crate::cli::{BackupArgs, CommonArgs, MigrateArgs, RebuildArgs, RestoreArgs, SetAsideArgs, ToPostgresArgs};
use crate::console::{eprintln, println};
use anyhow::{Context, bail, ensure};
use config::Config;
use control::clock;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use store::db::Db;
use store::db::address;
use store::db::backup::{self, Schema};
use store::journal_files::{RunLock, folder, segments_of};

/// The time that a command waits for a database that is locked, restarts or is out of reach.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns the folder of a data folder's backups.
pub(crate) fn backups_of(config: &Config) -> PathBuf {
    config.data_dir.join("backups")
}

fn load(common: &CommonArgs) -> anyhow::Result<Config> {
    common.load_config().context("reading the configuration")
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(work)
}

/// Prints an outcome: an object for programs, a line for people.
fn report(common: &CommonArgs, object: &Value, line: &str) {
    println(&if common.json { object.to_string() } else { line.to_owned() });
}

/// Runs `polytrader db backup`.
pub(super) fn back_up(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.common)?;
    let to = args.to.clone().unwrap_or_else(|| backups_of(&config));
    let made = block_on(async {
        let url = config.database_url.expose_secret();
        Ok(backup::back_up(url, plaintext_of(&config), &to, clock::wall()).await?)
    })?;
    let removed = backup::prune(&to, config.operations.backups_keep_days, SystemTime::now())
        .with_context(|| format!("removing old backups of {}", to.display()))?;
    let (manifest, path) = (&made.manifest, made.path.display().to_string());
    let object = json!({"backup": path, "rows": manifest.rows(), "bytes": manifest.bytes, "sha256": manifest.sha256,
                        "version": manifest.version, "removed": removed.len()});
    let line = format!(
        "{path}: {} rows of {} tables, {} bytes, read back and equal; {} older backups removed",
        manifest.rows(),
        manifest.tables.len(),
        manifest.bytes,
        removed.len()
    );
    report(&args.common, &object, &line);
    Ok(ExitCode::SUCCESS)
}

/// Runs `polytrader db restore`.
pub(super) fn restore(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let common = &args.common;
    let config = load(common)?;
    store::private_file::make_folder(&config.data_dir)
        .with_context(|| format!("creating the data folder {}", config.data_dir.display()))?;
    let lock = RunLock::of_folder(&config.data_dir)?;
    let (url, plaintext) = (config.database_url.expose_secret(), plaintext_of(&config));
    let manifest = block_on(async { Ok(backup::restore(url, plaintext, &args.backup).await?) })?;
    let line = format!(
        "{}: {} rows of {} tables, made {}, restored and equal",
        args.backup.display(),
        manifest.rows(),
        manifest.tables.len(),
        manifest.made
    );
    block_on(async {
        let db = Db::open_when_there(url, plaintext, PATIENCE).await?;
        db.close(CLOSE_WITHIN).await;
        Ok(())
    })?;
    // It takes the lock itself.
    drop(lock);
    report(common, &json!({"restored": args.backup.display().to_string(), "rows": manifest.rows()}), &line);
    let journals = folder(&config.data_dir);
    if segments_of(&journals).with_context(|| format!("reading {}", journals.display()))?.is_empty() {
        eprintln("there are no journals here: what happened after the backup is known only to the venue");
        return Ok(ExitCode::SUCCESS);
    }
    super::rebuild_all(&RebuildArgs { common: common.clone(), session: None })
}

/// Runs `polytrader db migrate`.
pub(super) fn migrate(args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.common)?;
    let (url, plaintext) = (config.database_url.expose_secret(), plaintext_of(&config));
    let Schema { found, known } = block_on(async { Ok(backup::schema(url, plaintext).await?) })?;
    let shown = found.map_or_else(|| "no tables".to_owned(), |found| format!("tables of version {found}"));
    if args.check {
        let object = json!({"found": found, "known": known});
        report(&args.common, &object, &format!("{shown}; this program knows version {known}"));
        return Ok(if found == Some(known) { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    store::private_file::make_folder(&config.data_dir)
        .with_context(|| format!("creating the data folder {}", config.data_dir.display()))?;
    let _folder = RunLock::of_folder(&config.data_dir)?;
    block_on(async {
        let backups = backups_of(&config);
        let db = Db::open_upgraded(url, plaintext, PATIENCE, (&backups, clock::wall())).await?;
        db.close(CLOSE_WITHIN).await;
        Ok(())
    })?;
    report(&args.common, &json!({"found": found, "now": known}), &format!("{shown} before; version {known} now"));
    Ok(ExitCode::SUCCESS)
}

/// Runs the hidden `polytrader db set-aside`.
pub(super) fn set_aside(args: &SetAsideArgs) -> anyhow::Result<ExitCode> {
    let config = load(&args.common)?;
    let _folder = RunLock::of_folder(&config.data_dir)?;
    let (url, plaintext) = (config.database_url.expose_secret(), plaintext_of(&config));
    let schema = block_on(async { Ok(backup::set_aside(url, plaintext, clock::wall()).await?) })?;
    let line = format!("the tables are in the schema {schema} now; `DROP SCHEMA {schema} CASCADE` removes them");
    report(&args.common, &json!({"schema": schema}), &line);
    Ok(ExitCode::SUCCESS)
}

/// Runs `polytrader db to-postgres`.
pub(super) fn to_postgres(args: &ToPostgresArgs) -> anyhow::Result<ExitCode> {
    address::check(&args.to).map_err(anyhow::Error::msg).context("the address of the server")?;
    ensure!(
        !address::is_secret(&args.to),
        "the address has a password, which every program of this machine sees in a command line; leave it out and set PGPASSWORD or \
         write ~/.pgpass. Nothing was copied"
    );
    let config = load(&args.common)?;
    let Some(from) = config.database_url.expose_secret().strip_prefix("sqlite:").map(PathBuf::from) else {
        bail!(
            "database_url names a PostgreSQL server already; pg_dump and psql move it to another one. Nothing was copied"
        )
    };
    let _folder = RunLock::of_folder(&config.data_dir)?;
    let tables = block_on(async { Ok(backup::to_postgres(&from, &args.to, plaintext_of(&config)).await?) })?;
    let rows = tables.values().fold(0_u64, |sum, table| sum.saturating_add(table.rows));
    let line = format!(
        "{rows} rows of {} tables copied and equal; write database_url = \"{}\" into {} and start again. {} stays as it is",
        tables.len(),
        args.to,
        config.data_dir.join("polytrader.toml").display(),
        from.display()
    );
    report(&args.common, &json!({"rows": rows, "tables": tables}), &line);
    Ok(ExitCode::SUCCESS)
}
