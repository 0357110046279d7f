//! The figures of an idle host on a release build: the start beside a large journal, and its memory. The measuring is
//! an end-to-end test, which also runs in the gate, small and without budgets.

use crate::repo::Repo;
use crate::{command, say};

/// Arguments of `cargo xtask figures`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Size of the journal that exists at the start, in megabytes.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    journal_mb: u32,
    /// Seconds after which the memory is read.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    idle_s: u32,
}

/// Builds the release and measures it.
pub(crate) fn run(repo: &Repo, args: &Args) -> anyhow::Result<()> {
    say::doing("figures of an idle host, release profile (some minutes to build)");
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args(["test", "--release", "--package", "app", "--test", "e2e", "figures::"]);
    // One at a time: each would be the other's load.
    cargo.args(["--", "--nocapture", "--test-threads", "1"]);
    cargo.env("FIGURES_JOURNAL_MB", args.journal_mb.to_string()).env("FIGURES_IDLE_S", args.idle_s.to_string());
    command::run(&mut cargo, "the figures")
}
