//! Profit by market, event group, strategy, tag, hour, outcome and exit reason.

use super::book::Book;
use super::entries::{Entry, dollars};
use crate::run::{FillRow, RunData};
use model::{Size, Usd};
use serde::Serialize;
use std::collections::BTreeMap;

/// Profit by one property of the fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breakdown {
    /// The property: `market`, `group`, `strategy`, `tag`, `hour`, `outcome` or `exit`.
    pub by: &'static str,
    /// A row for each value, the largest profit first; hours in the order of the day.
    pub rows: Vec<BreakdownRow>,
}

/// A row of a [`Breakdown`]. Money is in micro-dollars.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BreakdownRow {
    /// The value; text from outside for markets, groups and reasons.
    pub label: String,
    /// Profit with open positions at their outcome, unresolved ones at the bid.
    pub profit_micros: i64,
    /// Fees, which the profit contains.
    pub fees_micros: i64,
    /// Traded dollars.
    pub turnover_micros: i64,
    /// Fills.
    pub fills: u64,
    /// Traded micro-shares.
    pub shares_micros: u64,
}

/// Returns all breakdowns.
pub(crate) fn breakdowns(data: &RunData, book: &Book<'_>, entries: &[Entry]) -> Vec<Breakdown> {
    let market = |number: u32| {
        book.markets.get(&number).map_or_else(|| format!("market {number}"), |market| market.question.clone())
    };
    let group = |number: u32| group_of(book, number);
    let strategy = |number: u32| {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        data.description.strategies.get(index).map_or_else(|| format!("strategy {number}"), |found| found.name.clone())
    };
    let outcome = |number: u32, outcome: u8| {
        let names = book.markets.get(&number).map(|market| &market.outcomes);
        let name = names.and_then(|names| names.get(usize::from(outcome))).cloned().unwrap_or_default();
        format!("{}: {name}", if outcome == 0 { "first" } else { "second" })
    };
    let fills = data.fills.as_slice();
    let mut all = vec![
        of("market", fills, entries, |fill| market(fill.market), |entry| market(entry.market)),
        of("group", fills, entries, |fill| group(fill.market), |entry| group(entry.market)),
        of("strategy", fills, entries, |fill| strategy(fill.strategy), |entry| strategy(entry.strategy)),
        of("tag", fills, entries, |fill| fill.tag.to_string(), |entry| entry.tag.to_string()),
        of("hour", fills, entries, |fill| hour(fill.at.seconds()), |entry| hour(entry.at.seconds())),
        of(
            "outcome",
            fills,
            entries,
            |fill| outcome(fill.market, fill.outcome),
            |entry| outcome(entry.market, entry.outcome),
        ),
        of("exit", &[], entries, |_| String::new(), |entry| reason(&entry.reason)),
    ];
    for breakdown in &mut all {
        match breakdown.by {
            "hour" => breakdown.rows.sort_by(|one, other| one.label.cmp(&other.label)),
            _ => breakdown.rows.sort_by(|one, other| {
                other.profit_micros.cmp(&one.profit_micros).then_with(|| one.label.cmp(&other.label))
            }),
        }
    }
    all
}

/// Returns the event group of a market.
pub(crate) fn group_of(book: &Book<'_>, market: u32) -> String {
    book.markets.get(&market).map_or_else(|| format!("market {market}"), |market| market.group.clone())
}

fn hour(seconds: u64) -> String {
    format!("{:02}:00", seconds / 3_600 % 24)
}

fn reason(text: &str) -> String {
    if text.is_empty() { "(no reason given)".to_owned() } else { text.to_owned() }
}

fn of(
    by: &'static str,
    fills: &[FillRow],
    entries: &[Entry],
    fill_label: impl Fn(&FillRow) -> String,
    entry_label: impl Fn(&Entry) -> String,
) -> Breakdown {
    // Markets with the same question stay apart.
    let number = |market: u32| if by == "market" { market } else { 0 };
    let mut rows: BTreeMap<(String, u32), BreakdownRow> = BTreeMap::new();
    for fill in fills {
        let row = rows.entry((fill_label(fill), number(fill.market))).or_default();
        let Size(shares) = fill.size;
        row.fills = row.fills.saturating_add(1);
        row.shares_micros = row.shares_micros.saturating_add(shares);
        row.turnover_micros = row.turnover_micros.saturating_add(dollars(fill).0);
        row.fees_micros = row.fees_micros.saturating_add(fill.fee.0);
    }
    for entry in entries {
        let row = rows.entry((entry_label(entry), number(entry.market))).or_default();
        row.profit_micros = row.profit_micros.saturating_add(entry.profit.0);
    }
    let rows = rows.into_iter().map(|((label, _), row)| BreakdownRow { label, ..row }).collect();
    Breakdown { by, rows }
}

/// Returns the profit of each traded event group, by group.
pub(crate) fn by_group(book: &Book<'_>, entries: &[Entry]) -> Vec<(String, Usd)> {
    let mut groups: BTreeMap<String, Usd> = BTreeMap::new();
    for entry in entries {
        let profit = groups.entry(group_of(book, entry.market)).or_default();
        *profit = profit.saturating_add(entry.profit);
    }
    groups.into_iter().collect()
}
