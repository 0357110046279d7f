//! `polytrader backtest`.

use crate::cli::BacktestArgs;
use crate::commands::bench;
use crate::console::{complain, say};
use research::backtest::{Figures, TEMPLATE, measure};
use std::process::ExitCode;

/// Runs `polytrader backtest --bench`.
///
/// # Errors
/// If there is no strategy to run, or it fails.
pub(crate) fn run(args: &BacktestArgs) -> anyhow::Result<ExitCode> {
    if cfg!(debug_assertions) {
        complain("this is a development build: for real figures run `cargo run --release -p app -- backtest --bench`");
    }
    let folder = bench::strategies(args.strategies.as_deref())?;
    print(args, &measure(&bench::module(&folder, TEMPLATE)?, args.seed, args.events)?)?;
    Ok(ExitCode::SUCCESS)
}

fn print(args: &BacktestArgs, figures: &Figures) -> anyhow::Result<()> {
    if args.json {
        say(&serde_json::to_string(figures)?);
        return Ok(());
    }
    let Figures { events, rounds, events_per_second, ns_per_event, intents, orders, fills, set_back, strategy } =
        figures;
    say(&format!("{events} events through {strategy}, the median of {rounds} rounds"));
    say(&format!("{events_per_second} events a second, {ns_per_event} ns an event"));
    say(&format!("{intents} intents, {orders} orders, {fills} fills; the engine was set back {set_back} times"));
    Ok(())
}
