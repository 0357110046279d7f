//! The whole gate. The fastest checks run first, then those that later steps depend on.

use crate::gate::{Checked, Gate, Stopped};
use crate::repo::Repo;
use crate::tally::Tally;
use crate::{
    api_description, command, conformance, memory, native, node, parquet, prometheus, service, supply, system, wasm,
    windows,
};
use std::io::{self, IsTerminal};
use std::process::{Command, ExitCode};

/// Runs the steps until one fails, and prints the summary.
pub(crate) fn run(repo: &Repo) -> ExitCode {
    let mut gate = Gate::new(repo.ci);
    // The gate has recorded which step failed and why.
    let _stopped = steps(repo, &mut gate);
    gate.finish()
}

fn steps(repo: &Repo, gate: &mut Gate) -> Result<(), Stopped> {
    gate.step("formatting", || formatting(repo))?;
    // The binary embeds the bundle, so the bundle is built before anything compiles `app`.
    gate.step("dashboard: packages", || node::install(repo).map(|()| Checked::passed()))?;
    gate.step("dashboard: types", || node::check(repo))?;
    gate.step("dashboard: unit tests", || node::unit_tests(repo))?;
    gate.step("dashboard: bundle", || node::bundle(repo).map(|()| Checked::passed()))?;
    // Tests of the host run these modules.
    gate.step("strategies: WebAssembly", || wasm::build(repo).map(|_| Checked::passed()))?;
    gate.step("strategies and SDK: lints and tests", || native::check_all(repo))?;
    gate.step("dependencies: licences, sources, bans", || supply::check(repo))?;
    gate.step("host: lints", || clippy(repo))?;
    gate.step("Windows: types", || windows::types(repo))?;
    gate.step("PostgreSQL for the tests", || Ok(installed(system::ensure_postgresql())))?;
    gate.step("nginx for the tests", || Ok(installed(system::ensure_nginx())))?;
    gate.step("host: tests", || tests(repo))?;
    gate.step("parquet: pyarrow, DuckDB, pandas", || parquet::check(repo))?;
    gate.step("sweeps over NATS", || sweeps(repo))?;
    gate.step("service: systemd unit", || service::unit(repo))?;
    gate.step("containers: compose file", || service::compose(repo))?;
    gate.step("host: soak", || soak(repo))?;
    gate.step("host: documentation", || documentation(repo))?;
    gate.step("metrics, rules and dashboard", || metrics(repo))?;
    gate.step("browser tests", || browser_tests(repo))?;
    // The tests above have built the binary.
    gate.step("backtest: memory", || memory::check(repo))?;
    gate.step("api: schemathesis", || api_description::check(repo))?;
    gate.step("conformance: Python client", || conformance::python(repo))?;
    gate.step("conformance: TypeScript client", || conformance::typescript(repo))?;
    gate.step("conformance: Rust client", || conformance::rust(repo))
}

/// Runs a single step as the gate does.
pub(crate) fn alone(repo: &Repo, step: &str, check: impl FnOnce(&Repo) -> anyhow::Result<Checked>) -> ExitCode {
    let mut gate = Gate::new(repo.ci);
    // The gate has recorded a failure and its reason.
    let _stopped = gate.step(step, || check(repo));
    gate.finish()
}

fn formatting(repo: &Repo) -> anyhow::Result<Checked> {
    command::run(command::new("cargo", &repo.root).args(["fmt", "--all", "--check"]), "cargo fmt --check")?;
    Ok(Checked::passed())
}

fn clippy(repo: &Repo) -> anyhow::Result<Checked> {
    let mut cargo = cargo(repo, "clippy");
    cargo.args(["--all-targets", "--", "-D", "warnings"]);
    command::run(&mut cargo, "cargo clippy")?;
    Ok(Checked::passed())
}

fn installed(program: anyhow::Result<()>) -> Checked {
    match program {
        Ok(()) => Checked::passed(),
        Err(missing) => Checked::not_run(&missing),
    }
}

fn tests(repo: &Repo) -> anyhow::Result<Checked> {
    let mut cargo = cargo(repo, "test");
    // The output of passing tests is shown too, because it names the checks that could not run.
    cargo.args(["--no-fail-fast", "--", "--show-output"]);
    cargo.env("POLYTRADER_STRATEGIES", repo.strategies());
    let mut tally = Tally::default();
    command::run_watched(&mut cargo, "cargo test", |line| tally.see_cargo(line))?;
    tally.checked()
}

/// Runs the sweep over a real NATS server with three workers, of which one is killed.
pub(crate) fn sweeps(repo: &Repo) -> anyhow::Result<Checked> {
    if let Err(missing) = system::ensure_nats_server() {
        return Ok(Checked::not_run(&missing));
    }
    let mut cargo = cargo(repo, "test");
    cargo.args(["--test", "queue", "--", "--show-output"]);
    let mut tally = Tally::default();
    command::run_watched(&mut cargo, "cargo test", |line| tally.see_cargo(line))?;
    tally.checked()
}

/// Runs the engine against the simulated venue with every fault injected. Longer runs are started manually
/// (`docs/soak.md`).
fn soak(repo: &Repo) -> anyhow::Result<Checked> {
    let mut cargo = cargo(repo, "build");
    command::run(cargo.args(["--bin", "sim"]), "building the soak")?;
    let mut sim = command::new(repo.program("debug", "sim"), &repo.root);
    command::run(sim.args(["--seed", "1", "--seeds", "300", "--steps", "2000", "--every-fault"]), "the soak")?;
    Ok(Checked::passed())
}

fn documentation(repo: &Repo) -> anyhow::Result<Checked> {
    let mut cargo = cargo(repo, "doc");
    cargo.arg("--no-deps").env("RUSTDOCFLAGS", "-Dwarnings");
    command::run(&mut cargo, "cargo doc")?;
    Ok(Checked::passed())
}

/// Runs the step of metrics alone.
pub(crate) fn metrics_alone(repo: &Repo) -> ExitCode {
    let mut gate = Gate::new(repo.ci);
    let _stopped = gate.step("metrics, rules and dashboard", || metrics(repo));
    gate.finish()
}

fn metrics(repo: &Repo) -> anyhow::Result<Checked> {
    build_binary(repo)?;
    prometheus::check(repo)
}

fn browser_tests(repo: &Repo) -> anyhow::Result<Checked> {
    build_binary(repo)?;
    node::browser_tests(repo)
}

/// Builds the host's binary for the tests and the demo. It builds over the whole workspace, so that dependencies have
/// the same features as in the gate and are not built twice.
pub(crate) fn build_binary(repo: &Repo) -> anyhow::Result<()> {
    command::run(cargo(repo, "build").args(["--bin", "polytrader"]), "building the host")
}

/// Returns a cargo task over the host's workspace, in the profile that the gate uses.
fn cargo(repo: &Repo, task: &str) -> Command {
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args([task, "--workspace"]);
    if repo.ci {
        // Incremental state is useless for a build from scratch.
        cargo.arg("--locked").env("CARGO_INCREMENTAL", "0").env("CARGO_TERM_COLOR", "never");
    } else if io::stderr().is_terminal() {
        // The output passes through xtask, so cargo cannot detect that it goes to a terminal.
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    cargo
}
