//! The crowd: strategies that use their rate limits in full, beside a quoter. On a release build the end-to-end test
//! also checks its latency budgets.

use crate::repo::Repo;
use crate::{command, say, wasm};

/// Arguments of `cargo xtask crowd`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Duration of trading, in seconds.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(10..=86_400))]
    seconds: u32,
}

/// Builds the strategies and runs the crowd test on a release build.
pub(crate) fn run(repo: &Repo, args: &Args) -> anyhow::Result<()> {
    wasm::build(repo)?;
    say::doing(&format!("a crowd for {} s, release profile (some minutes to build)", args.seconds));
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args(["test", "--release", "--package", "app", "--test", "e2e", "crowd", "--", "--nocapture"]);
    cargo.env("CROWD_SECONDS", args.seconds.to_string());
    cargo.env("POLYTRADER_STRATEGIES", repo.strategies());
    command::run(&mut cargo, "the crowd")
}
