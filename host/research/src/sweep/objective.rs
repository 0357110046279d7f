//! The score of a trial: a named figure, or an expression over figures. Scores are computed by the leader from the rows,
//! over all event groups or over those of a split.

mod expression;

use super::job::{GroupRow, HORIZONS, TrialRow};
use super::{nine_digits, real, units};
use anyhow::bail;
use expression::Expression;
use model::{Time, Usd};

/// Figures that the leader computes from event groups; a split has these only.
const OF_GROUPS: [&str; 14] = [
    "profit",
    "fees",
    "turnover",
    "fills",
    "groups",
    "win_rate",
    "sharpe",
    "sortino",
    "drawdown",
    "calmar",
    "markout_1s",
    "markout_5s",
    "markout_30s",
    "markout_60s",
];
/// Other figures of the report that an expression may use.
const OF_REPORT: [&str; 21] = [
    "profit_at_bid",
    "profit_at_zero",
    "realised",
    "rebates",
    "rewards",
    "events",
    "intents",
    "orders",
    "refusals",
    "sharpe_daily",
    "dollar_days",
    "return_per_dollar_day",
    "annualised",
    "markout_resolution",
    "maker_share",
    "fill_rate",
    "brier",
    "brier_market",
    "brier_skill",
    "profit_low",
    "profit_high",
];
/// Fewest event groups for a ratio of mean and deviation.
pub const GROUPS_MIN: usize = 30;
/// The horizon of `markout`, in seconds.
const MARKOUT: &str = "markout_30s";
/// The smallest drawdown that profit is divided by, in dollars.
const DRAWDOWN_MIN: f64 = 0.01;

/// A score.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    text: String,
    expression: Expression,
}

impl Objective {
    /// Reads `profit`, `sharpe`, `calmar`, `markout`, or an expression such as `profit - 2 * drawdown`.
    ///
    /// # Errors
    /// Names the place of the error and what was expected there.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let expression = Expression::parse(text)?;
        for name in expression.names() {
            if name != "markout" && !OF_GROUPS.contains(&name) && !OF_REPORT.contains(&name) {
                let known = [&["markout"], OF_GROUPS.as_slice(), OF_REPORT.as_slice()].concat().join(", ");
                bail!("`{name}` is not a figure, expected one of: {known}");
            }
        }
        Ok(Self { text: text.to_owned(), expression })
    }

    /// Returns the text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the figure that splits do not have, if it uses one.
    pub fn beyond_groups(&self) -> Option<&str> {
        self.expression.names().into_iter().find(|name| *name != "markout" && !OF_GROUPS.contains(name))
    }

    /// Returns whether the objective is the Sharpe ratio.
    pub fn is_sharpe(&self) -> bool {
        self.text.trim() == "sharpe"
    }

    /// Returns the score of a trial; `None` if it failed, or a figure has too few values.
    pub fn of_row(&self, row: &TrialRow) -> Option<f64> {
        let groups: Vec<&GroupRow> = row.groups.iter().collect();
        let figures = Figures::new(groups, Some(row));
        self.expression.value(&|name| figures.value(name)).and_then(nine_digits)
    }

    /// Returns the score of some event groups of a trial.
    pub fn of_groups(&self, groups: Vec<&GroupRow>) -> Option<f64> {
        let figures = Figures::new(groups, None);
        self.expression.value(&|name| figures.value(name)).and_then(nine_digits)
    }
}

/// Returns the profits in dollars.
pub(crate) fn profits(groups: &[&GroupRow]) -> Vec<f64> {
    groups.iter().map(|group| units(group.profit.micros())).collect()
}

/// Returns the ratio of mean and deviation of profits; `None` for fewer than [`GROUPS_MIN`] values or without deviation.
pub fn sharpe(profits: &[f64]) -> Option<f64> {
    if profits.len() < GROUPS_MIN {
        return None;
    }
    ratio(profits)
}

/// As [`sharpe`], from two values on.
#[allow(clippy::float_arithmetic, reason = "a statistic")]
pub(crate) fn ratio(profits: &[f64]) -> Option<f64> {
    let count = real(profits.len());
    if count < 2.0 {
        return None;
    }
    let mean = profits.iter().sum::<f64>() / count;
    let squares: f64 = profits.iter().map(|profit| (profit - mean).powi(2)).sum();
    let deviation = (squares / (count - 1.0)).sqrt();
    (deviation > 1e-12).then(|| mean / deviation)
}

/// Figures of event groups, and those of the whole trial where all groups are meant.
struct Figures<'r> {
    groups: Vec<&'r GroupRow>,
    whole: Option<&'r TrialRow>,
}

impl<'r> Figures<'r> {
    fn new(mut groups: Vec<&'r GroupRow>, whole: Option<&'r TrialRow>) -> Self {
        // By time, so that the drawdown is that of the account.
        groups.sort_by(|one, other| (one.last, &one.group).cmp(&(other.last, &other.group)));
        Self { groups, whole }
    }

    fn value(&self, name: &str) -> Option<f64> {
        let name = if name == "markout" { MARKOUT } else { name };
        let sum = |amount: fn(&GroupRow) -> Usd| {
            let sum = self.groups.iter().fold(Usd::ZERO, |sum, group| sum.saturating_add(amount(group)));
            Some(units(sum.micros()))
        };
        match name {
            "profit" => sum(|group| group.profit),
            "fees" => sum(|group| group.fees),
            "turnover" => sum(|group| group.turnover),
            "fills" => self
                .groups
                .iter()
                .try_fold(0_usize, |fills, group| fills.checked_add(usize::try_from(group.fills).ok()?))
                .map(real),
            "groups" => Some(real(self.groups.len())),
            "win_rate" => self.win_rate(),
            // A split only ranks trials, for which any number of groups will do.
            "sharpe" if self.whole.is_none() => ratio(&profits(&self.groups)),
            "sharpe" => sharpe(&profits(&self.groups)),
            "sortino" => sortino(&profits(&self.groups), if self.whole.is_none() { 2 } else { GROUPS_MIN }),
            "drawdown" => Some(self.drawdown()),
            "calmar" => Some(self.calmar()),
            _ => match HORIZONS.iter().position(|seconds| name == format!("markout_{seconds}s")) {
                Some(horizon) => self.markout(horizon),
                None => self.of_report(name),
            },
        }
    }

    fn of_report(&self, name: &str) -> Option<f64> {
        let row = self.whole?;
        let count = |count: u64| Some(real(usize::try_from(count).unwrap_or(usize::MAX)));
        match name {
            "profit_at_bid" => Some(units(row.totals.profit_at_bid.micros())),
            "profit_at_zero" => Some(units(row.totals.profit_at_zero.micros())),
            "realised" => Some(units(row.totals.realised.micros())),
            "rebates" => Some(units(row.totals.rebates.micros())),
            "rewards" => Some(units(row.totals.rewards.micros())),
            "events" => count(row.totals.events),
            "intents" => count(row.totals.intents),
            "orders" => count(row.totals.orders),
            "refusals" => count(row.totals.refusals),
            other => row.figures.get(other).copied(),
        }
    }

    #[allow(clippy::float_arithmetic, reason = "a statistic")]
    fn win_rate(&self) -> Option<f64> {
        let won = self.groups.iter().filter(|group| group.profit > Usd::ZERO).count();
        (!self.groups.is_empty()).then(|| real(won) / real(self.groups.len()))
    }

    /// Returns the drawdown of the account for a whole trial, and otherwise that of the groups' profits one after
    /// another.
    #[allow(clippy::float_arithmetic, reason = "a statistic")]
    fn drawdown(&self) -> f64 {
        if let Some(row) = self.whole {
            return units(row.totals.drawdown.micros());
        }
        let (mut sum, mut peak, mut worst) = (0.0_f64, 0.0_f64, 0.0_f64);
        for profit in profits(&self.groups) {
            sum += profit;
            peak = peak.max(sum);
            worst = worst.max(peak - sum);
        }
        worst
    }

    /// Returns profit over drawdown; not annualised, because all trials of a sweep have the same time.
    #[allow(clippy::float_arithmetic, reason = "a statistic")]
    fn calmar(&self) -> f64 {
        self.value("profit").unwrap_or(0.0) / self.drawdown().max(DRAWDOWN_MIN)
    }

    /// Returns the mean markout in dollars a share.
    #[allow(clippy::float_arithmetic, reason = "a statistic")]
    fn markout(&self, horizon: usize) -> Option<f64> {
        let all = self.groups.iter().filter_map(|group| group.markouts.get(horizon));
        let (gain, shares) = all.fold((0_i64, 0_i64), |(gain, shares), one| {
            let more = i64::try_from(one.shares.micros()).unwrap_or(i64::MAX);
            (gain.saturating_add(one.gain.micros()), shares.saturating_add(more))
        });
        (shares > 0).then(|| units(gain) / units(shares))
    }
}

/// Returns mean over downside deviation; `None` for fewer than `least` values or without losses.
#[allow(clippy::float_arithmetic, reason = "a statistic")]
fn sortino(profits: &[f64], least: usize) -> Option<f64> {
    if profits.len() < least {
        return None;
    }
    let count = real(profits.len());
    let squares: f64 = profits.iter().map(|profit| profit.min(0.0).powi(2)).sum();
    let deviation = (squares / count).sqrt();
    (deviation > 1e-12).then(|| profits.iter().sum::<f64>() / count / deviation)
}

/// Returns the time at which a group ends, for the order of groups.
pub(crate) const fn end_of(group: &GroupRow) -> Time {
    group.last
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_arithmetic, clippy::arithmetic_side_effects, reason = "test code")]

    use super::*;
    use crate::run::Totals;
    use crate::sweep::job::tests::group;
    use crate::sweep::job::{SCHEMA, TrialEnd};

    fn row(profits: &[i64]) -> TrialRow {
        let groups = profits.iter().zip(0_u64..).map(|(profit, hour)| group(&format!("{hour:03}"), hour, *profit));
        TrialRow {
            schema: SCHEMA,
            job: String::new(),
            parameters: [].into(),
            end: TrialEnd::Complete,
            totals: Totals { drawdown: Usd::dollars(2), orders: 7, ..Totals::default() },
            figures: [("brier".to_owned(), 0.25)].into(),
            groups: groups.collect(),
            digest: String::new(),
        }
    }

    fn score(text: &str, row: &TrialRow) -> Option<f64> {
        Objective::parse(text).unwrap().of_row(row)
    }

    #[test]
    fn figures_have_their_published_definitions() {
        let few = row(&[3_000_000, -1_000_000, 2_000_000]);
        for (text, value) in [
            ("profit", Some(4.0)),
            ("calmar", Some(2.0)),
            ("markout", Some(2.0 / 30.0)),
            ("win_rate", Some(2.0 / 3.0)),
            ("fees", Some(0.003)),
            ("profit - 0.5 * drawdown", Some(3.0)),
            ("orders / fills", Some(7.0 / 6.0)),
            ("max(brier, groups)", Some(3.0)),
            ("sharpe", None),
            ("brier_skill", None),
            ("profit / (groups - 3)", None),
        ] {
            assert_eq!(score(text, &few), value.and_then(nine_digits), "{text}");
        }
        let many: Vec<i64> = (0..30).map(|number| if number % 2 == 0 { 3_000_000 } else { -1_000_000 }).collect();
        // The mean is 1 and the deviation 2 * sqrt(30 / 29); downside deviation sqrt(1 / 2).
        assert_eq!(score("sharpe", &row(&many)), nine_digits(1.0 / (2.0 * (30.0_f64 / 29.0).sqrt())));
        assert_eq!(score("sortino", &row(&many)), nine_digits(2.0_f64.sqrt()));
    }

    #[test]
    fn a_split_has_the_drawdown_of_its_groups() {
        let row = row(&[3_000_000, -1_000_000, -2_000_000, 2_000_000]);
        let objective = Objective::parse("profit - drawdown").unwrap();
        assert_eq!(objective.of_groups(row.groups.iter().take(3).collect()), Some(-3.0));
        assert_eq!(Objective::parse("profit + brier").unwrap().beyond_groups(), Some("brier"));
        assert_eq!(Objective::parse("markout").unwrap().beyond_groups(), None);
    }

    #[test]
    fn an_unknown_figure_is_named() {
        let error = Objective::parse("profit + lukc").unwrap_err().to_string();
        assert!(error.starts_with("`lukc` is not a figure, expected one of: markout, profit, fees,"), "{error}");
    }
}
