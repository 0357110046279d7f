//! The statistics by name, each with a sentence on its meaning for binary payoffs.

use crate::report::html::{maybe, money, number, percent, signed, table};
use crate::statistics::{ANNUALISED_FROM_DAYS, Statistics, Summary, UNITS_MIN};

/// A figure: its name in [`Summary`], its label, how it is written, and its meaning.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) write: fn(f64) -> String,
    meaning: &'static str,
}

const fn figure(name: &'static str, label: &'static str, write: fn(f64) -> String, meaning: &'static str) -> Figure {
    Figure { name, label, write, meaning }
}

fn cents(value: f64) -> String {
    format!("{} ¢", number(value * 100.0))
}

/// All figures of the table, in its order.
pub(crate) const FIGURES: &[Figure] = &[
    figure(
        "profit",
        "Profit at the bid",
        signed,
        "What selling every open share at the bid would leave. Shares pay 0 or 1, so it can still end at either bound.",
    ),
    figure(
        "profit_at_zero",
        "Profit at zero",
        signed,
        "The profit if every open share loses; for a book of longshots this is the likely end.",
    ),
    figure(
        "profit_at_outcome",
        "Profit at outcome",
        signed,
        "The profit with the payouts that the tape knows, also those after the end of the run; unresolved shares at the bid.",
    ),
    figure(
        "realised",
        "Realised profit",
        signed,
        "Profit of sold and paid shares after fees. It ignores losers that are still held.",
    ),
    figure(
        "turnover",
        "Turnover",
        money,
        "Traded dollars. Dollars count, not shares: a share at 0.02 and one at 0.98 are different bets.",
    ),
    figure("fees", "Fees", money, "Taker fees are largest at a price of one half and vanish near 0 and 1."),
    figure(
        "rebates",
        "Maker rebates",
        money,
        "Paid by the venue for resting orders; never inside a profit here, because a programme can end.",
    ),
    figure("rewards", "Liquidity rewards", money, "An estimate from the visible book; never inside a profit here."),
    figure(
        "drawdown",
        "Largest drawdown",
        money,
        "The largest fall of the equity at the bid. A binary share can lose its whole price in one resolution, so drawdowns come in steps.",
    ),
    figure(
        "calmar",
        "Calmar ratio",
        number,
        "Annualised profit over the largest drawdown, only for runs above 30 days.",
    ),
    figure(
        "groups",
        "Event groups",
        number,
        "Traded groups of markets that are decided together. They, not trades, are the independent bets.",
    ),
    figure(
        "sharpe",
        "Sharpe ratio by event group",
        number,
        "Mean over deviation of the profit of a group, not annualised. Times the root of the number of groups it is the t-value of the profit.",
    ),
    figure(
        "sortino",
        "Sortino ratio by event group",
        number,
        "As the Sharpe ratio, but only losses count as deviation; sellers of longshots look good in both until one pays.",
    ),
    figure(
        "win_rate",
        "Event groups won",
        percent,
        "Buying at 0.90 wins nine times in ten without any skill: compare it with the prices paid (calibration).",
    ),
    figure(
        "profit_low",
        "Profit, 5 % of the bootstrap",
        signed,
        "Total profit if the events had come out as a random draw of the same kind: one in twenty draws is at or below this.",
    ),
    figure(
        "profit_high",
        "Profit, 95 % of the bootstrap",
        signed,
        "As above: one in twenty draws is above this. An interval that contains zero does not show skill.",
    ),
    figure("days", "Days", number, "UTC days with equity."),
    figure(
        "sharpe_daily",
        "Sharpe ratio by day, annualised",
        number,
        "Times the root of 365. Days are not independent while a market is open over several, so it is secondary.",
    ),
    figure(
        "dollar_days",
        "Locked dollar-days",
        number,
        "Cost of open positions and cash of open orders over time. Money in a market earns nothing until it resolves.",
    ),
    figure(
        "return_per_dollar_day",
        "Return per dollar-day",
        percent,
        "Profit at the bid for each locked dollar and day; it makes a week-long bet comparable with a 5-minute one.",
    ),
    figure(
        "annualised",
        "Annualised return",
        percent,
        "Return per dollar-day times 365, only for runs above 30 days: a good week has no year.",
    ),
    figure(
        "exposure_max",
        "Largest worst-case loss",
        money,
        "What all outcomes together could have cost at the worst moment; with binary payoffs this loss is possible, not theoretical.",
    ),
    figure("fill_rate", "Filled share of orders", percent, "Filled shares over ordered shares."),
    figure("maker_share", "Maker share", percent, "Resting orders' part of the traded dollars; the rest is taker."),
    figure(
        "markout_1s",
        "Markout after 1 s",
        cents,
        "Price change a share after the fill, from our side, before fees. Negative at once: the quotes were picked off.",
    ),
    figure("markout_5s", "Markout after 5 s", cents, "As above."),
    figure("markout_30s", "Markout after 30 s", cents, "As above."),
    figure("markout_60s", "Markout after 60 s", cents, "As above."),
    figure(
        "markout_resolution",
        "Markout at resolution",
        cents,
        "Payout less price a share: the final judgement, with the deviation of a coin; it needs many events.",
    ),
    figure(
        "brier",
        "Brier score",
        number,
        "Mean square error of the last forecast of each resolved market: 0 is perfect, 0.25 what always saying 50 % gives.",
    ),
    figure(
        "brier_market",
        "Brier score of the market",
        number,
        "The same for the market's own mid price at the same moments. A forecast that does not beat it has no edge to trade.",
    ),
    figure(
        "brier_skill",
        "Brier skill",
        number,
        "1 less the ratio of both scores: above zero is better than the market.",
    ),
];

/// Returns the table.
pub(crate) fn figures(statistics: &Statistics) -> String {
    let rows: Vec<Vec<String>> = FIGURES
        .iter()
        .map(|figure| {
            let value = statistics.summary.value(figure.name);
            let value = value.map_or_else(|| absent(figure.name, &statistics.summary), figure.write);
            vec![figure.label.to_owned(), value, figure.meaning.to_owned()]
        })
        .collect();
    let loss = statistics.bootstrap.as_ref().map(|bootstrap| bootstrap.loss_probability);
    let note = format!(
        "<p>{} of {} resamples of whole event groups end without a profit. Ratios and the bootstrap need {UNITS_MIN} event \
         groups, annualised figures more than {ANNUALISED_FROM_DAYS} days.</p>",
        maybe(loss, percent),
        statistics.bootstrap.as_ref().map_or(0, |bootstrap| bootstrap.resamples)
    );
    let table = table("Figures of the run by name", &["figure", "value", "meaning for binary payoffs"], &rows);
    note + &table.replace("<table>", "<table class=\"explained\">")
}

/// Returns the reason why a figure has no value.
fn absent(name: &str, summary: &Summary) -> String {
    let groups = usize::try_from(summary.groups).is_ok_and(|groups| groups < UNITS_MIN);
    let days = usize::try_from(summary.days).is_ok_and(|days| days < UNITS_MIN);
    let reason = match name {
        "sharpe" | "sortino" | "profit_low" | "profit_high" if groups => "too few",
        "sharpe_daily" if days => "too few",
        "calmar" | "annualised" => "too short",
        "brier" | "brier_market" | "brier_skill" => "no forecasts",
        "markout_resolution" => "none resolved",
        _ => "–",
    };
    format!("<span class=\"none\">{reason}</span>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_explained_figure_exists_and_has_a_sentence() {
        let names: Vec<String> = Summary::default().figures().into_iter().map(|(name, _)| name).collect();
        for figure in FIGURES {
            assert!(names.iter().any(|name| name == figure.name), "{}", figure.name);
            assert!(figure.meaning.ends_with('.'), "{}", figure.name);
        }
        // Counts that explain themselves are in the tiles only.
        let others = ["events", "fills", "intents", "orders", "refusals"];
        let unexplained: Vec<_> =
            names.iter().filter(|name| FIGURES.iter().all(|figure| figure.name != **name)).collect();
        assert_eq!(unexplained, others);
    }
}
