//! `polytrader run`: the parent process. It holds the key and signs; the host, which trades, is its child. In demo mode
//! it also starts the local exchange; on paper the key only names the account. It ends when the host ends, with the host's exit code.

mod children;
mod demo;
mod key;

pub(crate) use demo::shipped_strategies;
pub(crate) use key::fresh_key;

use crate::cli::{ExchangeArgs, ModeArg, RunArgs, complain};
use crate::config::Config;
use anyhow::{Context, bail, ensure};
use std::process::ExitCode;

/// Runs `polytrader run`.
///
/// # Errors
/// What keeps it from starting, as a sentence.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let common = &args.common;
    std::fs::create_dir_all(&common.data_dir)
        .with_context(|| format!("creating the data folder {}", common.data_dir.display()))?;
    let config = Config::load(common, std::env::vars_os()).context("reading the configuration")?;
    match common.mode {
        ModeArg::Demo => {
            let exchange = demo::venue(args)?;
            demo::offer_strategies(&config.strategies_dir)?;
            let code =
                children::sign_for_host(&config, common, key::of_demo(args)?, &Venue::local(exchange.address()))?;
            drop(exchange);
            Ok(code)
        }
        ModeArg::Paper => {
            demo::offer_strategies(&config.strategies_dir)?;
            let real = || Venue { rest: config.venue_clob_url.clone(), channels: config.venue_ws_url.clone() };
            let venue =
                args.exchange.as_deref().map_or_else(|| Ok(real()), |at| demo::running(at).map(Venue::local))?;
            children::sign_for_host(&config, common, key::of_paper(&common.data_dir)?, &venue)
        }
        ModeArg::Live => live(&config),
    }
}

/// Where the host finds the venue.
struct Venue {
    rest: String,
    channels: String,
}

impl Venue {
    /// Returns where a local exchange is: its channels are on the same port.
    fn local(address: &str) -> Self {
        let channels = format!("ws{}", address.strip_prefix("http").unwrap_or(address));
        Self { rest: address.to_owned(), channels }
    }
}

/// Real money needs both the flag and a line in the configuration file, so that neither a typing error nor a copied command
/// line trades it.
fn live(config: &Config) -> anyhow::Result<ExitCode> {
    ensure!(
        config.live_enabled,
        "live trading needs the line `enabled = true` under `[live]` in the configuration file ({}), besides `--mode live`; \
         the environment and flags do not count for it. Nothing was started",
        config.data_dir.join("polytrader.toml").display()
    );
    bail!("this version cannot read a real key yet: live trading is not finished; nothing was started")
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
