//! Statistics of one run, computed once from its sorted rows and rounded to nine digits. Their meaning for binary payoffs
//! is in docs/reports.md.
#![allow(clippy::float_arithmetic, reason = "statistics are computed in floating point; money is not")]

mod baselines;
mod book;
mod breakdown;
mod capital;
pub mod deflated;
mod entries;
mod forecasts;
mod markouts;
mod number;
mod orders;
mod ratios;
mod summary;
mod survivorship;
#[cfg(test)]
mod tests;
mod worst;

pub use baselines::{Baselines, SEEDS};
pub(crate) use book::Book;
pub use breakdown::{Breakdown, BreakdownRow};
pub use capital::{ANNUALISED_FROM_DAYS, Capital};
pub(crate) use capital::{equity, locked};
pub(crate) use entries::Position;
pub use forecasts::{Brier, CalibrationRow, Forecasts};
pub use markouts::{HORIZONS, Markout, Markouts};
pub(crate) use number::units;
pub use orders::{Orders, QueueRow, Role};
pub use ratios::{Bootstrap, Ratios, UNITS_MIN};
pub use summary::Summary;
pub use survivorship::Survivorship;
pub use worst::Moment;

use crate::run::{FillModel, RunData, Totals};
use model::Usd;
use serde::Serialize;
use std::collections::BTreeMap;

/// All statistics of a run; `report.json` has them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// Figures by name, which are also the objectives of sweeps.
    pub summary: Summary,
    /// Totals of the same run with each fill model, the chosen one included, from pessimistic to optimistic.
    pub bounds: Vec<(FillModel, Totals)>,
    /// Ratios by event group.
    pub groups: Ratios,
    /// Bootstrap by event group; `None` if there are too few.
    pub bootstrap: Option<Bootstrap>,
    /// Ratios by day.
    pub days: Ratios,
    /// Capital and its use.
    pub capital: Capital,
    /// Profit by property.
    pub profit: Vec<Breakdown>,
    /// The sum of the rows of each breakdown in micro-dollars; it may differ from the totals by the depth at the bid.
    pub profit_of_entries_micros: i64,
    /// Markouts.
    pub markouts: Vec<Markouts>,
    /// Brier scores and calibration.
    pub forecasts: Forecasts,
    /// Orders and the queue.
    pub orders: Orders,
    /// Refused intents by rule.
    pub refusals: Vec<(String, u64)>,
    /// The worst moments.
    pub worst: Vec<Moment>,
    /// Baselines.
    pub baselines: Baselines,
    /// Data quality of all tapes: kind and count.
    pub quality: Vec<(String, u64)>,
    /// Markets by their end.
    pub survivorship: Survivorship,
}

/// Returns all statistics of a run.
pub fn statistics(data: &RunData) -> Statistics {
    let book = Book::of(data);
    let entries = entries::entries(data, &book);
    let parts = Parts::of(data, &book, &entries);
    let sum = entries.iter().fold(Usd::ZERO, |sum, entry| sum.saturating_add(entry.profit));
    Statistics {
        summary: summary::of(data, &parts),
        bounds: bounds(data),
        groups: parts.groups,
        bootstrap: parts.bootstrap,
        days: parts.days,
        capital: parts.capital,
        profit: breakdown::breakdowns(data, &book, &entries),
        profit_of_entries_micros: sum.0,
        markouts: parts.markouts,
        forecasts: parts.forecasts,
        orders: parts.orders,
        refusals: refusals(data),
        worst: worst::worst(data, &book),
        baselines: baselines::baselines(data, &book),
        quality: quality(data),
        survivorship: survivorship::survivorship(data),
    }
}

/// Returns the figures of a run by name, without its baselines, breakdowns and worst moments, which take longer.
pub fn summary(data: &RunData) -> Summary {
    let book = Book::of(data);
    let entries = entries::entries(data, &book);
    summary::of(data, &Parts::of(data, &book, &entries))
}

/// Returns the profit of each traded event group with open positions at their outcome, unresolved ones at the bid; sorted
/// by group. The unit of every bootstrap and split.
pub fn group_profits(data: &RunData) -> Vec<(String, Usd)> {
    let book = Book::of(data);
    breakdown::by_group(&book, &entries::entries(data, &book))
}

/// The statistics that the summary is made of.
struct Parts {
    groups: Ratios,
    bootstrap: Option<Bootstrap>,
    days: Ratios,
    capital: Capital,
    markouts: Vec<Markouts>,
    forecasts: Forecasts,
    orders: Orders,
}

impl Parts {
    fn of(data: &RunData, book: &Book<'_>, entries: &[entries::Entry]) -> Self {
        let profits: Vec<f64> =
            breakdown::by_group(book, entries).into_iter().map(|(_, profit)| number::units(profit.0)).collect();
        Self {
            groups: ratios::ratios(&profits),
            bootstrap: ratios::bootstrap(&profits),
            days: ratios::ratios(&ratios::daily(data)),
            capital: capital::capital(data),
            markouts: markouts::markouts(data, book),
            forecasts: forecasts::forecasts(data, book),
            orders: orders::orders(data),
        }
    }
}

/// Returns the totals of each fill model, the chosen one included.
fn bounds(data: &RunData) -> Vec<(FillModel, Totals)> {
    let mut all: BTreeMap<FillModel, Totals> = data.description.bounds.iter().copied().collect();
    all.insert(data.description.fill, data.description.totals);
    all.into_iter().collect()
}

fn refusals(data: &RunData) -> Vec<(String, u64)> {
    let mut refusals = data.description.refusals.clone();
    refusals.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    refusals
}

fn quality(data: &RunData) -> Vec<(String, u64)> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in data.description.tapes.iter().flat_map(|tape| &tape.quality) {
        let sum = sums.entry(kind).or_default();
        *sum = sum.saturating_add(*count);
    }
    sums.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect()
}
