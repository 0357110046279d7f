//! `polytrader run`: the parent process. It holds the key and signs; the host, which trades, is its child. In demo mode
//! it also starts the local exchange. It ends when the host ends, with the host's exit code.

mod children;
mod demo;

pub(crate) use demo::{fresh_key, shipped_strategies};

use crate::cli::{ExchangeArgs, ModeArg, RunArgs, complain};
use crate::config::Config;
use anyhow::{Context, bail};
use std::process::ExitCode;

/// Runs `polytrader run`.
///
/// # Errors
/// What keeps it from starting, as a sentence.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    match args.common.mode {
        ModeArg::Demo => {}
        ModeArg::Paper | ModeArg::Live => bail!(
            "this version trades in demo mode only: run `polytrader run --mode demo` (paper and live trading need the \
             reconciliation and key handling that are not finished; nothing was started)"
        ),
    }
    let common = &args.common;
    std::fs::create_dir_all(&common.data_dir)
        .with_context(|| format!("creating the data folder {}", common.data_dir.display()))?;
    let config = Config::load(common, std::env::vars_os()).context("reading the configuration")?;
    let venue = demo::venue(args)?;
    demo::offer_strategies(&config.strategies_dir)?;
    let key = demo::key(args)?;
    let code = children::sign_for_host(&config, common, key, venue.address())?;
    drop(venue);
    Ok(code)
}

/// Runs `polytrader exchange` until Ctrl-C.
///
/// # Errors
/// What keeps it from starting, as a sentence.
pub(crate) fn exchange(args: &ExchangeArgs) -> anyhow::Result<ExitCode> {
    crate::logging::start();
    demo::serve_exchange(args)?;
    complain("the exchange has stopped");
    Ok(ExitCode::SUCCESS)
}
