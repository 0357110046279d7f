//! The bot as a service: its start starts the bot of the running host, and its stop stops it.

use super::reporter::{Ending, Reporter};
use super::{INFO, await_host, note, watch_host};
use crate::cli::{ModeArg, ServiceKind, ServiceProcessArgs};
use crate::commands::bot::text;
use crate::commands::keys::{keystore_path, runbook};
use crate::exit::{NOT_RUNNING, code_of};
use anyhow::ensure;
use api::client::Remote;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

const STATE: &str = "/v1/admin/bot/state";
const START: &str = "/v1/admin/bot/start";
const STOP: &str = "/v1/admin/bot/stop";

/// Live mode has no key.
#[derive(Debug)]
pub(super) struct NoCredentials {
    data_dir: PathBuf,
}

impl std::fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = self.data_dir.display();
        write!(f, "live mode needs credentials: `polytrader keys import --data-dir \"{folder}\"` stores them")
    }
}

impl std::error::Error for NoCredentials {}

/// Starts the bot, and stops it when an operator stops the service. At a shutdown of the machine the host does that.
///
/// # Errors
/// If there are no credentials, or the host does not answer or refuses.
pub(super) fn run(args: &ServiceProcessArgs, reporter: &Reporter, endings: &Receiver<Ending>) -> anyhow::Result<()> {
    let data_dir = &args.run.common.data_dir;
    ensure_credentials(args.run.common.mode, data_dir)?;
    let ask = || Remote::of(data_dir).and_then(|host| host.get(STATE));
    let Some(state) = await_host(reporter, endings, ask)? else { return Ok(()) };
    let log = |line: &str| note(data_dir, ServiceKind::Worker, INFO, line);
    if text(&state, "state") == "STOPPED" {
        let bot = act(data_dir, START, "the service PolyTrader-Worker was started")?;
        log(&format!("the bot was started: {}", text(&bot, "state")));
    } else {
        log(&format!("the bot is {}; it was not started", text(&state, "state")));
    }
    reporter.running();
    if watch_host(endings, ask, |now| ensure_same_session(&state, now))? == Ending::Stop {
        match act(data_dir, STOP, "the service PolyTrader-Worker was stopped") {
            Ok(bot) => log(&format!("the bot was stopped: {}", text(&bot, "state"))),
            Err(error) if code_of(&error) == NOT_RUNNING => log("the host has ended before, and the bot with it"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn act(data_dir: &Path, path: &str, reason: &str) -> anyhow::Result<Value> {
    Remote::of(data_dir)?.post(path, &json!({ "reason": reason }))
}

/// Refuses a host that was started after the one whose bot this service has started: its bot is stopped.
fn ensure_same_session(before: &Value, now: &Value) -> anyhow::Result<()> {
    ensure!(
        before.get("session") == now.get("session"),
        "the host was started again, and its bot is {}; start this service again to start the bot",
        text(now, "state")
    );
    Ok(())
}

/// Refuses live mode without a keystore and without a key of the runbook's file.
fn ensure_credentials(mode: ModeArg, data_dir: &Path) -> anyhow::Result<()> {
    let needed = mode == ModeArg::Live;
    if needed && !keystore_path(data_dir).exists() && runbook::value(runbook::PRIVATE_KEY)?.is_none() {
        return Err(NoCredentials { data_dir: data_dir.to_owned() }.into());
    }
    Ok(())
}
