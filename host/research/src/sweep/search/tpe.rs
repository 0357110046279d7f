//! The tree-structured Parzen estimator: proposes values where good trials are dense and bad ones are not, one estimator
//! for each parameter. Ties, and values of equal likelihood, follow from the seed.

use super::{Rng, Search, draw};
use crate::sweep::space::{Axis, Domain, Parameters, Space};
use anyhow::{Context, anyhow};
use std::convert::Infallible;
use tpe::{TpeOptimizer, TpeOptimizerBuilder, categorical_range, histogram_estimator, parzen_estimator, range};

/// Share of the trials that count as good.
const GOOD: f64 = 0.15;
/// Values compared for each proposal and parameter.
const CANDIDATES: usize = 24;

/// A search in rounds.
#[derive(Debug)]
pub struct Tpe {
    space: Space,
    estimators: Vec<Estimator>,
    rng: Rng,
    left: u64,
    round: u64,
    /// The proposals of the last round, as the estimators know them.
    waiting: Vec<Vec<f64>>,
    started: bool,
}

/// The estimator of one parameter.
#[derive(Debug)]
struct Estimator {
    optimizer: TpeOptimizer,
    /// The range of its inner values; the last one is excluded.
    end: f64,
    begin: f64,
}

impl Tpe {
    /// Returns a search that proposes `round` trials at once.
    ///
    /// # Errors
    /// If a parameter's range cannot be searched.
    pub fn new(space: Space, trials: u64, round: u64, seed: u64) -> anyhow::Result<Self> {
        let estimators = space.axes.iter().map(Estimator::new).collect::<anyhow::Result<_>>()?;
        let (rng, waiting) = (Rng::new(seed), Vec::new());
        Ok(Self { space, estimators, rng, left: trials, round: round.max(1), waiting, started: false })
    }

    /// Proposes one point, with its inner values.
    fn ask(&mut self) -> anyhow::Result<(Parameters, Vec<f64>)> {
        let (mut point, mut inner) = (Parameters::new(), Vec::with_capacity(self.estimators.len()));
        for (axis, estimator) in self.space.axes.iter().zip(&mut self.estimators) {
            let asked = estimator.optimizer.ask(&mut Source(&mut self.rng));
            let asked = asked.map_err(|error| anyhow!("proposing a value of `{}`: {error}", axis.name))?;
            point.insert(axis.name.clone(), decode(&axis.domain, asked));
            inner.push(asked);
        }
        Ok((point, inner))
    }
}

impl Search for Tpe {
    fn propose(&mut self) -> anyhow::Result<Vec<Parameters>> {
        let round = self.left.min(self.round);
        self.left = self.left.saturating_sub(round);
        self.waiting.clear();
        let mut points = Vec::new();
        for _ in 0..round {
            if self.started {
                let (point, inner) = self.ask()?;
                self.waiting.push(inner);
                points.push(point);
            } else {
                // Without scores, draws cover the space better than the estimators' priors.
                let point = draw(&self.space, &mut self.rng);
                let inner = self.space.axes.iter().map(|axis| encode(&axis.domain, point.get(&axis.name)));
                self.waiting.push(inner.collect());
                points.push(point);
            }
        }
        self.started = true;
        Ok(points)
    }

    fn observe(&mut self, scores: &[Option<f64>]) -> anyhow::Result<()> {
        for (inner, score) in self.waiting.iter().zip(scores) {
            // The estimators minimise; a trial without a score is the worst.
            let cost = score.filter(|score| score.is_finite()).map_or(f64::MAX, negated);
            for (estimator, value) in self.estimators.iter_mut().zip(inner) {
                let value = value.clamp(estimator.begin, estimator.end.next_down());
                estimator.optimizer.tell(value, cost).context("a score of the search")?;
            }
        }
        self.waiting.clear();
        Ok(())
    }
}

#[allow(clippy::float_arithmetic, reason = "a score, not an amount")]
fn negated(score: f64) -> f64 {
    -score
}

impl Estimator {
    fn new(axis: &Axis) -> anyhow::Result<Self> {
        let (begin, end) = match &axis.domain {
            Domain::List(values) => (0.0, super::super::real(values.len())),
            Domain::Steps { count, .. } => (0.0, super::super::real(usize::try_from(*count).unwrap_or(usize::MAX))),
            Domain::Range { from, to, log: true } => (from.ln(), to.ln()),
            Domain::Range { from, to, log: false } => (*from, *to),
        };
        let (estimator, range) = match &axis.domain {
            Domain::List(values) => (histogram_estimator(), categorical_range(values.len())),
            Domain::Steps { .. } | Domain::Range { .. } => (parzen_estimator(), range(begin, end)),
        };
        let range = range.with_context(|| format!("the range of `{}`", axis.name))?;
        let optimizer = TpeOptimizerBuilder::new().gamma(GOOD).candidates(CANDIDATES).build(estimator, range);
        Ok(Self { optimizer: optimizer.context("the settings of the search")?, begin, end })
    }
}

/// Returns the value that an inner value stands for.
#[allow(clippy::float_arithmetic, reason = "a draw, not an amount")]
fn decode(domain: &Domain, inner: f64) -> serde_json::Value {
    match domain {
        Domain::List(_) | Domain::Steps { .. } => {
            let count = domain.count().unwrap_or(1);
            // In the middle of the place, so that rounding cannot reach the next one.
            let count = super::super::real(usize::try_from(count).unwrap_or(usize::MAX));
            domain.at((inner.floor() + 0.5) / count)
        }
        Domain::Range { from, to, log: false } => domain.at((inner - from) / (to - from)),
        Domain::Range { from, to, log: true } => domain.at((inner - from.ln()) / (to.ln() - from.ln())),
    }
}

/// Returns the inner value of a value.
#[allow(clippy::float_arithmetic, reason = "a draw, not an amount")]
fn encode(domain: &Domain, value: Option<&serde_json::Value>) -> f64 {
    let number = || value.and_then(serde_json::Value::as_f64).unwrap_or_default();
    match domain {
        Domain::List(values) => {
            let place = values.iter().position(|one| Some(one) == value).unwrap_or(0);
            super::super::real(place)
        }
        Domain::Steps { from, step, .. } => {
            ((number() - crate::sweep::units(*from)) / crate::sweep::units(*step)).round()
        }
        Domain::Range { log: false, .. } => number(),
        Domain::Range { log: true, .. } => number().ln(),
    }
}

/// The seeded stream as a source of the estimators.
struct Source<'r>(&'r mut Rng);

impl rand::TryRng for Source<'_> {
    type Error = Infallible;

    #[allow(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the upper half")]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.0.next_u64() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}
