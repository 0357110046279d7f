//! Charts of the busiest markets: the top of the book with the fills, and the inventory.

use super::{Chart, Line, Marks, Shape, Style, differences, maybe_differences};
use crate::report::thin::thin;
use crate::run::{FillRow, MarketRow, RunData};
use crate::statistics::{Book, Position};
use model::{Side, Time};
use std::collections::BTreeMap;

/// Number of markets with charts.
pub(crate) const BUSIEST: usize = 20;
/// Most fills in the charts of all markets together. Fills are never thinned: a market that would exceed this has no
/// chart, and the page says so.
pub(crate) const MARKS_MAX: usize = 60_000;
/// Prices are whole multiples of 100 micro-dollars on every grid of the venue.
const PRICE_UNIT: i64 = 100;

/// Returns the markets with the most fills, the busiest first.
pub(crate) fn busiest(data: &RunData) -> Vec<(&MarketRow, Vec<&FillRow>)> {
    let mut fills: BTreeMap<u32, Vec<&FillRow>> = BTreeMap::new();
    for fill in &data.fills {
        fills.entry(fill.market).or_default().push(fill);
    }
    let rows: BTreeMap<u32, &MarketRow> = data.markets.iter().map(|market| (market.market, market)).collect();
    let mut markets: Vec<_> =
        fills.into_iter().filter_map(|(market, fills)| rows.get(&market).map(|row| (*row, fills))).collect();
    markets.sort_by_key(|(market, fills)| (std::cmp::Reverse(fills.len()), market.market));
    markets.truncate(BUSIEST);
    markets
}

/// Returns the charts of a market: prices with fills, and inventory.
pub(crate) fn of_market(book: &Book<'_>, market: &MarketRow, fills: &[&FillRow]) -> [Chart; 2] {
    let tops = book.tops(market.market);
    let value = |row: usize, ask: bool| {
        let top = tops.get(row)?;
        (if ask { top.ask } else { top.bid }).map(|price| i64::from(price.micros()) / PRICE_UNIT)
    };
    let kept = thin(tops.len(), &[&|row| value(row, false), &|row| value(row, true)]);
    let millis = |row: usize| tops.get(row).map_or(0, |top| millis(top.at));
    let line = |label: &str, style, ask| Line {
        label: label.to_owned(),
        style,
        stepped: true,
        filled: false,
        y: maybe_differences(kept.iter().map(|row| value(*row, ask))),
    };
    let times = || fills.iter().map(|fill| fill.at).chain(tops.iter().map(|top| top.at)).map(self::millis);
    let span = times().min().zip(times().max()).map(|(first, last)| [first, last]);
    let prices = Chart {
        id: format!("market-{}", market.market),
        title: "Best bid and ask of the first outcome, and fills".to_owned(),
        unit: "price",
        x_kind: "time",
        steps: Vec::new(),
        scale: 10_000,
        height: 220,
        x: differences(kept.iter().map(|row| millis(*row))),
        lines: vec![line("best ask", Style::Second, true), line("best bid", Style::Main, false)],
        marks: marks(fills),
        span,
    };
    [prices, inventory(market, fills, span)]
}

fn millis(at: Time) -> i64 {
    i64::try_from(at.millis()).unwrap_or(0)
}

/// Returns the fills at prices of the first outcome: the price of the second one is its complement.
fn marks(fills: &[&FillRow]) -> Vec<Marks> {
    let of = |label, shape, side: Side, outcome: u8| {
        let fills = || fills.iter().filter(|fill| fill.side == side && fill.outcome == outcome);
        let price = |fill: &&&FillRow| {
            let price = if outcome == 0 { fill.price } else { fill.price.complement() };
            i64::from(price.micros()) / PRICE_UNIT
        };
        Marks {
            label,
            shape,
            x: differences(fills().map(|fill| millis(fill.at))),
            y: maybe_differences(fills().map(|fill| Some(price(&fill)))),
        }
    };
    let all = [
        of("bought first outcome", Shape::Up, Side::Buy, 0),
        of("sold first outcome", Shape::Down, Side::Sell, 0),
        of("bought second outcome (at 1 \u{2212} price)", Shape::HollowDown, Side::Buy, 1),
        of("sold second outcome (at 1 \u{2212} price)", Shape::HollowUp, Side::Sell, 1),
    ];
    all.into_iter().filter(|marks| !marks.x.is_empty()).collect()
}

/// Returns the shares of both outcomes over time, a point for each fill.
fn inventory(market: &MarketRow, fills: &[&FillRow], span: Option<[i64; 2]>) -> Chart {
    let mut held = [Position::default(), Position::default()];
    let mut points: Vec<(i64, [i64; 2])> = Vec::with_capacity(fills.len());
    for fill in fills {
        if let Some(position) = held.get_mut(usize::from(fill.outcome)) {
            position.apply(fill);
        }
        // In thousandths of a share.
        let shares = held.map(|position| i64::try_from(position.shares / 1_000).unwrap_or(0));
        points.push((millis(fill.at), shares));
    }
    // The last inventory stays to the end of the chart.
    points.extend(points.last().copied().zip(span).map(|((_, shares), [_, last])| (last, shares)));
    let value = |row: usize, outcome: usize| points.get(row).and_then(|(_, shares)| shares.get(outcome)).copied();
    let kept = thin(points.len(), &[&|row| value(row, 0), &|row| value(row, 1)]);
    let time = |row: usize| points.get(row).map_or(0, |(at, _)| *at);
    let line = |label: &str, style, outcome| Line {
        label: label.to_owned(),
        style,
        stepped: true,
        filled: false,
        y: maybe_differences(kept.iter().map(|row| value(*row, outcome))),
    };
    let mut lines = vec![line("shares of the first outcome", Style::Main, 0)];
    if fills.iter().any(|fill| fill.outcome != 0) {
        lines.push(line("shares of the second outcome", Style::Second, 1));
    }
    Chart {
        id: format!("inventory-{}", market.market),
        title: "Inventory in shares".to_owned(),
        unit: "shares",
        x_kind: "time",
        steps: Vec::new(),
        scale: 1_000,
        height: 110,
        x: differences(kept.iter().map(|row| time(*row))),
        lines,
        marks: Vec::new(),
        span,
    }
}
