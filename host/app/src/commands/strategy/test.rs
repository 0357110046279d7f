//! `polytrader strategy test`: runs a tape through a strategy, and prints its intents and their cost.

use crate::cli::TestArgs;
use crate::console::println;
use anyhow::Context;
use model::{Intent, IntentKind, OrderKind, Quote, Side, Time, TokenIx};
use research::backtest::{Tape, Trial, trial};
use research::measure::percentiles;
use sandbox::{Sandbox, Settings};
use serde::Serialize;
use std::process::ExitCode;

/// Output of `--json`.
#[derive(Debug, Serialize)]
struct Figures {
    pub events: usize,
    calls: usize,
    pub intents: usize,
    pub orders: u64,
    pub fills: u64,
    refusals: u64,
    fuel_max: u64,
    fuel_mean: u64,
    fuel_limit: u64,
    memory_bytes: usize,
    memory_limit: usize,
    ns_per_event_p50: u64,
    ns_per_event_p99: u64,
    ns_per_event_max: u64,
    /// The first intents, up to the requested number.
    shown: Vec<IntentLine>,
    log: Vec<String>,
}

/// An intent, as printed.
#[derive(Debug, Serialize)]
struct IntentLine {
    /// Milliseconds since the first event.
    at_ms: u64,
    tag: u64,
    what: String,
    reason: String,
}

/// Runs `polytrader strategy test`.
///
/// # Errors
/// If the file or the tape cannot be read, or if the strategy fails.
pub(crate) fn run(args: &TestArgs) -> anyhow::Result<ExitCode> {
    let settings = Settings::default();
    let sandbox = Sandbox::of_own_program(settings, None)?;
    let bytes = files::read(&args.file, files::Links::Follow, super::FILE_MAX)
        .with_context(|| format!("reading {}", args.file.display()))?;
    let module = sandbox.load(&bytes).with_context(|| format!("{} is not a valid strategy", args.file.display()))?;
    let tape = match &args.tape {
        Some(path) => Tape::read(path)?,
        None => Tape::made_up(args.seed, usize::try_from(args.events)?),
    };
    let trial = trial(&sandbox, &module, &tape, &args.parameters)?;
    let figures = figures(&trial, &tape, &settings, args.show);
    if args.json {
        println(&serde_json::to_string(&figures)?);
    } else {
        print(&figures);
    }
    Ok(ExitCode::SUCCESS)
}

fn figures(trial: &Trial, tape: &Tape, settings: &Settings, show: usize) -> Figures {
    let (calls, intents) = (&trial.notes.calls, &trial.notes.intents);
    let times: Vec<u64> = calls.iter().map(|(took, _)| *took).collect();
    let fuel = || calls.iter().map(|(_, fuel)| *fuel);
    let sum: u64 = fuel().fold(0, u64::saturating_add);
    let begin = tape.begin();
    let max = times.iter().copied().max().unwrap_or(0);
    let (p50, p99) = percentiles(times);
    Figures {
        events: tape.events(),
        calls: calls.len(),
        intents: intents.len(),
        orders: trial.counts.orders,
        fills: trial.counts.fills,
        refusals: trial.counts.refusals,
        fuel_max: fuel().max().unwrap_or(0),
        fuel_mean: u64::try_from(calls.len()).ok().and_then(|calls| sum.checked_div(calls)).unwrap_or(0),
        fuel_limit: settings.fuel,
        memory_bytes: trial.memory,
        memory_limit: settings.memory_max,
        ns_per_event_p50: p50,
        ns_per_event_p99: p99,
        ns_per_event_max: max,
        shown: intents.iter().take(show).map(|(at, intent)| wanted(begin, *at, intent, tape.outcomes())).collect(),
        log: trial.log.iter().map(|line| format!("{:?}: {}", line.level, line.text)).collect(),
    }
}

fn print(figures: &Figures) {
    for IntentLine { at_ms, tag, what, reason } in &figures.shown {
        let (seconds, millis) = (at_ms / 1_000, at_ms % 1_000);
        println(&format!("{seconds:6}.{millis:03}  {what:44} [{tag}] {reason}"));
    }
    let more = figures.intents.saturating_sub(figures.shown.len());
    if more > 0 {
        println(&format!("  and {more} more intents (--show N)"));
    }
    figures.log.iter().for_each(|line| println(&format!("  log {line}")));
    let Figures { events, intents, orders, fills, refusals, .. } = figures;
    println(&format!("{events} events: {intents} intents, {orders} orders, {fills} fills, {refusals} refusals"));
    let Figures { fuel_mean, fuel_max, fuel_limit, .. } = figures;
    println(&format!("fuel    {fuel_mean} per call on average, {fuel_max} at most, limit {fuel_limit}"));
    println(&format!("memory  {} of {} bytes", figures.memory_bytes, figures.memory_limit));
    let Figures { ns_per_event_p50, ns_per_event_p99, ns_per_event_max, .. } = figures;
    println(&format!(
        "time    per event: {ns_per_event_p50} ns p50, {ns_per_event_p99} ns p99, {ns_per_event_max} ns at most"
    ));
}

fn wanted(begin: Time, at: Time, intent: &Intent, outcomes: &[String; 2]) -> IntentLine {
    let at_ms = at.0.saturating_sub(begin.0).checked_div(1_000).unwrap_or(0);
    let name = |token: TokenIx| if token.outcome() == 0 { outcomes[0].as_str() } else { outcomes[1].as_str() };
    let leg = |leg: Option<Quote>| leg.map_or_else(|| "-".to_owned(), |leg| format!("{} x {}", leg.price, leg.size));
    let what = match &intent.kind {
        IntentKind::Place { token, side, price, size, kind } => {
            let side = if *side == Side::Buy { "buy" } else { "sell" };
            format!("{side} {size} {} at {price} {}", name(*token), kind_name(*kind))
        }
        IntentKind::Cancel { order } => format!("cancel order {order}"),
        IntentKind::CancelAll { token: Some(token) } => format!("cancel all of {}", name(*token)),
        IntentKind::CancelAll { token: None } => "cancel all".to_owned(),
        IntentKind::Quote { token, bid, ask } => format!("quote {} {} / {}", name(*token), leg(*bid), leg(*ask)),
        IntentKind::SetTimer { timer, at } if at.0 == 0 => format!("clear timer {timer}"),
        IntentKind::SetTimer { timer, .. } => format!("set timer {timer}"),
    };
    IntentLine { at_ms, tag: intent.tag, what, reason: intent.reason.to_string() }
}

const fn kind_name(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Gtc { post_only: false } => "gtc",
        OrderKind::Gtc { post_only: true } => "gtc post-only",
        OrderKind::Gtd { post_only: false, .. } => "gtd",
        OrderKind::Gtd { post_only: true, .. } => "gtd post-only",
        OrderKind::Fak => "fak",
        OrderKind::Fok => "fok",
    }
}
