//! The host as a service: this process is the signer of `polytrader run`. If it is killed, the host cancels its orders and
//! ends, as without a service.

use super::console_log;
use super::reporter::{Ending, Reporter};
use crate::cli::{RunArgs, ServiceProcessArgs};
use crate::platform;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// The most bytes of `run.json`.
const RUN_MAX: u64 = 64 * 1024;
/// Interval of the looks for a request to end and for the host's start.
const LOOK: Duration = Duration::from_millis(250);

/// Trades until the service is to end; then cancels all orders.
///
/// # Errors
/// If the run cannot start, or did not end cleanly.
pub(super) fn run(
    args: &ServiceProcessArgs,
    reporter: &Arc<Reporter>,
    endings: Receiver<Ending>,
) -> anyhow::Result<()> {
    let data_dir = args.run.common.data_dir.clone();
    let logs = data_dir.join("logs");
    store::private_file::make_folder(&data_dir)
        .and_then(|()| store::private_file::make_folder(&logs))
        .with_context(|| format!("creating {}", logs.display()))?;
    console_log::redirect(&logs)?;
    let reporter = Arc::clone(reporter);
    let watch = move || watch(&data_dir, &reporter, &endings);
    std::thread::Builder::new().name("service".to_owned()).spawn(watch).context("starting a thread")?;
    let run = with_bot_stopped(&args.run)?;
    let code = crate::commands::run::run(&run)?;
    ensure!(code == ExitCode::SUCCESS, "the session did not end cleanly; see worker_stderr.log");
    Ok(())
}

/// Returns the arguments with the bot stopped, because `PolyTrader-Worker` starts it; unless the configuration says that it
/// goes on as it was left.
fn with_bot_stopped(run: &RunArgs) -> anyhow::Result<RunArgs> {
    let config = run.common.reload_config().context("reading the configuration")?;
    let mut run = run.clone();
    run.common.stopped |= !config.operations.same_state;
    Ok(run)
}

/// Reports the host's start, and passes a request to end on to the signer in this process.
fn watch(data_dir: &Path, reporter: &Reporter, endings: &Receiver<Ending>) {
    let (mut is_ready, mut must_end, mut was_passed_on) = (false, false, false);
    loop {
        if must_end {
            std::thread::sleep(LOOK);
        } else {
            must_end = endings.recv_timeout(LOOK).is_ok();
        }
        if must_end && !was_passed_on {
            // Fails until the signer waits for it, which it does before it starts the host.
            was_passed_on = platform::terminate(std::process::id()).is_ok();
        }
        if !is_ready && serves(data_dir) {
            is_ready = true;
            reporter.running();
        }
        reporter.tick();
    }
}

/// Returns true if `run.json` is of a host of this process.
fn serves(data_dir: &Path) -> bool {
    let text = files::read(&data_dir.join("run.json"), files::Links::Refuse, RUN_MAX);
    let run: Option<Value> = text.ok().and_then(|text| serde_json::from_slice(&text).ok());
    run.and_then(|run| run.get("signer")?.as_u64()) == Some(u64::from(std::process::id()))
}
