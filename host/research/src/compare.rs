//! Compares two runs order by order: which orders and fills are the same, which differ in size or time, which are
//! missing and which are extra, each with the most likely cause.

use crate::run::{OrderRow, RunData};
use model::{OrderState, Side, Size, Time};
use serde::Serialize;
use std::collections::BTreeMap;

/// Orders of the two runs that are placed further apart are different orders.
const APART_MAX_MICROS: u64 = 60_000_000;
/// Fills whose times differ by less are the same.
const SAME_TIME_MICROS: u64 = 1_000_000;

/// The kinds of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Same order, same shares filled, about the same time.
    Same,
    /// Another number of shares was filled, or another price paid.
    Size,
    /// The same shares at another time.
    Time,
    /// Only in the first run.
    Missing,
    /// Only in the second run.
    Extra,
}

/// The result for one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The result.
    pub verdict: Verdict,
    /// Strategy, market, side, size and price of the order.
    pub order: String,
    /// Time of its placement in the first run that has it.
    pub at: Time,
    /// Its number in the first and in the second run.
    pub orders: [Option<u64>; 2],
    /// Shares filled in the first and in the second run.
    pub filled: [Size; 2],
    /// The most likely cause; empty for [`Verdict::Same`].
    pub cause: String,
}

/// The comparison of two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Number of orders of each kind.
    pub counts: BTreeMap<Verdict, u64>,
    /// All orders that are not the same, by time.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Returns the number of orders of a kind.
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.counts.get(&verdict).copied().unwrap_or(0)
    }
}

/// The properties by which orders of two runs are paired.
type Key = (String, String, u8, Side, u64, u32, u64, String);

/// Compares two runs. Numbers of markets and orders may differ; markets are paired by condition, strategies by name.
pub fn compare(first: &RunData, second: &RunData) -> Comparison {
    let mut waiting: BTreeMap<Key, Vec<&OrderRow>> = BTreeMap::new();
    for order in second.orders.iter().rev().filter(|order| order.order != 0) {
        waiting.entry(key(second, order)).or_default().push(order);
    }
    let mut all = Vec::new();
    for order in first.orders.iter().filter(|order| order.order != 0) {
        let key = key(first, order);
        let same = waiting.get_mut(&key).and_then(|same| {
            let near = same.iter().rposition(|other| apart(order, other) <= APART_MAX_MICROS)?;
            Some(same.remove(near))
        });
        all.push(match same {
            Some(other) => pair((first, order), (second, other)),
            None => lone(Verdict::Missing, first, order, second),
        });
    }
    all.extend(waiting.into_values().flatten().map(|order| lone(Verdict::Extra, second, order, first)));
    let mut counts = BTreeMap::new();
    for result in &all {
        let count: &mut u64 = counts.entry(result.verdict).or_default();
        *count = count.saturating_add(1);
    }
    all.retain(|result| result.verdict != Verdict::Same);
    all.sort_by_key(|result| (result.at, result.orders));
    Comparison { counts, differences: all }
}

fn apart(one: &OrderRow, other: &OrderRow) -> u64 {
    one.placed_at.0.abs_diff(other.placed_at.0)
}

fn key(run: &RunData, order: &OrderRow) -> Key {
    (
        strategy(run, order),
        condition(run, order),
        order.outcome,
        order.side,
        order.tag,
        order.price.micros(),
        order.size.micros(),
        order.kind.clone(),
    )
}

fn strategy(run: &RunData, order: &OrderRow) -> String {
    let place = usize::try_from(order.strategy).unwrap_or(usize::MAX);
    run.description.strategies.get(place).map(|strategy| strategy.name.clone()).unwrap_or_default()
}

fn condition(run: &RunData, order: &OrderRow) -> String {
    let place = usize::try_from(order.market).unwrap_or(usize::MAX);
    run.markets.get(place).map(|market| market.condition.clone()).unwrap_or_default()
}

fn named(run: &RunData, order: &OrderRow) -> String {
    let place = usize::try_from(order.market).unwrap_or(usize::MAX);
    let market = run.markets.get(place);
    let slug = market.map(|market| market.slug.as_str()).unwrap_or_default();
    let outcome = market.and_then(|market| market.outcomes.get(usize::from(order.outcome)));
    format!(
        "{}: {} {} {} {slug} at {} {}",
        strategy(run, order),
        order.side,
        order.size,
        outcome.map(String::as_str).unwrap_or_default(),
        order.price,
        order.kind
    )
}

/// Returns the fills of an order: shares, dollars in millionths of micro-dollars, and the time of the last one.
fn fills(run: &RunData, order: &OrderRow) -> (Size, u128, Option<Time>) {
    let fills = run.fills.iter().filter(|fill| fill.order == order.order);
    fills.fold((Size::ZERO, 0, None), |(size, value, _), fill| {
        let paid = u128::from(fill.price.micros()).saturating_mul(u128::from(fill.size.micros()));
        (size.saturating_add(fill.size), value.saturating_add(paid), Some(fill.at))
    })
}

fn pair((first, order): (&RunData, &OrderRow), (second, other): (&RunData, &OrderRow)) -> Difference {
    let (one, two) = (fills(first, order), fills(second, other));
    let time = match (one.2, two.2) {
        (Some(one), Some(two)) => one.0.abs_diff(two.0),
        _ => 0,
    };
    let (verdict, cause) = if one.0 != two.0 {
        (Verdict::Size, size_cause(order, other))
    } else if one.1 != two.1 {
        (Verdict::Size, "the same shares at another price: the book differed at the match".to_owned())
    } else if time > SAME_TIME_MICROS {
        (Verdict::Time, format!("filled {} ms apart: {}", time / 1_000, queue_cause(order, other)))
    } else {
        (Verdict::Same, String::new())
    };
    let orders = [Some(order.order), Some(other.order)];
    Difference { verdict, order: named(first, order), at: order.placed_at, orders, filled: [one.0, two.0], cause }
}

fn size_cause(order: &OrderRow, other: &OrderRow) -> String {
    for (row, which) in [(order, "first"), (other, "second")] {
        if row.state == OrderState::Refused {
            return format!("the venue refused it in the {which} run: {}", row.reason);
        }
    }
    match (order.ended_at, other.ended_at) {
        (Some(one), Some(two)) if order.state == OrderState::Cancelled && other.state == OrderState::Filled => {
            format!("cancelled after {} ms in the first run; {}", ms(order, one), queue_cause(order, other))
                + &format!(" (filled after {} ms in the second)", ms(other, two))
        }
        (Some(_), Some(two)) if other.state == OrderState::Cancelled => {
            format!("cancelled after {} ms in the second run; {}", ms(other, two), queue_cause(order, other))
        }
        _ => queue_cause(order, other),
    }
}

fn ms(order: &OrderRow, ended: Time) -> u64 {
    ended.since(order.placed_at) / 1_000
}

fn queue_cause(order: &OrderRow, other: &OrderRow) -> String {
    let show = |ahead: Option<Size>| ahead.map_or_else(|| "unknown".to_owned(), |ahead| format!("{ahead} shares"));
    match (order.ahead, other.ahead) {
        (one, two) if one == two => "same depth ahead, other trades or another fill model".to_owned(),
        // A venue does not say how much depth is ahead of an order.
        (None, Some(ahead)) | (Some(ahead), None) => {
            format!("{ahead} shares were ahead of it in the recording, its place at the venue is unknown")
        }
        (one, two) => format!("depth ahead {} and {}", show(one), show(two)),
    }
}

fn lone(verdict: Verdict, run: &RunData, order: &OrderRow, other: &RunData) -> Difference {
    let near = |row: &&OrderRow| apart(order, row) <= APART_MAX_MICROS && strategy(other, row) == strategy(run, order);
    let same_place = |row: &&OrderRow| {
        condition(other, row) == condition(run, order) && (row.outcome, row.side) == (order.outcome, order.side)
    };
    let rows = other.orders.iter().filter(near).filter(same_place);
    let nearest = rows.min_by_key(|row| (apart(order, row), row.price.micros().abs_diff(order.price.micros())));
    let cause = match nearest {
        Some(row) if row.order == 0 => "the other run's gate refused it".to_owned(),
        Some(row) => format!("the other run placed {} at {}", row.size, row.price),
        None if ends_before(other, order.placed_at) => "the other run had ended".to_owned(),
        None => "the strategy did not ask for it in the other run".to_owned(),
    };
    let filled = fills(run, order).0;
    let (orders, filled) = if verdict == Verdict::Missing {
        ([Some(order.order), None], [filled, Size::ZERO])
    } else {
        ([None, Some(order.order)], [Size::ZERO, filled])
    };
    Difference { verdict, order: named(run, order), at: order.placed_at, orders, filled, cause }
}

fn ends_before(run: &RunData, at: Time) -> bool {
    run.description.span.1 < at
}
