//! The worst ten moments: the largest losses between two rows of the equity, and the market that explains the most.

use super::book::{Book, mid_micros, worth};
use super::capital::equity;
use super::entries::dollars;
use super::number::units;
use crate::run::{EquityRow, RunData};
use model::{Side, Time, Usd};
use serde::Serialize;
use std::collections::BTreeMap;

/// Number of moments.
const MOMENTS: usize = 10;

/// A loss between two rows of the equity. Money is in dollars.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// Its beginning, in microseconds since 1970.
    pub from_us: u64,
    /// Its end, in microseconds since 1970.
    pub to_us: u64,
    /// Change of the equity at the bid.
    pub change: f64,
    /// Fills between the rows.
    pub fills: u64,
    /// The market whose positions and fills lost the most at its mid; text from outside. Empty if none is known.
    pub market: String,
    /// The change that this market explains.
    pub market_change: Option<f64>,
}

/// Returns the worst moments, the worst first.
pub(crate) fn worst(data: &RunData, book: &Book<'_>) -> Vec<Moment> {
    let pairs = data.equity.iter().zip(data.equity.iter().skip(1));
    let mut falls: Vec<(i64, &EquityRow, &EquityRow)> = pairs
        .map(|(row, next)| (equity(next).saturating_sub(equity(row)).0, row, next))
        .filter(|(change, ..)| *change < 0)
        .collect();
    falls.sort_by_key(|(change, row, _)| (*change, row.at));
    falls.into_iter().take(MOMENTS).map(|(change, row, next)| moment(data, book, change, (row.at, next.at))).collect()
}

fn moment(data: &RunData, book: &Book<'_>, change: i64, (from, to): (Time, Time)) -> Moment {
    let inside = |at: Time| at > from && at <= to;
    // Micro-shares before and after, and cash in between, by market and outcome.
    let mut held: BTreeMap<(u32, u8), (i128, i128, i64)> = BTreeMap::new();
    for fill in data.fills.iter().filter(|fill| fill.at <= to) {
        let (shares, cash) = match fill.side {
            Side::Buy => (i128::from(fill.size.0), dollars(fill).0.saturating_neg()),
            Side::Sell => (i128::from(fill.size.0).saturating_neg(), dollars(fill).0),
        };
        let (before, after, moved) = held.entry((fill.market, fill.outcome)).or_default();
        *after = after.saturating_add(shares);
        if inside(fill.at) {
            *moved = moved.saturating_add(cash).saturating_sub(fill.fee.0);
        } else {
            *before = before.saturating_add(shares);
        }
    }
    let mut changes: BTreeMap<u32, i64> = BTreeMap::new();
    for ((market, outcome), (before, after, moved)) in held {
        let value = |shares: i128, at: Time| match shares {
            0 => Some(0),
            _ => Some(worth(shares, price(book, market, outcome, at)?).0),
        };
        let change = value(after, to).zip(value(before, from)).map(|(now, then)| now.saturating_sub(then));
        if let Some(change) = change {
            let sum = changes.entry(market).or_default();
            *sum = sum.saturating_add(change).saturating_add(moved);
        }
    }
    let least = changes.into_iter().filter(|(_, change)| *change < 0).min_by_key(|(market, change)| (*change, *market));
    let question = least.and_then(|(market, _)| book.markets.get(&market)).map(|market| market.question.clone());
    Moment {
        from_us: from.0,
        to_us: to.0,
        change: units(change),
        fills: u64::try_from(data.fills.iter().filter(|fill| inside(fill.at)).count()).unwrap_or(u64::MAX),
        market: question.unwrap_or_default(),
        market_change: least.map(|(_, change)| units(change)),
    }
}

/// Returns the value of a share at a time: its payout if the market was resolved by then, else its mid.
fn price(book: &Book<'_>, market: u32, outcome: u8, at: Time) -> Option<Usd> {
    let row = book.markets.get(&market)?;
    if row.resolved_at.is_some_and(|resolved| resolved <= at) {
        return book.pays(market, outcome);
    }
    let mid = mid_micros(book.top_at(market, at)?)?;
    Some(Usd(if outcome == 0 { mid } else { 1_000_000_i64.saturating_sub(mid) }))
}
