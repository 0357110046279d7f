//! `polytrader kill`: ends trading on the account, in whatever state the host is. Needs only the keystore and the
//! venue. A running host is stopped first, because it would keep placing orders.

use crate::cli::RunArgs;
use crate::commands::run::{Venue, account};
use crate::console::{eprintln, println};
use crate::platform;
use anyhow::{Context, bail};
use files::Links;
use order::{Account, SigningKey};
use polymarket::client::Timeouts;
use polymarket::{AccountClient, Client};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use store::journal_files::RunLock;

/// Maximum size of `run.json` and of a token file.
const FILE_MAX: u64 = 64 * 1024;
/// Timeout of the request to the host. It is not repeated.
const HOST_PATIENCE: Duration = Duration::from_secs(3);
/// Time limit for the venue to confirm that no order is open.
const VENUE_PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs `polytrader kill`.
///
/// # Errors
/// If there is no key, or if orders are still open after a minute; then the venue's own page is the last resort.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = args.common.load_config().context("reading the configuration")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    // With --json, standard output has one line only.
    let note: fn(&str) = if args.common.json { eprintln } else { println };
    runtime.block_on(stop_host(&config.data_dir, note));
    let key = crate::commands::keys::of_live(&config.data_dir, &args.passphrase)?.key;
    let account = account(&config, key.address())?;
    let venue = Venue::real_or(&config, args)?;
    let cancelled = runtime.block_on(async {
        let detail = format!("`polytrader kill` was run on {}", config.data_dir.display());
        // Runs concurrently with the cancels, which must not wait for it.
        let alert_delivery = crate::commands::alert::now(
            &config,
            "kill",
            "trading on the account is being ended by `polytrader kill`",
            &detail,
        );
        let (cancelled, ()) = tokio::join!(cancel_everything(&venue.rest, &key, account), alert_delivery);
        cancelled
    })?;
    let funder = account.funder.checksummed();
    println(&if args.common.json {
        json!({ "cancelled": cancelled, "account": funder, "open": 0 }).to_string()
    } else {
        format!("{cancelled} orders cancelled; no open orders left on {funder}")
    });
    Ok(ExitCode::SUCCESS)
}

/// Requests an emergency stop from the host of this data directory, and kills its process if the request fails.
async fn stop_host(data_dir: &Path, note: fn(&str)) {
    let run_info = files::read(&data_dir.join("run.json"), Links::Refuse, FILE_MAX);
    let Some(run_info) = run_info.ok().and_then(|text| serde_json::from_slice(&text).ok()) else {
        return note("no host is running in this data directory");
    };
    match request_stop(data_dir, &run_info).await {
        Ok(()) => note("the host is in emergency stop; nothing is signed until an admin releases it"),
        Err(error) => {
            end(data_dir, &run_info, note);
            eprintln(&format!("the host did not answer: {error:#}"));
        }
    }
}

async fn request_stop(data_dir: &Path, run_info: &Value) -> anyhow::Result<()> {
    let api = run_info.get("api").and_then(Value::as_str).context("run.json contains no API address")?;
    let token =
        files::read_text(&data_dir.join("admin.token"), Links::Refuse, FILE_MAX).context("reading admin.token")?;
    let tls = polymarket::tls::client_config()?.as_ref().clone();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(HOST_PATIENCE).build()?;
    let request = client.post(format!("{api}/v1/admin/emergency-stop")).bearer_auth(token.trim());
    let answer = request.json(&serde_json::json!({"reason": "polytrader kill"})).send().await?;
    answer.error_for_status()?;
    Ok(())
}

/// Locks the signer and kills the host's process; the signer ends with it. The host is the process that holds the
/// directory's lock: once the lock is free, the process id in `run.json` may belong to any other process.
fn end(data_dir: &Path, run_info: &Value, note: fn(&str)) {
    if RunLock::of_folder(data_dir).is_ok() {
        return note("the host's process has already ended");
    }
    let process = |name| run_info.get(name).and_then(Value::as_u64).and_then(|process| u32::try_from(process).ok());
    // Before the kill: orders that the host submits in the meantime are not signed.
    let signer = process("signer").map(platform::lock_signer);
    let host = process("pid").map(platform::kill);
    match signer {
        Some(Ok(())) => note("the signer is locked until it is started again"),
        Some(Err(error)) => eprintln(&format!("locking the signer: {error}")),
        None => eprintln("run.json contains no process id of the signer"),
    }
    match host {
        Some(Ok(())) => note("the host's process was killed"),
        // The process has already ended.
        Some(Err(error)) if platform::is_gone(&error) => note("the host's process has already ended"),
        Some(Err(error)) => eprintln(&format!("killing the host's process: {error}")),
        None => eprintln("run.json contains no process id of the host"),
    }
}

/// Cancels all orders repeatedly until the venue reports no open orders, and returns the number of cancelled orders.
async fn cancel_everything(address: &str, key: &SigningKey, account: Account) -> anyhow::Result<usize> {
    let started = Instant::now();
    let mut cancelled = 0usize;
    let mut client = None;
    loop {
        match round(address, key, account, &mut client, &mut cancelled).await {
            Ok(true) => return Ok(cancelled),
            Ok(false) => {}
            Err(error) => eprintln(&format!("{error:#}; retrying")),
        }
        if started.elapsed() > VENUE_PATIENCE {
            bail!(
                "orders may still be open at {address} after {} s; cancel them on the venue's own page",
                VENUE_PATIENCE.as_secs()
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Cancels all orders once, and returns true if no order is open after it.
async fn round(
    address: &str,
    key: &SigningKey,
    account: Account,
    client: &mut Option<AccountClient>,
    cancelled: &mut usize,
) -> anyhow::Result<bool> {
    let client = match client {
        Some(client) => client,
        None => client.insert(login(address, key, account).await?),
    };
    let answer = client.cancel_all().await.context("cancelling everything")?;
    *cancelled = cancelled.saturating_add(answer.cancelled.len());
    Ok(client.open_orders().await.context("reading the open orders")?.is_empty())
}

async fn login(address: &str, key: &SigningKey, account: Account) -> anyhow::Result<AccountClient> {
    let client = Client::new(address, Timeouts::default()).with_context(|| format!("the venue at {address}"))?;
    let credentials = crate::commands::keys::log_in(&client, key, account.chain).await?;
    Ok(AccountClient::new(client, credentials, account))
}
