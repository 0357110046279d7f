//! Automation of this repository, in Rust: `cargo xtask demo`, `test`, `soak`, `dist`.
//! The output of every child process is shown, and a check that could not run is never counted as passed.
//! Start reading in [`mod@test`]; the other commands are built from the same steps.

mod api_description;
mod cargo_config;
mod command;
mod conformance;
mod crowd;
mod demo;
mod dist;
mod figures;
mod gate;
mod memory;
mod native;
mod node;
mod parquet;
mod prometheus;
mod repo;
mod say;
mod service;
mod soak;
mod supply;
mod system;
mod tally;
mod test;
mod wasm;
mod windows;

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
    /// Trade on a local Polymarket for a while and watch the memory of every process; fails if it grows. Not part of
    /// the gate. Linux.
    Soak(soak::Args),
    /// Trade beside strategies that use their rate limits in full, and check a release build's latency budgets. Not
    /// part of the gate.
    Crowd(crowd::Args),
    /// Measure a release build's start beside a large journal and its memory, and check their budgets. Not part of the
    /// gate.
    Figures(figures::Args),
    /// Run the whole gate: formatting, lints, every test, documentation, dashboard and browser tests.
    Test,
    /// Check metrics, rules and the dashboard with promtool, against a demo that trades. A step of the gate.
    Metrics,
    /// Run a sweep over a real NATS server with three workers, of which one is killed. A step of the gate.
    Sweeps,
    /// Test a running host's API against its own description, as the gate does.
    Api,
    /// Check all dependencies for known vulnerabilities, with cargo-deny and npm. Needs a network. Not part of the
    /// gate.
    Audit,
    /// Build the release binary with the dashboard embedded, and put it into dist/ with strategies and licences.
    Dist,
    /// Build the strategies to WebAssembly, into target/strategies.
    Strategies,
    /// Build the program for Windows, pack PolyTrader.zip, and run its programs, services and batch files under Wine. Not
    /// part of the gate, which checks only the types for Windows.
    Windows(windows::Args),
    /// Build the dashboard, into dashboard/dist and dashboard/dist-report, which the binary embeds.
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
        Task::Figures(args) => figures::run(&repo, &args).map(|()| ExitCode::SUCCESS),
        Task::Test => Ok(test::run(&repo)),
        Task::Metrics => Ok(test::metrics_alone(&repo)),
        Task::Sweeps => Ok(test::alone(&repo, "sweeps over NATS", test::sweeps)),
        Task::Api => {
            test::build_binary(&repo)?;
            Ok(test::alone(&repo, "api: schemathesis", api_description::check))
        }
        Task::Audit => supply::audit(&repo).map(|()| ExitCode::SUCCESS),
        Task::Dist => dist::run(&repo).map(|()| ExitCode::SUCCESS),
        Task::Strategies => wasm::build(&repo).map(|_| ExitCode::SUCCESS),
        Task::Windows(args) => windows::run(&repo, &args).map(|()| ExitCode::SUCCESS),
        Task::Dashboard => node::build_all(&repo).map(|()| ExitCode::SUCCESS),
    }
}
