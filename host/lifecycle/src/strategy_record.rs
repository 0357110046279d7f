//! What is known of one strategy.

use super::Arming;
use model::{Budget, MarketIx, StrategyId, Time};
use sandbox::{Contract, Module};
use std::collections::{BTreeMap, VecDeque};
use store::db::DecisionRow;

/// Failures within a minute after which a strategy stays down until its file changes or somebody enables it.
pub(super) const FAULTS_MAX: usize = 3;
const MINUTE_MICROS: u64 = 60_000_000;
/// The same of failures to give a state, which is asked for once a minute.
const SAVES_MICROS: u64 = 600_000_000;

/// A module that may run.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) module: Module,
    /// When it was first loaded under this name.
    pub(super) since: Time,
    /// Its parameters, as JSON.
    pub(super) parameters: String,
    /// The only markets that it may have, as its file of settings names them; any if it names none.
    pub(super) named: Vec<String>,
    /// The fuel of a call that its file of settings leaves to it.
    pub(super) fuel: Option<u64>,
}

impl Version {
    /// Returns a version whose settings have not been read yet.
    pub(super) const fn new(module: Module, since: Time) -> Self {
        Self { module, since, parameters: String::new(), named: Vec::new(), fuel: None }
    }

    /// Says whether it is the same but for its parameters.
    fn fits(&self, other: &Self) -> bool {
        let is_same_module = self.module.hash() == other.module.hash();
        is_same_module && self.named == other.named && self.fuel == other.fuel
    }
}

/// A strategy by its name.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: StrategyId,
    /// The number of the instance that was announced last.
    pub(super) instance: u32,
    pub(super) markets: Vec<MarketIx>,
    /// By which numbers it names them.
    pub(super) places: Vec<u32>,
    /// Markets that its file of settings names and that it does not get, with the reason.
    pub(super) missing: Vec<String>,
    /// The budget that the engine was told last.
    pub(super) budget: Budget,
    /// The budget that its file of settings gives.
    pub(super) file_budget: Budget,
    /// The fuel that the engine was told last.
    pub(super) fuel: Option<u64>,
    /// What should run; none if its file is gone.
    pub(super) wanted: Option<Version>,
    /// What runs.
    pub(super) running: Option<Version>,
    /// What was announced and has neither started nor failed to.
    announced: BTreeMap<u32, Version>,
    pub(super) faults: VecDeque<Time>,
    /// When it could not give its state.
    pub(super) unsaved: VecDeque<Time>,
    /// What its file has, if that can be loaded.
    pub(super) file: Option<Version>,
    /// The hash of what ran before.
    pub(super) previous: Option<[u8; 32]>,
    /// What operators decided.
    pub(super) decision: DecisionRow,
    /// Why its file of settings cannot be used; empty if it can, or if there is none.
    pub(super) unusable: String,
}

impl Known {
    pub(super) fn new(id: StrategyId, decision: DecisionRow) -> Self {
        let (markets, places, missing) = (Vec::new(), Vec::new(), Vec::new());
        let (budget, file_budget) = (Budget::NONE, Budget::NONE);
        let (announced, faults, unsaved) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        let (wanted, running, file, previous) = (None, None, None, None);
        Self {
            id,
            instance: 0,
            markets,
            places,
            missing,
            budget,
            file_budget,
            fuel: None,
            wanted,
            running,
            announced,
            faults,
            unsaved,
            file,
            previous,
            decision,
            unusable: String::new(),
        }
    }

    /// Says whether it has a module and has not failed for good.
    pub(super) fn is_up(&self) -> bool {
        self.wanted.is_some() && !self.failed_too_often()
    }

    /// Says whether it stays down until its file changes or somebody enables it.
    pub(super) fn failed_too_often(&self) -> bool {
        self.faults.len() >= FAULTS_MAX || self.unsaved.len() >= FAULTS_MAX
    }

    /// Returns what people have to know of it although it runs; empty if there is nothing, or it does not.
    pub(super) fn note(&self) -> String {
        if self.running.is_none() {
            return String::new();
        }
        if !self.unusable.is_empty() {
            return format!("its file of settings cannot be used: {}; what ran before goes on", self.unusable);
        }
        if self.missing.is_empty() {
            return String::new();
        }
        format!("markets that its file names and that it does not get: {}", self.missing.join(", "))
    }

    /// Nothing of it runs any more, nor should.
    pub(super) fn forget(&mut self) {
        self.wanted = None;
        self.running = None;
        self.announced.clear();
    }

    /// Returns the versions that are needed here and now: what runs, should, is in the file, or ran before.
    pub(super) fn needs(&self) -> impl Iterator<Item = [u8; 32]> {
        let versions = [&self.wanted, &self.running, &self.file].into_iter().flatten().chain(self.announced.values());
        versions.map(|version| version.module.hash()).chain(self.previous)
    }

    /// Says whether a version may trade.
    pub(super) fn may_trade(&self, arming: Arming, hash: &str) -> bool {
        match arming {
            Arming::Dropped => true,
            Arming::Armed => self.decision.armed == hash,
            Arming::ArmedOnce => !self.decision.armed.is_empty(),
        }
    }

    /// Returns the budget that somebody armed it with; it bounds a strategy where arming decides what trades.
    pub(super) fn armed_budget(&self, arming: Arming) -> Budget {
        match arming {
            Arming::Dropped => Budget::NONE,
            Arming::Armed | Arming::ArmedOnce => self.decision.armed_budget(),
        }
    }

    /// Says whether this module runs and should, with these settings.
    pub(super) fn runs(&self, wanted: &Version) -> bool {
        let is = |version: &Option<Version>| {
            version.as_ref().is_some_and(|version| version.fits(wanted) && version.parameters == wanted.parameters)
        };
        is(&self.wanted) && is(&self.running)
    }

    /// Says whether what runs can go on with this version's settings once it was told of its parameters: nothing but they differs, and
    /// nothing else is on its way.
    pub(super) fn can_be_told(&self, wanted: &Version) -> bool {
        let manifest = wanted.module.manifest();
        let (Some(running), Some(last)) = (&self.running, &self.wanted) else { return false };
        let is_it = |version: &Version| version.fits(wanted) && version.parameters == running.parameters;
        let idle = self.announced.is_empty() && is_it(running) && is_it(last);
        idle && self.is_up() && running.parameters != wanted.parameters && manifest.contract != Contract::V0_1
    }

    /// What runs has these parameters from now on, and so has what comes after it.
    pub(super) fn told(&mut self, parameters: &str) {
        for version in [&mut self.running, &mut self.wanted].into_iter().flatten() {
            parameters.clone_into(&mut version.parameters);
        }
    }

    /// Returns the number of the next instance, which is of this version.
    pub(super) fn announce(&mut self, version: &Version) -> u32 {
        self.instance = self.instance.saturating_add(1);
        self.announced.insert(self.instance, version.clone());
        self.instance
    }

    /// An instance started.
    pub(super) fn started(&mut self, instance: u32) {
        if let Some(version) = self.announced.remove(&instance) {
            let hash = |version: &Version| version.module.hash();
            let before = self.running.as_ref().map(hash).filter(|before| *before != hash(&version));
            self.previous = before.or(self.previous);
            self.running = Some(version);
        }
        self.forget_before(instance);
    }

    /// An instance did not start and the one before it goes on. Returns what was refused, if nothing newer was announced; what runs is
    /// what should run then.
    pub(super) fn kept(&mut self, instance: u32) -> Option<Version> {
        let refused = self.announced.remove(&instance);
        self.forget_before(instance);
        if self.instance != instance {
            return None;
        }
        self.wanted.clone_from(&self.running);
        refused
    }

    /// An instance failed, by its own fault (a strike) or the machine's, perhaps when it was asked for its state. Says whether that was
    /// once too often.
    pub(super) fn failed(&mut self, instance: u32, now: Time, (strike, saving): (bool, bool)) -> bool {
        self.announced.remove(&instance);
        self.running = None;
        self.faults.retain(|fault| now.since(*fault) < MINUTE_MICROS);
        self.unsaved.retain(|fault| now.since(*fault) < SAVES_MICROS);
        self.faults.extend(strike.then_some(now));
        self.unsaved.extend((strike && saving).then_some(now));
        self.failed_too_often()
    }

    /// What it did wrong is forgiven: something else runs, or somebody wants to try it once more.
    pub(super) fn forgive(&mut self) {
        self.faults.clear();
        self.unsaved.clear();
    }

    fn forget_before(&mut self, instance: u32) {
        self.announced.retain(|number, _| *number > instance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a strategy fail at these seconds, and says when it is down.
    fn down(faults: &[(u64, bool, bool)]) -> Vec<bool> {
        let mut known = Known::new(StrategyId(1), DecisionRow::default());
        let at = |second: u64| Time(second.saturating_mul(1_000_000));
        faults.iter().map(|(second, strike, saving)| known.failed(1, at(*second), (*strike, *saving))).collect()
    }

    #[test]
    fn a_strategy_is_down_after_three_faults_of_its_own_within_a_minute() {
        assert_eq!(down(&[(0, true, false), (30, true, false), (59, true, false)]), [false, false, true]);
        assert_eq!(down(&[(0, true, false), (30, true, false), (60, true, false)]), [false; 3]);
        assert_eq!(down(&[(0, true, false), (1, false, false), (2, false, true), (3, true, false)]), [false; 4]);
    }

    #[test]
    fn one_that_cannot_give_its_state_each_minute_is_down_after_the_third_time() {
        assert_eq!(down(&[(0, true, true), (61, true, true), (122, true, true)]), [false, false, true]);
        assert_eq!(down(&[(0, true, true), (400, true, true), (800, true, true)]), [false; 3], "once in a while");
        assert_eq!(down(&[(0, true, true), (1, true, true), (2, true, true)]), [false, false, true]);
    }
}
