//! Checks guest code natively: the SDK and the strategies are ordinary Rust with their own tests.

use crate::command;
use crate::gate::Checked;
use crate::repo::Repo;
use crate::tally::Tally;
use std::process::Command;

/// The folders of guest workspaces.
const WORKSPACES: [&str; 2] = ["sdk/rust", "strategies"];

/// Checks formatting and lints of all guests and runs their tests.
pub(crate) fn check_all(repo: &Repo) -> anyhow::Result<Checked> {
    let mut tally = Tally::default();
    for workspace in WORKSPACES {
        command::run(cargo(repo, workspace, "fmt").args(["--all", "--check"]), &format!("cargo fmt in {workspace}"))?;
        let mut clippy = built(repo, workspace, "clippy");
        clippy.args(["--all-targets", "--", "-D", "warnings"]);
        command::run(&mut clippy, &format!("cargo clippy in {workspace}"))?;
        let mut test = built(repo, workspace, "test");
        test.args(["--no-fail-fast", "--", "--show-output"]);
        command::run_watched(&mut test, &format!("cargo test in {workspace}"), |line| tally.see_cargo(line))?;
    }
    tally.checked()
}

fn cargo(repo: &Repo, workspace: &str, task: &str) -> Command {
    let mut cargo = command::new("cargo", &repo.root.join(workspace));
    cargo.arg(task);
    cargo
}

/// Returns a cargo task that compiles. It does not share the folder of the WebAssembly build, which another compiler
/// may have filled.
fn built(repo: &Repo, workspace: &str, task: &str) -> Command {
    let mut cargo = cargo(repo, workspace, task);
    cargo.args(["--workspace", "--target-dir"]).arg(repo.target.join("guest-native"));
    if repo.ci {
        cargo.arg("--locked");
    }
    cargo
}
