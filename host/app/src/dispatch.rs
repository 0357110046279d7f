//! The commands of the program, and which module carries out each.

use crate::cli::{
    AlertArgs, BacktestArgs, BenchArgs, CommonArgs, DbArgs, ExchangeArgs, HostArgs, HostedArgs, KeysArgs,
    PositionsArgs, ReplayArgs, RunArgs, StrategyArgs, TokensArgs,
};
use crate::console::{complain, queue_panics, say, usage};
use crate::output::Flushed;
use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Trades prediction markets with strategies that need not be trusted.
#[derive(Debug, Parser)]
#[command(name = "polytrader", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Trade: start the signer, the host and, in demo mode, a local exchange. Ends on Ctrl-C, with all orders cancelled.
    Run(Box<RunArgs>),
    /// Serve a local Polymarket: the venue's REST and WebSocket protocol with play money, on one port.
    Exchange(ExchangeArgs),
    /// Step through a session's journal again and check that every decision comes out the same. Exits with 1 if one does not.
    Replay(ReplayArgs),
    /// Look at everything that live trading needs, and trade nothing: key, wallet, allowances, clock, latency, limits. Exits
    /// with 1 if something is not good. Takes the arguments of `run`.
    Doctor(Box<RunArgs>),
    /// End trading on the account: stop the host of this data folder if there is one, and cancel everything at the venue until nothing is
    /// open. Needs the keystore and its passphrase, and no running host. Takes the arguments of `run`.
    Kill(Box<RunArgs>),
    /// Bring a private key into the keystore, show whose it is, show or change what the signer may sign with it.
    Keys(KeysArgs),
    /// Measure the paths of an order and print a table of figures with their budgets.
    Bench(BenchArgs),
    /// Run market events through a strategy as fast as they go.
    Backtest(BacktestArgs),
    /// Write, build, look at and try strategies without trading them, or say something to the host about one.
    Strategy(StrategyArgs),
    /// List what the running host's account holds and whose it is, or give it to another strategy.
    Positions(PositionsArgs),
    /// Make, list and revoke tokens of the running host's API, or replace the admin's.
    Tokens(TokensArgs),
    /// Print a link that logs in to the running host's page, once, within ten minutes.
    Login(HostedArgs),
    /// Send an alert to the webhook that is configured, and say what it answered.
    Alert(Box<AlertArgs>),
    /// Write what the journals determine into the database again, without a host.
    Db(Box<DbArgs>),
    /// Show the configuration that would hold, and where each value comes from; refuse what is wrong in it.
    Config(CommonArgs),
    /// The host process; started by `run`, with a socket to the signer as its standard input.
    #[command(hide = true)]
    Host(Box<HostArgs>),
    /// Compile the module on standard input and write native code; started by whoever loads strategies.
    #[command(hide = true)]
    Compile,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let _flushed = Flushed;
    let command = match Cli::try_parse() {
        // Its outputs are pipes of the process that started it, and it starts no threads of ours.
        Ok(Cli { command: Command::Compile }) => return compile(),
        Ok(cli) => cli.command,
        Err(error) => return usage(&error),
    };
    queue_panics();
    // What commands write is for its owner alone. A project of a strategy is written to be shared.
    if !matches!(command, Command::Strategy(_)) {
        rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    }
    let outcome = match command {
        Command::Run(args) => crate::commands::run::run(&args),
        Command::Exchange(args) => crate::commands::run::exchange(&args),
        Command::Replay(args) => crate::commands::replay::run(&args),
        Command::Doctor(args) => crate::commands::doctor::run(&args),
        Command::Kill(args) => crate::commands::kill::run(&args),
        Command::Keys(args) => crate::commands::keys::run(&args),
        Command::Bench(args) => crate::commands::bench::bench(&args),
        Command::Backtest(args) => crate::commands::backtest::run(&args),
        Command::Strategy(args) => crate::commands::strategy::run(&args),
        Command::Positions(args) => crate::commands::positions::run(&args),
        Command::Tokens(args) => crate::commands::tokens::run(&args),
        Command::Login(args) => crate::commands::tokens::login(&args),
        Command::Alert(args) => crate::commands::alert::test(&args),
        Command::Db(args) => crate::commands::db::run(&args),
        Command::Config(args) => show_config(&args),
        Command::Host(args) => crate::commands::host::run(&args),
        Command::Compile => return compile(),
    };
    outcome.unwrap_or_else(|error| {
        complain(&format!("polytrader: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Compiles a module. What goes wrong is written at once: the host reads it, with a limit of time.
fn compile() -> ExitCode {
    crate::commands::compile::run().unwrap_or_else(|error| {
        drop(writeln!(std::io::stderr(), "polytrader: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Prints a line for each key: what holds, and where it comes from.
fn show_config(args: &CommonArgs) -> anyhow::Result<ExitCode> {
    let config = args.load_config()?;
    for entry in config.entries() {
        say(&format!("{:34} {:28} {}", entry.key, entry.value, entry.source.as_str()));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use std::ffi::OsString;
    use std::time::Duration;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_host_is_told_what_run_was_told() {
        let line = "polytrader run --mode demo --for 90s --data-dir /d --config /c --strategies /s --api-port 0 \
                    --dashboard-port 1 --set a=b --set c=d --json --stopped --adopt";
        let Command::Run(run) = Cli::parse_from(line.split_whitespace()).command else { panic!("not run") };
        let told = [
            "polytrader",
            "host",
            "--exchange",
            "x",
            "--channels",
            "y",
            "--catalog",
            "z",
            "--records",
            "r",
            "--relayer",
            "q",
        ]
        .map(OsString::from);
        let told = told.into_iter().chain(run.common.to_arguments());
        let Command::Host(host) = Cli::parse_from(told).command else { panic!("not host") };
        assert_eq!(format!("{:?}", host.common), format!("{:?}", run.common));
        assert_eq!(host.common.run_for, Some(Duration::from_secs(90)));
    }
}
