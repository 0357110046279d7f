//! Profit by market, event group, strategy, tag, hour, outcome and exit reason.

use super::overview::profit_cell;
use crate::report::html::{count, escape, signed, table, usd};
use crate::statistics::{Breakdown, BreakdownRow, Statistics, units};
use model::Usd;

/// Most rows of a table; the best and the worst stay.
const ROWS_MAX: usize = 60;

/// Returns the tables.
pub(crate) fn profit(statistics: &Statistics) -> String {
    let sum = statistics.profit_of_entries_micros;
    let total = statistics.summary.profit_at_outcome;
    let gap = units(sum) - total;
    let mut html = format!(
        "<p>Profit with open positions at their outcome, unresolved ones at the bid: {}. {}</p>",
        profit_cell(sum),
        if gap.abs() < 0.005 {
            "This is the run's total.".to_owned()
        } else {
            format!(
                "The run's total is {}; the difference is the depth at the bid, shares that were split, merged or converted, \
                 and rounding.",
                signed(total)
            )
        }
    );
    for breakdown in &statistics.profit {
        html.push_str(&one(breakdown));
    }
    html
}

fn one(breakdown: &Breakdown) -> String {
    let (caption, head) = match breakdown.by {
        "market" => ("By market", "market"),
        "group" => ("By event group: markets that are decided together", "group"),
        "strategy" => ("By strategy", "strategy"),
        "tag" => ("By tag; payouts count for the tag of the last buy", "tag"),
        "hour" => ("By hour of the day, UTC, in which the profit arose", "hour"),
        "outcome" => ("By outcome: a strategy that only wins on one side followed a trend of the sample", "outcome"),
        _ => ("By exit reason: the reason of the sell order, or the end of the position", "reason"),
    };
    if breakdown.by == "exit" {
        let rows = breakdown.rows.iter().map(|row| vec![escape(&row.label), profit_cell(row.profit_micros)]);
        let (rows, rest) = cut(rows.collect());
        return table(caption, &[head, "profit"], &rows).replace("<table>", "<table class=\"equal\">") + &rest;
    }
    let rows = breakdown.rows.iter().map(cells).collect();
    let (rows, rest) = cut(rows);
    let table = table(caption, &[head, "profit", "fees", "turnover", "fills", "shares"], &rows);
    table.replace("<table>", "<table class=\"equal\">") + &rest
}

fn cells(row: &BreakdownRow) -> Vec<String> {
    vec![
        escape(&row.label),
        profit_cell(row.profit_micros),
        usd(Usd(row.fees_micros)),
        usd(Usd(row.turnover_micros)),
        count(row.fills),
        count(row.shares_micros / 1_000_000),
    ]
}

/// Returns the first and the last rows of a long table, and a sentence on those between.
fn cut(mut rows: Vec<Vec<String>>) -> (Vec<Vec<String>>, String) {
    let left = rows.len().saturating_sub(ROWS_MAX);
    if left == 0 {
        return (rows, String::new());
    }
    let half = ROWS_MAX / 2;
    let worst = rows.split_off(rows.len().saturating_sub(half));
    rows.truncate(half);
    rows.extend(worst);
    (rows, format!("<p class=\"note\">{left} rows between the best and the worst {half} are in report.json.</p>"))
}
