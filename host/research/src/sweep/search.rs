//! Searches: which parameters are tried next. A search proposes a round, and is given the scores of that round in its
//! order before it proposes the next one, so that the number of executors changes nothing.

mod tpe;

use super::TRIALS_MAX;
use super::file::{Method, SweepFile};
use super::space::{Parameters, Space};
use anyhow::ensure;
use sim::Rng;

pub use tpe::Tpe;

/// Most proposals of a round of the searches that need no scores.
const ROUND: u64 = 1_024;

/// A search.
pub trait Search {
    /// Returns the parameters of the next round; empty if the search has ended.
    ///
    /// # Errors
    /// If the search cannot go on.
    fn propose(&mut self) -> anyhow::Result<Vec<Parameters>>;

    /// Takes the scores of the last round, higher ones better, in the order of its proposals; `None` for a trial
    /// without a score.
    ///
    /// # Errors
    /// If the search cannot use them.
    fn observe(&mut self, scores: &[Option<f64>]) -> anyhow::Result<()>;
}

/// Returns the search of a sweep file.
///
/// # Errors
/// If the number of trials is too large, or a grid has a parameter without steps.
pub fn search(file: &SweepFile) -> anyhow::Result<Box<dyn Search>> {
    Ok(match file.method {
        Method::Grid => Box::new(Grid::new(file.space.clone())?),
        Method::Random { trials } => Box::new(Random::new(file.space.clone(), trials, file.seed)),
        Method::Tpe { trials, round } => Box::new(Tpe::new(file.space.clone(), trials, round, file.seed)?),
    })
}

/// Every point of the grid, in order.
#[derive(Debug)]
pub struct Grid {
    space: Space,
    next: u64,
    points: u64,
}

impl Grid {
    /// Returns a search of all points.
    ///
    /// # Errors
    /// If there are more than [`TRIALS_MAX`] points, or a parameter has no steps.
    pub fn new(space: Space) -> anyhow::Result<Self> {
        let points = space.points()?;
        ensure!(
            points <= TRIALS_MAX,
            "[parameters] has {points} combinations, expected at most {TRIALS_MAX} for a grid"
        );
        Ok(Self { space, next: 0, points })
    }
}

impl Search for Grid {
    fn propose(&mut self) -> anyhow::Result<Vec<Parameters>> {
        let end = self.next.saturating_add(ROUND).min(self.points);
        let round = (self.next..end).map(|number| self.space.point(number)).collect();
        self.next = end;
        Ok(round)
    }

    fn observe(&mut self, _: &[Option<f64>]) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Independent draws from a seed.
#[derive(Debug)]
pub struct Random {
    space: Space,
    rng: Rng,
    left: u64,
}

impl Random {
    /// Returns a search with a number of draws.
    pub const fn new(space: Space, trials: u64, seed: u64) -> Self {
        Self { space, rng: Rng::new(seed), left: trials }
    }
}

impl Search for Random {
    fn propose(&mut self) -> anyhow::Result<Vec<Parameters>> {
        let round = self.left.min(ROUND);
        self.left = self.left.saturating_sub(round);
        Ok((0..round).map(|_| draw(&self.space, &mut self.rng)).collect())
    }

    fn observe(&mut self, _: &[Option<f64>]) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Draws a point.
fn draw(space: &Space, rng: &mut Rng) -> Parameters {
    space.axes.iter().map(|axis| (axis.name.clone(), axis.domain.at(fraction(rng)))).collect()
}

/// Draws a number from 0 to 1, without 1.
#[allow(
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "53 bits are exact as a real number"
)]
pub(crate) fn fraction(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_arithmetic, reason = "test code may fail loudly")]

    use super::*;

    fn space(text: &str) -> Space {
        Space::parse(&text.parse().unwrap()).unwrap()
    }

    /// Runs a search with a score, and returns the proposals as text.
    fn all(search: &mut dyn Search, score: impl Fn(&Parameters) -> Option<f64>) -> Vec<Parameters> {
        let mut found = Vec::new();
        loop {
            let round = search.propose().unwrap();
            if round.is_empty() {
                return found;
            }
            let scores: Vec<Option<f64>> = round.iter().map(&score).collect();
            search.observe(&scores).unwrap();
            found.extend(round);
        }
    }

    fn hump(point: &Parameters) -> Option<f64> {
        let (a, b) = (point["a"].as_f64().unwrap(), point["b"].as_f64().unwrap());
        let name = if point["c"] == "y" { 1.0 } else { 0.0 };
        // A tenth of the space fails.
        (a >= 10.0).then(|| name - ((a - 70.0) / 100.0).powi(2) - ((b - 0.2) / 1.0).powi(2))
    }

    const SPACE: &str = "a = { from = 0, to = 100 }\nb = { from = 0.0, to = 1.0 }\nc = ['x', 'y', 'z']";

    #[test]
    fn a_seed_gives_the_same_draws_and_another_one_others() {
        let draws = |seed| all(&mut Random::new(space(SPACE), 1_500, seed), hump);
        assert_eq!((draws(1).len(), draws(1) == draws(1), draws(1) == draws(2)), (1_500, true, false));
        let mean = draws(3).iter().map(|point| point["b"].as_f64().unwrap()).sum::<f64>() / 1_500.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
    }

    #[test]
    fn a_grid_ends_after_its_last_point_and_has_a_limit() {
        let grid =
            all(&mut Grid::new(space("a = { from = 1, to = 60 }\nb = { from = 1, to = 50 }")).unwrap(), |_| None);
        assert_eq!(grid.len(), 3_000);
        let error = Grid::new(space("a = { from = 1, to = 60000 }\nb = [1, 2]")).unwrap_err().to_string();
        assert_eq!(error, "[parameters] has 120000 combinations, expected at most 100000 for a grid");
    }

    #[test]
    fn tpe_repeats_itself_and_finds_more_than_chance() {
        let (mut wins, mut sum) = (0, 0.0);
        for seed in 0..10 {
            let tpe = || all(&mut Tpe::new(space(SPACE), 96, 8, seed).unwrap(), hump);
            let found = tpe();
            assert_eq!((found.len(), found == tpe()), (96, true));
            let best = |points: &[Parameters]| points.iter().filter_map(hump).fold(f64::MIN, f64::max);
            let mean = |points: &[Parameters]| {
                let scores: Vec<f64> = points.iter().filter_map(hump).collect();
                scores.iter().sum::<f64>() / super::super::real(scores.len())
            };
            let chance = all(&mut Random::new(space(SPACE), 96, seed), hump);
            wins += i32::from(best(&found) >= best(&chance));
            sum += mean(&found) - mean(&chance);
        }
        assert!(wins >= 7, "better than chance with {wins} of 10 seeds");
        assert!(sum / 10.0 > 0.1, "the mean score is {} above that of chance", sum / 10.0);
    }
}
