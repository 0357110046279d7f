//! What is posted: JSON that Slack (`text`) and Discord (`content`) take as it is, with the same in fields for programs.

use super::queue::Post;
use serde_json::{Value, json};

/// The most bytes of a title and of a detail. Discord takes 2,000 characters in all.
const TITLE_MAX: usize = 200;
const DETAIL_MAX: usize = 1_200;

/// Who tells.
#[derive(Debug, Clone, Default)]
pub struct Bot {
    /// `demo`, `paper` or `live`.
    pub mode: String,
    /// The account that holds the money.
    pub account: String,
}

/// Returns the body of a post.
pub(super) fn body(bot: &Bot, post: &Post) -> Value {
    let Post { alert, count, missed, .. } = post;
    let (title, detail) = (clean(&alert.title, TITLE_MAX), clean(&alert.detail, DETAIL_MAX));
    let mut text = format!("[{}] {title}", alert.severity.as_str().to_uppercase());
    if !detail.is_empty() {
        text.push_str(": ");
        text.push_str(&detail);
    }
    if *count > 1 {
        text.push_str(&format!(" ({count} times since the last alert of it)"));
    }
    if *missed > 0 {
        text.push_str(&format!(" ({missed} other alerts did not get through)"));
    }
    text.push_str(&format!(" - polytrader {} {}", bot.mode, bot.account));
    json!({
        "text": for_slack(&text),
        "content": text,
        // What a strategy says is repeated here; nobody is to be called by it.
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

/// Makes one line of what anybody may have written, and cuts it.
fn clean(text: &str, max: usize) -> String {
    let line: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    let mut line = line.trim().to_owned();
    if line.len() > max {
        line.truncate(line.floor_char_boundary(max));
        line.push_str(" ...");
    }
    line
}

/// In Slack these three characters begin links and calls.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use crate::{Alert, Severity};
    use model::Time;

    fn told(title: &str, detail: &str, count: u64, missed: u64) -> Value {
        let alert = Alert::new(Time(1_795_424_700_000_000), Severity::Critical, "kind", title, detail).about("quoter");
        let bot = Bot { mode: "live".into(), account: "0xab".into() };
        body(&bot, &Post { alert, tries: 0, count, missed })
    }

    #[test]
    fn people_and_programs_read_the_same() {
        let said = told("quoter is quarantined", "it crashed", 3, 2);
        let words = "[CRITICAL] quoter is quarantined: it crashed (3 times since the last alert of it) (2 other alerts did not get \
                     through) - polytrader live 0xab";
        assert_eq!((&said["text"], &said["content"]), (&json!(words), &json!(words)));
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
            assert_eq!(said[key], value, "{key}");
        }
    }

    #[test]
    fn what_a_strategy_says_calls_nobody_and_fits() {
        let said = told("a", "<!channel> @everyone\n\u{7} & more", 1, 0);
        assert!(said["text"].as_str().unwrap().contains("&lt;!channel&gt; @everyone   &amp; more"), "{said}");
        assert_eq!(said["allowed_mentions"], json!({ "parse": [] }));
        let long = told(&"ä".repeat(5_000), &"ö".repeat(50_000), 1, 0);
        assert!(long["content"].as_str().unwrap().chars().count() < 2_000);
        assert!(long.to_string().len() < 8_000);
    }
}
