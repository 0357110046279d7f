//! The whole gate. The order is: what fails fastest first, then what later steps need.

use crate::gate::{Checked, Gate, Stopped};
use crate::repo::Repo;
use crate::tally::Tally;
use crate::{command, conformance, native, node, supply, system, wasm};
use std::io::{self, IsTerminal};
use std::process::{Command, ExitCode};

/// Runs every step up to the first that fails, and prints the summary.
pub(crate) fn run(repo: &Repo) -> ExitCode {
    let mut gate = Gate::new(repo.ci);
    // The gate has noted which step failed and why.
    let _stopped = steps(repo, &mut gate);
    gate.finish()
}

fn steps(repo: &Repo, gate: &mut Gate) -> Result<(), Stopped> {
    gate.step("formatting", || formatting(repo))?;
    // The binary embeds the bundle, so it comes before everything that compiles `app`.
    gate.step("dashboard: packages", || node::install(repo).map(|()| Checked::passed()))?;
    gate.step("dashboard: types", || node::check(repo))?;
    gate.step("dashboard: unit tests", || node::unit_tests(repo))?;
    gate.step("dashboard: bundle", || node::bundle(repo).map(|()| Checked::passed()))?;
    // Tests of the host run these modules.
    gate.step("strategies: WebAssembly", || wasm::build(repo).map(|_| Checked::passed()))?;
    gate.step("strategies and SDK: lints and tests", || native::check_all(repo))?;
    gate.step("dependencies: licences, sources, bans", || supply::check(repo))?;
    gate.step("host: lints", || clippy(repo))?;
    gate.step("PostgreSQL for the tests", || Ok(installed(system::ensure_postgresql())))?;
    gate.step("nginx for the tests", || Ok(installed(system::ensure_nginx())))?;
    gate.step("host: tests", || tests(repo))?;
    gate.step("host: soak", || soak(repo))?;
    gate.step("host: documentation", || documentation(repo))?;
    gate.step("browser tests", || browser_tests(repo))?;
    // The binary is there since the tests before.
    gate.step("conformance: Python client", || conformance::python(repo))?;
    gate.step("conformance: TypeScript client", || conformance::typescript(repo))?;
    gate.step("conformance: Rust client", || conformance::rust(repo))
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
    // Output of tests that pass is shown too: it says what could not run.
    cargo.args(["--no-fail-fast", "--", "--show-output"]);
    cargo.env("POLYTRADER_STRATEGIES", repo.strategies());
    let mut tally = Tally::default();
    command::run_watched(&mut cargo, "cargo test", |line| tally.see_cargo(line))?;
    tally.checked()
}

/// The engine against the simulated venue with everything going wrong; 10,000 seeds are run by hand (`docs/soak.md`).
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

fn browser_tests(repo: &Repo) -> anyhow::Result<Checked> {
    build_binary(repo)?;
    node::browser_tests(repo)
}

/// Builds the host's binary as tests and demo use it. Over the whole workspace, so that dependencies have the same features as in
/// the gate and are not built twice.
pub(crate) fn build_binary(repo: &Repo) -> anyhow::Result<()> {
    command::run(cargo(repo, "build").args(["--bin", "polytrader"]), "building the host")
}

/// A cargo task over the host's workspace, in the one profile that the gate uses.
fn cargo(repo: &Repo, task: &str) -> Command {
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args([task, "--workspace"]);
    if repo.ci {
        // Incremental state is of no use to a build that starts from nothing.
        cargo.arg("--locked").env("CARGO_INCREMENTAL", "0").env("CARGO_TERM_COLOR", "never");
    } else if io::stderr().is_terminal() {
        // The output passes through us, so cargo cannot see that it ends on a terminal.
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    cargo
}
