//! Operators' commands to a running host: `polytrader start`, `stop`, `pause`, `resume`, `emergency-stop`, `release`,
//! `orders`, `breakers` and `locks`.

use crate::cli::{
    BotArgs, BreakersAction, BreakersArgs, CancelArgs, CloseArgs, HostedArgs, LockArgs, LocksAction, LocksArgs,
    OrdersAction, OrdersArgs, OrdersListArgs, ReleaseArgs, ResetArgs, UnlockArgs,
};
use crate::console::println;
use anyhow::Context;
use api::client::Remote;
use model::{Price, Size, Time};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Returns a text field, or an empty text.
pub(crate) fn text<'a>(of: &'a Value, key: &str) -> &'a str {
    of.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the rows of a list answer.
pub(crate) fn list(answer: &Value) -> anyhow::Result<&Vec<Value>> {
    answer.as_array().context("expected a JSON list in the host's response")
}

/// Runs `polytrader start`, `stop`, `pause`, `resume` or `emergency-stop`: the action at `path`.
///
/// # Errors
/// If no host is running, or it rejects the request.
pub(crate) fn command(path: &str, args: &BotArgs) -> anyhow::Result<ExitCode> {
    act(&args.host, path, &args.reason)
}

/// Runs `polytrader release`.
///
/// # Errors
/// If no host is running, or it rejects the request.
pub(crate) fn release(args: &ReleaseArgs) -> anyhow::Result<ExitCode> {
    act(&args.host, "/v1/admin/emergency-stop/release", &args.reason)
}

fn act(host: &HostedArgs, path: &str, reason: &str) -> anyhow::Result<ExitCode> {
    let bot = Remote::of(&host.data_dir)?.post(path, &json!({ "reason": reason }))?;
    print_done(host, &bot, || bot_line(&bot));
    Ok(ExitCode::SUCCESS)
}

/// Prints the host's answer, or a sentence with a note if the action is not stored yet.
fn print_done(host: &HostedArgs, answer: &Value, sentence: impl FnOnce() -> String) {
    if host.json {
        return println(&answer.to_string());
    }
    let stored = answer.get("durable").and_then(Value::as_bool).unwrap_or(true);
    let note = if stored { "" } else { "; it is in effect but not stored yet; the host keeps retrying" };
    println(&format!("{}{note}", sentence()));
}

/// Returns the state of the bot as a line.
pub(crate) fn bot_line(bot: &Value) -> String {
    let (state, restriction, reason) = (text(bot, "state"), text(bot, "restriction"), text(bot, "reason"));
    let restriction = if restriction == "none" { String::new() } else { format!(", {restriction}") };
    let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    format!("{state}{restriction}{reason}")
}

/// Runs `polytrader orders`.
///
/// # Errors
/// If no host is running, or it rejects the request.
pub(crate) fn orders(args: &OrdersArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        OrdersAction::List(args) => list_orders(args),
        OrdersAction::Cancel(args) => cancel(args),
        OrdersAction::CancelAll(args) => {
            let body = json!({ "reason": args.reason });
            let done = Remote::of(&args.host.data_dir)?.post("/v1/trading/orders/cancel-all", &body)?;
            print_done(&args.host, &done, || "all orders are being cancelled".to_owned());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list_orders(args: &OrdersListArgs) -> anyhow::Result<ExitCode> {
    let path = if args.venue { "/v1/trading/venue-orders" } else { "/v1/trading/orders" };
    let all = Remote::of(&args.host.data_dir)?.get(path)?;
    if args.host.json {
        println(&all.to_string());
        return Ok(ExitCode::SUCCESS);
    }
    let orders = list(&all)?;
    orders.iter().for_each(|order| println(&order_line(order)));
    if orders.is_empty() {
        println("no order is open");
    }
    Ok(ExitCode::SUCCESS)
}

fn order_line(order: &Value) -> String {
    let number = |key: &str| order.get(key).and_then(Value::as_u64).unwrap_or(0);
    let price = u32::try_from(number("price_micro_usd")).ok().and_then(Price::from_micros);
    let price = price.map(|price| price.to_string()).unwrap_or_default();
    let [filled, size] = ["filled_micros", "size_micros"].map(|key| Size(number(key)));
    let side = text(order, "side");
    let what = match text(order, "market") {
        "" => format!("token {}", text(order, "token")),
        market => format!("{market} {}", text(order, "outcome")),
    };
    let whose = match text(order, "strategy") {
        "" => format!("venue id {}", text(order, "venue_id")),
        strategy => format!("{} of {strategy}", text(order, "state")),
    };
    let id = order.get("id").map(|id| format!("{id:>6}  ")).unwrap_or_default();
    format!("{id}{side:4} {size} at {price}, {filled} filled  {what}  {whose}")
}

fn cancel(args: &CancelArgs) -> anyhow::Result<ExitCode> {
    let CancelArgs { order, bot } = args;
    let body = json!({ "reason": bot.reason });
    let done = Remote::of(&bot.host.data_dir)?.delete(&format!("/v1/trading/orders/{order}"), &body)?;
    print_done(&bot.host, &done, || format!("order {order} is being cancelled"));
    Ok(ExitCode::SUCCESS)
}

/// Runs `polytrader positions close`.
///
/// # Errors
/// If no host is running, or it rejects the request.
pub(crate) fn close(args: &CloseArgs) -> anyhow::Result<ExitCode> {
    let CloseArgs { token, bot } = args;
    let body = json!({ "reason": bot.reason });
    let done = Remote::of(&bot.host.data_dir)?.post(&format!("/v1/positions/{token}/close"), &body)?;
    print_done(&bot.host, &done, || format!("the position in token {token} is being closed"));
    Ok(ExitCode::SUCCESS)
}

/// Runs `polytrader breakers`.
///
/// # Errors
/// If no host is running, or it rejects the request.
pub(crate) fn breakers(args: &BreakersArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        BreakersAction::List(args) => list_breakers(args),
        BreakersAction::Reset(ResetArgs { name, bot }) => {
            act(&bot.host, &format!("/v1/admin/circuit-breakers/{name}/reset"), &bot.reason)
        }
    }
}

fn list_breakers(args: &HostedArgs) -> anyhow::Result<ExitCode> {
    let snapshot = Remote::of(&args.data_dir)?.get("/v1/snapshot")?;
    let breakers = snapshot.get("breakers").context("the host's response has no breakers")?;
    let is_tripped = |breaker: &Value| breaker.get("tripped").and_then(Value::as_bool).unwrap_or(false);
    if args.json {
        println(&breakers.to_string());
    } else {
        list(breakers)?.iter().for_each(|breaker| println(&breaker_line(breaker)));
    }
    Ok(if list(breakers)?.iter().any(is_tripped) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Returns a breaker as a line.
pub(crate) fn breaker_line(breaker: &Value) -> String {
    let name = text(breaker, "name");
    if !breaker.get("tripped").and_then(Value::as_bool).unwrap_or(false) {
        return format!("{name:24} closed");
    }
    let since = breaker.get("since_ms").and_then(Value::as_u64).map(|at| Time::from_millis(at).iso());
    let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
    let names = ["markets", "strategies"].into_iter().filter_map(|key| breaker.get(key)?.as_array());
    let names: Vec<&str> = names.flatten().filter_map(Value::as_str).collect();
    let of = if names.is_empty() { String::new() } else { format!(" in {}", names.join(", ")) };
    format!("{name:24} TRIPPED{since}{of}: {}", text(breaker, "reason"))
}

/// Runs `polytrader locks`.
///
/// # Errors
/// If no host is running, or it rejects the request.
pub(crate) fn locks(args: &LocksArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        LocksAction::Add(args) => lock(args),
        LocksAction::List(args) => {
            let all = Remote::of(&args.data_dir)?.get("/v1/admin/locks")?;
            print_locks(args, &all)?;
            Ok(ExitCode::SUCCESS)
        }
        LocksAction::Delete(UnlockArgs { market, bot }) => {
            let body = json!({ "reason": bot.reason });
            Remote::of(&bot.host.data_dir)?.delete(&format!("/v1/admin/locks/{market}"), &body)?;
            print_done(&bot.host, &json!({ "market": market }), || format!("the lock of {market} ended"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn lock(args: &LockArgs) -> anyhow::Result<ExitCode> {
    let LockArgs { market, lasts, bot } = args;
    let body = json!({ "seconds": lasts.as_secs(), "reason": bot.reason });
    let done = Remote::of(&bot.host.data_dir)?.put(&format!("/v1/admin/locks/{market}"), &body)?;
    print_done(&bot.host, &done, || format!("strategies may only reduce in {}", lock_line(&done)));
    Ok(ExitCode::SUCCESS)
}

fn lock_line(lock: &Value) -> String {
    let until = lock.get("until_ms").and_then(Value::as_u64).map(|at| Time::from_millis(at).iso()).unwrap_or_default();
    format!("{} until {until}", text(lock, "market"))
}

fn print_locks(args: &HostedArgs, all: &Value) -> anyhow::Result<()> {
    if args.json {
        println(&all.to_string());
        return Ok(());
    }
    let locks = list(all)?;
    locks.iter().for_each(|lock| println(&lock_line(lock)));
    if locks.is_empty() {
        println("no market is locked");
    }
    Ok(())
}
