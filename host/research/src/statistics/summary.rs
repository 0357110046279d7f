//! Figures of a run by name.

use super::Parts;
use super::number::{nine, units};
use super::ratios::DAYS_A_YEAR;
use crate::run::RunData;
use serde::Serialize;

/// Figures of a run. Their names are the lines of comparisons, and most are objectives of sweeps (docs/reports.md names the
/// two that differ). Money is in dollars; a figure is `None` where there are too few observations for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Profit with open positions at the bid with size.
    pub profit: f64,
    /// Profit with open positions at zero.
    pub profit_at_zero: f64,
    /// Profit with open positions at their outcome; unresolved ones at the bid.
    pub profit_at_outcome: f64,
    /// Realised profit after fees.
    pub realised: f64,
    /// Fees.
    pub fees: f64,
    /// Maker rebates, not part of any profit.
    pub rebates: f64,
    /// Liquidity rewards, not part of any profit.
    pub rewards: f64,
    /// Traded dollars.
    pub turnover: f64,
    /// Largest fall of the equity at the bid from its peak.
    pub drawdown: f64,
    /// Events processed.
    pub events: u64,
    /// Intents of all strategies.
    pub intents: u64,
    /// Approved orders.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Refused intents.
    pub refusals: u64,
    /// Traded event groups.
    pub groups: u64,
    /// Mean over standard deviation of the profit of an event group.
    pub sharpe: Option<f64>,
    /// Mean over downside deviation of the profit of an event group.
    pub sortino: Option<f64>,
    /// Share of event groups with a profit.
    pub win_rate: Option<f64>,
    /// 5 % of the bootstrap's resamples have at most this profit.
    pub profit_low: Option<f64>,
    /// 95 % of the bootstrap's resamples have at most this profit.
    pub profit_high: Option<f64>,
    /// UTC days.
    pub days: u64,
    /// Mean over standard deviation of the daily profit, times the root of 365.
    pub sharpe_daily: Option<f64>,
    /// Annualised profit over drawdown, for runs above 30 days.
    pub calmar: Option<f64>,
    /// Locked capital over time in dollars times days.
    pub dollar_days: f64,
    /// Profit for each locked dollar and day.
    pub return_per_dollar_day: Option<f64>,
    /// The same for a year, for runs above 30 days.
    pub annualised: Option<f64>,
    /// Largest worst-case loss.
    pub exposure_max: f64,
    /// Mean markout of a share 1 s after its fill.
    pub markout_1s: Option<f64>,
    /// Mean markout of a share 5 s after its fill.
    pub markout_5s: Option<f64>,
    /// Mean markout of a share 30 s after its fill.
    pub markout_30s: Option<f64>,
    /// Mean markout of a share 60 s after its fill.
    pub markout_60s: Option<f64>,
    /// Mean markout of a share at the resolution.
    pub markout_resolution: Option<f64>,
    /// Maker's part of the traded dollars.
    pub maker_share: Option<f64>,
    /// Filled shares over ordered shares.
    pub fill_rate: Option<f64>,
    /// Brier score of the last forecast of each market.
    pub brier: Option<f64>,
    /// Brier score of the market's own mid at the same moments.
    pub brier_market: Option<f64>,
    /// 1 - ours / market's.
    pub brier_skill: Option<f64>,
}

impl Summary {
    /// Returns all figures with their names.
    pub fn figures(&self) -> Vec<(String, Option<f64>)> {
        let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(self) else { return Vec::new() };
        fields.into_iter().map(|(name, value)| (name, value.as_f64())).collect()
    }

    /// Returns a figure by its name; `None` if there is none of the name, or if it has no value.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures().into_iter().find(|(known, _)| known == name)?.1
    }
}

/// Returns the figures.
pub(super) fn of(data: &RunData, parts: &Parts) -> Summary {
    let totals = &data.description.totals;
    let markout = |horizon: usize| {
        let all = parts.markouts.iter().find(|markouts| markouts.of == "all")?;
        all.horizons.get(horizon)?.per_share
    };
    let brier = parts.forecasts.brier.first().cloned().unwrap_or_default();
    Summary {
        profit: units(totals.profit_at_bid.0),
        profit_at_zero: units(totals.profit_at_zero.0),
        profit_at_outcome: units(totals.profit_at_outcome.0),
        realised: units(totals.realised.0),
        fees: units(totals.fees.0),
        rebates: units(totals.rebates.0),
        rewards: units(totals.rewards.0),
        turnover: units(totals.turnover.0),
        drawdown: parts.capital.drawdown,
        events: totals.events,
        intents: totals.intents,
        orders: totals.orders,
        fills: totals.fills,
        refusals: totals.refusals,
        groups: parts.groups.units,
        sharpe: parts.groups.sharpe,
        sortino: parts.groups.sortino,
        win_rate: parts.groups.win_rate,
        profit_low: parts.bootstrap.as_ref().map(|bootstrap| bootstrap.low),
        profit_high: parts.bootstrap.as_ref().map(|bootstrap| bootstrap.high),
        days: parts.days.units,
        sharpe_daily: parts.days.sharpe.and_then(|sharpe| nine(sharpe * libm::sqrt(DAYS_A_YEAR))),
        calmar: parts.capital.calmar,
        dollar_days: parts.capital.dollar_days,
        return_per_dollar_day: parts.capital.return_per_dollar_day,
        annualised: parts.capital.annualised,
        exposure_max: parts.capital.exposure_max,
        markout_1s: markout(1),
        markout_5s: markout(2),
        markout_30s: markout(3),
        markout_60s: markout(4),
        markout_resolution: markout(5),
        maker_share: parts.orders.maker_share,
        fill_rate: parts.orders.fill_rate,
        brier: brier.score,
        brier_market: brier.market,
        brier_skill: brier.skill,
    }
}
