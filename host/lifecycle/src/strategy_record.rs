//! Record of one strategy.

use super::Arming;
use model::{Budget, MarketIx, StrategyId, Time};
use sandbox::{Contract, Module};
use std::collections::{BTreeMap, VecDeque};
use store::db::DecisionRow;

/// Number of failures within a minute after which a strategy is stopped until its file changes or an operator enables
/// it.
pub(super) const FAULTS_MAX: usize = 3;
const MINUTE_MICROS: u64 = 60_000_000;
/// The period for counting failed saves, which happen once a minute.
const SAVES_MICROS: u64 = 600_000_000;

/// A module that may run.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) module: Module,
    /// The time at which it was first loaded under this name.
    pub(super) since: Time,
    /// Its parameters, as JSON.
    pub(super) parameters: String,
    /// The only markets that it may have, as named in its settings file; any if empty.
    pub(super) named: Vec<String>,
    /// The fuel per call set in its settings file.
    pub(super) fuel: Option<u64>,
}

impl Version {
    /// Returns a version whose settings have not been read yet.
    pub(super) const fn new(module: Module, since: Time) -> Self {
        Self { module, since, parameters: String::new(), named: Vec::new(), fuel: None }
    }

    /// Returns whether it is the same except for its parameters.
    fn fits(&self, other: &Self) -> bool {
        let is_same_module = self.module.hash() == other.module.hash();
        is_same_module && self.named == other.named && self.fuel == other.fuel
    }
}

/// A managed strategy.
#[derive(Debug)]
pub(super) struct ManagedStrategy {
    pub(super) id: StrategyId,
    /// The number of the last announced instance.
    pub(super) instance: u32,
    pub(super) markets: Vec<MarketIx>,
    /// The strategy's own numbers of these markets.
    pub(super) places: Vec<u32>,
    /// Markets named in its settings file but not granted, with the reason.
    pub(super) missing: Vec<String>,
    /// The budget last sent to the engine.
    pub(super) budget: Budget,
    /// The budget from its settings file.
    pub(super) file_budget: Budget,
    /// The fuel last sent to the engine.
    pub(super) fuel: Option<u64>,
    /// The version that should run; none if its file was removed.
    pub(super) wanted: Option<Version>,
    /// The running version.
    pub(super) running: Option<Version>,
    /// Versions that were announced and have neither started nor failed, by instance.
    announced: BTreeMap<u32, Version>,
    pub(super) faults: VecDeque<Time>,
    /// Times of failed saves.
    pub(super) unsaved: VecDeque<Time>,
    /// The version in its file, if it can be loaded.
    pub(super) file: Option<Version>,
    /// The hash of the version that ran before.
    pub(super) previous: Option<[u8; 32]>,
    /// The operators' decision.
    pub(super) decision: DecisionRow,
    /// The reason why its settings file cannot be used; empty if it can, or if there is none.
    pub(super) unusable: String,
}

impl ManagedStrategy {
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

    /// Returns whether it has a version to run and is not stopped because of failures.
    pub(super) fn is_up(&self) -> bool {
        self.wanted.is_some() && !self.failed_too_often()
    }

    /// Returns whether it is stopped because of failures, until its file changes or an operator enables it.
    pub(super) fn failed_too_often(&self) -> bool {
        self.faults.len() >= FAULTS_MAX || self.unsaved.len() >= FAULTS_MAX
    }

    /// Returns a note for operators about a running strategy; empty if there is none or it does not run.
    pub(super) fn notice(&self) -> String {
        if self.running.is_none() {
            return String::new();
        }
        if !self.unusable.is_empty() {
            return format!("its settings file cannot be used: {}; the previous settings remain", self.unusable);
        }
        if self.missing.is_empty() {
            return String::new();
        }
        format!("markets named in its file but not granted: {}", self.missing.join(", "))
    }

    /// Records that no version runs or should run.
    pub(super) fn forget(&mut self) {
        self.wanted = None;
        self.running = None;
        self.announced.clear();
    }

    /// Returns the hashes of the versions that are currently needed: running, wanted, in the file, announced, or the
    /// previous one.
    pub(super) fn needs(&self) -> impl Iterator<Item = [u8; 32]> {
        let versions = [&self.wanted, &self.running, &self.file].into_iter().flatten().chain(self.announced.values());
        versions.map(|version| version.module.hash()).chain(self.previous)
    }

    /// Returns whether a version may trade.
    pub(super) fn may_trade(&self, arming: Arming, hash: &str) -> bool {
        match arming {
            Arming::Dropped => true,
            Arming::Armed => self.decision.armed == hash,
            Arming::ArmedOnce => !self.decision.armed.is_empty(),
        }
    }

    /// Returns the armed budget; it applies only in modes in which arming decides what trades.
    pub(super) fn armed_budget(&self, arming: Arming) -> Budget {
        match arming {
            Arming::Dropped => Budget::NONE,
            Arming::Armed | Arming::ArmedOnce => self.decision.armed_budget(),
        }
    }

    /// Returns whether this version is running and wanted, with the same settings.
    pub(super) fn runs(&self, wanted: &Version) -> bool {
        let is = |version: &Option<Version>| {
            version.as_ref().is_some_and(|version| version.fits(wanted) && version.parameters == wanted.parameters)
        };
        is(&self.wanted) && is(&self.running)
    }

    /// Returns whether the running instance can continue with this version's parameters: nothing else differs, and no
    /// other instance is announced.
    pub(super) fn can_update_parameters(&self, wanted: &Version) -> bool {
        let manifest = wanted.module.manifest();
        let (Some(running), Some(last)) = (&self.running, &self.wanted) else { return false };
        let is_it = |version: &Version| version.fits(wanted) && version.parameters == running.parameters;
        let idle = self.announced.is_empty() && is_it(running) && is_it(last);
        idle && self.is_up() && running.parameters != wanted.parameters && manifest.contract != Contract::V0_1
    }

    /// Records that the running version and the wanted one have these parameters now.
    pub(super) fn set_parameters(&mut self, parameters: &str) {
        for version in [&mut self.running, &mut self.wanted].into_iter().flatten() {
            parameters.clone_into(&mut version.parameters);
        }
    }

    /// Records the announcement of an instance of this version, and returns its number.
    pub(super) fn announce(&mut self, version: &Version) -> u32 {
        self.instance = self.instance.saturating_add(1);
        self.announced.insert(self.instance, version.clone());
        self.instance
    }

    /// Records that an instance started.
    pub(super) fn started(&mut self, instance: u32) {
        if let Some(version) = self.announced.remove(&instance) {
            let hash = |version: &Version| version.module.hash();
            let before = self.running.as_ref().map(hash).filter(|before| *before != hash(&version));
            self.previous = before.or(self.previous);
            self.running = Some(version);
        }
        self.forget_before(instance);
    }

    /// Records that an instance did not start and its predecessor continues. If no newer instance was announced, the
    /// running version becomes the wanted one, and the version that did not start is returned.
    pub(super) fn kept(&mut self, instance: u32) -> Option<Version> {
        let refused = self.announced.remove(&instance);
        self.forget_before(instance);
        if self.instance != instance {
            return None;
        }
        self.wanted.clone_from(&self.running);
        refused
    }

    /// Records that an instance failed: by its own fault (`strike`) or the machine's, and possibly in a save
    /// (`saving`). Returns whether the strategy has failed too often.
    pub(super) fn failed(&mut self, instance: u32, now: Time, (strike, saving): (bool, bool)) -> bool {
        self.announced.remove(&instance);
        self.running = None;
        self.faults.retain(|fault| now.since(*fault) < MINUTE_MICROS);
        self.unsaved.retain(|fault| now.since(*fault) < SAVES_MICROS);
        self.faults.extend(strike.then_some(now));
        self.unsaved.extend((strike && saving).then_some(now));
        self.failed_too_often()
    }

    /// Clears its failures, because another version runs or an operator enabled it.
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

    /// Records failures at these seconds, and returns after which of them the strategy is stopped.
    fn down(faults: &[(u64, bool, bool)]) -> Vec<bool> {
        let mut known = ManagedStrategy::new(StrategyId(1), DecisionRow::default());
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
        assert_eq!(down(&[(0, true, true), (400, true, true), (800, true, true)]), [false; 3], "occasional failures");
        assert_eq!(down(&[(0, true, true), (1, true, true), (2, true, true)]), [false, false, true]);
    }
}
