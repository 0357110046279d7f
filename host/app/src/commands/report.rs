//! `polytrader report`: writes the report of a run.

use crate::cli::{ReportArgs, ReportExport};
use crate::console::println;
use anyhow::Context;
use research::run::folders::find;
use research::{report, run};
use serde_json::json;
use std::process::ExitCode;

/// Runs `polytrader report`.
///
/// # Errors
/// If a run does not exist or is damaged, or if a file cannot be written.
pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let runs = args.folder.runs();
    let folder = find(&runs, &args.run)?;
    let data = run::load(&folder)?;
    let other = match &args.compare {
        Some(other) => Some(find(&runs, other).and_then(|folder| run::load(&folder)).context("--compare")?),
        None => None,
    };
    let out = args.out.as_ref().unwrap_or(&folder);
    let page = report::write(&data, other.as_ref(), out)?;
    let trades = match args.export {
        Some(ReportExport::Trades) => Some(report::write_trades(&data, out)?),
        None => None,
    };
    if args.json {
        let figures = out.join(report::FIGURES);
        println(&json!({"page": page, "figures": figures, "trades": trades}).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    println(&page.display().to_string());
    if let Some(trades) = trades {
        println(&trades.display().to_string());
    }
    Ok(ExitCode::SUCCESS)
}
