//! The job of a command line: strategies with their settings, limits of the configuration, latencies and fees.

use crate::cli::{FillArg, JobArgs};
use anyhow::{Context, anyhow, bail, ensure};
use config::{Config, Mode, Sources};
use files::Links;
use lifecycle::settings_file;
use model::{Time, hex};
use research::backtest::{Delay, Fees, Job, JobStrategy, JobTape, Latency, ModuleRef, Runner};
use research::run::{FillModel, RunKind};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// The largest file of settings, latencies or fees.
const FILE_MAX: u64 = 16 * 1024 * 1024;
/// File of the held-out periods that were opened, in the folder of runs.
const HOLDOUTS: &str = "holdouts.json";

/// Returns the job.
///
/// # Errors
/// The argument or file that is refused, and what was expected.
pub(crate) fn job(args: &JobArgs, runner: &Runner) -> anyhow::Result<Job> {
    ensure!(!args.strategy.is_empty(), "no strategy was given; expected --strategy FILE.wasm");
    ensure!(!args.tape.is_empty(), "no tape was given; expected --tape PATH");
    ensure!(
        args.parameters.len() <= args.strategy.len(),
        "{} files of parameters for {} strategies; expected one for each at most",
        args.parameters.len(),
        args.strategy.len()
    );
    let config = config_of(Mode::Paper, args.config.clone(), &args.set)?;
    let given = args.parameters.iter().map(Some).chain(std::iter::repeat(None));
    let strategies: anyhow::Result<Vec<JobStrategy>> =
        args.strategy.iter().zip(given).map(|(path, settings)| strategy(runner, path, settings)).collect();
    let job = Job {
        kind: RunKind::Backtest,
        strategies: strategies?,
        tapes: args.tape.iter().map(|path| JobTape { path: path.clone(), hash: String::new() }).collect(),
        limits: config.limits(),
        cash: args.cash.unwrap_or(config.paper_cash),
        seed: args.seed,
        fill: match args.fill {
            FillArg::Pessimistic => FillModel::Pessimistic,
            FillArg::Queue => FillModel::Queue,
            FillArg::Optimistic => FillModel::Optimistic,
        },
        latency: latency(&args.latency)?,
        fees: fees(&args.fees)?,
        from: args.from.or(args.holdout),
        to: args.to,
        holdout: args.holdout,
        implied: args.implied,
        merge: args.merge,
        request_tier: args.request_tier,
    };
    job.check()?;
    Ok(job)
}

/// Returns the limits of a configuration file and of keys on the command line.
///
/// # Errors
/// The key, its value and what was expected.
pub(crate) fn limits(mode: Mode, file: Option<PathBuf>, set: &[String]) -> anyhow::Result<model::Limits> {
    Ok(config_of(mode, file, set)?.limits())
}

/// Returns the configuration of a data directory, whose database has the trials.
///
/// # Errors
/// The key, its value and what was expected.
pub(crate) fn config_in(data_dir: &Path, args: &JobArgs) -> anyhow::Result<Config> {
    config_at(data_dir.to_owned(), Mode::Paper, args.config.clone(), &args.set)
}

fn config_of(mode: Mode, file: Option<PathBuf>, set: &[String]) -> anyhow::Result<Config> {
    config_at(PathBuf::from("polytrader-data"), mode, file, set)
}

fn config_at(data_dir: PathBuf, mode: Mode, file: Option<PathBuf>, set: &[String]) -> anyhow::Result<Config> {
    let mut flags = Vec::new();
    for set in set {
        let (key, value) =
            set.split_once('=').ok_or_else(|| anyhow!("--set takes key=value, such as max_market_usd=50"))?;
        flags.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    // Only the file and the flags count: a run must not depend on the environment.
    let sources = Sources { mode, data_dir, file, flags };
    Config::from_sources(sources, std::iter::empty())
}

/// Returns a strategy with its settings file.
///
/// # Errors
/// If the module or its settings are refused.
pub(crate) fn strategy(runner: &Runner, path: &Path, settings: Option<&PathBuf>) -> anyhow::Result<JobStrategy> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
    ensure!(!name.is_empty(), "the strategy {} has no name; expected a file such as NAME.wasm", path.display());
    let module = runner.module(&ModuleRef { path: path.to_owned(), hash: String::new() })?;
    let beside = path.with_extension("toml");
    let file = settings.cloned().or_else(|| beside.is_file().then_some(beside));
    let text = file.as_deref().map(read).transpose()?.unwrap_or_default();
    let shown = file.as_deref().unwrap_or(path).display();
    let settings = if file.as_deref().is_some_and(|file| file.extension().is_some_and(|end| end == "json")) {
        let parameters: Map<String, Value> =
            serde_json::from_str(&text).with_context(|| format!("{shown}: expected a JSON object of parameters"))?;
        settings_file::Settings { parameters, ..settings_file::Settings::default() }
    } else {
        settings_file::Settings::parse(&text).with_context(|| shown.to_string())?
    };
    if !settings.parameters.is_empty() {
        settings_file::check(&module.manifest().parameter_schema, &settings.parameters)
            .with_context(|| shown.to_string())?;
    }
    Ok(JobStrategy {
        name,
        module: ModuleRef { path: path.to_owned(), hash: hex::encode(&module.hash()) },
        parameters: settings.to_json(),
        budget: settings.budget,
        markets: settings.markets,
        from: None,
    })
}

fn read(path: &Path) -> anyhow::Result<String> {
    files::read_text(path, Links::Follow, FILE_MAX).with_context(|| format!("reading {}", path.display()))
}

/// Parses `125ms,50ms` or `measured:FILE`.
fn latency(text: &str) -> anyhow::Result<Latency> {
    if let Some(path) = text.strip_prefix("measured:") {
        return measured(Path::new(path));
    }
    let refused = || anyhow!("--latency is `{text}`; expected FEED,ORDER such as 125ms,50ms, or measured:FILE");
    let (feed, order) = text.split_once(',').ok_or_else(refused)?;
    let micros = |text: &str| {
        let time = crate::cli::duration(text.trim()).ok()?;
        u64::try_from(time.as_micros()).ok()
    };
    let (Some(feed), Some(order)) = (micros(feed), micros(order)) else { return Err(refused()) };
    Ok(Latency { feed: Delay::Fixed(feed), order: Delay::Fixed(order) })
}

fn measured(path: &Path) -> anyhow::Result<Latency> {
    let (mut feed, mut order) = (Vec::new(), Vec::new());
    for (line, number) in read(path)?.lines().zip(1u64..) {
        let fields: Option<(u64, u64)> =
            line.split_once(',').and_then(|(one, two)| Some((one.trim().parse().ok()?, two.trim().parse().ok()?)));
        match fields {
            Some((one, two)) => {
                feed.push(one);
                order.push(two);
            }
            None if line.trim().is_empty() || number == 1 => {}
            None => bail!(
                "line {number} of {} is `{line}`; expected microseconds of feed and order, such as 125000,50000",
                path.display()
            ),
        }
    }
    ensure!(!feed.is_empty(), "{} has no latencies; expected lines of feed,order", path.display());
    Ok(Latency { feed: Delay::Samples(feed), order: Delay::Samples(order) })
}

fn fees(text: &str) -> anyhow::Result<Fees> {
    if text == "recorded" {
        return Ok(Fees::Recorded);
    }
    if let Some(path) = text.strip_prefix("schedule:") {
        return Fees::parse_schedule(&read(Path::new(path))?).with_context(|| path.to_owned());
    }
    let rate = Fees::parse_rate(text);
    rate.map(Fees::Rate).ok_or_else(|| {
        anyhow!("--fees is `{text}`; expected recorded, a rate from 0 to 1 such as 0.05, or schedule:FILE")
    })
}

/// Records that a held-out period was opened for the strategies of a job; notes it if it was opened before.
///
/// # Errors
/// If the record cannot be read or written.
pub(crate) fn open_holdout(data_dir: &Path, job: &Job, from: Time, warnings: &mut Vec<String>) -> anyhow::Result<()> {
    let folder = data_dir.join("runs");
    let path = folder.join(HOLDOUTS);
    let mut opened: Map<String, Value> = match files::read_text(&path, Links::Refuse, FILE_MAX) {
        Ok(text) => serde_json::from_str(&text).with_context(|| format!("{} is not a JSON object", path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    for strategy in &job.strategies {
        let before = opened.get(&strategy.name).and_then(Value::as_u64).unwrap_or(0);
        if before > 0 {
            let sentence = format!(
                "the held-out period from {} was opened {before} times before for {}: its result does not count as out of sample",
                from.iso(),
                strategy.name
            );
            warnings.insert(0, sentence);
        }
        opened.insert(strategy.name.clone(), before.saturating_add(1).into());
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let text = serde_json::to_string_pretty(&opened)?;
    store::private_file::replace(&path, text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_values_are_named_with_what_was_expected() {
        for (got, expected) in [
            (latency("125ms").unwrap_err(), "FEED,ORDER"),
            (latency("x,50ms").unwrap_err(), "`x,50ms`"),
            (fees("5%").unwrap_err(), "`5%`"),
            (fees("schedule:/nowhere/fees.csv").unwrap_err(), "/nowhere/fees.csv"),
            (latency("measured:/nowhere/latency.csv").unwrap_err(), "/nowhere/latency.csv"),
        ] {
            let text = format!("{got:#}");
            assert!(text.contains(expected), "{text}");
        }
        assert_eq!(fees("0.05").unwrap(), Fees::Rate(50_000));
        assert_eq!(latency("1s,20ms").unwrap().order, Delay::Fixed(20_000));
    }

    #[test]
    fn the_second_use_of_a_holdout_is_the_first_warning() {
        let folder = std::env::temp_dir().join(format!("polytrader-holdout-{}", std::process::id()));
        let module = ModuleRef { path: PathBuf::new(), hash: String::new() };
        let (name, parameters) = ("ema".to_owned(), "{}".to_owned());
        let strategy =
            JobStrategy { name, module, parameters, budget: model::Budget::NONE, markets: Vec::new(), from: None };
        let job = Job {
            kind: RunKind::Backtest,
            strategies: vec![strategy],
            tapes: Vec::new(),
            limits: model::Limits::DEFAULT,
            cash: model::Usd::dollars(1),
            seed: 1,
            fill: FillModel::Queue,
            latency: Latency::default(),
            fees: Fees::Recorded,
            from: None,
            to: None,
            holdout: None,
            implied: false,
            merge: false,
            request_tier: model::RequestTier::Standard,
        };
        let mut warnings = vec!["other".to_owned()];
        open_holdout(&folder, &job, Time(0), &mut warnings).unwrap();
        assert_eq!(warnings.len(), 1);
        open_holdout(&folder, &job, Time(0), &mut warnings).unwrap();
        assert!(warnings[0].contains("opened 1 times before for ema"), "{warnings:?}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
