//! Texts of answers. Telegram accepts 4,096 characters; lists are truncated.

use model::Usd;
use readmodel::views::{BotView, Snapshot};

/// Maximum number of rows of a list.
const ROWS_MAX: usize = 20;

pub(super) const HELP: &str = "/status, /profit, /daily, /positions, /orders, /pause, /resume, /stop, /emergency_stop, /start, /release \
                               REASON, /reload, /help";
pub(super) const BUSY: &str = "too many commands wait; this one was not done";
pub(super) const NO_CALLER: &str = "this chat cannot act";

/// Returns the answer to commands that were too old.
pub(super) fn stale(count: usize) -> String {
    let what = if count == 1 { "a command was".to_owned() } else { format!("{count} commands were") };
    format!(
        "{what} sent more than 60 s ago or before the host began to listen, and not done; send it again if it is still meant"
    )
}

/// Returns the state as one line.
pub(super) fn state(bot: &BotView) -> String {
    let mut text = format!("{} ({})", word(&bot.state), word(&bot.mode));
    if bot.restriction != readmodel::views::RestrictionLevelView::None {
        text.push_str(&format!(", restricted: {}", word(&bot.restriction)));
    }
    if !bot.reason.is_empty() {
        text.push_str(&format!(" because {}", bot.reason));
    }
    text
}

/// Returns the name of a value, as in JSON.
fn word(state: &impl serde::Serialize) -> String {
    serde_json::to_value(state).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn status(snapshot: &Snapshot, account: &str) -> String {
    let bot = &snapshot.bot;
    let up = |up: bool| if up { "up" } else { "DOWN" };
    let tripped: Vec<&str> =
        snapshot.breakers.iter().filter(|breaker| breaker.tripped).map(|breaker| breaker.name.as_str()).collect();
    let tripped = if tripped.is_empty() { "none".to_owned() } else { tripped.join(", ") };
    let mut text = format!(
        "{}\naccount {account}\nmarket channel {}, user channel {}\nbreakers tripped: {tripped}\n{} positions, {} open orders\nportfolio \
         {}, today {}",
        state(bot),
        up(bot.market_channel_up),
        up(bot.user_channel_up),
        snapshot.positions.len(),
        snapshot.orders.len(),
        Usd(snapshot.pnl.portfolio_micro_usd),
        Usd(snapshot.pnl.today_micro_usd),
    );
    for strategy in snapshot.strategies.iter().take(ROWS_MAX) {
        text.push_str(&format!("\n{}: {}", strategy.name, word(&strategy.state)));
    }
    more(&mut text, snapshot.strategies.len());
    text
}

pub(super) fn profit(snapshot: &Snapshot) -> String {
    let pnl = &snapshot.pnl;
    format!(
        "profit {}\nrealised {}\nunrealised {}\nfees {}\nportfolio {}\ncash {}",
        Usd(pnl.profit_micro_usd),
        Usd(pnl.realised_micro_usd),
        Usd(pnl.unrealised_micro_usd),
        Usd(pnl.fees_micro_usd),
        Usd(pnl.portfolio_micro_usd),
        Usd(pnl.cash_micro_usd),
    )
}

pub(super) fn daily(snapshot: &Snapshot) -> String {
    let mut text = format!("since 00:00 UTC {}", Usd(snapshot.pnl.today_micro_usd));
    for strategy in snapshot.strategies.iter().take(ROWS_MAX) {
        text.push_str(&format!("\n{}: {}", strategy.name, Usd(strategy.today_micro_usd)));
    }
    more(&mut text, snapshot.strategies.len());
    text
}

pub(super) fn positions(snapshot: &Snapshot) -> String {
    if snapshot.positions.is_empty() {
        return "no positions".to_owned();
    }
    let mut text = format!("{} positions", snapshot.positions.len());
    for position in snapshot.positions.iter().take(ROWS_MAX) {
        text.push_str(&format!(
            "\n{} {}: {} shares, cost {}, value {}",
            position.market,
            position.outcome,
            shares(position.size_micros),
            Usd(position.cost_micro_usd),
            Usd(position.value_micro_usd),
        ));
    }
    more(&mut text, snapshot.positions.len());
    text
}

pub(super) fn orders(snapshot: &Snapshot) -> String {
    if snapshot.orders.is_empty() {
        return "no open orders".to_owned();
    }
    let mut text = format!("{} open orders", snapshot.orders.len());
    for order in snapshot.orders.iter().take(ROWS_MAX) {
        text.push_str(&format!(
            "\n{} {} {} {}: {} at {}, filled {}, {} ({})",
            order.id,
            word(&order.side),
            order.market,
            order.outcome,
            shares(order.size_micros),
            Usd(order.price_micro_usd.into()),
            shares(order.filled_micros),
            word(&order.state),
            order.strategy,
        ));
    }
    more(&mut text, snapshot.orders.len());
    text
}

/// Formats millionths of a share as a decimal.
fn shares(micros: u64) -> Usd {
    Usd(i64::try_from(micros).unwrap_or(i64::MAX))
}

fn more(text: &mut String, count: usize) {
    let left = count.saturating_sub(ROWS_MAX);
    if left > 0 {
        text.push_str(&format!("\nand {left} more"));
    }
}
