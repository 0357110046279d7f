//! The command line: what there is, with its help. Each command's work is in a module of its own.

use crate::config::Config;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
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
    /// Show the configuration that would hold, and where each value comes from; refuse what is wrong in it.
    Config(CommonArgs),
}

/// How to trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// A local exchange and play money.
    Demo,
    /// The real feed with invented fills.
    Paper,
    /// Real money.
    Live,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct CommonArgs {
    /// How to trade.
    #[arg(long, value_enum, default_value = "paper")]
    pub(crate) mode: ModeArg,
    /// Where journal, database, tokens and run.json live. Only one run may use it at a time.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data")]
    pub(crate) data_dir: PathBuf,
    /// The configuration file; DIR/polytrader.toml if it exists.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The folder whose .wasm files are the strategies; DIR/strategies otherwise.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) strategies: Option<PathBuf>,
    /// The port of the REST API; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    pub(crate) api_port: Option<u16>,
    /// The port of the dashboard; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    pub(crate) dashboard_port: Option<u16>,
    /// Set a configuration key, as key=value. May be given more than once.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Config(args) => show_config(&args),
    };
    outcome.unwrap_or_else(|error| {
        complain(&format!("polytrader: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Prints a line for each key: what holds, and where it comes from.
fn show_config(args: &CommonArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load(args, std::env::vars_os())?;
    for entry in config.entries() {
        say(&format!("{:34} {:28} {}", entry.key, entry.value, entry.source.as_str()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a line for people to standard error.
#[expect(clippy::print_stderr, reason = "the command line speaks to people here, not to the log")]
pub(crate) fn complain(line: &str) {
    eprintln!("{line}");
}

/// Writes a line of output.
#[expect(clippy::print_stdout, reason = "the command line's output")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
