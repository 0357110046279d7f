//! Figures of strategies' answers: their counts, fuel, faults and time. The engine thread records them for each answer,
//! so a strategy's figures are looked up by name, under a lock, only when an instance is loaded.

use control::StrategyNames;
use model::StrategyId;
use model::input::StrategyAnswer;
use readmodel::paths::{Paths, StrategyPath};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// The figures of the strategies that this session has loaded.
pub(crate) struct StrategyFigures {
    all: Paths,
    names: StrategyNames,
    loaded: BTreeMap<StrategyId, Arc<StrategyPath>>,
    /// The time of each strategy's first notification after its last answer.
    notified: BTreeMap<StrategyId, Instant>,
}

impl StrategyFigures {
    pub(crate) fn new(all: Paths, names: StrategyNames) -> Self {
        Self { all, names, loaded: BTreeMap::new(), notified: BTreeMap::new() }
    }

    /// Looks up the figures of an instance that is being loaded.
    pub(crate) fn load(&mut self, strategy: StrategyId, name: &str) {
        self.loaded.insert(strategy, self.all.strategy(name));
    }

    /// Releases the figures of a removed strategy; they stay in the metrics.
    pub(crate) fn remove(&mut self, strategy: StrategyId) {
        self.loaded.remove(&strategy);
        self.notified.remove(&strategy);
    }

    /// Records that a strategy is notified of an event.
    pub(crate) fn notify(&mut self, strategy: StrategyId) {
        self.notified.entry(strategy).or_insert_with(Instant::now);
    }

    /// Records an answer, and the time since the first notification that it answers.
    pub(crate) fn answer(&mut self, answer: &StrategyAnswer) {
        let Self { all, names, loaded, notified } = self;
        // A late answer of a removed strategy finds its figures by name.
        let looked_up = || all.strategy(&names.get(answer.strategy));
        let path = loaded.get(&answer.strategy).cloned().unwrap_or_else(looked_up);
        path.answers.add(1);
        path.fuel.add(answer.fuel);
        path.faults.add(answer.fault.is_some().into());
        if let Some(since) = notified.remove(&answer.strategy) {
            path.answer.add_span(since.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_an_instance_are_looked_up_once() {
        let (all, names, id) = (Paths::default(), StrategyNames::default(), StrategyId(3));
        names.set(id, "quoter");
        let mut figures = StrategyFigures::new(all.clone(), names.clone());
        figures.load(id, "quoter");
        // From here on, a look-up by name would find other figures.
        names.set(id, "renamed");
        figures.notify(id);
        let fault = Some("trap".to_owned());
        for answer in [
            StrategyAnswer::to_one(id, vec![]),
            StrategyAnswer { fault, fuel: 9, ..StrategyAnswer::to_one(id, vec![]) },
        ] {
            figures.answer(&answer);
        }
        let quoter = all.strategy("quoter");
        assert_eq!((quoter.answers.get(), quoter.fuel.get(), quoter.faults.get()), (2, 10, 1));
        let times: u64 = quoter.answer.counts().buckets.iter().sum();
        assert_eq!((times, all.strategies().len()), (1, 1), "only the first answer follows a notification");
        figures.remove(id);
        figures.answer(&StrategyAnswer::to_one(id, vec![]));
        assert_eq!((quoter.answers.get(), all.strategy("renamed").answers.get()), (2, 1));
    }
}
