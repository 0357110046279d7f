//! The lines of the page, equal on a terminal and elsewhere.

use super::look::Look;
use crate::commands::bot::{bot_line, text};
use model::{Size, Time, Usd};
use serde_json::Value;

/// The most rows of a list that are shown.
const ROWS_MAX: usize = 10;

/// The meaning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Title,
    Plain,
    Good,
    Bad,
}

/// A line of the page. Control characters in its text are escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) tone: Tone,
}

fn line(tone: Tone, text: impl AsRef<str>) -> Line {
    Line { text: sandbox::visible(text.as_ref()).into_owned(), tone }
}

/// Returns the page.
pub(super) fn lines(look: &Look) -> Vec<Line> {
    let (health, snapshot, problems) = match look {
        Look::Up { health, snapshot, problems } => (health, snapshot, problems),
        Look::Down { why, .. } => {
            let title = format!("PolyTrader is {}", look.word());
            return vec![line(Tone::Bad, title), line(Tone::Plain, why)];
        }
    };
    let bot = snapshot.get("bot").unwrap_or(&Value::Null);
    let mut page = vec![line(Tone::Title, title(bot, look.word()))];
    if problems.is_empty() {
        page.push(line(Tone::Good, "no problems"));
    }
    page.extend(problems.iter().map(|problem| line(Tone::Bad, format!("! {}", problem.text))));
    page.push(line(Tone::Plain, ""));
    page.push(line(Tone::Plain, format!("bot         {}", bot_line(bot))));
    page.push(line(Tone::Plain, format!("venue       {}", venue(health))));
    page.extend(money(snapshot.get("pnl").unwrap_or(&Value::Null)));
    page.push(line(Tone::Plain, format!("database    {}", database(health))));
    page.extend(table(snapshot, "strategies", strategy));
    page.extend(table(snapshot, "positions", position));
    page.extend(table(snapshot, "orders", order));
    page
}

fn title(bot: &Value, word: &str) -> String {
    let number = |key: &str| bot.get(key).and_then(Value::as_u64).unwrap_or(0);
    let started = Time::from_millis(number("started_at_ms")).iso();
    format!("PolyTrader {}, {word}; session {} since {started}", text(bot, "mode"), number("session"))
}

fn venue(health: &Value) -> String {
    let up = |key: &str| health.get(key).and_then(Value::as_bool).unwrap_or(false);
    let word = |up: bool| if up { "up" } else { "DOWN" };
    let wait = health.get("event_wait").and_then(|wait| wait.get("worst_micros")).and_then(Value::as_u64).unwrap_or(0);
    let events = health.get("events").and_then(Value::as_u64).unwrap_or(0);
    format!(
        "market channel {}, user channel {}; {events} events, longest wait in the last second {wait} us",
        word(up("market_channel_up")),
        word(up("user_channel_up"))
    )
}

fn money(pnl: &Value) -> [Line; 2] {
    let usd = |key: &str| Usd(pnl.get(key).and_then(Value::as_i64).unwrap_or(0));
    let today = usd("today_micro_usd");
    let tone = if today < Usd::ZERO { Tone::Bad } else { Tone::Plain };
    [
        line(
            Tone::Plain,
            format!(
                "money       ${} total: ${} cash (${} reserved), ${} in positions",
                usd("portfolio_micro_usd"),
                usd("cash_micro_usd"),
                usd("reserved_micro_usd"),
                usd("positions_micro_usd")
            ),
        ),
        line(
            tone,
            format!(
                "profit      ${today} today; ${} realised, ${} unrealised, ${} fees of all sessions",
                usd("realised_micro_usd"),
                usd("unrealised_micro_usd"),
                usd("fees_micro_usd")
            ),
        ),
    ]
}

fn database(health: &Value) -> String {
    let number = |key: &str| health.get(key).and_then(Value::as_u64).unwrap_or(0);
    format!(
        "{}: {} rows written, {} waiting, {} lost",
        text(health, "database"),
        number("rows_written"),
        number("rows_waiting"),
        number("rows_lost")
    )
}

/// Returns a list with its title: the first rows, and the number of further rows.
fn table(snapshot: &Value, key: &str, row: impl Fn(&Value) -> String) -> Vec<Line> {
    let rows = snapshot.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut lines = vec![line(Tone::Plain, ""), line(Tone::Title, format!("{key} ({})", rows.len()))];
    lines.extend(rows.iter().take(ROWS_MAX).map(|value| line(Tone::Plain, format!("  {}", row(value)))));
    let more = rows.len().saturating_sub(ROWS_MAX);
    if more > 0 {
        lines.push(line(Tone::Plain, format!("  and {more} more")));
    }
    lines
}

fn strategy(view: &Value) -> String {
    let number = |key: &str| view.get(key).and_then(Value::as_u64).unwrap_or(0);
    let error = text(view, "error");
    format!(
        "{:20} {:12} {:>6} orders {:>6} fills  {error}",
        text(view, "name"),
        text(view, "state"),
        number("orders"),
        number("fills")
    )
}

fn position(view: &Value) -> String {
    let usd = |key: &str| Usd(view.get(key).and_then(Value::as_i64).unwrap_or(0));
    let size = Size(view.get("size_micros").and_then(Value::as_u64).unwrap_or(0));
    format!(
        "{} {}: {size} shares, cost ${}, worth ${}",
        text(view, "market"),
        text(view, "outcome"),
        usd("cost_micro_usd"),
        usd("value_micro_usd")
    )
}

fn order(view: &Value) -> String {
    let micros = |key: &str| view.get(key).and_then(Value::as_u64).unwrap_or(0);
    format!(
        "{} {} {} at {}, {} filled, {}: {} {}",
        view.get("id").and_then(Value::as_u64).unwrap_or(0),
        text(view, "side"),
        Size(micros("size_micros")),
        Size(micros("price_micro_usd")),
        Size(micros("filled_micros")),
        text(view, "state"),
        text(view, "market"),
        text(view, "outcome")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_from_outside_do_not_act_on_the_terminal_and_long_lists_are_cut() {
        let rows: Vec<Value> = (0..25).map(|_| json!({ "name": "\u{1b}[2Jx", "state": "running" })).collect();
        let snapshot = json!({ "bot": { "state": "RUNNING", "restriction": "none" }, "strategies": rows });
        let page = lines(&Look::Up { health: json!({}), snapshot, problems: Vec::new() });
        let text: String = page.iter().map(|line| format!("{}\n", line.text)).collect();
        assert!(!text.contains('\u{1b}') && text.contains("and 15 more"), "{text}");
        assert!(text.contains("strategies (25)") && text.contains("bot         RUNNING\n"), "{text}");
    }
}
