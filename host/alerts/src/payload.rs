//! Request body: JSON that Slack (`text`) and Discord (`content`) display as it is, with the same information in fields
//! for programs.

use super::Alert;
use super::queue::Post;
use serde_json::{Value, json};

/// Maximum bytes of a title and of a detail. Discord accepts 2,000 characters in total.
const TITLE_MAX: usize = 200;
const DETAIL_MAX: usize = 1_200;

/// Sender of the alerts.
#[derive(Debug, Clone, Default)]
pub struct Bot {
    /// `demo`, `paper` or `live`.
    pub mode: String,
    /// The account that holds the funds.
    pub account: String,
}

/// Returns the alert as one line of text.
pub(super) fn text(bot: &Bot, post: &Post) -> String {
    let Post { alert, count, missed, .. } = post;
    let detail = clean(&alert.detail, DETAIL_MAX);
    let mut text = format!("[{}] {}", alert.severity.as_str().to_uppercase(), clean(&alert.title, TITLE_MAX));
    if !detail.is_empty() {
        text.push_str(": ");
        text.push_str(&detail);
    }
    if *count > 1 {
        text.push_str(&format!(" ({count} times since the last alert of it)"));
    }
    if *missed > 0 {
        text.push_str(&format!(" ({missed} other alerts were not delivered)"));
    }
    text.push_str(&format!(" - polytrader {} {}", bot.mode, bot.account));
    text
}

/// Returns the alert's title with the bot's mode, for the subject of a message.
pub(super) fn title(bot: &Bot, alert: &Alert) -> String {
    format!("[{}] {} - polytrader {}", alert.severity.as_str().to_uppercase(), clean(&alert.title, TITLE_MAX), bot.mode)
}

/// Returns the body of a post.
pub(super) fn body(bot: &Bot, post: &Post) -> Value {
    let Post { alert, count, missed, .. } = post;
    let (title, detail) = (clean(&alert.title, TITLE_MAX), clean(&alert.detail, DETAIL_MAX));
    let text = text(bot, post);
    json!({
        "text": for_slack(&text),
        "content": text,
        // The text may contain output of a strategy, which must not mention users.
        "allowed_mentions": { "parse": [] },
        "at": alert.at.iso(),
        "at_ms": alert.at.millis(),
        "severity": alert.severity.as_str(),
        "kind": alert.kind,
        "strategy": alert.strategy,
        "title": title,
        "detail": detail,
        "count": count,
        "missed": missed,
        "bot": format!("polytrader {}", bot.mode),
        "account": bot.account,
    })
}

/// Replaces control characters of untrusted text by spaces, and truncates it.
fn clean(text: &str, max: usize) -> String {
    let line: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let mut line = line.trim().to_owned();
    if line.len() > max {
        line.truncate(line.floor_char_boundary(max));
        line.push_str(" ...");
    }
    line
}

/// Escapes the three characters that begin links and mentions in Slack.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use crate::Severity;
    use model::Time;

    fn payload_of(title: &str, detail: &str, count: u64, missed: u64) -> Value {
        let alert = Alert::new(Time(1_795_424_700_000_000), Severity::Critical, "kind", title, detail).about("quoter");
        let bot = Bot { mode: "live".into(), account: "0xab".into() };
        body(&bot, &Post { alert, tries: 0, count, missed })
    }

    #[test]
    fn people_and_programs_read_the_same() {
        let message = payload_of("quoter is quarantined", "it crashed", 3, 2);
        let words = "[CRITICAL] quoter is quarantined: it crashed (3 times since the last alert of it) (2 other alerts \
                     were not delivered) - polytrader live 0xab";
        assert_eq!((&message["text"], &message["content"]), (&json!(words), &json!(words)));
        for (key, value) in [
            ("at", json!("2026-11-23T09:05:00Z")),
            ("at_ms", json!(1_795_424_700_000_u64)),
            ("severity", json!("critical")),
            ("kind", json!("kind")),
            ("strategy", json!("quoter")),
            ("title", json!("quoter is quarantined")),
            ("detail", json!("it crashed")),
            ("count", json!(3)),
            ("missed", json!(2)),
            ("bot", json!("polytrader live")),
            ("account", json!("0xab")),
        ] {
            assert_eq!(message[key], value, "{key}");
        }
    }

    #[test]
    fn text_of_a_strategy_mentions_no_user_and_fits() {
        let message = payload_of("a", "<!channel> @everyone\n\u{7} & more", 1, 0);
        assert!(message["text"].as_str().unwrap().contains("&lt;!channel&gt; @everyone   &amp; more"), "{message}");
        assert_eq!(message["allowed_mentions"], json!({ "parse": [] }));
        let long = payload_of(&"ä".repeat(5_000), &"ö".repeat(50_000), 1, 0);
        assert!(long["content"].as_str().unwrap().chars().count() < 2_000);
        assert!(long.to_string().len() < 8_000);
    }
}
