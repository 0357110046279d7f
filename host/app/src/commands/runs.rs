//! `polytrader runs`: lists, shows, deletes and protects runs.

use crate::cli::{RunArg, RunsAction, RunsArgs, RunsListArgs};
use crate::console::{eprintln, println};
use research::run::folders::{Entry, delete, find, keep_within, list, pin};
use research::run::{RunDescription, RunEnd, load};
use research::statistics::{Summary, summary};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Runs `polytrader runs`.
///
/// # Errors
/// If a run does not exist, is pinned or damaged, or if the folder cannot be read or changed.
pub(crate) fn run(args: &RunsArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        RunsAction::List(args) => list_runs(args)?,
        RunsAction::Show(args) => show(args)?,
        RunsAction::Delete(args) => {
            for id in &args.runs {
                delete(&args.folder.runs(), id)?;
                if !args.json {
                    println(&format!("deleted {id}"));
                }
            }
            if args.json {
                println(&json!({"deleted": args.runs}).to_string());
            }
        }
        RunsAction::Pin(args) => {
            pin(&args.folder.runs(), &args.run, !args.off)?;
            println(&if args.json {
                json!({"run": args.run, "pinned": !args.off}).to_string()
            } else {
                format!("{} {}", if args.off { "released" } else { "pinned" }, args.run)
            });
        }
        RunsAction::Prune(args) => {
            let deleted = keep_within(&args.folder.runs(), args.limit.bytes_max(), None)?;
            if args.json {
                println(&json!({"deleted": deleted}).to_string());
                return Ok(ExitCode::SUCCESS);
            }
            deleted.iter().for_each(|id| println(&format!("deleted {id}")));
            if deleted.is_empty() {
                eprintln("no run was deleted");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list_runs(args: &RunsListArgs) -> anyhow::Result<()> {
    let runs = args.folder.runs();
    let all = list(&runs)?;
    if args.json {
        let entries: Vec<Value> = all.iter().map(entry).collect();
        println(&serde_json::to_string(&entries)?);
        return Ok(());
    }
    if all.is_empty() {
        eprintln(&format!("no run in {}", runs.display()));
        return Ok(());
    }
    println(&format!(
        "{:<28} {:<20} {:>10} {:>12} {:>8}  strategies",
        "run", "started (UTC)", "size (KB)", "profit ($)", "fills"
    ));
    for Entry { id, bytes, pinned, description, .. } in &all {
        let mark = if *pinned { " (pinned)" } else { "" };
        let kilobytes = bytes.div_ceil(1_024);
        println(&match description {
            Ok(found) => format!(
                "{id:<28} {:<20} {kilobytes:>10} {:>12} {:>8}  {}{mark}",
                found.started_at.iso(),
                cents(found.totals.profit_at_bid),
                found.totals.fills,
                names(found),
            ),
            Err(reason) => format!("{id:<28} {:<20} {kilobytes:>10} not readable: {reason}{mark}", ""),
        });
    }
    Ok(())
}

/// Writes money with two decimals, rounded towards zero.
fn cents(usd: model::Usd) -> String {
    let cents = usd.0.unsigned_abs() / 10_000;
    let sign = if usd.0 < 0 && cents > 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

fn names(found: &RunDescription) -> String {
    found.strategies.iter().map(|strategy| strategy.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn entry(entry: &Entry) -> Value {
    let Entry { id, bytes, pinned, description, .. } = entry;
    match description {
        Ok(found) => json!({"id": id, "bytes": bytes, "pinned": pinned, "run": found}),
        Err(reason) => json!({"id": id, "bytes": bytes, "pinned": pinned, "error": reason}),
    }
}

fn show(args: &RunArg) -> anyhow::Result<()> {
    let data = load(&find(&args.folder.runs(), &args.run)?)?;
    let figures = summary(&data);
    if args.json {
        println(&json!({"run": data.description, "summary": figures}).to_string());
        return Ok(());
    }
    let about = &data.description;
    let end = match &about.end {
        RunEnd::Complete => "complete".to_owned(),
        RunEnd::Interrupted(at) => format!("interrupted at {}", at.iso()),
        RunEnd::Failed(at, reason) => format!("failed at {}: {reason}", at.iso()),
    };
    println(&format!("run        {}", about.id));
    println(&format!("strategies {}", names(about)));
    println(&format!("events     {} from {} to {}", about.totals.events, about.span.0.iso(), about.span.1.iso()));
    println(&format!("end        {end}"));
    about.warnings.iter().for_each(|warning| println(&format!("warning    {warning}")));
    print_figures(&figures);
    Ok(())
}

fn print_figures(figures: &Summary) {
    for (name, value) in figures.figures() {
        println(&format!("{name:<22} {}", value.map_or_else(|| "-".to_owned(), |value| value.to_string())));
    }
}
