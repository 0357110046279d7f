//! Alerts sent without a host: by `polytrader alert test` and `polytrader kill`; also the doctor's connectivity check.

use crate::cli::{AlertAction, AlertArgs};
use crate::console::{eprintln, println};
use alerts::{Alert, Bot, CLOSE_WITHIN, Outcome, Severity, Webhook, send_once};
use anyhow::{Context, bail};
use config::Config;
use control::clock;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Duration;

/// Connect timeout of the webhook's host.
const REACH_WITHIN: Duration = Duration::from_secs(3);

/// Runs `polytrader alert`.
///
/// # Errors
/// If no webhook is configured, or it does not accept the alert.
pub(crate) fn test(args: &AlertArgs) -> anyhow::Result<ExitCode> {
    let AlertAction::Test(common) = &args.action;
    let config = common.load_config().context("reading the configuration")?;
    if !has_channel(&config) {
        bail!(
            "alerts.webhook is not set: write it into polytrader.toml, or set POLYTRADER_ALERTS_WEBHOOK; or set another channel"
        );
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let detail = "nothing happened: `polytrader alert test` was run";
    let alert = Alert::new(clock::now(), Severity::Info, "test", "a test alert", detail);
    let answers = runtime.block_on(post(&config, &alert))?;
    if common.json {
        println(&answers_json(&answers).to_string());
    }
    let mut refused = Vec::new();
    for (channel, place, answer) in &answers {
        match answer {
            Outcome::Taken(status) if common.json => tracing::debug!(channel, status, "test alert accepted"),
            Outcome::Taken(status) => println(&format!("{channel}: {place} accepted the alert ({status})")),
            Outcome::Refused(why) => refused.push(format!("{channel}: {place} rejected the alert: {why}")),
            Outcome::Later(why, _) => {
                refused.push(format!("{channel}: {place} does not accept the alert now: {why}"));
            }
        }
    }
    if refused.is_empty() { Ok(ExitCode::SUCCESS) } else { bail!("{}", refused.join("; ")) }
}

/// Returns one object: the answer of each channel, and beside it the webhook's answer alone.
fn answers_json(answers: &[(&'static str, String, Outcome)]) -> Value {
    let one = |(channel, place, answer): &(&'static str, String, Outcome)| match answer {
        Outcome::Taken(status) => json!({ "channel": channel, "to": place, "status": status }),
        Outcome::Refused(why) | Outcome::Later(why, _) => json!({ "channel": channel, "to": place, "error": why }),
    };
    let mut all = json!({ "channels": answers.iter().map(one).collect::<Vec<_>>() });
    let webhook = answers.iter().find(|(channel, ..)| *channel == "webhook");
    if let (Some((_, place, Outcome::Taken(status))), Some(all)) = (webhook, all.as_object_mut()) {
        all.insert("webhook".to_owned(), json!(place));
        all.insert("status".to_owned(), json!(status));
    }
    all
}

/// Returns true if alerts are sent anywhere.
pub(crate) fn has_channel(config: &Config) -> bool {
    let alerts = &config.alerts;
    alerts.webhook.is_some() || alerts.telegram.is_some() || alerts.ntfy.is_some() || alerts.email.is_some()
}

async fn post(config: &Config, alert: &Alert) -> anyhow::Result<Vec<(&'static str, String, Outcome)>> {
    let bot = Bot { mode: config.mode.as_str().to_owned(), account: config.funder.clone().unwrap_or_default() };
    send_once(&config.alerts, &bot, alert).await
}

/// Sends one alert over each channel, with one attempt of at most two seconds. Failures are reported on standard error.
pub(crate) async fn now(config: &Config, kind: &'static str, title: &str, detail: &str) {
    if !has_channel(config) {
        return;
    }
    let alert = Alert::new(clock::now(), Severity::Critical, kind, title, detail);
    let mut missed = Vec::new();
    match tokio::time::timeout(CLOSE_WITHIN, post(config, &alert)).await {
        Ok(Ok(answers)) => {
            for (channel, _, answer) in answers {
                if let Outcome::Refused(why) | Outcome::Later(why, _) = answer {
                    missed.push(format!("{channel}: {why}"));
                }
            }
        }
        Ok(Err(error)) => missed.push(format!("{error:#}")),
        Err(_late) => missed.push(format!("no response within {} s", CLOSE_WITHIN.as_secs())),
    }
    if !missed.is_empty() {
        eprintln(&format!("sending the alert failed: {}", missed.join("; ")));
    }
}

/// Checks that the webhook's host can be reached. Nothing is sent.
///
/// # Errors
/// The reason why it cannot be reached.
pub(crate) async fn reachable(webhook: &Webhook) -> anyhow::Result<()> {
    let (host, port) = webhook.place().context("the address contains no host")?;
    let connect = tokio::net::TcpStream::connect((host.as_str(), port));
    tokio::time::timeout(REACH_WITHIN, connect)
        .await
        .with_context(|| format!("no response within {} s", REACH_WITHIN.as_secs()))?
        .with_context(|| format!("connecting to {host}:{port}"))?;
    Ok(())
}
