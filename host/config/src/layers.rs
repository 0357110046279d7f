//! Configuration layers: reads and merges them.

use super::keys::{KEYS, Key, Kind, OTHER_VARIABLES, PREFIX};
use super::value::{Value, range};
use super::{ConfigEntry, Source, kubernetes};
use anyhow::{Context, anyhow, bail, ensure};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use store::db::address;
use toml::de::{DeTable, DeValue};

/// Maximum size of the configuration file, in bytes.
const FILE_MAX: u64 = 1 << 20;
/// Maximum nesting depth of tables in the file; no key needs more.
const DEPTH_MAX: usize = 4;
const DEMO: &str = include_str!("../profiles/demo.toml");

/// Trading mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A local exchange and play money.
    Demo,
    /// Real market data with simulated fills.
    Paper,
    /// Real money.
    Live,
}

impl Mode {
    /// Returns the name used in database rows and API responses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Paper => "paper",
            Self::Live => "live",
        }
    }
}

/// Sources of the layers.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Trading mode; demo mode has its own profile.
    pub mode: Mode,
    /// The data directory, which may contain `polytrader.toml`.
    pub data_dir: PathBuf,
    /// An explicit configuration file, which must exist.
    pub file: Option<PathBuf>,
    /// Keys and values of flags; the last one of a key wins.
    pub flags: Vec<(String, String)>,
}

/// All values with their sources.
#[derive(Debug)]
pub(super) struct Layers {
    values: BTreeMap<&'static str, (Value, Source)>,
    /// The operator's home directory.
    pub(super) home: Option<PathBuf>,
    /// Names of variables that were identified as Kubernetes'.
    pub(super) kubernetes: Vec<String>,
}

impl Layers {
    pub(super) fn get(&self, name: &str) -> anyhow::Result<&Value> {
        self.values.get(name).map(|(value, _)| value).ok_or_else(|| anyhow!("there is no key `{name}`"))
    }

    pub(super) fn source(&self, name: &str) -> Option<Source> {
        self.values.get(name).map(|(_, source)| *source)
    }

    pub(super) fn entries(&self) -> anyhow::Result<Vec<ConfigEntry>> {
        let entry = |key: &Key| {
            let (value, source) = self.values.get(key.name).ok_or_else(|| anyhow!("there is no key `{}`", key.name))?;
            Ok(ConfigEntry {
                key: key.name,
                value: value.shown(key.kind),
                default: key.default,
                description: format!("{} Expects {}.", key.description, range(key.kind)),
                source: *source,
            })
        };
        KEYS.iter().map(entry).collect()
    }

    fn set(&mut self, name: &str, text: &str, source: Source) -> anyhow::Result<()> {
        let key =
            KEYS.iter().find(|key| key.name == name).ok_or_else(|| unknown(name, KEYS.iter().map(|key| key.name)))?;
        self.values.insert(key.name, (Value::parse(key, text)?, source));
        Ok(())
    }

    /// Sets an unquoted value from a file: a number or boolean is not valid as a folder, word or address.
    fn set_bare(
        &mut self,
        name: &str,
        text: &str,
        fits: impl FnOnce(Kind) -> bool,
        source: Source,
    ) -> anyhow::Result<()> {
        if let Some(key) = KEYS.iter().find(|key| key.name == name) {
            ensure!(fits(key.kind), "invalid value `{text}`; {name} expects {}", range(key.kind));
        }
        self.set(name, text, source)
    }

    fn set_toml(&mut self, text: &str, source: Source) -> anyhow::Result<()> {
        let table = DeTable::parse(text).map_err(|error| unreadable(text, &error))?;
        self.set_table("", table.get_ref(), source, 0)
    }

    fn set_table(&mut self, prefix: &str, table: &DeTable<'_>, source: Source, depth: usize) -> anyhow::Result<()> {
        ensure!(depth < DEPTH_MAX, "`{prefix}` has tables nested deeper than {DEPTH_MAX}");
        for (key, value) in table {
            let name =
                if prefix.is_empty() { key.get_ref().to_string() } else { format!("{prefix}.{}", key.get_ref()) };
            match value.get_ref() {
                DeValue::Table(inner) => self.set_table(&name, inner, source, depth.saturating_add(1))?,
                // Numbers are passed on as text, so that 0.1 stays exact.
                DeValue::String(text) => self.set(&name, text, source)?,
                DeValue::Integer(number) if number.radix() == 10 => {
                    self.set_bare(&name, number.as_str(), Kind::accepts_numbers, source)?;
                }
                DeValue::Float(number) => self.set_bare(&name, number.as_str(), Kind::accepts_numbers, source)?,
                DeValue::Boolean(flag) => {
                    let word = if *flag { "true" } else { "false" };
                    self.set_bare(&name, word, |kind| kind == Kind::Flag, source)?;
                }
                _ => bail!("`{name}` expects text, a decimal number, true or false"),
            }
        }
        Ok(())
    }
}

/// Reads and merges all layers.
pub(super) fn read(sources: &Sources, env: impl Iterator<Item = (OsString, OsString)>) -> anyhow::Result<Layers> {
    let env: Vec<(OsString, OsString)> = env.collect();
    let home = env.iter().find(|(name, _)| name == crate::place::HOME).map(|(_, home)| PathBuf::from(home));
    let mut layers = Layers { values: BTreeMap::new(), home, kubernetes: Vec::new() };
    for key in &KEYS {
        layers.set(key.name, key.default, Source::Default).context("in the defaults")?;
    }
    if sources.mode == Mode::Demo {
        layers.set_toml(DEMO, Source::DemoProfile).context("in the demo's profile")?;
    }
    let beside = sources.data_dir.join("polytrader.toml");
    let file = sources.file.as_deref().or_else(|| beside.exists().then_some(beside.as_path()));
    if let Some(file) = file {
        let text = read_file(file).with_context(|| format!("reading {}", file.display()))?;
        layers.set_toml(&text, Source::File).with_context(|| format!("in {}", file.display()))?;
    }
    set_environment(&mut layers, env)?;
    for (name, text) in &sources.flags {
        let key = KEYS.iter().find(|key| key.name == name);
        if let Some(key) = key.filter(|key| is_secret(key.kind, text)) {
            bail!(
                "{name} is a secret, and command lines are visible to all users of this machine: set it in the file \
                 ({}) or in the variable {}",
                beside.display(),
                key.variable()
            );
        }
        layers.set(name, text, Source::Flag).with_context(|| format!("in the flag for {name}"))?;
    }
    Ok(layers)
}

fn set_environment(layers: &mut Layers, env: Vec<(OsString, OsString)>) -> anyhow::Result<()> {
    for (name, text) in env {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if OTHER_VARIABLES.contains(&name) {
            continue;
        }
        let Some(key) = KEYS.iter().find(|key| key.variable() == name) else {
            if text.to_str().is_some_and(|text| kubernetes::made(name, text)) {
                layers.kubernetes.push(name.to_owned());
                continue;
            }
            let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
            return Err(unknown(name, known.iter().map(String::as_str)).context("in the environment"));
        };
        let text = text.to_str().ok_or_else(|| anyhow!("the value of {name} is not UTF-8"))?;
        layers.set(key.name, text, Source::Environment).with_context(|| format!("in the variable {name}"))?;
    }
    Ok(())
}

fn read_file(path: &Path) -> anyhow::Result<String> {
    Ok(files::read_text(path, files::Links::Follow, FILE_MAX)?)
}

/// Returns an error with the problem and its line number; the line itself, which may contain secrets, is not included.
fn unreadable(text: &str, error: &toml::de::Error) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count().saturating_add(1);
    anyhow!("line {line} is not valid TOML: {}", error.message())
}

/// Returns true if the value must not be visible to others.
fn is_secret(kind: Kind, text: &str) -> bool {
    match kind {
        kind if kind.is_secret() => true,
        // An invalid address is reported as an error later.
        Kind::Database => !text.starts_with("sqlite:") && address::check(text).is_ok() && address::is_secret(text),
        _ => false,
    }
}

/// Returns an error for an unknown key, with the most similar known one.
fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> anyhow::Error {
    let name: String = name.chars().take(100).collect();
    match known.min_by_key(|known| strsim::levenshtein(&name, known)) {
        Some(near) => anyhow!("there is no key `{name}`; the nearest is `{near}`"),
        None => anyhow!("there is no key `{name}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_the_one_with_the_fewest_changes_and_the_first_of_equals() {
        for (name, near) in [
            ("daily_loss_usd", "daily_loss_limit_usd"),
            ("take_proft_pct", "take_profit_pct"),
            ("Max_Market_Usd", "max_market_usd"),
            ("max_orders", "max_order_usd"),
            ("venue.url", "venue.ws_url"),
            ("signer.max_usd", "signer.max_day_usd"),
            ("größe", "chain_id"),
            ("", "chain_id"),
            // 28 keys have the same distance.
            ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "max_market_usd"),
        ] {
            let error_text = unknown(name, KEYS.iter().map(|key| key.name)).to_string();
            assert_eq!(error_text, format!("there is no key `{name}`; the nearest is `{near}`"));
        }
        assert_eq!(unknown("a", std::iter::empty()).to_string(), "there is no key `a`");
    }
}
