//! The probability of backtest over-fitting, by combinatorially symmetric cross-validation (Bailey, Borwein, López de
//! Prado and Zhu, 2015): the event groups are cut into blocks in the order of time; for each choice of half of the
//! blocks, the trial that is best there is ranked among all trials on the other half. The probability is the share of
//! choices in which it ranks in the lower half.

use super::job::GroupRow;
use super::objective::end_of;
use super::{nine_digits, real, units};
use model::Time;
use std::collections::BTreeMap;

/// Number of blocks. The 12,870 choices of half of them are all computed.
const BLOCKS: usize = 16;
/// Fewest groups in a block.
const GROUPS_MIN: usize = 2;
/// Most trials that are compared; a larger sweep is represented by its first ones.
const TRIALS_MAX: usize = 1_000;

/// Measure of a trial on some blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The sum of profits.
    Profit,
    /// Mean over deviation of profits.
    Sharpe,
}

/// Sums over the groups of a block.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    sum: f64,
    squares: f64,
}

/// Returns the probability of over-fitting; `None` for fewer than two trials, or fewer than two groups for each block.
pub fn probability(trials: &[&[GroupRow]], measure: Measure) -> Option<f64> {
    let names = order(trials);
    let profits = |groups: &&[GroupRow]| {
        let mut profits = vec![0.0; names.len()];
        for group in *groups {
            let place = names.get(group.group.as_str()).and_then(|place| profits.get_mut(*place));
            if let Some(profit) = place {
                *profit = units(group.profit.micros());
            }
        }
        profits
    };
    let profits: Vec<Vec<f64>> = trials.iter().take(TRIALS_MAX).map(profits).collect();
    of_profits(&profits, measure)
}

/// Returns the place of each group in the order of their ends.
fn order<'g>(trials: &[&'g [GroupRow]]) -> BTreeMap<&'g str, usize> {
    let mut ends: BTreeMap<&str, Time> = BTreeMap::new();
    for group in trials.iter().flat_map(|groups| groups.iter()) {
        let end = ends.entry(&group.group).or_insert(end_of(group));
        *end = (*end).max(end_of(group));
    }
    let mut order: Vec<(Time, &str)> = ends.into_iter().map(|(group, end)| (end, group)).collect();
    order.sort_unstable();
    order.into_iter().enumerate().map(|(place, (_, group))| (group, place)).collect()
}

/// As [`probability`], of profits by trial and group; each trial has the same groups in the order of time.
#[allow(clippy::float_arithmetic, reason = "a statistic")]
pub fn of_profits(profits: &[Vec<f64>], measure: Measure) -> Option<f64> {
    let groups = profits.first()?.len();
    let each = groups.checked_div(BLOCKS)?;
    if profits.len() < 2 || each < GROUPS_MIN {
        return None;
    }
    let blocks: Vec<Vec<Sums>> = profits.iter().map(|profits| blocks(profits, each)).collect();
    let (mut lower, mut choices) = (0_usize, 0_usize);
    let count = real(each.saturating_mul(BLOCKS / 2));
    let (mut inside, mut outside) = (Vec::with_capacity(blocks.len()), Vec::with_capacity(blocks.len()));
    for choice in 0_u32..1 << BLOCKS {
        if choice.count_ones() != 8 {
            continue;
        }
        inside.clear();
        outside.clear();
        for trial in &blocks {
            let (mut chosen, mut other) = (Sums::default(), Sums::default());
            for (block, place) in trial.iter().zip(0_u32..) {
                let part = if choice >> place & 1 == 1 { &mut chosen } else { &mut other };
                part.sum += block.sum;
                part.squares += block.squares;
            }
            inside.push(value(chosen, count, measure));
            outside.push(value(other, count, measure));
        }
        choices = choices.saturating_add(1);
        lower = lower.saturating_add(usize::from(is_lower(&inside, &outside)));
    }
    nine_digits(real(lower) / real(choices))
}

/// Sums the profits of each block. Groups that fill no block are the first ones, and left out.
#[allow(clippy::float_arithmetic, reason = "a statistic")]
fn blocks(profits: &[f64], each: usize) -> Vec<Sums> {
    let rest = profits.len().saturating_sub(each.saturating_mul(BLOCKS));
    let used = profits.get(rest..).unwrap_or_default();
    let sums = used
        .chunks(each)
        .map(|block| Sums { sum: block.iter().sum(), squares: block.iter().map(|profit| profit * profit).sum() });
    sums.collect()
}

#[allow(clippy::float_arithmetic, reason = "a statistic")]
fn value(sums: Sums, count: f64, measure: Measure) -> f64 {
    if measure == Measure::Profit {
        return sums.sum;
    }
    let mean = sums.sum / count;
    let variance = (sums.squares / count - mean * mean).max(0.0);
    if variance > 1e-24 { mean / variance.sqrt() } else { 0.0 }
}

/// Returns whether the best trial inside ranks in the lower half outside.
#[allow(clippy::float_arithmetic, reason = "a statistic")]
fn is_lower(inside: &[f64], outside: &[f64]) -> bool {
    let best = inside.iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other));
    let Some(own) = best.and_then(|(place, _)| outside.get(place)) else { return false };
    let below = outside.iter().filter(|value| *value < own).count();
    let equal = outside.iter().filter(|value| *value == own).count();
    // The rank among all, from 1; equal values share their mean rank.
    let rank = real(below) + real(equal.saturating_add(1)) / 2.0;
    rank / real(outside.len().saturating_add(1)) <= 0.5
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        reason = "test code may fail loudly"
    )]

    use super::*;
    use crate::sweep::search::fraction;
    use sim::Rng;

    /// Returns the profits of strategies without skill: sums of uniform draws, which are nearly normal.
    fn noise(strategies: usize, groups: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut rng = Rng::new(seed);
        let mut normal = move || (0..6).map(|_| fraction(&mut rng) - 0.5).sum::<f64>();
        (0..strategies).map(|_| (0..groups).map(|_| normal()).collect()).collect()
    }

    #[test]
    fn noise_is_over_fitted_half_of_the_time() {
        // Of one sample of noise the value varies by about 0.08, so its mean over samples is 0.5.
        let found: Vec<f64> =
            (1..=8).map(|seed| of_profits(&noise(200, 320, seed), Measure::Sharpe).unwrap()).collect();
        let mean = found.iter().sum::<f64>() / real(found.len());
        assert!((0.4..=0.6).contains(&mean), "mean {mean} of {found:?}");
        assert!(found.iter().all(|found| (0.25..=0.75).contains(found)), "{found:?}");
    }

    #[test]
    fn a_strategy_with_skill_is_not_over_fitted() {
        let mut profits = noise(40, 160, 1);
        profits[7].iter_mut().for_each(|profit| *profit += 0.6);
        assert_eq!(of_profits(&profits, Measure::Profit), Some(0.0));
        assert_eq!(of_profits(&profits, Measure::Sharpe), Some(0.0));
    }

    #[test]
    fn too_few_trials_or_groups_have_no_probability() {
        assert_eq!(of_profits(&noise(1, 160, 1), Measure::Profit), None);
        assert_eq!(of_profits(&noise(5, 31, 1), Measure::Profit), None);
        assert_eq!(of_profits(&[], Measure::Profit), None);
        assert!(of_profits(&noise(5, 40, 1), Measure::Profit).is_some());
    }
}
