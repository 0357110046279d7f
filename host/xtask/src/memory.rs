//! Memory of a backtest: it must not depend on the number of events.

use crate::command;
use crate::gate::Checked;
use crate::repo::Repo;
use anyhow::{Context, ensure};
use serde_json::Value;

/// Events of the two runs.
const EVENTS: [u64; 2] = [1_000_000, 10_000_000];
/// The most bytes by which the longer run's peak may be above the shorter one's.
const GROWTH_MAX: u64 = 16 * 1024 * 1024;

/// Runs a backtest of generated events twice, and compares the highest resident memory of both processes.
pub(crate) fn check(repo: &Repo) -> anyhow::Result<Checked> {
    let [few, many] = EVENTS;
    let (small, large) = (peak(repo, few)?, peak(repo, many)?);
    let growth = large.saturating_sub(small);
    ensure!(
        growth <= GROWTH_MAX,
        "a backtest of {many} events takes {large} bytes and one of {few} takes {small}: {growth} more, expected at most \
         {GROWTH_MAX}"
    );
    Ok(Checked::with(&format!("{} and {} MB for {few} and {many} events", small >> 20, large >> 20), Vec::new()))
}

fn peak(repo: &Repo, events: u64) -> anyhow::Result<u64> {
    let mut backtest = command::new(repo.program("debug", "polytrader"), &repo.root);
    backtest.args(["backtest", "--bench", "--memory", "--json", "--events", &events.to_string(), "--strategies"]);
    let text = command::read(backtest.arg(repo.strategies()))?;
    let value: Value = serde_json::from_str(&text).with_context(|| format!("reading the result `{text}`"))?;
    let number = |name: &str| value.get(name).and_then(Value::as_u64);
    ensure!(number("events") == Some(events), "expected a backtest of {events} events, got `{text}`");
    number("peak_bytes").with_context(|| format!("no peak_bytes in `{text}`"))
}
