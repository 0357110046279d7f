//! Command dispatch: the commands of the program, and the module that implements each.

use crate::cli::{
    AlertArgs, AuditArgs, BacktestArgs, BenchArgs, BotArgs, BreakersArgs, CompareArgs, CompletionsArgs, ConfigArgs,
    DbArgs, DrillArgs, ExchangeArgs, HostArgs, HostedArgs, KeysArgs, LocksArgs, LogsArgs, LookaheadArgs, ManArgs,
    OrdersArgs, PositionsArgs, ProfitArgs, RecordArgs, ReleaseArgs, ReplayArgs, ReportArgs, RunArgs, RunsArgs,
    ServiceArgs, StatusArgs, StrategyArgs, SweepArgs, TapeArgs, TaxArgs, TokensArgs, WhatIfArgs, WorkerArgs,
};
use crate::commands::bot;
use crate::console::{eprintln, queue_panics, usage};
use crate::exit;
use crate::output::Flushed;
use clap::{CommandFactory, Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Trades prediction markets with sandboxed strategies.
#[derive(Debug, Parser)]
#[command(name = "polytrader", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Trade until Ctrl-C: start the signer, the host and, in demo mode, a local exchange.
    ///
    /// All open orders are cancelled on shutdown.
    Run(Box<RunArgs>),
    /// Run a local Polymarket: the venue's REST and WebSocket protocol with play money, on one port.
    Exchange(ExchangeArgs),
    /// Replay a session's journal and check that every decision is reproduced.
    ///
    /// Exits with 1 if a decision differs and the same build wrote the journal; with --strict also for other builds.
    Replay(ReplayArgs),
    /// Check everything that a mode needs, without trading: disk, memory, clock, ports, folders, database and venue.
    ///
    /// In live mode also key, wallet, allowances, latency and limits. Each line that is not good has a fix. Takes the
    /// arguments of `run`. Exits with 1 if a check fails.
    Doctor(Box<RunArgs>),
    /// Stop the host of this data directory, if any, and cancel all of the account's orders at the venue.
    ///
    /// Repeats the cancellation until no order is open. Needs the keystore and its passphrase, but no running host.
    /// Takes the arguments of `run`.
    Kill(Box<RunArgs>),
    /// Import a private key into the keystore, show its address, or show and change the signer's limits.
    Keys(KeysArgs),
    /// Benchmark the latency of the order path, and print a table of results with their budgets.
    Bench(BenchArgs),
    /// Write the report of a run: one HTML file without network access, and its figures as JSON.
    Report(ReportArgs),
    /// List, show, delete, prune and protect runs.
    Runs(RunsArgs),
    /// Record the market channel of the venue until Ctrl-C, for backtests.
    ///
    /// The markets are those of the configuration (markets.*). Needs no key.
    Record(Box<RecordArgs>),
    /// Import, export, inspect, check, cut and merge tapes: recordings of the venue's market channel.
    Tape(TapeArgs),
    /// Search a strategy's parameters: many backtests on all cores or on the workers of a queue, and what the best is worth.
    ///
    /// Takes the arguments of `run`. An interrupted sweep continues when it is run again.
    Sweep(Box<SweepArgs>),
    /// Run backtests of sweeps that come over a queue; starts polytrader-worker, which has no keystore.
    Worker(WorkerArgs),
    /// Run tapes through strategies at full speed, with fills, fees, latencies and limits as in live trading.
    ///
    /// Exits with 1 if the run was interrupted or a strategy failed; what was finished is written.
    Backtest(Box<BacktestArgs>),
    /// Compare two runs order by order: same, other size, other time, missing and extra, each with the likely cause.
    ///
    /// Exits with 1 if the runs differ.
    Compare(CompareArgs),
    /// Find strategies and tapes that know what was published later, and the warm-up that a strategy needs.
    ///
    /// Exits with 1 if an intent depends on what came later.
    Lookahead(Box<LookaheadArgs>),
    /// Run a session's market data again with other strategies, parameters or limits, and compare order by order.
    WhatIf(Box<WhatIfArgs>),
    /// Create, build, inspect, check and test strategies offline, or manage those of the running host.
    Strategy(StrategyArgs),
    /// Show the status of the running host: redrawn every second on a terminal, one page otherwise.
    ///
    /// Exits with 0 if the host is healthy, 1 if it is not, 2 if no host is running, and 3 if the host cannot be
    /// reached or refuses the token.
    Status(StatusArgs),
    /// Start the bot of the running host: from STOPPED to RUNNING.
    Start(BotArgs),
    /// Stop the bot of the running host: STOPPED, with all its orders cancelled.
    ///
    /// The host continues to run; Ctrl-C or `kill` end it.
    Stop(BotArgs),
    /// Pause the bot of the running host: no orders except those of guards.
    Pause(BotArgs),
    /// Resume the bot of the running host after a pause.
    Resume(BotArgs),
    /// Lock the signer and cancel everything on the account until no order is open. Only `release` ends it.
    EmergencyStop(BotArgs),
    /// End an emergency stop. The bot is STOPPED afterwards.
    Release(ReleaseArgs),
    /// List and cancel orders of the running host.
    Orders(OrdersArgs),
    /// List and reset circuit breakers of the running host.
    Breakers(BreakersArgs),
    /// Lock markets of the running host: strategies may only reduce there for a time.
    Locks(LocksArgs),
    /// Print the profit by day, week or month, from the database.
    ///
    /// Takes the arguments of `run`. Needs no running host.
    Profit(Box<ProfitArgs>),
    /// Export lots for taxes, from the database.
    Tax(Box<TaxArgs>),
    /// List the actions of operators on the running host, or verify the audit.
    Audit(AuditArgs),
    /// Print or follow the host's log files.
    Logs(LogsArgs),
    /// Measure the time that emergency stops of the running host take until no order is open at the venue.
    ///
    /// Exits with 1 if one takes longer than 2 s, or if no round had an open order.
    Drill(DrillArgs),
    /// List the positions of the running host's account, close one, or reallocate shares to another strategy.
    Positions(PositionsArgs),
    /// Create, list and revoke API tokens of the running host, or replace the admin token.
    Tokens(TokensArgs),
    /// Print a link that logs in to the running host's dashboard. It works once, within ten minutes.
    Login(HostedArgs),
    /// Send a test alert over each configured channel, and print the responses.
    Alert(Box<AlertArgs>),
    /// Back up, restore, upgrade or move the database, or rebuild its rows from the journals, without a host.
    Db(Box<DbArgs>),
    /// Run the program as a service of systemd or Windows: install, start, stop, check and upgrade it.
    Service(ServiceArgs),
    /// Validate the configuration, and show each value and its source; or show and change that of the running host.
    Config(Box<ConfigArgs>),
    /// Print the completion script of a shell for this program.
    Completions(CompletionsArgs),
    /// Write the manual pages of this program.
    Man(ManArgs),
    /// Run the host process. Started by `run`, with a socket to the signer as standard input.
    #[command(hide = true)]
    Host(Box<HostArgs>),
    /// Run a service. Started by the manager of services of Windows.
    #[cfg(windows)]
    #[command(hide = true)]
    ServiceProcess(Box<crate::cli::ServiceProcessArgs>),
    /// Compile the module on standard input to native code on standard output. Started by processes that load
    /// strategies.
    #[command(hide = true)]
    Compile,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let _flushed = Flushed;
    let command = match Cli::try_parse() {
        // The outputs of this process are pipes of its parent, and it starts no output threads.
        Ok(Cli { command: Command::Compile }) => return compile(),
        Ok(cli) => cli.command,
        Err(error) => return usage(&error),
    };
    crate::platform::prepare_terminal();
    queue_panics();
    // Files written by commands are private to their owner, except strategy projects and manual pages, which are meant
    // to be shared.
    if !matches!(command, Command::Strategy(_) | Command::Man(_)) {
        crate::platform::close_new_files_to_others();
    }
    carry_out(command).unwrap_or_else(|error| {
        eprintln(&format!("polytrader: {error:#}"));
        ExitCode::from(exit::code_of(&error))
    })
}

fn carry_out(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => crate::commands::run::run(&args),
        Command::Exchange(args) => crate::commands::run::exchange(&args),
        Command::Replay(args) => crate::commands::replay::run(&args),
        Command::Doctor(args) => crate::commands::doctor::run(&args),
        Command::Kill(args) => crate::commands::kill::run(&args),
        Command::Keys(args) => crate::commands::keys::run(&args),
        Command::Bench(args) => crate::commands::bench::bench(&args),
        Command::Backtest(args) => crate::commands::backtest::run(&args),
        Command::Report(args) => crate::commands::report::run(&args),
        Command::Runs(args) => crate::commands::runs::run(&args),
        Command::Record(args) => crate::commands::record::run(&args),
        Command::Tape(args) => crate::commands::tape::run(&args),
        Command::Sweep(args) => crate::commands::sweep::run(&args),
        Command::Worker(args) => crate::commands::sweep::worker(&args),
        Command::Compare(args) => crate::commands::compare::run(&args),
        Command::Lookahead(args) => crate::commands::lookahead::run(&args),
        Command::WhatIf(args) => crate::commands::what_if::run(&args),
        Command::Strategy(args) => crate::commands::strategy::run(&args),
        Command::Positions(args) => crate::commands::positions::run(&args),
        Command::Tokens(args) => crate::commands::tokens::run(&args),
        Command::Audit(args) => crate::commands::audit::run(&args),
        Command::Login(args) => crate::commands::tokens::login(&args),
        Command::Alert(args) => crate::commands::alert::test(&args),
        Command::Db(args) => crate::commands::db::run(&args),
        Command::Service(args) => crate::commands::service::run(&args),
        Command::Status(args) => crate::commands::status::run(&args),
        Command::Start(args) => bot::command("/v1/admin/bot/start", &args),
        Command::Stop(args) => bot::command("/v1/admin/bot/stop", &args),
        Command::Pause(args) => bot::command("/v1/admin/bot/pause", &args),
        Command::Resume(args) => bot::command("/v1/admin/bot/resume", &args),
        Command::EmergencyStop(args) => bot::command("/v1/admin/emergency-stop", &args),
        Command::Release(args) => bot::release(&args),
        Command::Orders(args) => bot::orders(&args),
        Command::Breakers(args) => bot::breakers(&args),
        Command::Locks(args) => bot::locks(&args),
        Command::Profit(args) => crate::commands::profit::run(&args),
        Command::Tax(args) => crate::commands::tax::run(&args),
        Command::Logs(args) => crate::commands::logs::run(&args),
        Command::Drill(args) => crate::commands::drill::run(&args),
        Command::Config(args) => crate::commands::configuration::run(&args),
        Command::Completions(args) => crate::commands::generate::completions(&args, Cli::command()),
        Command::Man(args) => crate::commands::generate::man(&args, Cli::command()),
        Command::Host(args) => crate::commands::host::run(&args),
        #[cfg(windows)]
        Command::ServiceProcess(args) => crate::commands::service::serve(&args),
        Command::Compile => Ok(compile()),
    }
}

/// Compiles a module. Errors are written to standard error directly: the host reads them, with a time limit.
fn compile() -> ExitCode {
    crate::commands::compile::run().unwrap_or_else(|error| {
        drop(writeln!(std::io::stderr(), "polytrader: {error:#}"));
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    mod documented;

    use super::*;
    use std::ffi::OsString;
    use std::time::Duration;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Adds the commands below `command` that do something and lack `--json`, with their words.
    fn without_json(command: &clap::Command, words: &str, found: &mut Vec<String>) {
        let subcommands: Vec<&clap::Command> = command
            .get_subcommands()
            .filter(|command| !command.is_hide_set() && command.get_name() != "help")
            .collect();
        if subcommands.is_empty() && !command.get_arguments().any(|argument| argument.get_long() == Some("json")) {
            found.push(words.trim().to_owned());
        }
        subcommands.iter().for_each(|command| without_json(command, &format!("{words} {}", command.get_name()), found));
    }

    #[test]
    fn every_command_that_prints_has_json() {
        let mut found = Vec::new();
        without_json(&Cli::command(), "", &mut found);
        // Two servers, and a script for a shell.
        assert_eq!(found, ["exchange", "worker", "completions"]);
    }

    #[test]
    fn the_host_gets_the_arguments_of_run() {
        let line = "polytrader run --mode demo --for 90s --data-dir /d --config /c --strategies /s --api-port 0 \
                    --dashboard-port 1 --set a=b --set c=d --json --stopped --adopt";
        let Command::Run(run) = Cli::parse_from(line.split_whitespace()).command else { panic!("not run") };
        let arguments = [
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
        let arguments = arguments.into_iter().chain(run.common.to_arguments());
        let Command::Host(host) = Cli::parse_from(arguments).command else { panic!("not host") };
        assert_eq!(format!("{:?}", host.common), format!("{:?}", run.common));
        assert_eq!(host.common.run_for, Some(Duration::from_secs(90)));
    }
}
