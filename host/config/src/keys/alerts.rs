//! The keys of alert channels other than the webhook, of the daily summary and of the dead man's switch.

use super::{Key, Kind, key};

pub(super) const KEYS: [Key; 13] = [
    key(
        "alerts.quiet_hours",
        Kind::Hours,
        "",
        "The hours of each day, UTC, in which all but critical alerts wait, such as 22:00-07:00; none if empty.",
    ),
    key(
        "alerts.daily_summary_at",
        Kind::Minute,
        "",
        "The time of the day, UTC, at which a summary of the last 24 hours is sent over all channels, such as 00:00; never if empty.",
    ),
    key(
        "alerts.telegram_token",
        Kind::BotToken,
        "",
        "The token of a Telegram bot that sends alerts. It is a secret: it gives access to all that the bot can read and send.",
    ),
    key(
        "alerts.telegram_chats",
        Kind::Chats,
        "",
        "The comma-separated numbers of the chats that the bot writes to; those of groups are negative.",
    ),
    key(
        "alerts.telegram_commands",
        Kind::Flag,
        "false",
        "Whether the bot accepts commands from these chats: all their members may start, stop and release.",
    ),
    key(
        "alerts.telegram_url",
        Kind::Url(&["https://", "http://"]),
        "https://api.telegram.org",
        "The address of Telegram's Bot API; your own Bot API server works as well.",
    ),
    key(
        "alerts.ntfy",
        Kind::Webhook,
        "",
        "The address of an ntfy topic, such as https://ntfy.sh/TOPIC. The topic is a secret: its name is all that is needed to read or send.",
    ),
    key("alerts.ntfy_token", Kind::Secret, "", "The access token of the ntfy server, if it requires one."),
    key(
        "alerts.email_server",
        Kind::Smtp,
        "",
        "The mail server: smtps://USER:PASSWORD@HOST with TLS, smtp://USER:PASSWORD@HOST with STARTTLS, or smtp://127.0.0.1 on this \
         machine; `@` in a name is %40.",
    ),
    key("alerts.email_from", Kind::Mailboxes, "", "The sender of alerts by e-mail."),
    key("alerts.email_to", Kind::Mailboxes, "", "The comma-separated recipients of alerts by e-mail."),
    key(
        "alerts.dead_man_url",
        Kind::Webhook,
        "",
        "An address that is requested while engine, journal and feeds are alive, such as a check of healthchecks.io, which raises \
         an alarm when requests stop.",
    ),
    key("alerts.dead_man_every_s", Kind::Count(1, 86_400), "60", "The seconds between two such pings."),
];
