//! Automation of this repository, in Rust: `cargo xtask test`, `strategies`, `dashboard`.
//! It never hides a failure: a child's output is shown, and what could not run is never counted as passed.
//! Start reading in [`mod@test`]; each other command is made of the same steps.

mod command;
mod gate;
mod native;
mod node;
mod repo;
mod say;
mod system;
mod tally;
mod test;
mod wasm;

use clap::{Parser, Subcommand};
use repo::Repo;
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
    /// Run the whole gate: formatting, lints, every test, documentation and the dashboard.
    Test,
    /// Build the strategies to WebAssembly, into target/strategies.
    Strategies,
    /// Build the dashboard, into dashboard/dist, which the binary will embed.
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
        Task::Test => Ok(test::run(&repo)),
        Task::Strategies => wasm::build(&repo).map(|_| ExitCode::SUCCESS),
        Task::Dashboard => node::build_all(&repo).map(|()| ExitCode::SUCCESS),
    }
}
