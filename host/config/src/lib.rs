//! The configuration: what can be set, and in which layers. Later layers win: defaults, the demo's profile, the file,
//! the environment, flags. A key that nobody knows is refused, so that a typing error does not leave a limit at its default.
//! Start reading in [`keys`].

pub mod keys;
mod kubernetes;
mod layers;
pub mod limits;
mod place;
mod value;

pub use layers::{Mode, Sources};
pub use place::path;

use alerts::{Severity, Webhook};
use anyhow::{Context, anyhow};
use model::{Limits, Usd};
use polymarket::client::{NegRisk, Rules};
use secrecy::SecretString;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use value::Value;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Nobody set it.
    Default,
    /// The demo's profile.
    DemoProfile,
    /// `polytrader.toml`.
    File,
    /// A variable of the environment.
    Environment,
    /// A flag.
    Flag,
    /// An operator, while the host ran.
    Operator,
}

impl Source {
    /// Returns the word in answers.
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

/// One key for people: what it is, what holds and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigEntry {
    /// The key.
    pub key: &'static str,
    /// What holds; passwords are masked.
    pub value: String,
    /// What would hold if nobody had set it; empty if that depends on the data folder.
    pub default: &'static str,
    /// What it does, with its unit and range.
    pub description: String,
    /// Where the value comes from.
    pub source: Source,
}

/// The most bytes of what is kept, and what the disk is to have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageLimits {
    /// Of the journal's files; above it the oldest go that no start needs.
    pub journal: u64,
    /// Of refusals in the database.
    pub refusals: u64,
    /// Of the states of orders in the database.
    pub order_events: u64,
    /// Of what all strategies together log in a UTC day.
    pub strategy_log_per_day: u64,
    /// Free bytes of the data folder's disk below which the host only reduces positions.
    pub reserve: u64,
}

/// The configuration of one run.
#[derive(Debug, Clone)]
pub struct Config {
    /// How to trade.
    pub mode: Mode,
    /// Where journal, database and tokens live.
    pub data_dir: PathBuf,
    /// The folder of the strategies.
    pub strategies_dir: PathBuf,
    /// Where the API is served.
    pub api_listen: SocketAddr,
    /// Where the dashboard is served.
    pub dashboard_listen: SocketAddr,
    /// Whether they may be served to other machines.
    pub api_allow_remote: bool,
    /// The venue's REST address, without a slash at the end. In demo mode the local exchange takes its place.
    pub venue_clob_url: String,
    /// The venue's WebSocket address, without a slash at the end. In demo mode the local exchange takes its place.
    pub venue_ws_url: String,
    /// The venue's site, without a slash at the end.
    pub venue_site_url: String,
    /// The venue's word for the kind of account, 0..=3.
    pub signature_type: u8,
    /// The account that holds the money; none if it is the signer's own address.
    pub funder: Option<String>,
    /// The chain: 137 is Polygon.
    pub chain_id: u64,
    /// Whether the configuration file allows real money.
    pub live_enabled: bool,
    /// Whether the configuration file allows real money without heartbeats.
    pub live_without_heartbeat: bool,
    /// What a new account on paper begins with.
    pub paper_cash: Usd,
    /// How long things take on paper.
    pub paper_latency: sim::Latency,
    /// Whether heartbeats are sent to the venue.
    pub heartbeat: bool,
    /// Whether with real money a new version of a strategy waits until somebody armed it.
    pub reload_armed: bool,
    /// How many versions of each strategy are kept to go back to.
    pub keep_versions: u32,
    /// How long files of the journal are kept that no start needs, in days.
    pub journal_keep_days: u32,
    /// The most bytes of what is kept.
    pub storage: StorageLimits,
    /// The venue's catalog.
    pub venue_gamma_url: String,
    /// The venue's public records of accounts.
    pub venue_data_url: String,
    /// The venue's relayer.
    pub venue_relayer_url: String,
    /// Whether claims go to the relayer.
    pub claims_execute: bool,
    /// Whether what can be redeemed is, without being asked for.
    pub claims_automatic: bool,
    /// The most markets that are watched at once.
    pub markets_max: u32,
    /// Which markets are watched.
    pub market_rules: polymarket::client::Rules,
    /// How often new markets are looked for.
    pub look_every: std::time::Duration,
    /// How many connections bring the same market data.
    pub market_connections: usize,
    /// Where alerts go, and which.
    pub alerts: alerts::Settings,
    /// The database, as `store::db::Db::open` takes it. It may have a password.
    pub database_url: SecretString,
    /// Whether the database's password may cross the network without TLS.
    pub database_plaintext: bool,
    /// How long a start waits for a database that is locked, restarts or is out of reach.
    pub database_wait: std::time::Duration,
    /// Names of variables of the environment that were taken for Kubernetes' and ignored.
    pub kubernetes: Vec<String>,
    limits: Limits,
    signer: signer::Limits,
    entries: Vec<ConfigEntry>,
}

impl Config {
    /// Reads all layers.
    ///
    /// # Errors
    /// A sentence naming the layer, the key, the value and its range.
    pub fn from_sources(sources: Sources, env: impl Iterator<Item = (OsString, OsString)>) -> anyhow::Result<Self> {
        let layers = layers::read(&sources, env)?;
        build(sources.mode, sources.data_dir, &layers)
    }

    /// Returns the gate's, the guards' and the breakers' limits.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Returns the signer's own limits, where nothing is at stake.
    pub const fn signer_limits(&self) -> signer::Limits {
        self.signer
    }

    /// Returns the signer's own limits where real money is: those of the keystore, lowered by what somebody configured.
    ///
    /// # Errors
    /// If the configuration would raise one.
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
            "{key} is {} by the {}, above what the keystore allows: the configuration only lowers the signer's limits, and \
             `polytrader keys limits` shows and sets those of the keystore",
            entry.value,
            entry.source.as_str()
        );
        Ok(own)
    }

    /// Returns every key with its value, in the order of [`keys::KEYS`].
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
        keep_versions: fit(get("reload.keep_versions")?)?,
        journal_keep_days: fit(get("journal.keep_days")?)?,
        storage: StorageLimits {
            journal: megabytes("journal.max_mb")?,
            refusals: megabytes("database.refusals_max_mb")?,
            order_events: megabytes("database.order_events_max_mb")?,
            strategy_log_per_day: megabytes("log.strategies_max_mb_per_day")?,
            reserve: megabytes("disk.reserve_mb")?,
        },
        markets_max: fit(get("markets_max")?)?,
        venue_gamma_url: text("venue.gamma_url")?,
        venue_data_url: text("venue.data_url")?,
        venue_relayer_url: text("venue.relayer_url")?,
        claims_execute: text("claims.execute")? == "relayer",
        claims_automatic: number(get("claims.automatic")?)? == 1,
        market_rules: market_rules(layers)?,
        market_connections: fit(get("markets.connections")?)?,
        look_every: std::time::Duration::from_secs(fit(get("markets.look_every_s")?)?),
        alerts: alerts(layers)?,
        database_url: match text("database_url")?.as_str() {
            "" => format!("sqlite:{}", data_dir.join("polytrader.sqlite").display()).into(),
            url => base.database(url).context("in database_url")?.into(),
        },
        database_plaintext: number(get("database.allow_plaintext")?)? == 1,
        database_wait: std::time::Duration::from_secs(fit(get("database.wait_s")?)?),
        kubernetes: layers.kubernetes.clone(),
        limits: limits::read(layers)?,
        signer: signer_limits(layers)?,
        entries: layers.entries()?,
        data_dir,
    };
    let remote = [config.api_listen, config.dashboard_listen].into_iter().find(|listen| !listen.ip().is_loopback());
    match remote {
        Some(listen) if !config.api_allow_remote => Err(anyhow!(
            "{listen} would be open to other machines; set api.allow_remote = true if that is meant, behind a proxy with TLS"
        )),
        _ => Ok(config),
    }
}

/// Returns the number of a signer's limit, in micro-dollars where it is money, by the key of the configuration that says what fits.
pub fn signer_limit(name: &str, text: &str) -> anyhow::Result<i64> {
    let key = keys::KEYS.iter().find(|key| key.name == name).ok_or_else(|| anyhow!("there is no key `{name}`"))?;
    number(&Value::parse(key, text)?)
}

/// Returns the signer's limits as settings of the configuration.
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

/// Says whether a flag is true and stands in the file: neither a copied command line nor a variable sets it.
fn is_set_in_file(layers: &layers::Layers, name: &str) -> anyhow::Result<bool> {
    Ok(number(layers.get(name)?)? == 1 && layers.source(name) == Some(Source::File))
}

/// Each way takes `paper.latency_ms`.
fn paper_latency(layers: &layers::Layers) -> anyhow::Result<sim::Latency> {
    let millis: u64 = fit(layers.get("paper.latency_ms")?)?;
    Ok(sim::Latency { one_way: millis.saturating_mul(1_000), ..sim::Latency::DEFAULT })
}

fn alerts(layers: &layers::Layers) -> anyhow::Result<alerts::Settings> {
    let (webhook, level) = (&layers.get("alerts.webhook")?.text, &layers.get("alerts.level")?.text);
    let webhook = Some(webhook).filter(|text| !text.is_empty());
    Ok(alerts::Settings {
        webhook: webhook.map(|text| Webhook::parse(text)).transpose().map_err(anyhow::Error::msg)?,
        level: Severity::parse(level).ok_or_else(|| anyhow!("`{level}` is no level"))?,
    })
}

const MINUTE_MICROS: u64 = 60_000_000;
/// What a megabyte of a storage limit stands for.
const MEGABYTE: u64 = 1_000_000;

fn market_rules(layers: &layers::Layers) -> anyhow::Result<Rules> {
    let count = |name| -> anyhow::Result<u64> { fit(layers.get(name)?) };
    Ok(Rules {
        tags: layers.get("markets.tags")?.words().filter_map(|tag| tag.parse().ok()).collect(),
        slugs: layers.get("markets.slugs")?.words().map(ToOwned::to_owned).collect(),
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
    value.number.ok_or_else(|| anyhow!("`{}` is no number", value.text))
}

fn fit<T: TryFrom<i64>>(value: &Value) -> anyhow::Result<T> {
    T::try_from(number(value)?).ok().ok_or_else(|| anyhow!("`{}` is out of range", value.text))
}

fn address(value: &Value) -> anyhow::Result<SocketAddr> {
    value.text.parse().with_context(|| format!("`{}` is no address", value.text))
}
