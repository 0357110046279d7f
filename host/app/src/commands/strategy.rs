//! `polytrader strategy`: creates, builds, inspects, checks and tests strategies without trading, and manages the
//! strategies of a running host.

mod build;
mod hosted;
mod new;
mod test;
mod toolchain;

use crate::cli::{FileArgs, StrategyAction, StrategyArgs};
use crate::console::println;
use anyhow::{Context, ensure};
use lifecycle::settings_file::unheld;
use model::{Wants, hex};
use research::backtest::rehearse;
use sandbox::{Module, Sandbox, Selection, Settings};
use serde::Serialize;
use serde_json::Map;
use std::path::Path;
use std::process::ExitCode;

/// Events of a dry run: a few minutes of an active market.
const EVENTS: usize = 50_000;
/// Seed of the generated events.
const SEED: u64 = 1;
/// Name of the finding that is only a warning: unsupported keywords in the parameter schema.
const SCHEMA: &str = "schema";

/// Runs `polytrader strategy`.
///
/// # Errors
/// If a file cannot be read, a project cannot be built or a module is invalid; if no host is running, or it rejects the
/// request.
pub(crate) fn run(args: &StrategyArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        StrategyAction::New(args) => new::run(args),
        StrategyAction::Build(args) => build::run(args),
        StrategyAction::Test(args) => test::run(args),
        StrategyAction::Inspect(args) => run_on_module(args, inspect),
        StrategyAction::Check(args) => run_on_module(args, check),
        StrategyAction::List(args) => hosted::list(args),
        StrategyAction::Arm(args) => hosted::arm(args),
        StrategyAction::Enable(args) => hosted::send_command("enable", args, Map::new()),
        StrategyAction::Disable(args) => hosted::send_command("disable", args, Map::new()),
        StrategyAction::Rollback(args) => hosted::send_command("rollback", &args.named, hosted::version(args)),
    }
}

/// Larger than any module, so that the sandbox reports the error for an oversized one.
const FILE_MAX: u64 = 1024 * 1024 * 1024;

/// A function that examines a module and prints the result.
type ModuleCommand = fn(&Sandbox, &[u8], &FileArgs) -> anyhow::Result<ExitCode>;

fn run_on_module(args: &FileArgs, how: ModuleCommand) -> anyhow::Result<ExitCode> {
    let bytes = files::read(&args.file, files::Links::Follow, FILE_MAX)
        .with_context(|| format!("reading {}", args.file.display()))?;
    how(&Sandbox::of_own_program(Settings::default(), None)?, &bytes, args)
}

/// Properties of a module, as printed.
#[derive(Debug, Serialize)]
struct Shown {
    /// The identity that it trades under: the file name without its extension.
    identity: String,
    sha256: String,
    bytes: usize,
    name: String,
    version: String,
    author: String,
    description: String,
    /// The version of the `polytrader:strategy` contract that it implements.
    contract: &'static str,
    /// 0 means all granted markets.
    markets_max: u32,
    /// The markets it selects.
    selection: String,
    /// The market events it receives.
    hears: String,
    /// Host functions available to it, in addition to handling events.
    capabilities: &'static str,
    parameter_schema: serde_json::Value,
}

fn inspect(sandbox: &Sandbox, bytes: &[u8], args: &FileArgs) -> anyhow::Result<ExitCode> {
    let module = sandbox.load(bytes).with_context(|| format!("{} is not a valid strategy", args.file.display()))?;
    let manifest = module.manifest();
    let shown = Shown {
        identity: identity(&args.file),
        sha256: hex::encode(&module.hash()),
        bytes: bytes.len(),
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        author: manifest.author.clone(),
        description: manifest.description.clone(),
        contract: manifest.contract.as_str(),
        markets_max: manifest.markets_max,
        selection: selection(&manifest.selection),
        hears: subscriptions(&manifest.wants),
        capabilities: "log",
        parameter_schema: schema(&module).unwrap_or(serde_json::Value::Null),
    };
    if args.json {
        println(&serde_json::to_string(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    let author = if shown.author.is_empty() { "an unknown author" } else { &shown.author };
    println(&format!("{} {}, by {author}: {}", shown.name, shown.version, shown.description));
    println(&format!("trades as     {}", shown.identity));
    println(&format!("sha256        {}", shown.sha256));
    println(&format!("size          {} bytes", shown.bytes));
    println(&format!(
        "markets       {}{}",
        if shown.markets_max == 0 { "all".to_owned() } else { format!("at most {}", shown.markets_max) },
        shown.selection
    ));
    println(&format!("receives      {}", shown.hears));
    println(&format!("contract      polytrader:strategy@{}", shown.contract));
    println(&format!("capabilities  {}", shown.capabilities));
    println(&format!("parameters    {}", shown.parameter_schema));
    Ok(ExitCode::SUCCESS)
}

/// Describes the markets that a strategy selects, as the end of a sentence.
fn selection(selection: &Selection) -> String {
    let mut text = String::new();
    if !selection.slugs.is_empty() {
        text.push_str(&format!(", whose slug begins with {}", selection.slugs.join(" or ")));
    }
    if selection.neg_risk {
        text.push_str(", of negative-risk events");
    }
    if selection.whole_events {
        text.push_str(", whole events");
    }
    text
}

/// Describes the market events that a strategy receives, in addition to market states and its own events.
fn subscriptions(wants: &Wants) -> String {
    let mut parts = Vec::new();
    parts.extend(wants.tops.then(|| "tops".to_owned()));
    parts.extend(wants.trades.then(|| "trades".to_owned()));
    parts.extend((wants.depth > 0).then(|| format!("{} levels", wants.depth)));
    parts.extend((wants.every_micros > 0).then(|| format!("a timer every {} ms", wants.every_micros / 1_000)));
    if parts.is_empty() { "states and its own events only".to_owned() } else { parts.join(", ") }
}

/// Result of one check.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    good: bool,
    text: String,
}

fn check(sandbox: &Sandbox, bytes: &[u8], args: &FileArgs) -> anyhow::Result<ExitCode> {
    let findings = findings(sandbox, bytes);
    let good = findings.iter().all(|finding| finding.good);
    if args.json {
        println(&serde_json::to_string(&findings)?);
    } else {
        for Finding { what, good, text } in &findings {
            let mark = match (*good, *what) {
                (false, _) => "BAD",
                (true, SCHEMA) => "!! ",
                (true, _) => "ok ",
            };
            println(&format!("{mark}  {what:10} {text}"));
        }
        println(if good { "the host would take it" } else { "the host would not take it" });
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs all checks. Later checks that depend on a failed one are skipped.
fn findings(sandbox: &Sandbox, bytes: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |what, found: anyhow::Result<String>| {
        let good = found.is_ok();
        let text = found.unwrap_or_else(|error| format!("{error:#}"));
        findings.push(Finding { what, good, text });
        good
    };
    let settings = Settings::default();
    let module = match sandbox.load(bytes) {
        Ok(module) => module,
        Err(error) => {
            add("contract", Err(error.into()));
            return findings;
        }
    };
    add("size", Ok(format!("{} of {} bytes", bytes.len(), settings.module_max)));
    add("contract", Ok("imports only `log`, and implements this program's contract".to_owned()));
    let manifest = module.manifest();
    add("manifest", manifest_of(&module).map(|()| format!("{} {}", manifest.name, manifest.version)));
    add("parameters", schema(&module).map(|schema| names(&schema)));
    if let Some(keywords) = unheld(&manifest.parameter_schema) {
        add(SCHEMA, Ok(format!("the host does not validate parameters against {keywords}: the strategy must do so")));
    }
    let first = match rehearse(sandbox, &module, SEED, EVENTS) {
        Ok(first) => first,
        Err(error) => {
            add("runs", Err(error));
            return findings;
        }
    };
    let (intents, orders, fills, refusals) = (first.intents, first.orders, first.fills, first.refusals);
    add(
        "runs",
        Ok(format!(
            "{EVENTS} generated events: {intents} intents, {orders} orders, {fills} fills, {refusals} refusals"
        )),
    );
    add("fuel", Ok(format!("{} of {} in its most expensive call", first.fuel_max, settings.fuel)));
    add(
        "state",
        Ok(format!("{} of {} bytes, and it can be restored from them", first.state.len(), settings.state_max)),
    );
    let second = rehearse(sandbox, &module, SEED, EVENTS);
    add(
        "repeats",
        second.and_then(|second| {
            ensure!(
                second == first,
                "the same events produced {first:?} the first time, and {second:?} the second time"
            );
            Ok("the same events produced the same decisions and the same state".to_owned())
        }),
    );
    findings
}

fn manifest_of(module: &Module) -> anyhow::Result<()> {
    let manifest = module.manifest();
    ensure!(!manifest.name.trim().is_empty(), "expected a name");
    ensure!(!manifest.version.trim().is_empty(), "expected a version");
    Ok(())
}

fn schema(module: &Module) -> anyhow::Result<serde_json::Value> {
    let text = &module.manifest().parameter_schema;
    let schema: serde_json::Value =
        serde_json::from_str(text).with_context(|| format!("expected JSON as parameter schema, got `{text:.100}`"))?;
    ensure!(schema.is_object(), "expected a JSON object as parameter schema, got `{text:.100}`");
    Ok(schema)
}

/// Returns the names of the parameters in a schema.
fn names(schema: &serde_json::Value) -> String {
    let properties = schema.get("properties").and_then(serde_json::Value::as_object);
    let names: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Returns the identity that a module file trades under.
fn identity(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
