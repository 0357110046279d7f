//! `polytrader strategy`: making a strategy, what a module is, whether it would be taken and what it does, without trading;
//! and words to a running host about one.

mod build;
mod hosted;
mod new;
mod test;
mod toolchain;

use crate::cli::{FileArgs, StrategyAction, StrategyArgs};
use crate::console::say;
use anyhow::{Context, ensure};
use lifecycle::settings_file::unheld;
use model::{Wants, hex};
use research::backtest::rehearse;
use sandbox::{Module, Sandbox, Selection, Settings};
use serde::Serialize;
use serde_json::Map;
use std::path::Path;
use std::process::ExitCode;

/// Events of a rehearsal: some minutes of a lively market.
const EVENTS: usize = 50_000;
/// What they follow from.
const SEED: u64 = 1;
/// The finding that is a warning: keywords of the parameters' schema without effect.
const SCHEMA: &str = "schema";

/// Runs `polytrader strategy`.
///
/// # Errors
/// If a file cannot be read or a project not built, or what is to be shown is no strategy; if there is no host, or it says no.
pub(crate) fn run(args: &StrategyArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        StrategyAction::New(args) => new::run(args),
        StrategyAction::Build(args) => build::run(args),
        StrategyAction::Test(args) => test::run(args),
        StrategyAction::Inspect(args) => look(args, inspect),
        StrategyAction::Check(args) => look(args, check),
        StrategyAction::List(args) => hosted::list(args),
        StrategyAction::Arm(args) => hosted::arm(args),
        StrategyAction::Enable(args) => hosted::say_to("enable", args, Map::new()),
        StrategyAction::Disable(args) => hosted::say_to("disable", args, Map::new()),
        StrategyAction::Rollback(args) => hosted::say_to("rollback", &args.named, hosted::version(args)),
    }
}

/// More than the bytes of any module, so that the sandbox says what is wrong with a long one.
const FILE_MAX: u64 = 1024 * 1024 * 1024;

/// How a module is looked at.
type Look = fn(&Sandbox, &[u8], &FileArgs) -> anyhow::Result<ExitCode>;

fn look(args: &FileArgs, how: Look) -> anyhow::Result<ExitCode> {
    let bytes = files::read(&args.file, files::Links::Follow, FILE_MAX)
        .with_context(|| format!("reading {}", args.file.display()))?;
    how(&Sandbox::of_own_program(Settings::default(), None)?, &bytes, args)
}

/// A module as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    /// The name that it trades under: the file's.
    identity: String,
    sha256: String,
    bytes: usize,
    name: String,
    version: String,
    author: String,
    description: String,
    /// The version of `polytrader:strategy` that it speaks.
    contract: &'static str,
    /// 0 is all that are granted.
    markets_max: u32,
    /// Which markets it wants.
    selection: String,
    /// What it hears of them.
    hears: String,
    /// What it can do besides answering events.
    capabilities: &'static str,
    parameter_schema: serde_json::Value,
}

fn inspect(sandbox: &Sandbox, bytes: &[u8], args: &FileArgs) -> anyhow::Result<ExitCode> {
    let module = sandbox.load(bytes).with_context(|| format!("{} is no strategy", args.file.display()))?;
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
        hears: hears(&manifest.wants),
        capabilities: "log",
        parameter_schema: schema(&module).unwrap_or(serde_json::Value::Null),
    };
    if args.json {
        say(&serde_json::to_string(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    let author = if shown.author.is_empty() { "nobody who says so" } else { &shown.author };
    say(&format!("{} {}, by {author}: {}", shown.name, shown.version, shown.description));
    say(&format!("trades as     {}", shown.identity));
    say(&format!("sha256        {}", shown.sha256));
    say(&format!("size          {} bytes", shown.bytes));
    say(&format!(
        "markets       {}{}",
        if shown.markets_max == 0 { "all".to_owned() } else { format!("at most {}", shown.markets_max) },
        shown.selection
    ));
    say(&format!("hears         {}", shown.hears));
    say(&format!("contract      polytrader:strategy@{}", shown.contract));
    say(&format!("capabilities  {}", shown.capabilities));
    say(&format!("parameters    {}", shown.parameter_schema));
    Ok(ExitCode::SUCCESS)
}

/// Which markets a strategy wants, as the end of a sentence.
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

/// What a strategy hears besides states of markets and its own events.
fn hears(wants: &Wants) -> String {
    let mut parts = Vec::new();
    parts.extend(wants.tops.then(|| "tops".to_owned()));
    parts.extend(wants.trades.then(|| "trades".to_owned()));
    parts.extend((wants.depth > 0).then(|| format!("{} levels", wants.depth)));
    parts.extend((wants.every_micros > 0).then(|| format!("a timer every {} ms", wants.every_micros / 1_000)));
    if parts.is_empty() { "states and its own events alone".to_owned() } else { parts.join(", ") }
}

/// One thing that was looked at.
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
        say(&serde_json::to_string(&findings)?);
    } else {
        for Finding { what, good, text } in &findings {
            let mark = match (*good, *what) {
                (false, _) => "BAD",
                (true, SCHEMA) => "!! ",
                (true, _) => "ok ",
            };
            say(&format!("{mark}  {what:10} {text}"));
        }
        say(if good { "the host would take it" } else { "the host would not take it" });
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Looks at everything; what stands on something bad is left out.
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
    add("contract", Ok("it imports nothing but `log`, and speaks this program's contract".to_owned()));
    let manifest = module.manifest();
    add("manifest", manifest_of(&module).map(|()| format!("{} {}", manifest.name, manifest.version)));
    add("parameters", schema(&module).map(|schema| names(&schema)));
    if let Some(keywords) = unheld(&manifest.parameter_schema) {
        add(SCHEMA, Ok(format!("the host does not hold parameters against {keywords}: the strategy has to")));
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
        Ok(format!("{EVENTS} made-up events: {intents} intents, {orders} orders, {fills} fills, {refusals} refusals")),
    );
    add("fuel", Ok(format!("{} of {} in its dearest call", first.fuel_max, settings.fuel)));
    add("state", Ok(format!("{} of {} bytes, and it starts from them", first.state.len(), settings.state_max)));
    let second = rehearse(sandbox, &module, SEED, EVENTS);
    add(
        "repeats",
        second.and_then(|second| {
            ensure!(second == first, "the same events gave {first:?} first, and {second:?} then");
            Ok("the same events gave the same decisions and the same state".to_owned())
        }),
    );
    findings
}

fn manifest_of(module: &Module) -> anyhow::Result<()> {
    let manifest = module.manifest();
    ensure!(!manifest.name.trim().is_empty(), "it has no name");
    ensure!(!manifest.version.trim().is_empty(), "it has no version");
    Ok(())
}

fn schema(module: &Module) -> anyhow::Result<serde_json::Value> {
    let text = &module.manifest().parameter_schema;
    let schema: serde_json::Value =
        serde_json::from_str(text).with_context(|| format!("the parameters' schema is no JSON: `{text:.100}`"))?;
    ensure!(schema.is_object(), "the parameters' schema is no JSON object: `{text:.100}`");
    Ok(schema)
}

/// The parameters that a schema names.
fn names(schema: &serde_json::Value) -> String {
    let properties = schema.get("properties").and_then(serde_json::Value::as_object);
    let names: Vec<&str> = properties.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The name that a file trades under.
fn identity(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
