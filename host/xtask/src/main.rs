//! Automation of this repository, in Rust: `cargo xtask demo`, `test`, `soak`, `dist`.
//! It never hides a failure: a child's output is shown, and what could not run is never counted as passed.
//! Start reading in [`mod@test`]; each other command is made of the same steps.

mod command;
mod conformance;
mod crowd;
mod demo;
mod dist;
mod gate;
mod native;
mod node;
mod repo;
mod say;
mod soak;
mod supply;
mod system;
mod tally;
mod test;
mod wasm;

use clap::{Parser, Subcommand};
use repo::Repo;
use std::ffi::OsString;
use std::process::ExitCode;

/// Automation of the PolyTrader repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build everything and trade on a local Polymarket with play money. Prints a login link; Ctrl-C ends it.
    Demo {
        /// Passed on to `polytrader run`, for instance: cargo xtask demo --recording FILE --speed 10
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Trade on a local Polymarket for a while and watch the memory of every process; fails if it grows. Not part of the gate. Linux.
    Soak(soak::Args),
    /// Trade beside a crowd of strategies that take all they may, and hold a release build to its budgets. Not part of the gate.
    Crowd(crowd::Args),
    /// Run the whole gate: formatting, lints, every test, documentation, dashboard and browser tests.
    Test,
    /// Ask for known vulnerabilities of all dependencies, with cargo-deny and npm. Needs a network. Not part of the gate.
    Audit,
    /// Build the release binary with the dashboard embedded, and put it into dist/ with strategies and licences.
    Dist,
    /// Build the strategies to WebAssembly, into target/strategies.
    Strategies,
    /// Build the dashboard, into dashboard/dist, which the binary embeds.
    Dashboard,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            say::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<ExitCode> {
    let repo = Repo::find()?;
    match task {
        Task::Demo { args } => demo::run(&repo, &args),
        Task::Soak(args) => soak::run(&repo, &args).map(|()| ExitCode::SUCCESS),
        Task::Crowd(args) => crowd::run(&repo, &args).map(|()| ExitCode::SUCCESS),
        Task::Test => Ok(test::run(&repo)),
        Task::Audit => supply::audit(&repo).map(|()| ExitCode::SUCCESS),
        Task::Dist => dist::run(&repo).map(|()| ExitCode::SUCCESS),
        Task::Strategies => wasm::build(&repo).map(|_| ExitCode::SUCCESS),
        Task::Dashboard => node::build_all(&repo).map(|()| ExitCode::SUCCESS),
    }
}
