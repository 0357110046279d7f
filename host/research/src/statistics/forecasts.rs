//! Brier scores of the strategies' fair values beside those of the market's own mid, and calibration.

use super::book::{Book, mid_micros};
use super::number::{count, length, mean, nine, ratio, units};
use crate::run::{MarketRow, RunData};
use model::{Side, Time};
use serde::Serialize;
use std::collections::BTreeMap;

/// Horizons before the end of a market: name and seconds.
const HORIZONS: [(&str, u64); 5] = [
    ("the last one", 0),
    ("1 min before", 60),
    ("10 min before", 600),
    ("1 h before", 3_600),
    ("1 day before", 86_400),
];
/// Bins of calibration.
const BINS: u32 = 10;
/// A dollar in micro-dollars.
const DOLLAR: i64 = 1_000_000;

/// Brier scores at a horizon: mean square of the difference between the forecast and the outcome. 0 is perfect, and
/// 0.25 what a forecast of one half always has.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Brier {
    /// The horizon before the market's end.
    pub horizon: &'static str,
    /// Resolved markets with a forecast.
    pub markets: u64,
    /// Score of the forecasts.
    pub score: Option<f64>,
    /// Markets in which the market's own mid was known at the time of the forecast.
    pub compared: u64,
    /// Score of the market's mid at the same moments, over these markets.
    pub market: Option<f64>,
    /// 1 - ours / market's, over these markets: above zero is better than the market.
    pub skill: Option<f64>,
}

/// Forecasts or prices in a range, and what happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CalibrationRow {
    /// Lower end of the range; it spans a tenth.
    pub from: f64,
    /// Forecasts, or fills.
    pub count: u64,
    /// Mean forecast, or mean price paid, weighted by shares.
    pub expected: Option<f64>,
    /// Share of the payouts.
    pub happened: Option<f64>,
}

/// Forecasts of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Forecasts {
    /// By horizon; without forecasts the scores are missing.
    pub brier: Vec<Brier>,
    /// The last forecast of each market.
    pub calibration: Vec<CalibrationRow>,
    /// Prices paid for shares that were bought, by price.
    pub bought: Vec<CalibrationRow>,
}

/// A forecast of the first token, and the market's mid at that time, both from 0 to 1.
#[derive(Debug, Clone, Copy)]
struct Forecast {
    ours: f64,
    market: Option<f64>,
    outcome: f64,
}

/// Returns scores and calibration.
pub(crate) fn forecasts(data: &RunData, book: &Book<'_>) -> Forecasts {
    let mut by_market: BTreeMap<u32, Vec<(Time, i64)>> = BTreeMap::new();
    for order in &data.orders {
        let Some(fair) = order.fair else { continue };
        let fair = if order.outcome == 0 { fair } else { fair.complement() };
        by_market.entry(order.market).or_default().push((order.placed_at, fair.micros().into()));
    }
    let end = data.description.span.1;
    let at = |seconds: u64| -> Vec<Forecast> {
        let found = by_market.iter().filter_map(|(market, given)| {
            let row = book.markets.get(market)?;
            forecast(row, given, seconds, end, book)
        });
        found.collect()
    };
    let brier = HORIZONS.iter().map(|(horizon, seconds)| brier(horizon, &at(*seconds))).collect();
    let last: Vec<(f64, f64, f64)> = at(0).iter().map(|found| (found.ours, 1.0, found.outcome)).collect();
    Forecasts { brier, calibration: calibration(&last), bought: calibration(&bought(data, book)) }
}

/// Returns the last forecast of a market that was given at least so long before its end; `None` if it is not resolved
/// to one outcome.
fn forecast(row: &MarketRow, given: &[(Time, i64)], seconds: u64, end: Time, book: &Book<'_>) -> Option<Forecast> {
    let pays = row.pays.filter(|pays| [0, DOLLAR].contains(&pays.0))?;
    let ends = [row.ends_at, row.resolved_at].into_iter().flatten().min().unwrap_or(end);
    let until = Time(ends.0.checked_sub(seconds.saturating_mul(1_000_000))?);
    let (at, micros) = given.iter().rev().find(|(at, _)| *at <= until)?;
    let market = book.top_at(row.market, *at).and_then(mid_micros).map(units);
    Some(Forecast { ours: units(*micros), market, outcome: units(pays.0) })
}

fn brier(horizon: &'static str, forecasts: &[Forecast]) -> Brier {
    let square = |forecast: f64, outcome: f64| (forecast - outcome) * (forecast - outcome);
    let ours: Vec<f64> = forecasts.iter().map(|found| square(found.ours, found.outcome)).collect();
    let compared: Vec<(f64, f64)> = forecasts
        .iter()
        .filter_map(|found| found.market.map(|mid| (square(found.ours, found.outcome), square(mid, found.outcome))))
        .collect();
    let (own, market): (Vec<f64>, Vec<f64>) = compared.into_iter().unzip();
    let market_score = mean(&market);
    let part = mean(&own).zip(market_score).and_then(|(own, market)| ratio(own, market));
    Brier {
        horizon,
        markets: u64::try_from(ours.len()).unwrap_or(u64::MAX),
        score: mean(&ours).and_then(nine),
        compared: u64::try_from(market.len()).unwrap_or(u64::MAX),
        market: market_score.and_then(nine),
        skill: part.and_then(|part| nine(1.0 - part)),
    }
}

/// Returns price, shares and payout of each share that was bought in a resolved market.
fn bought(data: &RunData, book: &Book<'_>) -> Vec<(f64, f64, f64)> {
    let buys = data.fills.iter().filter(|fill| fill.side == Side::Buy);
    let resolved = buys.filter_map(|fill| book.pays(fill.market, fill.outcome).map(|pays| (fill, pays)));
    resolved.map(|(fill, pays)| (units(fill.price.micros().into()), count(fill.size.0) / 1e6, units(pays.0))).collect()
}

/// Returns the rows of forecasts with weights and outcomes.
fn calibration(forecasts: &[(f64, f64, f64)]) -> Vec<CalibrationRow> {
    let rows = (0..BINS).map(|bin| {
        let (from, to) = (f64::from(bin) / f64::from(BINS), f64::from(bin.saturating_add(1)) / f64::from(BINS));
        let inside: Vec<_> = forecasts.iter().filter(|(forecast, ..)| (from..to).contains(forecast)).collect();
        let weight: f64 = inside.iter().map(|(_, weight, _)| weight).sum();
        CalibrationRow {
            from,
            count: u64::try_from(inside.len()).unwrap_or(u64::MAX),
            expected: ratio(inside.iter().map(|(forecast, weight, _)| forecast * weight).sum(), weight),
            happened: ratio(inside.iter().map(|(_, weight, outcome)| weight * outcome).sum(), weight),
        }
    });
    // A mean of nothing has no row.
    rows.filter(|row| length(usize::try_from(row.count).unwrap_or_default()) > 0.0).collect()
}
