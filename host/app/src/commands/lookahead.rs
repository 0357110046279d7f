//! `polytrader lookahead`: finds strategies and tapes that know what was published later.

use crate::cli::LookaheadArgs;
use crate::commands::backtest::{job, progress, source};
use crate::console::println;
use research::backtest::{Lookahead, Runner, Watch, lookahead};
use std::process::ExitCode;
use std::sync::Arc;

/// Runs `polytrader lookahead`. The exit status is 1 if an intent depends on what came later.
///
/// # Errors
/// If the arguments are refused, or a strategy fails.
pub(crate) fn run(args: &LookaheadArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    let runner = Runner::of_own_program(None)?;
    let mut job = job::job(&args.job, &runner)?;
    let opened = source::open(&args.job.tape)?;
    job.tapes = opened.tapes();
    let watch = Arc::new(Watch::default());
    progress::stop_on_signals(&watch)?;
    let found = lookahead(&runner, &|_, to| opened.source(to), &job, args.cuts, &watch)?;
    if args.json {
        println(&serde_json::to_string(&found)?);
    } else {
        print(&found);
    }
    Ok(if found.found() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(found: &Lookahead) {
    println(&format!("{} intents in the whole run, {} cuts", found.intents, found.cuts.len()));
    for cut in &found.cuts {
        if let Some(differs) = &cut.differs {
            println(&format!("cut at {}: {differs}", cut.at.iso()));
        }
    }
    if !found.found() {
        println("no intent depends on what came later");
    }
    match found.warm_up_us() {
        Some(micros) => println(&format!("started later, it acts as in the whole run after {} s", micros / 1_000_000)),
        None => println("started later, it does not come to act as in the whole run"),
    }
}
