//! Walk-forward splits: the best parameters of the past, judged by what follows. The event groups of a tape are cut into
//! test windows one after another. The past of a window are the groups that ended before it, less an embargo: a group
//! that was still open when the window began would know of it, and is purged from both sides.

use super::file::{text_of, whole};
use super::job::GroupRow;
use super::lead::{Outcome, Trial};
use super::objective::Objective;
use anyhow::{Context, bail};
use model::{Time, Usd};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Walk-forward splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splits {
    /// Number of test windows.
    pub folds: u64,
    /// Time before a window whose groups do not count as its past, in microseconds.
    pub embargo_us: u64,
}

/// A test window.
#[derive(Debug, Clone, PartialEq)]
pub struct Fold {
    /// Its first and last time.
    pub span: (Time, Time),
    /// Number of groups of its past.
    pub train: usize,
    /// Number of its own groups.
    pub test: usize,
    /// Number of groups that belong to neither, because they overlap the window's beginning or the embargo.
    pub purged: usize,
    /// The parameters that were best in the past; none if no trial has a score there.
    pub chosen: Option<Chosen>,
}

/// The parameters chosen for a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Place of the trial.
    pub trial: usize,
    /// Its score in the past.
    pub in_sample: f64,
    /// Its score in the window.
    pub out_of_sample: Option<f64>,
    /// Its profits by group in the window, in the order of time.
    pub profits: Vec<Usd>,
}

impl Splits {
    pub(crate) fn parse(table: &toml::Table) -> anyhow::Result<Self> {
        const KEYS: [&str; 3] = ["kind", "folds", "embargo"];
        if let Some(unknown) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            bail!("unknown key `splits.{unknown}`; expected kind, folds or embargo");
        }
        let of_splits = |error: anyhow::Error| anyhow::anyhow!("splits.{error:#}");
        match text_of(table, "kind").map_err(of_splits)?.unwrap_or("walk_forward") {
            "walk_forward" => {}
            other => bail!("splits.kind is \"{other}\", expected walk_forward"),
        }
        let folds = whole(table, "folds", 1, 100).map_err(of_splits)?.unwrap_or(4);
        let embargo = text_of(table, "embargo").map_err(of_splits)?.unwrap_or("0s");
        let embargo_us = super::file::duration_us(embargo)
            .with_context(|| format!("splits.embargo is \"{embargo}\", expected a time such as 30m, 1h or 1d"))?;
        Ok(Self { folds, embargo_us })
    }

    /// Judges the trials of a sweep.
    pub fn walk(&self, objective: &Objective, outcome: &Outcome) -> Vec<Fold> {
        let spans = spans(outcome);
        let windows = self.windows(&spans);
        windows.into_iter().map(|window| self.fold(window, &spans, objective, outcome)).collect()
    }

    /// Cuts the groups by their beginnings into one part more than there are folds: the first is past only.
    fn windows(&self, spans: &BTreeMap<&str, (Time, Time)>) -> Vec<(Time, Time)> {
        let mut begins: Vec<Time> = spans.values().map(|(first, _)| *first).collect();
        begins.sort_unstable();
        let parts = usize::try_from(self.folds).unwrap_or(usize::MAX).saturating_add(1);
        let cut = |part: usize| {
            let place = begins.len().saturating_mul(part).checked_div(parts).unwrap_or(0);
            begins.get(place).copied()
        };
        let end = spans.values().map(|(_, last)| *last).max().unwrap_or_default();
        let window = |part: usize| {
            let begin = cut(part)?;
            let next = part.saturating_add(1);
            let until = if next == parts { Time(end.0.saturating_add(1)) } else { cut(next)? };
            (begin < until).then_some((begin, until))
        };
        (1..parts).filter_map(window).collect()
    }

    fn fold(
        &self,
        (begin, until): (Time, Time),
        spans: &BTreeMap<&str, (Time, Time)>,
        objective: &Objective,
        outcome: &Outcome,
    ) -> Fold {
        let past = Time(begin.0.saturating_sub(self.embargo_us));
        let is_train = |group: &str| spans.get(group).is_some_and(|(_, last)| *last < past);
        let is_test = |group: &str| spans.get(group).is_some_and(|(first, _)| (begin..until).contains(first));
        let (train, test) =
            (spans.keys().filter(|group| is_train(group)).count(), spans.keys().filter(|group| is_test(group)).count());
        let before = spans.values().filter(|(first, _)| *first < begin).count();
        let mut best: Option<(&Trial, f64)> = None;
        for trial in &outcome.trials {
            let groups = groups_of(outcome, trial, &is_train);
            let score = if train == 0 || trial.score.is_none() { None } else { objective.of_groups(groups) };
            if let Some(score) = score.filter(|score| best.is_none_or(|(_, known)| *score > known)) {
                best = Some((trial, score));
            }
        }
        let chosen = best.map(|(trial, in_sample)| {
            let mut groups = groups_of(outcome, trial, &is_test);
            groups.sort_by(|one, other| (one.last, &one.group).cmp(&(other.last, &other.group)));
            let profits = groups.iter().map(|group| group.profit).collect();
            Chosen { trial: trial.place, in_sample, out_of_sample: objective.of_groups(groups), profits }
        });
        Fold { span: (begin, until), train, test, purged: before.saturating_sub(train), chosen }
    }
}

/// Returns the beginning and the end of each event group.
fn spans(outcome: &Outcome) -> BTreeMap<&str, (Time, Time)> {
    let mut spans: BTreeMap<&str, (Time, Time)> = BTreeMap::new();
    for group in outcome.rows.iter().flat_map(|row| &row.groups) {
        let span = spans.entry(&group.group).or_insert((group.first, group.last));
        *span = (span.0.min(group.first), span.1.max(group.last));
    }
    spans
}

fn groups_of<'o>(outcome: &'o Outcome, trial: &Trial, is_part: &dyn Fn(&str) -> bool) -> Vec<&'o GroupRow> {
    let row = outcome.row(&trial.job);
    row.into_iter().flat_map(|row| &row.groups).filter(|group| is_part(&group.group)).collect()
}

/// Returns the instant of a TOML date with time and zone.
pub(crate) fn instant(at: &toml::value::Datetime) -> Option<Time> {
    let (date, time, offset) = (at.date?, at.time?, at.offset?);
    let minutes = match offset {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days(i64::from(date.year), i64::from(date.month), i64::from(date.day))?;
    let of_day = i64::from(time.hour).checked_mul(3_600)?.checked_add(i64::from(time.minute).checked_mul(60)?)?;
    let seconds = days.checked_mul(86_400)?.checked_add(of_day)?.checked_add(i64::from(time.second.unwrap_or(0)))?;
    let seconds = seconds.checked_sub(minutes.checked_mul(60)?)?;
    let micros = i64::from(time.nanosecond.unwrap_or(0)).checked_div(1_000)?;
    u64::try_from(seconds.checked_mul(1_000_000)?.checked_add(micros)?).ok().map(Time)
}

/// Returns the days since 1970-01-01 of a date of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    // Years begin in March, so that the leap day is their last one.
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let month = month.checked_add(9)?.checked_rem(12)?;
    let of_year = month.checked_mul(153)?.checked_add(2)?.checked_div(5)?.checked_add(day)?.checked_sub(1)?;
    let leaps = year.checked_div(4)?.checked_sub(year.checked_div(100)?)?.checked_add(year.checked_div(400)?)?;
    year.checked_mul(365)?.checked_add(leaps)?.checked_add(of_year)?.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "test code may fail loudly")]

    use super::*;
    use crate::run::Totals;
    use crate::sweep::job::tests::group;
    use crate::sweep::job::{SCHEMA, TrialEnd, TrialRow};

    const HOUR: u64 = 3_600_000_000;

    /// Returns an outcome with a trial for each list of profits, one group an hour.
    fn outcome(trials: &[Vec<GroupRow>]) -> Outcome {
        let rows = trials.iter().enumerate().map(|(place, groups)| TrialRow {
            schema: SCHEMA,
            job: place.to_string(),
            parameters: [].into(),
            end: TrialEnd::Complete,
            totals: Totals::default(),
            figures: [].into(),
            groups: groups.clone(),
            digest: String::new(),
        });
        let trial = |place: usize| Trial { place, proposal: [].into(), job: place.to_string(), score: Some(0.0) };
        Outcome { trials: (0..trials.len()).map(trial).collect(), rows: rows.collect() }
    }

    fn hours(profits: &[i64]) -> Vec<GroupRow> {
        profits.iter().zip(0..).map(|(profit, hour)| group(&format!("{hour:02}"), hour, *profit)).collect()
    }

    #[test]
    fn each_window_is_judged_by_the_best_of_its_past() {
        // The first trial is good until the fourth hour, the second one after it.
        let outcome = outcome(&[hours(&[5, 5, 5, 5, -9, -9]), hours(&[1, 1, 1, 1, 20, 20])]);
        let splits = Splits { folds: 2, embargo_us: 0 };
        let folds = splits.walk(&Objective::parse("profit").unwrap(), &outcome);
        let seen: Vec<_> = folds.iter().map(|fold| (fold.train, fold.test, fold.purged)).collect();
        assert_eq!(seen, [(2, 2, 0), (4, 2, 0)]);
        let chosen: Vec<_> = folds.iter().map(|fold| fold.chosen.clone().unwrap()).collect();
        assert_eq!(chosen.iter().map(|chosen| chosen.trial).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(chosen[1].profits, [Usd(-9), Usd(-9)]);
        assert_eq!((chosen[1].in_sample, chosen[1].out_of_sample), (20e-6, Some(-18e-6)));
    }

    #[test]
    fn a_group_that_reaches_into_the_window_is_purged_from_its_past() {
        let mut long = hours(&[5, 5, 5, 5, 5, 5]);
        // The first group is open for three hours.
        if let Some(first) = long.first_mut() {
            first.last = Time(3 * HOUR);
        }
        let outcome = outcome(&[long]);
        let folds = Splits { folds: 2, embargo_us: 0 }.walk(&Objective::parse("profit").unwrap(), &outcome);
        let seen: Vec<_> = folds.iter().map(|fold| (fold.train, fold.test, fold.purged)).collect();
        assert_eq!(seen, [(1, 2, 1), (4, 2, 0)]);
        let folds = Splits { folds: 2, embargo_us: HOUR }.walk(&Objective::parse("profit").unwrap(), &outcome);
        let seen: Vec<_> = folds.iter().map(|fold| (fold.train, fold.purged)).collect();
        assert_eq!(seen, [(0, 2), (2, 2)]);
        assert_eq!(folds.first().map(|fold| &fold.chosen), Some(&None));
    }

    #[test]
    fn dates_are_instants() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:00:00.5Z", Some(951_825_600_500_000)),
            ("2026-07-24T02:00:00+02:00", Some(1_784_851_200_000_000)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-07-24", None),
        ] {
            assert_eq!(instant(&text.parse().unwrap()).map(|at| at.0), expected, "{text}");
        }
    }
}
