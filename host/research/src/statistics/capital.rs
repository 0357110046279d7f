//! Equity at the bid, its drawdown, and the capital that was locked.

use super::number::{count, nine, ratio, units};
use super::ratios::DAYS_A_YEAR;
use crate::run::{EquityRow, RunData};
use model::time::DAY_MICROS;
use model::{Time, Usd};
use serde::Serialize;

/// Shorter runs are not annualised.
pub const ANNUALISED_FROM_DAYS: u64 = 30;

/// Capital and its use. Money is in dollars.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Capital {
    /// Largest fall of the equity at the bid from its peak.
    pub drawdown: f64,
    /// Longest time below an earlier peak, in seconds.
    pub under_water_s: u64,
    /// Largest locked capital: cost of open positions and cash of open orders.
    pub locked_max: f64,
    /// Locked capital integrated over time, in dollars times days.
    pub dollar_days: f64,
    /// Profit at the bid for each locked dollar and day.
    pub return_per_dollar_day: Option<f64>,
    /// The same for a year; only for runs above [`ANNUALISED_FROM_DAYS`].
    pub annualised: Option<f64>,
    /// Largest worst-case loss, as the gate counts it.
    pub exposure_max: f64,
    /// Mean of the worst-case loss over time.
    pub exposure_mean: Option<f64>,
    /// Annualised profit over drawdown; only for runs above [`ANNUALISED_FROM_DAYS`].
    pub calmar: Option<f64>,
}

/// Returns the equity at the bid.
pub(crate) fn equity(row: &EquityRow) -> Usd {
    row.cash.saturating_add(row.positions)
}

/// Returns the locked capital: cash of open orders, and the cost of open positions, which is the part of the start's
/// cash and of the realised profit that is not cash. The payout of a resolved market counts until it arrives.
pub(crate) fn locked(row: &EquityRow, start: Usd) -> Usd {
    let cost = start.saturating_add(row.realised).saturating_sub(row.cash);
    row.locked.saturating_add(cost.max(Usd::ZERO))
}

/// Returns true for a run that is long enough to be annualised.
pub(crate) fn is_long(data: &RunData) -> bool {
    let (first, last) = data.description.span;
    last.since(first) > ANNUALISED_FROM_DAYS.saturating_mul(DAY_MICROS)
}

/// Returns capital figures of a run.
pub(crate) fn capital(data: &RunData) -> Capital {
    let start = data.description.cash;
    let (first, last) = data.description.span;
    let (drawdown, under_water) = falls(&data.equity, start, first);
    let drawdown = drawdown.max(data.description.totals.drawdown);
    let (mut dollar_days, mut exposure_days) = (0.0, 0.0);
    for (row, next) in data.equity.iter().zip(data.equity.iter().skip(1)) {
        let days = count(next.at.since(row.at)) / count(DAY_MICROS);
        dollar_days += units(locked(row, start).0) * days;
        exposure_days += units(row.exposure.0) * days;
    }
    let days = count(last.since(first)) / count(DAY_MICROS);
    let profit = units(data.description.totals.profit_at_bid.0);
    let per_day = ratio(profit, dollar_days);
    let yearly = |value: f64| nine(value * DAYS_A_YEAR);
    Capital {
        drawdown: units(drawdown.0),
        under_water_s: under_water / 1_000_000,
        locked_max: units(data.equity.iter().map(|row| locked(row, start).0).max().unwrap_or(0)),
        dollar_days: nine(dollar_days).unwrap_or_default(),
        return_per_dollar_day: per_day,
        annualised: per_day.filter(|_| is_long(data)).and_then(yearly),
        exposure_max: units(data.equity.iter().map(|row| row.exposure.0).max().unwrap_or(0)),
        exposure_mean: ratio(exposure_days, days),
        calmar: ratio(profit * DAYS_A_YEAR / days.max(f64::MIN_POSITIVE), units(drawdown.0)).filter(|_| is_long(data)),
    }
}

/// Returns the largest fall from a peak, and the longest time below one in microseconds. The start counts as a peak.
fn falls(rows: &[EquityRow], start: Usd, first: Time) -> (Usd, u64) {
    let (mut peak, mut peak_at, mut fall, mut longest) = (start, first, Usd::ZERO, 0);
    for row in rows {
        let now = equity(row);
        if now >= peak {
            (peak, peak_at) = (now, row.at);
        } else {
            fall = fall.max(peak.saturating_sub(now));
            longest = row.at.since(peak_at).max(longest);
        }
    }
    (fall, longest)
}
