//! The crowd: strategies that take all they may, beside a quoter, on a release build. The end-to-end test is held to its budgets then.

use crate::repo::Repo;
use crate::{command, say, wasm};

/// What `cargo xtask crowd` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long the crowd trades, in seconds.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=86_400))]
    seconds: u32,
}

/// Builds, runs, judges.
pub(crate) fn run(repo: &Repo, args: &Args) -> anyhow::Result<()> {
    wasm::build(repo)?;
    say::doing(&format!("a crowd for {} s, release profile (some minutes to build)", args.seconds));
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args(["test", "--release", "--package", "app", "--test", "e2e", "crowd", "--", "--nocapture"]);
    cargo.env("POLYTRADER_CROWD_SECONDS", args.seconds.to_string());
    cargo.env("POLYTRADER_STRATEGIES", repo.strategies());
    command::run(&mut cargo, "the crowd")
}
