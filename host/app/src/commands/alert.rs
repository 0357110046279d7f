//! Alerts without a host: `polytrader alert test`, `polytrader kill`, and the doctor's look.

use crate::cli::{AlertAction, AlertArgs};
use crate::console::{complain, say};
use alerts::{Alert, Bot, CLOSE_WITHIN, Outcome, Severity, Webhook, send_once};
use anyhow::{Context, bail};
use config::Config;
use control::clock;
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;

/// How long a webhook's host may take to be reached.
const REACH_WITHIN: Duration = Duration::from_secs(3);

/// Runs `polytrader alert`.
///
/// # Errors
/// If there is no webhook, or the alert is not taken.
pub(crate) fn test(args: &AlertArgs) -> anyhow::Result<ExitCode> {
    let AlertAction::Test(common) = &args.action;
    let config = common.load_config().context("reading the configuration")?;
    let Some(webhook) = &config.alerts.webhook else {
        bail!("alerts.webhook is not set: write it into polytrader.toml, or set POLYTRADER_ALERTS_WEBHOOK");
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let detail = "nothing happened: somebody ran `polytrader alert test`";
    let alert = Alert::new(clock::now(), Severity::Info, "test", "a test alert", detail);
    let answer = runtime.block_on(post(&config, webhook, alert))?;
    let status = match answer {
        Outcome::Taken(status) => status,
        Outcome::Refused(why) => bail!("{webhook} does not take it: {why}"),
        Outcome::Later(why, _) => bail!("{webhook} does not take it now: {why}"),
    };
    if common.json {
        say(&json!({ "webhook": webhook.to_string(), "status": status }).to_string());
    } else {
        say(&format!("{webhook} took it ({status})"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn post(config: &Config, webhook: &Webhook, alert: Alert) -> anyhow::Result<Outcome> {
    let bot = Bot { mode: config.mode.as_str().to_owned(), account: config.funder.clone().unwrap_or_default() };
    send_once(webhook, &bot, alert).await
}

/// Sends one alert, once and in two seconds at most; what does not get through is said on standard error.
pub(crate) async fn now(config: &Config, kind: &'static str, title: &str, detail: &str) {
    let Some(webhook) = &config.alerts.webhook else { return };
    let alert = Alert::new(clock::now(), Severity::Critical, kind, title, detail);
    let why = match tokio::time::timeout(CLOSE_WITHIN, post(config, webhook, alert)).await {
        Ok(Ok(Outcome::Taken(_))) => return,
        Ok(Ok(Outcome::Refused(why) | Outcome::Later(why, _))) => why,
        Ok(Err(error)) => format!("{error:#}"),
        Err(_late) => format!("no answer within {} s", CLOSE_WITHIN.as_secs()),
    };
    complain(&format!("the alert did not get through: {why}"));
}

/// Says whether the host of the webhook can be reached. Nothing is sent.
///
/// # Errors
/// Why it cannot.
pub(crate) async fn reachable(webhook: &Webhook) -> anyhow::Result<()> {
    let (host, port) = webhook.place().context("it names no host")?;
    let connect = tokio::net::TcpStream::connect((host.as_str(), port));
    tokio::time::timeout(REACH_WITHIN, connect)
        .await
        .with_context(|| format!("no answer within {} s", REACH_WITHIN.as_secs()))?
        .with_context(|| format!("connecting to {host}:{port}"))?;
    Ok(())
}
