//! Sweep files: TOML that names the strategy, the tapes, the parameters and the search. Each error is one sentence with
//! key, value and what was expected; the caller adds the file.

use super::TRIALS_MAX;
use super::job::Models;
use super::objective::Objective;
use super::space::{Parameters, Space, json};
use super::splits::Splits;
use crate::run::FillModel;
use anyhow::{Context, bail, ensure};
use model::{Limits, RequestTier, Time, Usd};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Most bytes of a sweep file.
pub const FILE_MAX: usize = 256 * 1024;
/// Most tapes of a sweep.
const TAPES_MAX: usize = 1_024;
/// Trials of a random or TPE search without a number.
const TRIALS: u64 = 100;
/// Trials that TPE proposes at once. A larger round keeps more cores busy and learns less.
const ROUND: u64 = 8;
const ROUND_MAX: u64 = 1_024;
const KEYS: [&str; 11] =
    ["name", "strategy", "tapes", "method", "trials", "round", "seed", "objective", "base", "parameters", "splits"];

/// A sweep file.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepFile {
    /// The sweep's name; by default the file's name without its ending.
    pub name: String,
    /// The strategy's module, relative to the file.
    pub strategy: PathBuf,
    /// The tapes, relative to the file.
    pub tapes: Vec<PathBuf>,
    /// The search.
    pub method: Method,
    /// Seed of the search.
    pub seed: u64,
    /// The score.
    pub objective: Objective,
    /// The settings of every backtest.
    pub base: Base,
    /// The varied parameters.
    pub space: Space,
    /// The walk-forward splits.
    pub splits: Option<Splits>,
}

/// A search method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Every combination.
    Grid,
    /// Independent draws.
    Random {
        /// Number of draws.
        trials: u64,
    },
    /// The tree-structured Parzen estimator.
    Tpe {
        /// Number of trials.
        trials: u64,
        /// Trials proposed at once.
        round: u64,
    },
}

/// The settings of every backtest of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    /// Parameters that do not change.
    pub parameters: Parameters,
    /// The models, with the default limits.
    pub models: Models,
    /// Limits that differ from those of the configuration, by their keys there.
    pub limits: BTreeMap<String, String>,
}

impl SweepFile {
    /// Parses a sweep file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// Names the key, its value and what was expected.
    pub fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        ensure!(text.len() <= FILE_MAX, "the file has {} bytes, expected at most {FILE_MAX}", text.len());
        let table: toml::Table = text.parse().context("not valid TOML")?;
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            bail!("unknown key `{unknown}`; expected one of: {}", KEYS.join(", "));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let strategy = text_of(&table, "strategy")?.context("`strategy` is missing, expected the path of a module")?;
        let empty = toml::Table::new();
        let part = |key: &str| match table.get(key) {
            None => Ok(&empty),
            Some(toml::Value::Table(part)) => Ok(part),
            Some(other) => bail!("{key} is {other}, expected a table: [{key}]"),
        };
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let objective = text_of(&table, "objective")?.unwrap_or("profit");
        Ok(Self {
            name: name(text_of(&table, "name")?.map_or(stem, str::to_owned))?,
            strategy: folder.join(strategy),
            tapes: tapes(&table, folder)?,
            method: method(&table)?,
            seed: whole(&table, "seed", 0, u64::MAX)?.unwrap_or(1),
            objective: Objective::parse(objective).with_context(|| format!("objective is \"{objective}\""))?,
            base: Base::parse(part("base")?)?,
            space: Space::parse(part("parameters")?)?,
            splits: table.contains_key("splits").then(|| Splits::parse(part("splits")?)).transpose()?,
        })
    }
}

/// Checks a sweep's name: it names a folder.
fn name(name: String) -> anyhow::Result<String> {
    let fits = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let good = (1..=64).contains(&name.len()) && name.chars().all(fits) && !name.starts_with('.');
    ensure!(good, "name is \"{name}\", expected up to 64 letters, digits, `-`, `_` and `.`");
    Ok(name)
}

fn tapes(table: &toml::Table, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let list = match table.get("tapes") {
        Some(toml::Value::Array(list)) => list.as_slice(),
        Some(other) => bail!("tapes is {other}, expected a list of paths: tapes = [\"day.tape\"]"),
        None => bail!("`tapes` is missing, expected a list of paths: tapes = [\"day.tape\"]"),
    };
    ensure!((1..=TAPES_MAX).contains(&list.len()), "tapes has {} entries, expected 1 to {TAPES_MAX}", list.len());
    let path = |tape: &toml::Value| {
        let text = tape.as_str().with_context(|| format!("tapes has {tape}, expected paths"))?;
        Ok(folder.join(text))
    };
    list.iter().map(path).collect()
}

fn method(table: &toml::Table) -> anyhow::Result<Method> {
    let trials = whole(table, "trials", 1, TRIALS_MAX)?;
    let round = whole(table, "round", 1, ROUND_MAX)?;
    let only = |key: &str, set: Option<u64>, of: &str| {
        ensure!(set.is_none(), "`{key}` has no meaning with this method, expected it with {of} only");
        Ok(())
    };
    match text_of(table, "method")?.unwrap_or("grid") {
        "grid" => {
            only("trials", trials, "random and tpe")?;
            only("round", round, "tpe")?;
            Ok(Method::Grid)
        }
        "random" => {
            only("round", round, "tpe")?;
            Ok(Method::Random { trials: trials.unwrap_or(TRIALS) })
        }
        "tpe" => Ok(Method::Tpe { trials: trials.unwrap_or(TRIALS), round: round.unwrap_or(ROUND) }),
        other => bail!("method is \"{other}\", expected grid, random or tpe"),
    }
}

impl Base {
    fn parse(table: &toml::Table) -> anyhow::Result<Self> {
        const KEYS: [&str; 10] =
            ["fill", "latency", "fees", "cash_usd", "seed", "from", "to", "request_tier", "limits", "parameters"];
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            bail!("unknown key `base.{unknown}`; expected one of: {}", KEYS.join(", "));
        }
        let of_base = |error: anyhow::Error| anyhow::anyhow!("base.{error:#}");
        let fill = match text_of(table, "fill").map_err(of_base)?.unwrap_or("pessimistic") {
            "pessimistic" => FillModel::Pessimistic,
            "queue" => FillModel::Queue,
            "optimistic" => FillModel::Optimistic,
            other => bail!("base.fill is \"{other}\", expected pessimistic, queue or optimistic"),
        };
        let latency = text_of(table, "latency").map_err(of_base)?.unwrap_or("125ms,50ms");
        let (feed_latency_us, order_latency_us) = latencies(latency)?;
        let name = text_of(table, "request_tier").map_err(of_base)?.unwrap_or("standard");
        let request_tier = RequestTier::of(name).with_context(|| {
            let tiers = RequestTier::ALL.map(RequestTier::name).join(", ");
            format!("base.request_tier is \"{name}\", expected one of {tiers}")
        })?;
        let (from, to) = (time(table, "from")?, time(table, "to")?);
        ensure!(from.is_none_or(|from| to.is_none_or(|to| from < to)), "base.to is not after base.from");
        let models = Models {
            fill,
            feed_latency_us,
            order_latency_us,
            fees: text_of(table, "fees").map_err(of_base)?.unwrap_or("recorded").to_owned(),
            cash: cash(table)?,
            limits: Limits::DEFAULT,
            seed: whole(table, "seed", 0, u64::MAX).map_err(of_base)?.unwrap_or(1),
            from,
            to,
            request_tier,
        };
        let mut parameters = Parameters::new();
        match table.get("parameters") {
            None => {}
            Some(toml::Value::Table(fixed)) => {
                for (name, value) in fixed {
                    parameters.insert(name.clone(), json(&format!("base.parameters.{name}"), value)?);
                }
            }
            Some(other) => bail!("base.parameters is {other}, expected a table: [base.parameters]"),
        }
        Ok(Self { parameters, models, limits: limits(table)? })
    }
}

fn limits(table: &toml::Table) -> anyhow::Result<BTreeMap<String, String>> {
    let limits = match table.get("limits") {
        None => return Ok(BTreeMap::new()),
        Some(toml::Value::Table(limits)) => limits,
        Some(other) => bail!("base.limits is {other}, expected a table: [base.limits]"),
    };
    let text = |(key, value): (&String, &toml::Value)| match value {
        toml::Value::String(text) => Ok((key.clone(), text.clone())),
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => {
            Ok((key.clone(), value.to_string()))
        }
        other => bail!("base.limits.{key} is {other}, expected a value as in the configuration"),
    };
    limits.iter().map(text).collect()
}

fn cash(table: &toml::Table) -> anyhow::Result<Usd> {
    let Some(value) = table.get("cash_usd") else { return Ok(Usd::dollars(1_000)) };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let amount = Usd::parse(&text).filter(|amount| *amount > Usd::ZERO);
    amount.with_context(|| format!("base.cash_usd is {value}, expected dollars, such as 1000"))
}

/// Reads a time: a TOML date with time and zone, or whole microseconds since 1970.
fn time(table: &toml::Table, key: &str) -> anyhow::Result<Option<Time>> {
    let Some(value) = table.get(key) else { return Ok(None) };
    let read = match value {
        toml::Value::Integer(micros) => u64::try_from(*micros).ok().map(Time),
        toml::Value::Datetime(at) => super::splits::instant(at),
        _ => None,
    };
    read.map(Some).with_context(|| format!("base.{key} is {value}, expected a time with zone: 2026-07-24T00:00:00Z"))
}

/// Reads `FEED,ORDER`, both as durations.
fn latencies(text: &str) -> anyhow::Result<(u64, u64)> {
    let parts = text.split_once(',').and_then(|(feed, order)| Some((duration_us(feed)?, duration_us(order)?)));
    parts.with_context(|| format!("base.latency is \"{text}\", expected FEED,ORDER such as 125ms,50ms"))
}

/// Reads a duration such as `250us`, `125ms`, `2s`, `5m`, `1h` or `1d`, in microseconds.
pub(crate) fn duration_us(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// Returns a text; `None` if the key is missing.
pub(crate) fn text_of<'t>(table: &'t toml::Table, key: &str) -> anyhow::Result<Option<&'t str>> {
    match table.get(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text)),
        Some(other) => bail!("{key} is {other}, expected a text in quotes"),
    }
}

/// Returns a whole number; `None` if the key is missing.
pub(crate) fn whole(table: &toml::Table, key: &str, least: u64, most: u64) -> anyhow::Result<Option<u64>> {
    let Some(value) = table.get(key) else { return Ok(None) };
    let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
    let number = number.filter(|number| (least..=most).contains(number));
    let expected = if most == u64::MAX { format!("{least} or more") } else { format!("{least} to {most}") };
    number.map(Some).with_context(|| format!("{key} is {value}, expected a whole number, {expected}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    const HEAD: &str = "strategy = 'a.wasm'\ntapes = ['b.tape']\n";

    fn error(text: &str) -> String {
        SweepFile::parse(text, Path::new("dir/ema.toml")).err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn a_full_file_is_read() {
        let text = "name = 'x'\nstrategy = 'a.wasm'\ntapes = ['b.tape', '/c.tape']\nmethod = 'tpe'\ntrials = 40\nround = 4\n\
            seed = 7\nobjective = 'sharpe'\n[base]\nfill = 'queue'\nlatency = '1s,20ms'\nfees = '0.05'\ncash_usd = 12.5\n\
            from = 2026-07-24T00:00:00Z\n[base.limits]\nmax_market_usd = 50\n[base.parameters]\nside = 'buy'\n\
            [parameters]\nsize = [1, 2]\n[splits]\nfolds = 3\nembargo = '1h'\n";
        let file = SweepFile::parse(text, Path::new("dir/ema.toml")).unwrap();
        assert_eq!((file.name.as_str(), file.strategy.to_str()), ("x", Some("dir/a.wasm")));
        assert_eq!(file.tapes, [PathBuf::from("dir/b.tape"), PathBuf::from("/c.tape")]);
        assert_eq!((file.method, file.seed), (Method::Tpe { trials: 40, round: 4 }, 7));
        let models = &file.base.models;
        assert_eq!((models.fill, models.cash, models.fees.as_str()), (FillModel::Queue, Usd(12_500_000), "0.05"));
        assert_eq!((models.feed_latency_us, models.order_latency_us), (1_000_000, 20_000));
        assert_eq!(models.from, Some(Time(1_784_851_200_000_000)));
        assert_eq!(file.base.limits.get("max_market_usd").map(String::as_str), Some("50"));
        assert_eq!(file.base.parameters.get("side"), Some(&"buy".into()));
        let plain = SweepFile::parse(&format!("{HEAD}[parameters]\nsize = [1]"), Path::new("ema.toml")).unwrap();
        assert_eq!((plain.name.as_str(), plain.method, plain.splits), ("ema", Method::Grid, None));
    }

    #[test]
    fn the_documented_file_is_read() {
        let page = include_str!("../../../../docs/sweeps.md");
        let text = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let file = SweepFile::parse(text, Path::new("ema.toml")).unwrap();
        let names: Vec<&str> = file.space.axes.iter().map(|axis| axis.name.as_str()).collect();
        assert_eq!((names, file.space.points().is_err()), (vec!["drift", "order", "window"], true));
        assert!(file.splits.is_some() && file.base.limits.len() == 1 && file.base.parameters.len() == 1);
    }

    #[test]
    fn bad_values_are_named_with_what_was_expected() {
        for (text, expected) in [
            ("method = \"gird\"", "method is \"gird\", expected grid, random or tpe"),
            ("method = 'random'\ntrials = 0", "trials is 0, expected a whole number, 1 to 100000"),
            ("trials = 5", "`trials` has no meaning with this method, expected it with random and tpe only"),
            ("seed = -1", "seed is -1, expected a whole number, 0 or more"),
            ("name = '../x'", "name is \"../x\", expected up to 64 letters, digits, `-`, `_` and `.`"),
            ("objective = 5", "objective is 5, expected a text in quotes"),
            (
                "paramters = {}",
                "unknown key `paramters`; expected one of: name, strategy, tapes, method, trials, round, \
                                seed, objective, base, parameters, splits",
            ),
            ("base = { fill = 'fast' }", "base.fill is \"fast\", expected pessimistic, queue or optimistic"),
            ("base = { latency = '5' }", "base.latency is \"5\", expected FEED,ORDER such as 125ms,50ms"),
            ("base = { cash_usd = 0 }", "base.cash_usd is 0, expected dollars, such as 1000"),
            ("base = { from = 'x' }", "base.from is \"x\", expected a time with zone: 2026-07-24T00:00:00Z"),
            ("base = { fees = 1 }", "base.fees is 1, expected a text in quotes"),
            ("base = 5", "base is 5, expected a table: [base]"),
            ("parameters = {}", "[parameters] is empty, expected at least one parameter with its values"),
        ] {
            let rest = if text.starts_with("parameters") { "" } else { "\n[parameters]\nsize = [1]" };
            assert_eq!(error(&format!("{HEAD}{text}{rest}")), expected);
        }
        assert_eq!(error("tapes = ['b']"), "`strategy` is missing, expected the path of a module");
        assert_eq!(error("strategy = 'a'\ntapes = []"), "tapes has 0 entries, expected 1 to 1024");
    }
}
