//! Command line arguments and their help texts. Each command is implemented in its own module under `commands`.

mod alert;
mod audit;
mod authors;
mod bot;
mod configuration;
mod db;
mod operations;
mod positions;
mod reports;
mod research;
mod service;
mod strategy;
mod sweep;
mod tape;
mod tokens;

use crate::console::eprintln;
pub(crate) use alert::{AlertAction, AlertArgs};
use anyhow::{Context, anyhow};
pub(crate) use audit::{AuditAction, AuditArgs, ListAuditArgs};
pub(crate) use authors::{BuildArgs, NewArgs, TestArgs};
pub(crate) use bot::{
    BotArgs, BreakersAction, BreakersArgs, CancelArgs, CloseArgs, LockArgs, LocksAction, LocksArgs, OrdersAction,
    OrdersArgs, OrdersListArgs, ReleaseArgs, ResetArgs, UnlockArgs,
};
use clap::{Args, ValueEnum};
use config::{Config, Mode, Sources};
pub(crate) use configuration::{ConfigAction, ConfigArgs, GetArgs, HistoryArgs, RollbackArgs, SetArgs};
pub(crate) use db::{
    BackupArgs, DbAction, DbArgs, MigrateArgs, RebuildArgs, RestoreArgs, SetAsideArgs, ToPostgresArgs,
};
pub(crate) use operations::{
    CompletionsArgs, DrillArgs, ExportArgs, LogsArgs, LotsArgs, ManArgs, PeriodArg, ProfitArgs, StatusArgs, TaxAction,
    TaxArgs,
};
pub(crate) use positions::{AssignArgs, PositionsAction, PositionsArgs};
pub(crate) use reports::{ReportArgs, ReportExport, RunArg, RunsAction, RunsArgs, RunsLimitArgs, RunsListArgs};
pub(crate) use research::{BacktestArgs, CompareArgs, FillArg, JobArgs, LookaheadArgs, SessionArg, WhatIfArgs};
pub(crate) use service::ServiceArgs;
pub(crate) use service::{InstallArgs, ManagerArgs, ServiceAction, UpgradeArgs};
#[cfg(windows)]
pub(crate) use service::{ServiceKind, ServiceProcessArgs};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
pub(crate) use strategy::{ArmArgs, FileArgs, HostedArgs, NameArgs, StrategyAction, StrategyArgs, VersionArgs};
pub(crate) use sweep::{SweepArgs, WorkerArgs};
pub(crate) use tape::{
    ExportTapeArgs, ImportTapeArgs, MergeTapeArgs, RecordArgs, SliceTapeArgs, TapeAction, TapeArgs, TapeFileArgs,
};
pub(crate) use tokens::{CreateTokenArgs, RevokeTokenArgs, TokensAction, TokensArgs};

impl CommonArgs {
    /// Returns the arguments that start another process of this program with the same settings.
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

    /// Loads the configuration from these arguments and the environment of this process, and reports ignored variables.
    ///
    /// # Errors
    /// An error naming the layer, the key, the value and its range.
    pub(crate) fn load_config(&self) -> anyhow::Result<Config> {
        let config = self.reload_config()?;
        if !config.kubernetes.is_empty() {
            let names = config.kubernetes.join(", ");
            eprintln(&format!(
                "ignoring environment variables set by Kubernetes for a service of the same name: {names}"
            ));
        }
        Ok(config)
    }

    /// Loads the configuration in a child process; the parent has already reported ignored variables.
    ///
    /// # Errors
    /// An error naming the layer, the key, the value and its range.
    pub(crate) fn reload_config(&self) -> anyhow::Result<Config> {
        Config::from_sources(self.sources()?, std::env::vars_os())
    }

    /// Returns the configuration layers: mode, data directory, file and flags.
    fn sources(&self) -> anyhow::Result<Sources> {
        let mut flags = Vec::new();
        for set in &self.set {
            let (key, value) =
                // The value is not repeated in the error: it may be a secret in the wrong place.
                set.split_once('=').ok_or_else(|| anyhow!("--set takes key=value, such as max_market_usd=50"))?;
            flags.push((key.trim().to_owned(), value.trim().to_owned()));
        }
        let port = |port: u16| format!("127.0.0.1:{port}");
        flags.extend(self.api_port.map(|at| ("api.listen".to_owned(), port(at))));
        flags.extend(self.dashboard_port.map(|at| ("dashboard.listen".to_owned(), port(at))));
        if let Some(folder) = &self.strategies {
            // Paths on the command line are relative to the working directory; paths in the configuration file are not.
            let folder = std::path::absolute(folder).with_context(|| format!("finding {}", folder.display()))?;
            let folder = folder.to_str().ok_or_else(|| anyhow!("{} is not UTF-8", folder.display()))?;
            flags.push(("strategies_dir".to_owned(), folder.to_owned()));
        }
        Ok(Sources { mode: self.mode.into(), data_dir: self.data_dir.clone(), file: self.config.clone(), flags })
    }
}

/// Trading mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// A local exchange and play money.
    Demo,
    /// Real market data with simulated fills; no order leaves this machine.
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

/// Arguments shared by `run` and its host process.
#[derive(Debug, Clone, Args)]
pub(crate) struct CommonArgs {
    /// Trading mode.
    #[arg(long, value_enum, default_value = "paper")]
    pub(crate) mode: ModeArg,
    /// Shut down after this long, for example 30s, 5m or 1h.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) run_for: Option<Duration>,
    /// Print one JSON object with the outcome as the last line of output.
    #[arg(long)]
    pub(crate) json: bool,
    /// The data directory: journal, database, tokens and run.json, relative to the working directory. Only one run may
    /// use it at a time.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = place)]
    pub(crate) data_dir: PathBuf,
    /// The configuration file. Default: DIR/polytrader.toml, if it exists.
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub(crate) config: Option<PathBuf>,
    /// The folder whose .wasm files are loaded as strategies, relative to the working directory. Default:
    /// DIR/strategies.
    #[arg(long, value_name = "FOLDER", value_parser = place)]
    pub(crate) strategies: Option<PathBuf>,
    /// The port of the REST API; 0 picks a free port.
    #[arg(long, value_name = "PORT")]
    pub(crate) api_port: Option<u16>,
    /// The port of the dashboard; 0 picks a free port.
    #[arg(long, value_name = "PORT")]
    pub(crate) dashboard_port: Option<u16>,
    /// Set a configuration key, as key=value. Can be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Take over open orders on the account that this bot did not place, as external orders. Without this flag, startup
    /// is refused if there are any.
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Start in state STOPPED; an operator starts the bot. Live mode always starts stopped; demo and paper start
    /// RUNNING by default.
    #[arg(long)]
    pub(crate) stopped: bool,
}

/// `polytrader run`.
#[derive(Debug, Clone, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) common: CommonArgs,
    /// Demo: trade on this running exchange instead of starting one. Paper and live: use this exchange instead of the
    /// configured venue.
    #[arg(long, value_name = "URL", conflicts_with_all = ["seed", "invented", "recording", "speed", "prices", "markets"])]
    pub(crate) exchange: Option<String>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
    #[command(flatten)]
    pub(crate) flow: FlowArgs,
}

/// Source of the keystore's passphrase. If one is given, there is no prompt.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PassphraseArgs {
    /// Read the keystore's passphrase from this file instead of prompting. The file must be readable by its owner
    /// alone.
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the keystore's passphrase from a pipe that is open as this file descriptor.
    #[arg(long, value_name = "N", conflicts_with = "passphrase_file")]
    pub(crate) passphrase_fd: Option<u16>,
}

impl PassphraseArgs {
    /// Returns true if the command line names a source.
    pub(crate) const fn is_given(&self) -> bool {
        self.passphrase_file.is_some() || self.passphrase_fd.is_some()
    }
}

/// Order flow on the local exchange.
#[derive(Debug, Clone, Args)]
pub(crate) struct FlowArgs {
    /// The seed of the simulated markets and traders.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// The number of simulated markets, if no recording is replayed.
    #[arg(long, value_name = "N", default_value_t = exchange::INVENTED, value_parser = invented, conflicts_with_all = ["recording", "prices"])]
    pub(crate) invented: usize,
    /// Replay these recordings of real order books instead of simulating markets. Can be repeated.
    #[arg(long, value_name = "FILE", num_args = 1.., value_parser = file)]
    pub(crate) recording: Vec<PathBuf>,
    /// Follow this recorded price (CSV with feed_ts_ms and full_accuracy_value) in the markets of --markets.
    #[arg(long, value_name = "FILE", requires = "markets", conflicts_with = "recording", value_parser = file)]
    pub(crate) prices: Option<PathBuf>,
    /// The markets that were resolved by the price of --prices (JSON Lines). They resolve as they did in reality.
    #[arg(long, value_name = "FILE", requires = "prices", value_parser = file)]
    pub(crate) markets: Option<PathBuf>,
    /// The replay speed as a multiple of real time, such as 2.5. Without a recording, the activity of the simulated
    /// traders.
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

/// Parses the number of simulated markets.
fn invented(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=exchange::INVENTED_MAX).contains(count));
    count.ok_or_else(|| format!("expected a number of markets from 1 to {}, got `{text}`", exchange::INVENTED_MAX))
}

/// Parses a speed from 0.01 to 1000.
fn speed(text: &str) -> Result<Speed, String> {
    let micros = model::amount::parse_micros(text).filter(|micros| (10_000..=1_000_000_000).contains(micros));
    micros.map(Speed).ok_or_else(|| format!("expected a speed from 0.01 to 1000, got `{text}`"))
}

/// `polytrader exchange`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ExchangeArgs {
    /// The address that serves REST and both WebSocket channels; port 0 picks a free port.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8100")]
    pub(crate) listen: std::net::SocketAddr,
    /// The time in seconds after which the simulated event with several markets resolves.
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600)]
    pub(crate) event_lasts: u64,
    /// Shut down a few seconds after standard input closes; `run` holds its other end.
    #[arg(long, hide = true)]
    pub(crate) with_parent: bool,
    /// The directory for exchange.json, which contains the address in use.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data/exchange", value_parser = place)]
    pub(crate) data_dir: PathBuf,
    #[command(flatten)]
    pub(crate) flow: FlowArgs,
}

/// `polytrader replay`.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReplayArgs {
    /// The data directory whose journal is replayed.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = place)]
    pub(crate) data_dir: PathBuf,
    /// The session to replay, as in the names of the journal files. Default: the newest.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<u64>,
    /// Run the strategies too, and compare every decision with the journal.
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
    /// The action to run.
    #[arg(value_enum)]
    pub(crate) action: KeysAction,
    /// The data directory with the keystore.json to use.
    #[arg(long, value_name = "DIR", default_value = "polytrader-data", value_parser = place)]
    pub(crate) data_dir: PathBuf,
    /// With `limits`: set a limit, such as order_max_usd=50. Can be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// With `import`: import the key and the wallet from this file of the bot that this program replaces, such as
    /// backend/.env.
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub(crate) env: Option<PathBuf>,
    /// With `import --env`: delete that file after the import, without a prompt.
    #[arg(long, requires = "env")]
    pub(crate) delete_env: bool,
    /// With `import --env`: log in to this exchange in place of the configured venue.
    #[arg(long, value_name = "URL", requires = "env")]
    pub(crate) exchange: Option<String>,
    /// With `protect-passphrase`: let every account of this machine decrypt the file, for a service; then only the system and
    /// administrators can read it.
    #[arg(long)]
    pub(crate) machine: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// Actions of `polytrader keys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeysAction {
    /// Read a private key from a prompt or standard input, and store it encrypted under a passphrase.
    Import,
    /// Show the key's address and the wallets derived from it.
    ShowAddress,
    /// Show the signer's limits in the keystore, or change them with --set. The signer must not be running.
    Limits,
    /// Create a new signer counter and signing log, before the first use of a key that was not imported, or after the
    /// old ones were lost, moved or damaged. Existing ones are renamed and kept.
    Renew,
    /// Windows: read the keystore's passphrase from a prompt or standard input, and store it in DIR/passphrase.dpapi, which
    /// only this user of this machine can decrypt. --passphrase-file reads it.
    ProtectPassphrase,
}

/// `polytrader bench`.
#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArgs {
    /// Print one JSON array instead of the table.
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder with template.wasm. Default: `strategies` beside this program.
    #[arg(long, value_name = "FOLDER", value_parser = place)]
    pub(crate) strategies: Option<PathBuf>,
    /// Measure only the time from installing a strategy's file to its first event, in a demo session started for this
    /// purpose.
    #[arg(long)]
    pub(crate) reload: bool,
    /// Measure in this process, which was started by the signer.
    #[arg(long, hide = true)]
    pub(crate) hosted: bool,
}

/// Arguments of the hidden `polytrader host`.
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
    /// The address of the venue's market catalog.
    #[arg(long)]
    pub(crate) catalog: String,
    /// The address of the venue's Data API (account activity).
    #[arg(long)]
    pub(crate) records: String,
    /// The address of the venue's relayer.
    #[arg(long)]
    pub(crate) relayer: String,
}

/// Parses the path of a folder, which may not exist yet.
pub(crate) fn place(text: &str) -> Result<PathBuf, String> {
    let home = std::env::var_os(config::HOME).map(PathBuf::from);
    config::path(text, home.as_deref()).map_err(|error| error.to_string())
}

/// Parses the path of a file to read. Only a leading `~/` is expanded: most shells leave it in `--name=~/file`.
pub(crate) fn file(text: &str) -> Result<PathBuf, String> {
    if text.starts_with("~/") { place(text) } else { Ok(PathBuf::from(text)) }
}

/// Parses `250ms`, `30s`, `5m`, `2h` or plain seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let refused = || format!("expected a duration such as 250ms, 30s, 5m or 2h, got `{text}`");
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

/// Parses a time: `2025-07-01T23:30:00Z`, or a Unix time in seconds to microseconds.
fn moment(text: &str) -> Result<model::Time, String> {
    polymarket::parse::moment(text)
        .ok_or_else(|| format!("expected a time in UTC such as 2025-07-01T23:30:00Z, got `{text}`"))
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
