//! Records a backtest in the database, so that sweeps on the same tapes count it as a trial, and `strategy arm --from`
//! finds it.

use super::store::Store;
use config::Config;
use control::clock;
use research::run::{RunData, RunEnd};
use research::statistics::deflated::Moments;
use research::statistics::group_profits;
use research::sweep::{lead, table};
use std::sync::Arc;
use store::db::TrialRow;

/// Records a run with its id, one trial for each of its strategies.
///
/// # Errors
/// If the database cannot be opened or written.
pub(crate) fn record_run(config: &Config, data: &RunData) -> anyhow::Result<()> {
    let store = Store::open(config, Arc::default())?;
    for row in rows(data) {
        store.trial(&row)?;
    }
    store.close();
    Ok(())
}

/// Returns the trials of a run.
fn rows(data: &RunData) -> Vec<TrialRow> {
    let run = &data.description;
    let tapes: Vec<String> = run.tapes.iter().map(|tape| tape.hash.clone()).collect();
    let until = run.tapes.iter().map(|tape| tape.span.1).max().unwrap_or(run.span.1);
    let profits: Vec<f64> = group_profits(data).iter().map(|(_, profit)| dollars(profit.micros())).collect();
    let row = |strategy: &research::run::StrategyDescription| TrialRow {
        tape: lead::identity(&tapes),
        run: run.id.clone(),
        module: strategy.module.clone(),
        strategy: strategy.name.clone(),
        parameters: strategy.parameters.clone(),
        failure: match &run.end {
            RunEnd::Complete => String::new(),
            RunEnd::Interrupted(at) => format!("interrupted at {}", at.iso()),
            RunEnd::Failed(at, reason) => format!("at {}: {reason}", at.iso()),
        },
        sharpe_nanos: Moments::of(&profits).map(|moments| moments.sharpe()).and_then(table::nanos),
        profit_micro_usd: run.totals.profit_at_outcome.micros(),
        drawdown_micro_usd: run.totals.drawdown.micros(),
        fills: run.totals.fills,
        digest: run.digest.clone(),
        until_ms: until.min(run.span.1).millis(),
        at_ms: clock::wall().millis(),
        ..TrialRow::default()
    };
    run.strategies.iter().map(row).collect()
}

/// Converts micro-dollars to dollars.
#[allow(clippy::as_conversions, clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a statistic")]
fn dollars(micros: i64) -> f64 {
    micros as f64 / 1e6
}
