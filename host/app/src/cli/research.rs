//! Arguments of `polytrader backtest`, `lookahead`, `compare` and `what-if`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `polytrader backtest`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BacktestArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// Skip the runs with the two other fill models, whose totals are the bounds of the result.
    #[arg(long)]
    pub(crate) quick: bool,
    /// The folder of the run. Default: `runs/ID` in the data directory.
    #[arg(long, value_name = "DIR", value_parser = super::place)]
    pub(crate) out: Option<PathBuf>,
    /// The data directory.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = super::place)]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) limit: super::RunsLimitArgs,
    /// Benchmark: run generated book events through the engine, the paper venue and a WebAssembly strategy.
    #[arg(long)]
    pub(crate) bench: bool,
    /// The number of events per round of the benchmark; there are five rounds.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, requires = "bench", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) events: u64,
    /// Benchmark one round that keeps no events, and print the highest memory of this process.
    #[arg(long, requires = "bench")]
    pub(crate) memory: bool,
    /// Print where the time goes. The run is slower, and the runs with the two other fill models are skipped.
    #[arg(long)]
    pub(crate) profile: bool,
    /// The folder with template.wasm for the benchmark. Default: `strategies` beside this program.
    #[arg(long, value_name = "FOLDER", requires = "bench", value_parser = super::place)]
    pub(crate) strategies: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments that describe a run.
#[derive(Debug, Clone, Args)]
pub(crate) struct JobArgs {
    /// A strategy; repeat it for several in one session.
    #[arg(long = "strategy", value_name = "FILE", value_parser = super::file)]
    pub(crate) strategy: Vec<PathBuf>,
    /// Tapes; several are merged by time.
    #[arg(long = "tape", value_name = "PATH", num_args = 1.., value_parser = super::file)]
    pub(crate) tape: Vec<PathBuf>,
    /// Settings of a strategy as in `NAME.toml`, one file for each --strategy in their order. Default: the file beside
    /// the strategy, if there is one.
    #[arg(long, value_name = "FILE", value_parser = super::file)]
    pub(crate) parameters: Vec<PathBuf>,
    /// The configuration file with the limits. Default: the limits of paper mode.
    #[arg(long, value_name = "FILE", value_parser = super::file)]
    pub(crate) config: Option<PathBuf>,
    /// A configuration value, for example max_market_usd=50. Can be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Start the strategies at this time (2026-07-24, 2026-07-24T12:30, UTC); earlier events build the books only.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) from: Option<model::Time>,
    /// End before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) to: Option<model::Time>,
    /// The fill model.
    #[arg(long, value_enum, default_value = "queue")]
    pub(crate) fill: FillArg,
    /// Latencies one way, feed and order, for example 125ms,50ms; or measured:FILE with lines of `feed,order` in
    /// microseconds. The feed latency applies where a tape has no times of receipt.
    #[arg(long, value_name = "FEED,ORDER", default_value = "125ms,50ms")]
    pub(crate) latency: String,
    /// Fee rates: recorded, a rate such as 0.05, or schedule:FILE with lines of `date,category,rate`.
    #[arg(long, value_name = "FEES", default_value = "recorded")]
    pub(crate) fees: String,
    /// Run on the held-out period from this time on. The second use for a strategy's name is noted in the report.
    #[arg(long, value_name = "FROM", conflicts_with = "from", value_parser = time)]
    pub(crate) holdout: Option<model::Time>,
    /// Use outcomes that are read off the last book where the venue's resolution is unknown.
    #[arg(long)]
    pub(crate) implied: bool,
    /// Merge pairs of both outcomes, and convert complete baskets of an event, as soon as they are held; in live trading
    /// an operator does this.
    #[arg(long)]
    pub(crate) merge: bool,
    /// The venue's tier of request rates: standard, copper, bronze, silver, gold, platinum, diamond or elite.
    #[arg(long, value_name = "TIER", default_value = "standard", value_parser = request_tier)]
    pub(crate) request_tier: model::RequestTier,
    /// Cash at the start, in dollars. Default: paper.cash_usd of the configuration.
    #[arg(long, value_name = "USD", value_parser = dollars)]
    pub(crate) cash: Option<model::Usd>,
    /// The seed of everything that is drawn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Fill model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FillArg {
    /// Fills that hurt are given, fills that help are withheld.
    Pessimistic,
    /// Orders move forward by trades and by a part of the cancels.
    Queue,
    /// Orders fill when the price is touched.
    Optimistic,
}

/// `polytrader lookahead`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LookaheadArgs {
    #[command(flatten)]
    pub(crate) job: JobArgs,
    /// The number of cuts, and of later starts.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) cuts: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader compare`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompareArgs {
    /// The folder of the first run.
    #[arg(value_name = "RUN", value_parser = super::file, requires = "second", required_unless_present = "session")]
    pub(crate) first: Option<PathBuf>,
    /// The folder of the second run.
    #[arg(value_name = "RUN", value_parser = super::file)]
    pub(crate) second: Option<PathBuf>,
    /// Compare a session with backtests of its own recording instead: its number, or `newest`.
    #[arg(long, value_name = "N", conflicts_with = "first")]
    pub(crate) session: Option<SessionArg>,
    /// The data directory with the session's journal and tapes.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = super::place)]
    pub(crate) data_dir: PathBuf,
    /// The fill model of the backtests of a session.
    #[arg(long, value_enum, default_value = "queue", requires = "session")]
    pub(crate) fill: FillArg,
    /// The number of differences that are printed.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) show: usize,
    /// Print one JSON object with all differences.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionArg {
    /// The newest one.
    Newest,
    /// The one with this number.
    Number(u64),
}

impl std::str::FromStr for SessionArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("newest", _) => Ok(Self::Newest),
            (_, Ok(number)) => Ok(Self::Number(number)),
            (_, Err(_)) => Err("expected the number of a session, or `newest`".to_owned()),
        }
    }
}

/// `polytrader what-if`.
#[derive(Debug, Clone, Args)]
pub(crate) struct WhatIfArgs {
    /// The data directory with the session's journal.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = super::place)]
    pub(crate) data_dir: PathBuf,
    /// The session. Default: the newest.
    #[arg(long, value_name = "N")]
    pub(crate) session: Option<u64>,
    /// Another version of a strategy of the session; its file name is its name. Can be repeated.
    #[arg(long = "strategy", value_name = "FILE", value_parser = super::file)]
    pub(crate) strategy: Vec<PathBuf>,
    /// Settings of a strategy as in `NAME.toml`, one file for each --strategy in their order.
    #[arg(long, value_name = "FILE", requires = "strategy", value_parser = super::file)]
    pub(crate) parameters: Vec<PathBuf>,
    /// The configuration file with other limits.
    #[arg(long, value_name = "FILE", value_parser = super::file)]
    pub(crate) config: Option<PathBuf>,
    /// A configuration value with another limit, for example max_market_usd=50. Can be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The number of differences that are printed.
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) show: usize,
    /// Print one JSON object with all differences.
    #[arg(long)]
    pub(crate) json: bool,
}

fn time(text: &str) -> Result<model::Time, String> {
    let expected = "expected a time in UTC such as 2026-07-24 or 2026-07-24T12:30";
    research::backtest::times::parse(text).ok_or_else(|| expected.to_owned())
}

fn dollars(text: &str) -> Result<model::Usd, String> {
    let amount = model::Usd::parse(text).filter(|amount| *amount > model::Usd::ZERO);
    amount.ok_or_else(|| "expected dollars above zero, such as 1000".to_owned())
}

fn request_tier(text: &str) -> Result<model::RequestTier, String> {
    let names = model::RequestTier::ALL.map(model::RequestTier::name).join(", ");
    model::RequestTier::of(text).ok_or_else(|| format!("expected one of {names}"))
}
