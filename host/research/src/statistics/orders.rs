//! Orders by state, the queue, and the shares of maker and taker fills.

use super::entries::dollars;
use super::number::{count, length, quantile, ratio, units};
use crate::run::{OrderRow, RunData};
use model::Size;
use serde::Serialize;
use std::collections::BTreeMap;

/// Statistics of orders. Money is in dollars.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Orders {
    /// Orders by final state; refused intents are not orders of the venue.
    pub states: Vec<(String, u64)>,
    /// Filled shares over ordered shares, of all orders.
    pub fill_rate: Option<f64>,
    /// Fills as maker.
    pub maker: Role,
    /// Fills as taker.
    pub taker: Role,
    /// Maker's part of the traded dollars.
    pub maker_share: Option<f64>,
    /// Orders that rested, by the depth ahead of them at their arrival.
    pub queue: Vec<QueueRow>,
    /// Median of the seconds from placing to the first fill, of orders that rested.
    pub wait_median_s: Option<f64>,
}

/// Fills as maker or as taker.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Role {
    /// Number.
    pub fills: u64,
    /// Traded dollars.
    pub turnover: f64,
    /// Fees in dollars.
    pub fees: f64,
}

/// Resting orders with a similar depth ahead.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct QueueRow {
    /// The depth ahead, as a multiple of the order's own size.
    pub ahead: &'static str,
    /// Orders.
    pub orders: u64,
    /// Orders that were filled completely.
    pub filled: u64,
    /// Orders that were filled in part.
    pub partly: u64,
    /// Mean depth ahead in shares.
    pub ahead_mean: Option<f64>,
    /// Filled shares over ordered shares.
    pub fill_rate: Option<f64>,
}

/// Classes of depth ahead.
const CLASSES: [&str; 4] = ["none", "up to its size", "up to 10 times", "more"];

fn class(order: &OrderRow, ahead: Size) -> usize {
    match ahead.0 {
        0 => 0,
        ahead if ahead <= order.size.0 => 1,
        ahead if ahead <= order.size.0.saturating_mul(10) => 2,
        _ => 3,
    }
}

/// Returns the statistics of orders.
pub(crate) fn orders(data: &RunData) -> Orders {
    let placed = || data.orders.iter().filter(|order| order.order != 0);
    let mut states: BTreeMap<&str, u64> = BTreeMap::new();
    for order in placed() {
        let count = states.entry(order.state.as_str()).or_default();
        *count = count.saturating_add(1);
    }
    let (maker, taker) = (role(data, true), role(data, false));
    let maker_share = ratio(maker.turnover, maker.turnover + taker.turnover);
    Orders {
        states: states.into_iter().map(|(state, count)| (state.to_owned(), count)).collect(),
        fill_rate: fill_rate(placed()),
        maker_share,
        maker,
        taker,
        queue: (0..CLASSES.len()).map(|number| queue_row(data, number)).collect(),
        wait_median_s: wait_median(data),
    }
}

fn role(data: &RunData, maker: bool) -> Role {
    let (mut fills, mut turnover, mut fees) = (0_u64, 0_i64, 0_i64);
    for fill in data.fills.iter().filter(|fill| fill.maker == maker) {
        fills = fills.saturating_add(1);
        turnover = turnover.saturating_add(dollars(fill).0);
        fees = fees.saturating_add(fill.fee.0);
    }
    Role { fills, turnover: units(turnover), fees: units(fees) }
}

fn fill_rate<'o>(orders: impl Iterator<Item = &'o OrderRow>) -> Option<f64> {
    let sum = |(filled, size): (u64, u64), order: &OrderRow| {
        (filled.saturating_add(order.filled.0), size.saturating_add(order.size.0))
    };
    let (filled, size) = orders.fold((0, 0), sum);
    ratio(count(filled), count(size))
}

fn queue_row(data: &RunData, number: usize) -> QueueRow {
    let rested = || {
        let rested = data.orders.iter().filter(|order| order.order != 0);
        rested
            .filter_map(|order| order.ahead.map(|ahead| (order, ahead)))
            .filter(|(order, ahead)| class(order, *ahead) == number)
    };
    let orders = rested().count();
    let ahead: u64 = rested().fold(0, |sum: u64, (_, ahead)| sum.saturating_add(ahead.0));
    let count_of = |wanted: fn(&OrderRow) -> bool| {
        u64::try_from(rested().filter(|(order, _)| wanted(order)).count()).unwrap_or(u64::MAX)
    };
    QueueRow {
        ahead: CLASSES.get(number).copied().unwrap_or_default(),
        orders: u64::try_from(orders).unwrap_or(u64::MAX),
        filled: count_of(|order| order.filled >= order.size),
        partly: count_of(|order| !order.filled.is_zero() && order.filled < order.size),
        ahead_mean: ratio(count(ahead) / 1e6, length(orders)),
        fill_rate: fill_rate(rested().map(|(order, _)| order)),
    }
}

fn wait_median(data: &RunData) -> Option<f64> {
    let mut first = BTreeMap::new();
    for fill in &data.fills {
        first.entry(fill.order).or_insert(fill.at);
    }
    let rested = data.orders.iter().filter(|order| order.order != 0 && order.ahead.is_some());
    let waits = rested.filter_map(|order| first.get(&order.order).map(|at| count(at.since(order.placed_at)) / 1e6));
    let mut waits: Vec<f64> = waits.collect();
    waits.sort_by(f64::total_cmp);
    quantile(&waits, 500)
}
