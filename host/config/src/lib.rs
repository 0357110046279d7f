//! Configuration keys and layers. Later layers override earlier ones: defaults, the demo profile, the file, the
//! environment, flags. An unknown key is an error, so that a typing error cannot leave a limit at its default. Start
//! reading in [`keys`].

mod channels;
pub mod keys;
mod kubernetes;
mod layers;
pub mod limits;
mod operations;
mod place;
mod value;

pub use layers::{Mode, Sources};
pub use operations::Operations;
pub use place::{HOME, path};

use anyhow::{Context, anyhow};
use model::{Limits, Usd};
use polymarket::client::{NegRisk, Rules};
use secrecy::SecretString;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use value::Value;

/// Source of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The built-in default.
    Default,
    /// The demo profile.
    DemoProfile,
    /// `polytrader.toml`.
    File,
    /// An environment variable.
    Environment,
    /// A command line flag.
    Flag,
    /// An operator, while the host was running.
    Operator,
}

impl Source {
    /// Returns the name used in API responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::DemoProfile => "demo profile",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
            Self::Operator => "operator",
        }
    }
}

/// A configuration key for display: its value, source and description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub key: &'static str,
    /// The effective value; passwords are masked.
    pub value: String,
    /// The default value; empty if it depends on the data directory.
    pub default: &'static str,
    /// Description with unit and range.
    pub description: String,
    /// The source of the value.
    pub source: Source,
}

/// Storage limits in bytes, and the free disk space to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// Maximum for the journal's files; above it, the oldest files that no start needs are deleted.
    pub journal: u64,
    /// Maximum for refusals in the database.
    pub refusals: u64,
    /// Maximum for order states in the database.
    pub order_events: u64,
    /// Maximum for the log output of all strategies together in one UTC day.
    pub strategy_log_per_day: u64,
    /// Free space on the data directory's disk below which the host only reduces positions.
    pub reserve: u64,
}

/// Limits of the session's recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Maximum size of all tapes in bytes; above it, the oldest are deleted.
    pub max_bytes: u64,
    /// Retention of tapes in days.
    pub keep_days: u64,
    /// Free bytes on the data directory's disk below which recording stops.
    pub free_min: u64,
}

/// The configuration of one run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Trading mode.
    pub mode: Mode,
    /// The data directory: journal, database and tokens.
    pub data_dir: PathBuf,
    /// The strategies folder.
    pub strategies_dir: PathBuf,
    /// Listen address of the API.
    pub api_listen: SocketAddr,
    /// Listen address of the dashboard.
    pub dashboard_listen: SocketAddr,
    /// True if they may be served to other machines.
    pub api_allow_remote: bool,
    /// The trusted proxies, in addition to those on this machine.
    pub api_trusted_proxies: Vec<IpAddr>,
    /// The venue's REST address, without a trailing slash. In demo mode the local exchange is used instead.
    pub venue_clob_url: String,
    /// The venue's WebSocket address, without a trailing slash. In demo mode the local exchange is used instead.
    pub venue_ws_url: String,
    /// The address of the venue's website, without a trailing slash.
    pub venue_site_url: String,
    /// The venue's code for the wallet type, 0..=3.
    pub signature_type: u8,
    /// The account that holds the funds; `None` if it is the signer's own address.
    pub funder: Option<String>,
    /// The chain id; 137 is Polygon.
    pub chain_id: u64,
    /// True if the configuration file enables live trading.
    pub live_enabled: bool,
    /// True if the configuration file allows live trading without heartbeats.
    pub live_without_heartbeat: bool,
    /// Initial cash of a new paper account.
    pub paper_cash: Usd,
    /// Simulated latency in paper mode.
    pub paper_latency: sim::Latency,
    /// True if heartbeats are sent to the venue.
    pub heartbeat: bool,
    /// True if in live mode a new version of a strategy does not run until an operator arms it.
    pub reload_armed: bool,
    /// Most days since the last event of a backtest that a version is armed from; 0 for any.
    pub promotion_data_days: u32,
    /// Least hours on paper of a version that is armed from a backtest; 0 for none.
    pub promotion_paper_hours: u32,
    /// True if a version is armed from a backtest only.
    pub promotion_required: bool,
    /// Number of versions of each strategy kept for rollback.
    pub keep_versions: u32,
    /// Retention of journal files that no start needs, in days.
    pub journal_keep_days: u32,
    /// Storage limits.
    pub storage: StorageLimits,
    /// Limits of the session's recording; `None` if it is off.
    pub record: Option<Record>,
    /// The address of the venue's market catalog.
    pub venue_gamma_url: String,
    /// The address of the venue's Data API (account activity).
    pub venue_data_url: String,
    /// The address of the venue's relayer.
    pub venue_relayer_url: String,
    /// True if claims are sent to the relayer.
    pub claims_execute: bool,
    /// True if redeemable shares are redeemed without an operator's request.
    pub claims_automatic: bool,
    /// Maximum number of markets subscribed at once.
    pub markets_max: u32,
    /// Selection rules for markets.
    pub market_rules: polymarket::client::Rules,
    /// Interval of market discovery.
    pub look_every: std::time::Duration,
    /// Number of redundant market data connections.
    pub market_connections: usize,
    /// Webhook and minimum severity of alerts.
    pub alerts: alerts::Settings,
    /// The database address, in the format of `store::db::Db::open`. It may contain a password.
    pub database_url: SecretString,
    /// True if the database connection may use the network without TLS.
    pub database_plaintext: bool,
    /// Time that a start waits for a database that is locked, restarting or unreachable.
    pub database_wait: std::time::Duration,
    /// Logs, backups and restarts.
    pub operations: Operations,
    /// The keys whose values are never shown, with their values.
    pub secrets: Vec<(&'static str, SecretString)>,
    /// Names of environment variables that were identified as Kubernetes' and ignored.
    pub kubernetes: Vec<String>,
    limits: Limits,
    signer: signer::Limits,
    entries: Vec<ConfigEntry>,
}

impl Config {
    /// Reads and merges all layers.
    ///
    /// # Errors
    /// An error naming the layer, the key, the value and its range.
    pub fn from_sources(sources: Sources, env: impl Iterator<Item = (OsString, OsString)>) -> anyhow::Result<Self> {
        let layers = layers::read(&sources, env)?;
        build(sources.mode, sources.data_dir, &layers)
    }

    /// Returns the limits of the risk gate, the guards and the breakers.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns the signer's configured limits, used where no real funds are at stake.
    pub const fn signer_limits(&self) -> signer::Limits {
        self.signer
    }

    /// Returns the signer's limits for live mode: those of the keystore, lowered by configured values.
    ///
    /// # Errors
    /// If the configuration would raise a limit.
    pub fn signer_limits_within(&self, most: signer::Limits) -> anyhow::Result<signer::Limits> {
        let mut limits = most;
        let usd = |key, own: Usd, most: Usd| self.lower(key, own.micros(), most.micros()).map(Usd);
        let count = |key, own: u32, most: u32| self.lower(key, own.into(), most.into()).map(u32::try_from);
        let own = self.signer;
        limits.order_max = usd("signer.max_order_usd", own.order_max, most.order_max)?;
        limits.minute_max = usd("signer.max_minute_usd", own.minute_max, most.minute_max)?;
        limits.day_max = usd("signer.max_day_usd", own.day_max, most.day_max)?;
        limits.orders_per_minute =
            count("signer.max_orders_per_minute", own.orders_per_minute, most.orders_per_minute)??;
        limits.batches_per_minute =
            count("signer.max_batches_per_minute", own.batches_per_minute, most.batches_per_minute)??;
        Ok(limits)
    }

    fn lower(&self, key: &str, own: i64, most: i64) -> anyhow::Result<i64> {
        let entry =
            self.entries.iter().find(|entry| entry.key == key).ok_or_else(|| anyhow!("there is no key `{key}`"))?;
        if entry.source == Source::Default {
            return Ok(most);
        }
        anyhow::ensure!(
            own <= most,
            "{key} is {} in the {}, above the keystore's limit: the configuration only lowers the signer's limits, and \
             `polytrader keys limits` shows and changes those of the keystore",
            entry.value,
            entry.source.as_str()
        );
        Ok(own)
    }

    /// Returns all keys with their values, in the order of [`keys::KEYS`].
    pub fn entries(&self) -> Vec<ConfigEntry> {
        self.entries.clone()
    }
}

fn build(mode: Mode, data_dir: PathBuf, layers: &layers::Layers) -> anyhow::Result<Config> {
    let get = |name| layers.get(name);
    let text = |name| get(name).map(|value| value.text.clone());
    let base = place::Base { data_dir: &data_dir, home: layers.home.as_deref() };
    let path = |name, default: &str| -> anyhow::Result<PathBuf> {
        let text = text(name)?;
        if text.is_empty() {
            Ok(data_dir.join(default))
        } else {
            base.path(&text).with_context(|| format!("in {name}"))
        }
    };
    let megabytes = |name| fit::<u64>(get(name)?).map(|number| number.saturating_mul(MEGABYTE));
    let config = Config {
        mode,
        strategies_dir: path("strategies_dir", "strategies")?,
        api_listen: address(get("api.listen")?)?,
        dashboard_listen: address(get("dashboard.listen")?)?,
        api_allow_remote: number(get("api.allow_remote")?)? == 1,
        api_trusted_proxies: value::addresses(&text("api.trusted_proxies")?).collect(),
        venue_clob_url: text("venue.clob_url")?,
        venue_site_url: text("venue.site_url")?,
        venue_ws_url: text("venue.ws_url")?,
        signature_type: fit(get("account.signature_type")?)?,
        funder: Some(text("account.funder")?).filter(|funder| !funder.is_empty()),
        chain_id: fit(get("chain_id")?)?,
        live_enabled: is_set_in_file(layers, "live.enabled")?,
        live_without_heartbeat: is_set_in_file(layers, "live.without_heartbeat")?,
        paper_cash: Usd(number(get("paper.cash_usd")?)?),
        paper_latency: paper_latency(layers)?,
        heartbeat: number(get("venue.heartbeat")?)? == 1,
        reload_armed: get("reload.live")?.text == "arm",
        promotion_data_days: fit(get("promotion.data_days_max")?)?,
        promotion_paper_hours: fit(get("promotion.paper_hours_min")?)?,
        promotion_required: number(get("promotion.required")?)? == 1,
        keep_versions: fit(get("reload.keep_versions")?)?,
        journal_keep_days: fit(get("journal.keep_days")?)?,
        storage: StorageLimits {
            journal: megabytes("journal.max_mb")?,
            refusals: megabytes("database.refusals_max_mb")?,
            order_events: megabytes("database.order_events_max_mb")?,
            strategy_log_per_day: megabytes("log.strategies_max_mb_per_day")?,
            reserve: megabytes("disk.reserve_mb")?,
        },
        record: record(layers)?,
        markets_max: fit(get("markets_max")?)?,
        venue_gamma_url: text("venue.gamma_url")?,
        venue_data_url: text("venue.data_url")?,
        venue_relayer_url: text("venue.relayer_url")?,
        claims_execute: text("claims.execute")? == "relayer",
        claims_automatic: number(get("claims.automatic")?)? == 1,
        market_rules: market_rules(layers)?,
        market_connections: fit(get("markets.connections")?)?,
        look_every: std::time::Duration::from_secs(fit(get("markets.look_every_s")?)?),
        alerts: channels::read(layers)?,
        database_url: match text("database_url")?.as_str() {
            "" => format!("sqlite:{}", data_dir.join("polytrader.sqlite").display()).into(),
            url => base.database(url).context("in database_url")?.into(),
        },
        database_plaintext: number(get("database.allow_plaintext")?)? == 1,
        database_wait: std::time::Duration::from_secs(fit(get("database.wait_s")?)?),
        operations: operations::read(layers)?,
        secrets: secrets(layers)?,
        kubernetes: layers.kubernetes.clone(),
        limits: limits::read(layers)?,
        signer: signer_limits(layers)?,
        entries: layers.entries()?,
        data_dir,
    };
    refuse_unintended_remote(config)
}

/// Returns the configuration, unless it opens a port to other machines without saying so.
fn refuse_unintended_remote(config: Config) -> anyhow::Result<Config> {
    let remote = [config.api_listen, config.dashboard_listen].into_iter().find(|listen| !listen.ip().is_loopback());
    match remote {
        Some(listen) if !config.api_allow_remote => Err(anyhow!(
            "{listen} would be open to other machines; set api.allow_remote = true if this is intended, behind a TLS \
             proxy"
        )),
        _ => Ok(config),
    }
}

fn secrets(layers: &layers::Layers) -> anyhow::Result<Vec<(&'static str, SecretString)>> {
    let hidden = keys::KEYS.iter().filter(|key| key.kind == keys::Kind::Database || key.kind.is_secret());
    let values = hidden.map(|key| Ok((key.name, layers.get(key.name)?.text.clone())));
    let given = values.filter(|value| !matches!(value, Ok((_, text)) if text.is_empty()));
    given.map(|value| value.map(|(name, text)| (name, text.into()))).collect()
}

/// Parses a value of a signer limit, validated by the configuration key `name`. Amounts are returned in micro-dollars.
pub fn signer_limit(name: &str, text: &str) -> anyhow::Result<i64> {
    let key = keys::KEYS.iter().find(|key| key.name == name).ok_or_else(|| anyhow!("there is no key `{name}`"))?;
    number(&Value::parse(key, text)?)
}

/// Returns the signer's limits as configuration settings.
pub fn signer_settings(limits: &signer::Limits) -> [String; 5] {
    let signer::Limits { order_max, minute_max, day_max, orders_per_minute, batches_per_minute } = limits;
    [
        format!("signer.max_order_usd={order_max}"),
        format!("signer.max_minute_usd={minute_max}"),
        format!("signer.max_day_usd={day_max}"),
        format!("signer.max_orders_per_minute={orders_per_minute}"),
        format!("signer.max_batches_per_minute={batches_per_minute}"),
    ]
}

fn signer_limits(layers: &layers::Layers) -> anyhow::Result<signer::Limits> {
    Ok(signer::Limits {
        order_max: Usd(number(layers.get("signer.max_order_usd")?)?),
        minute_max: Usd(number(layers.get("signer.max_minute_usd")?)?),
        day_max: Usd(number(layers.get("signer.max_day_usd")?)?),
        orders_per_minute: fit(layers.get("signer.max_orders_per_minute")?)?,
        batches_per_minute: fit(layers.get("signer.max_batches_per_minute")?)?,
    })
}

/// Returns true if a flag is true and was set in the file: command line flags and environment variables do not count.
fn is_set_in_file(layers: &layers::Layers, name: &str) -> anyhow::Result<bool> {
    Ok(number(layers.get(name)?)? == 1 && layers.source(name) == Some(Source::File))
}

/// Returns the simulated latency: `paper.latency_ms` in each direction.
fn paper_latency(layers: &layers::Layers) -> anyhow::Result<sim::Latency> {
    let millis: u64 = fit(layers.get("paper.latency_ms")?)?;
    Ok(sim::Latency { one_way: millis.saturating_mul(1_000), ..sim::Latency::DEFAULT })
}

const MINUTE_MICROS: u64 = 60_000_000;
/// Bytes in a megabyte of a storage limit.
const MEGABYTE: u64 = 1_000_000;

/// Returns the limits of the recording, unless it is off.
fn record(layers: &layers::Layers) -> anyhow::Result<Option<Record>> {
    let megabytes = |name| fit::<u64>(layers.get(name)?).map(|number| number.saturating_mul(MEGABYTE));
    if number(layers.get("record.enabled")?)? != 1 {
        return Ok(None);
    }
    let (max_bytes, free_min) = (megabytes("record.max_mb")?, megabytes("record.disk_free_min_mb")?);
    Ok(Some(Record { max_bytes, keep_days: fit(layers.get("record.keep_days")?)?, free_min }))
}

fn market_rules(layers: &layers::Layers) -> anyhow::Result<Rules> {
    let count = |name| -> anyhow::Result<u64> { fit(layers.get(name)?) };
    Ok(Rules {
        tags: layers.get("markets.tags")?.items().filter_map(|tag| tag.parse().ok()).collect(),
        slugs: layers.get("markets.slugs")?.items().map(ToOwned::to_owned).collect(),
        min_liquidity: Usd(number(layers.get("markets.min_liquidity_usd")?)?),
        ends_after: count("markets.ends_after_minutes")?.saturating_mul(MINUTE_MICROS),
        ends_within: count("markets.ends_within_minutes")?.saturating_mul(MINUTE_MICROS),
        neg_risk: match layers.get("markets.negative_risk")?.text.as_str() {
            "only" => NegRisk::Only,
            "never" => NegRisk::Never,
            _ => NegRisk::Any,
        },
    })
}

fn number(value: &Value) -> anyhow::Result<i64> {
    value.number.ok_or_else(|| anyhow!("expected a number, got `{}`", value.text))
}

fn fit<T: TryFrom<i64>>(value: &Value) -> anyhow::Result<T> {
    T::try_from(number(value)?).ok().ok_or_else(|| anyhow!("`{}` is out of range", value.text))
}

fn address(value: &Value) -> anyhow::Result<SocketAddr> {
    value.text.parse().with_context(|| format!("expected an IP address and port, got `{}`", value.text))
}
