//! The arguments of the command line, with their help. Each command's work is in a module of its own.

mod alert;
mod authors;
mod db;
mod positions;
mod strategy;
mod tokens;

use crate::console::complain;
pub(crate) use alert::{AlertAction, AlertArgs};
use anyhow::{Context, anyhow};
pub(crate) use authors::{BuildArgs, NewArgs, TestArgs};
use clap::{Args, ValueEnum};
use config::{Config, Mode, Sources};
pub(crate) use db::{DbAction, DbArgs, RebuildArgs};
pub(crate) use positions::{AssignArgs, PositionsAction, PositionsArgs};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
pub(crate) use strategy::{ArmArgs, FileArgs, HostedArgs, NameArgs, StrategyAction, StrategyArgs, VersionArgs};
pub(crate) use tokens::{CreateTokenArgs, RevokeTokenArgs, TokensAction, TokensArgs};

impl CommonArgs {
    /// Returns the arguments that say the same to another process of this program.
    pub(crate) fn to_arguments(&self) -> Vec<OsString> {
        let mode = self.mode.to_possible_value().map(|mode| mode.get_name().to_owned()).unwrap_or_default();
        let mut arguments: Vec<OsString> = vec!["--mode".into(), mode.into(), "--data-dir".into()];
        arguments.push(self.data_dir.clone().into());
        let mut add = |name: &str, value: Option<OsString>| {
            if let Some(value) = value {
                arguments.extend([OsString::from(name), value]);
            }
        };
        add("--for", self.run_for.map(|time| format!("{}ms", time.as_millis()).into()));
        add("--config", self.config.clone().map(Into::into));
        add("--strategies", self.strategies.clone().map(Into::into));
        add("--api-port", self.api_port.map(|port| port.to_string().into()));
        add("--dashboard-port", self.dashboard_port.map(|port| port.to_string().into()));
        self.set.iter().for_each(|set| add("--set", Some(set.into())));
        arguments.extend(self.json.then(|| "--json".into()));
        arguments.extend(self.adopt.then(|| "--adopt".into()));
        arguments.extend(self.stopped.then(|| "--stopped".into()));
        arguments
    }

    /// Reads the configuration that these arguments and the environment of this process give, and names the variables that were ignored.
    ///
    /// # Errors
    /// A sentence naming the layer, the key, the value and its range.
    pub(crate) fn load_config(&self) -> anyhow::Result<Config> {
        let config = self.reload_config()?;
        if !config.kubernetes.is_empty() {
            let names = config.kubernetes.join(", ");
            complain(&format!(
                "ignored in the environment, as Kubernetes' variables of a service with our name: {names}"
            ));
        }
        Ok(config)
    }

    /// Reads the configuration again, in a process whose parent has read it.
    ///
    /// # Errors
    /// A sentence naming the layer, the key, the value and its range.
    pub(crate) fn reload_config(&self) -> anyhow::Result<Config> {
        Config::from_sources(self.sources()?, std::env::vars_os())
    }

    /// Returns the places of the configuration's layers.
    fn sources(&self) -> anyhow::Result<Sources> {
        let mut flags = Vec::new();
        for set in &self.set {
            let (key, value) =
                // The value is not repeated: it may be a secret in the wrong place.
                set.split_once('=').ok_or_else(|| anyhow!("--set takes key=value, such as max_market_usd=50"))?;
            flags.push((key.trim().to_owned(), value.trim().to_owned()));
        }
        let port = |port: u16| format!("127.0.0.1:{port}");
        flags.extend(self.api_port.map(|at| ("api.listen".to_owned(), port(at))));
        flags.extend(self.dashboard_port.map(|at| ("dashboard.listen".to_owned(), port(at))));
        if let Some(folder) = &self.strategies {
            // Of the command line, where paths are relative to the working directory; those of the configuration are not.
            let folder = std::path::absolute(folder).with_context(|| format!("finding {}", folder.display()))?;
            let folder = folder.to_str().ok_or_else(|| anyhow!("{} is not UTF-8", folder.display()))?;
            flags.push(("strategies_dir".to_owned(), folder.to_owned()));
        }
        Ok(Sources { mode: self.mode.into(), data_dir: self.data_dir.clone(), file: self.config.clone(), flags })
    }
}

/// How to trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// A local exchange and play money.
    Demo,
    /// The real feed with invented fills.
    Paper,
    /// Real money.
    Live,
}

impl From<ModeArg> for Mode {
    fn from(arg: ModeArg) -> Self {
        match arg {
            ModeArg::Demo => Self::Demo,
            ModeArg::Paper => Self::Paper,
            ModeArg::Live => Self::Live,
        }
    }
}

/// What both `run` and its host process are told.
#[derive(Debug, Clone, Args)]
pub(crate) struct CommonArgs {
    /// How to trade.
    #[arg(long, value_enum, default_value = "paper")]
    pub(crate) mode: ModeArg,
    /// End by itself after this long, for instance 30s, 5m or 1h.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) run_for: Option<Duration>,
    /// Print one JSON object with the outcome as the last line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where journal, database, tokens and run.json live, relative to the working directory. Only one run may use it at a time.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = place)]
    pub(crate) data_dir: PathBuf,
    /// The configuration file; DIR/polytrader.toml if it exists.
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub(crate) config: Option<PathBuf>,
    /// The folder whose .wasm files are the strategies, relative to the working directory; DIR/strategies otherwise.
    #[arg(long, value_name = "FOLDER", value_parser = place)]
    pub(crate) strategies: Option<PathBuf>,
    /// The port of the REST API; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    pub(crate) api_port: Option<u16>,
    /// The port of the dashboard; 0 takes a free one.
    #[arg(long, value_name = "PORT")]
    pub(crate) dashboard_port: Option<u16>,
    /// Set a configuration key, as key=value. May be given more than once.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Keep orders that are open on the account and that nobody here placed, apart as placed by hand. Refused otherwise.
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Begin STOPPED: an operator starts the bot. Live always does; demo and paper begin RUNNING otherwise.
    #[arg(long)]
    pub(crate) stopped: bool,
}

/// `polytrader run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Demo: trade on this exchange, which runs already, instead of starting one. Paper and live: this exchange takes the
    /// place of the venue's of the configuration.
    #[arg(long, value_name = "URL", conflicts_with_all = ["seed", "invented", "recording", "speed", "prices", "markets"])]
    pub(crate) exchange: Option<String>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    #[command(flatten)]
    pub(crate) flow: FlowArgs,
}

/// Where the keystore's passphrase is; nobody is asked for it then.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PassphraseArgs {
    /// Read the keystore's passphrase from this file, which nobody else may read, instead of asking.
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read it from the pipe that is open as this descriptor.
    #[arg(long, value_name = "N", conflicts_with = "passphrase_file")]
    pub(crate) passphrase_fd: Option<u16>,
}

/// Who else trades on the local exchange.
#[derive(Debug, Clone, Args)]
pub(crate) struct FlowArgs {
    /// The seed of the invented markets and traders.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many markets are invented where nothing is recorded.
    #[arg(long, value_name = "N", default_value_t = exchange::INVENTED, value_parser = invented, conflicts_with_all = ["recording", "prices"])]
    pub(crate) invented: usize,
    /// Replay these recordings of real order books instead of invented markets. May be given more than once.
    #[arg(long, value_name = "FILE", num_args = 1.., value_parser = file)]
    pub(crate) recording: Vec<PathBuf>,
    /// Follow this recorded price (CSV with feed_ts_ms and full_accuracy_value) in the markets of --markets.
    #[arg(long, value_name = "FILE", requires = "markets", conflicts_with = "recording", value_parser = file)]
    pub(crate) prices: Option<PathBuf>,
    /// The markets that the price of --prices decided (JSON Lines); they resolve as they really did.
    #[arg(long, value_name = "FILE", requires = "prices", value_parser = file)]
    pub(crate) markets: Option<PathBuf>,
    /// How many times faster than it was recorded, such as 2.5; how busy the invented traders are, where nothing is recorded.
    #[arg(long, value_name = "X", default_value = "1", value_parser = speed)]
    pub(crate) speed: Speed,
}

/// A speed in millionths of real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Speed(pub(crate) u64);

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", model::Size(self.0))
    }
}

/// Parses a number of invented markets.
fn invented(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=exchange::INVENTED_MAX).contains(count));
    count.ok_or_else(|| format!("`{text}` is no number of markets; write one from 1 to {}", exchange::INVENTED_MAX))
}

/// Parses a speed of 0.01 to 1000.
fn speed(text: &str) -> Result<Speed, String> {
    let micros = model::amount::parse_micros(text).filter(|micros| (10_000..=1_000_000_000).contains(micros));
    micros.map(Speed).ok_or_else(|| format!("`{text}` is no speed; write a number from 0.01 to 1000"))
}

/// `polytrader exchange`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExchangeArgs {
    /// The address to serve REST and both WebSocket channels on; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8100")]
    pub(crate) listen: std::net::SocketAddr,
    /// After how many seconds the invented event of several markets is decided.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub(crate) event_lasts: u64,
    /// End some seconds after standard input has ended: `run` holds its other end.
    #[arg(long, hide = true)]
    pub(crate) with_parent: bool,
    /// Where exchange.json, with the real address, is written.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data/exchange", value_parser = place)]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) flow: FlowArgs,
}

/// `polytrader replay`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReplayArgs {
    /// The data folder whose journal is read.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = place)]
    pub(crate) data_dir: PathBuf,
    /// The session, as its files are named; the newest otherwise.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<u64>,
    /// Run the strategies again too, and hold every answer against the one that was journaled.
    #[arg(long)]
    pub(crate) wasm: bool,
    /// Exit with 1 on any difference, even if another build wrote the journal.
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `polytrader keys`.
#[derive(Debug, Clone, Args)]
pub(crate) struct KeysArgs {
    /// What to do.
    #[arg(value_enum)]
    pub(crate) action: KeysAction,
    /// The data folder whose keystore.json it is about.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = place)]
    pub(crate) data_dir: PathBuf,
    /// With `limits`: set one, such as order_max_usd=50; can be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// What can be done with keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeysAction {
    /// Ask for a private key (or read it from standard input) and put it under a passphrase.
    Import,
    /// Show the key's address and the wallets that belong to it.
    ShowAddress,
    /// Show the signer's limits, which stand in the keystore, or change them with --set; the signer must not run meanwhile.
    Limits,
    /// Begin the signer's counter and log: before the first use of a key that was not imported, or anew after they were lost, moved or damaged;
    /// the old ones are put aside.
    Renew,
}

/// `polytrader bench`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArgs {
    /// Print one JSON array instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder with template.wasm; the one beside this program otherwise.
    #[arg(long, value_name = "FOLDER", value_parser = place)]
    pub(crate) strategies: Option<PathBuf>,
    /// Measure only how soon a strategy's new file trades, in a demo that it starts for this.
    #[arg(long)]
    pub(crate) reload: bool,
    /// Measure in this process, which the signer has started.
    #[arg(long, hide = true)]
    pub(crate) hosted: bool,
}

/// `polytrader backtest`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BacktestArgs {
    /// Measure: make up book events and run them through the engine, the paper venue and a strategy in WebAssembly.
    #[arg(long, required = true)]
    pub(crate) bench: bool,
    /// How many events a round has; five rounds are run.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) events: u64,
    /// What the events follow from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// The folder with template.wasm; the one beside this program otherwise.
    #[arg(long, value_name = "FOLDER", value_parser = place)]
    pub(crate) strategies: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The hidden `polytrader host`.
#[derive(Debug, Clone, Args)]
pub(crate) struct HostArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// The venue's REST address.
    #[arg(long)]
    pub(crate) exchange: String,
    /// The venue's WebSocket address.
    #[arg(long)]
    pub(crate) channels: String,
    /// The venue's catalog.
    #[arg(long)]
    pub(crate) catalog: String,
    /// The venue's public records of accounts.
    #[arg(long)]
    pub(crate) records: String,
    /// The venue's relayer.
    #[arg(long)]
    pub(crate) relayer: String,
}

/// Parses `250ms`, `30s`, `5m`, `2h` or plain seconds.
/// Returns the path of a folder, which may be created.
pub(crate) fn place(text: &str) -> Result<PathBuf, String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    config::path(text, home.as_deref()).map_err(|error| error.to_string())
}

/// Returns the path of a file that is read. Any name will do; of `--name=~/file` most shells leave the `~`.
pub(crate) fn file(text: &str) -> Result<PathBuf, String> {
    if text.starts_with("~/") { place(text) } else { Ok(PathBuf::from(text)) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let refused = || format!("`{text}` is no time; write 250ms, 30s, 5m or 2h");
    let number: u64 = digits.parse().ok().ok_or_else(refused)?;
    let millis = match unit {
        "ms" => Some(1),
        "" | "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let millis = millis.and_then(|unit: u64| number.checked_mul(unit));
    millis.map(Duration::from_millis).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_invented_markets_has_a_limit() {
        assert_eq!(invented("1000"), Ok(1_000));
        for bad in ["", "0", "1001", "-1"] {
            assert!(invented(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("45"), Ok(Duration::from_secs(45)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for bad in ["", "s", "1d", "-1s", "99999999999999999999s", "18446744073709551615h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
