//! `polytrader kill`: ends trading on the account, whether or not a host runs, answers or is well. Works from the keystore and the
//! venue alone; a host that is there is stopped first, or it would go on placing orders.

use crate::cli::RunArgs;
use crate::commands::run::{Venue, account};
use crate::console::{complain, say};
use anyhow::{Context, bail};
use files::Links;
use order::{Account, SigningKey};
use polymarket::client::Timeouts;
use polymarket::{AccountClient, Client};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use store::journal_files::RunLock;

/// The most bytes of `run.json` and of a token's file.
const FILE_MAX: u64 = 64 * 1024;
/// A host that does not answer within this is not asked again.
const HOST_PATIENCE: Duration = Duration::from_secs(3);
/// How long the venue is asked until nothing is open.
const VENUE_PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs `polytrader kill`.
///
/// # Errors
/// If there is no key, or orders are still open after a minute; then the venue's own page is the last resort.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let config = args.common.load_config().context("reading the configuration")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    runtime.block_on(stop_host(&config.data_dir));
    let key = crate::commands::keys::of_live(&config.data_dir, &args.passphrase)?.key;
    let account = account(&config, key.address())?;
    let venue = Venue::real_or(&config, args)?;
    let cancelled = runtime.block_on(async {
        let detail = format!("somebody ran `polytrader kill` over {}", config.data_dir.display());
        // Beside the cancels, which wait for nothing.
        let told = crate::commands::alert::now(&config, "kill", "trading on the account is ended by hand", &detail);
        let (cancelled, ()) = tokio::join!(cancel_everything(&venue.rest, &key, account), told);
        cancelled
    })?;
    say(&format!("{cancelled} orders were cancelled; nothing is open on {}", account.funder.checksummed()));
    Ok(ExitCode::SUCCESS)
}

/// Asks the host of this data folder for an emergency stop, and ends its process if it does not do so.
async fn stop_host(data_dir: &Path) {
    let told = files::read(&data_dir.join("run.json"), Links::Refuse, FILE_MAX);
    let Some(told) = told.ok().and_then(|text| serde_json::from_slice(&text).ok()) else {
        return say("no host runs in this data folder");
    };
    match ask(data_dir, &told).await {
        Ok(()) => say("the host is in emergency stop; it signs nothing until an admin releases it"),
        Err(error) => {
            end(data_dir, &told);
            complain(&format!("the host did not answer: {error:#}"));
        }
    }
}

async fn ask(data_dir: &Path, told: &Value) -> anyhow::Result<()> {
    let api = told.get("api").and_then(Value::as_str).context("run.json names no address")?;
    let token =
        files::read_text(&data_dir.join("admin.token"), Links::Refuse, FILE_MAX).context("reading admin.token")?;
    let tls = polymarket::tls::client_config()?.as_ref().clone();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(HOST_PATIENCE).build()?;
    let request = client.post(format!("{api}/v1/admin/emergency-stop")).bearer_auth(token.trim());
    let answer = request.json(&serde_json::json!({"reason": "polytrader kill"})).send().await?;
    answer.error_for_status()?;
    Ok(())
}

/// Locks the signer and ends the host's process; the signer goes with it. Whoever holds the folder's lock is the host: once that is free the number in
/// `run.json` may be anybody's.
fn end(data_dir: &Path, told: &Value) {
    if RunLock::of_folder(data_dir).is_ok() {
        return say("the host's process is gone");
    }
    let process = |name| told.get(name).and_then(Value::as_i64).and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
    // First: what the host still asks for meanwhile is not signed.
    let signer = process("signer").map(|pid| kill_process(pid, Signal::USR1));
    let host = process("pid").map(|pid| kill_process(pid, Signal::KILL));
    match signer {
        Some(Ok(())) => say("the signer is locked until it is started again"),
        Some(Err(error)) => complain(&format!("locking the signer: {error}")),
        None => complain("run.json names no signer"),
    }
    match host {
        Some(Ok(())) => say("the host's process is ended"),
        // It is gone already.
        Some(Err(rustix::io::Errno::SRCH)) => say("the host's process is gone"),
        Some(Err(error)) => complain(&format!("ending the host's process: {error}")),
        None => complain("run.json names no process"),
    }
}

/// Cancels everything again and again until the venue says that nothing is open, and returns how many were cancelled.
async fn cancel_everything(address: &str, key: &SigningKey, account: Account) -> anyhow::Result<usize> {
    let started = Instant::now();
    let mut cancelled = 0usize;
    let mut client = None;
    loop {
        match round(address, key, account, &mut client, &mut cancelled).await {
            Ok(true) => return Ok(cancelled),
            Ok(false) => {}
            Err(error) => complain(&format!("{error:#}; trying again")),
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

/// One try; true if nothing is open after it.
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
