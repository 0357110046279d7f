//! Reads the configuration of alert channels.

use crate::layers::Layers;
use crate::{fit, number};
use alerts::{DeadMan, Email, Minute, Ntfy, QuietHours, Settings, Severity, Telegram, Webhook, telegram};
use anyhow::{Context, anyhow};
use std::time::Duration;

/// Reads the configuration of alerts.
pub(super) fn read(layers: &Layers) -> anyhow::Result<Settings> {
    let text = |name: &str| -> anyhow::Result<Option<String>> {
        Ok(Some(layers.get(name)?.text.clone()).filter(|text| !text.is_empty()))
    };
    let webhook = |name: &str| -> anyhow::Result<Option<Webhook>> {
        let parsed = text(name)?.map(|text| Webhook::parse(&text)).transpose();
        parsed.map_err(|why| anyhow!("{name}: {why}"))
    };
    let level = text("alerts.level")?.unwrap_or_default();
    let every = Duration::from_secs(fit(layers.get("alerts.dead_man_every_s")?)?);
    Ok(Settings {
        webhook: webhook("alerts.webhook")?,
        level: Severity::parse(&level).ok_or_else(|| anyhow!("unknown alert level `{level}`"))?,
        telegram: of_telegram(layers)?,
        ntfy: text("alerts.ntfy")?.map(|address| of_ntfy(&address, text("alerts.ntfy_token")?)).transpose()?,
        email: text("alerts.email_server")?
            .map(|server| {
                let [from, to] = [text("alerts.email_from")?, text("alerts.email_to")?].map(Option::unwrap_or_default);
                Email::new(&server, &from, &to).context("alerts.email_server, alerts.email_from and alerts.email_to")
            })
            .transpose()?,
        quiet: text("alerts.quiet_hours")?.and_then(|hours| QuietHours::parse(&hours)),
        summary_at: text("alerts.daily_summary_at")?.and_then(|minute| Minute::parse(&minute)),
        dead_man: webhook("alerts.dead_man_url")?.map(|address| DeadMan::new(address, every)).transpose()?,
    })
}

fn of_ntfy(address: &str, token: Option<String>) -> anyhow::Result<Ntfy> {
    Ntfy::parse(address, &token.unwrap_or_default()).map_err(|why| anyhow!("alerts.ntfy: {why}"))
}

fn of_telegram(layers: &Layers) -> anyhow::Result<Option<Telegram>> {
    let token = &layers.get("alerts.telegram_token")?.text;
    let commands = number(layers.get("alerts.telegram_commands")?)? == 1;
    if token.is_empty() {
        return Ok(None);
    }
    let chats = telegram::chats(&layers.get("alerts.telegram_chats")?.text).context("alerts.telegram_chats")?;
    let base = &layers.get("alerts.telegram_url")?.text;
    Telegram::new(base, token, chats, commands)
        .context("alerts.telegram_token, alerts.telegram_chats and alerts.telegram_url")
        .map(Some)
}
