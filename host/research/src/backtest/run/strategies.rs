//! The strategies of a run: their markets, and a new instance from the saved state when these change, as in the host.

use super::Run;
use anyhow::{Context, anyhow};
use lifecycle::{grant, of_names, session_of};
use model::input::StrategyChange;
use model::{Budget, Market, MarketIx, StrategyId, Time};
use sandbox::{Instance, Module};

/// A strategy of a run.
pub(in crate::backtest) struct Slot {
    pub(in crate::backtest) id: StrategyId,
    pub(in crate::backtest) name: String,
    pub(in crate::backtest) module: Module,
    pub(in crate::backtest) parameters: String,
    pub(in crate::backtest) budget: Budget,
    /// Names of the markets that it may be granted; empty for all.
    pub(in crate::backtest) named: Vec<String>,
    /// Its start, until it has passed; `None` for the start of the run.
    pub(in crate::backtest) from: Option<Time>,
    /// The running instance; none before it is granted its first market.
    pub(in crate::backtest) instance: Option<Instance>,
    /// Number of instances started.
    pub(in crate::backtest) instances: u32,
    /// Number of its next event since the instance's start.
    pub(in crate::backtest) first: u64,
    /// Maximum fuel of one call.
    pub(in crate::backtest) fuel_max: u64,
    markets: Vec<MarketIx>,
    /// Each market that it was ever granted, at its permanent place.
    places: Vec<MarketIx>,
}

impl Slot {
    /// Returns a strategy without an instance.
    pub(in crate::backtest) fn new(id: StrategyId, module: Module, job: &crate::backtest::JobStrategy) -> Self {
        Self {
            id,
            name: job.name.clone(),
            module,
            parameters: job.parameters.clone(),
            budget: job.budget,
            named: job.markets.clone(),
            from: job.from,
            instance: None,
            instances: 0,
            first: 1,
            fuel_max: 0,
            markets: Vec::new(),
            places: Vec::new(),
        }
    }

    fn places_of(&mut self, markets: &[MarketIx]) -> Vec<u32> {
        let mut places = Vec::with_capacity(markets.len());
        for market in markets {
            let place = self.places.iter().position(|known| known == market).unwrap_or_else(|| {
                self.places.push(*market);
                self.places.len().saturating_sub(1)
            });
            places.push(u32::try_from(place).unwrap_or(u32::MAX));
        }
        places
    }
}

impl Run<'_> {
    /// Grants each strategy the open markets that it selects, and starts a new instance where these include a new one.
    ///
    /// # Errors
    /// If a strategy does not start, or cannot save its state.
    pub(super) fn grant(&mut self) -> anyhow::Result<()> {
        let mut open = self.world.open_markets();
        open.retain(|(market, _)| !self.bookless.contains_key(market));
        for place in 0..self.slots.len() {
            let Some(slot) = self.slots.get(place).filter(|slot| slot.from.is_none()) else { continue };
            let manifest = slot.module.manifest();
            let (mut open, _) = of_names(open.clone(), &slot.named, manifest.selection.whole_events);
            // Named markets are granted in the order of their names, others by their ends: of markets that are listed a
            // day ahead, the one that trades now.
            let is = |market: &Market, name: &String| market.slug == *name || market.condition.to_string() == *name;
            open.sort_by_key(|(_, market)| {
                let name = slot.named.iter().position(|name| is(market, name));
                (name, market.end.unwrap_or(Time(u64::MAX)))
            });
            let next = if slot.named.is_empty() && slot.markets.is_empty() { self.next_market } else { 0 };
            let granted = grant(&open, &slot.markets, &manifest.selection, manifest.markets_max, next);
            let first = slot.markets.is_empty();
            if granted.iter().all(|market| slot.markets.contains(market)) {
                continue;
            }
            let moved = if first { u32::try_from(granted.len()).unwrap_or(0) } else { 1 };
            self.next_market = self.next_market.saturating_add(moved);
            self.start(place, granted)?;
        }
        Ok(())
    }

    /// Returns the saved state of each strategy that runs, from which a second instance starts.
    ///
    /// # Errors
    /// If a strategy cannot save its state, or does not start from it.
    pub(in crate::backtest) fn save(&mut self) -> anyhow::Result<Vec<Option<Vec<u8>>>> {
        let mut states = Vec::new();
        for slot in &mut self.slots {
            let Some(instance) = &mut slot.instance else {
                states.push(None);
                continue;
            };
            let state = instance.save().map_err(|fault| anyhow!("`save` failed: {fault}"))?;
            let places = slot.places_of(&slot.markets.clone());
            let engine = &self.world.engine;
            let granted = (slot.markets.as_slice(), places.as_slice());
            let mut session = session_of(engine, self.world.at, slot.id, granted, slot.parameters.clone());
            session.restored = Some(state.clone());
            let again = Instance::start(self.sandbox, &slot.module, session);
            again.map(drop).context("starting it from its own saved state")?;
            states.push(Some(state));
        }
        Ok(states)
    }

    fn start(&mut self, place: usize, markets: Vec<MarketIx>) -> anyhow::Result<()> {
        let slot = self.slots.get_mut(place).context("no such strategy")?;
        let name = slot.name.clone();
        let saved = match slot.instance.take() {
            Some(mut instance) => {
                Some(instance.save().map_err(|fault| anyhow!("saving the state of {name} failed: {fault}"))?)
            }
            None => None,
        };
        let places = slot.places_of(&markets);
        slot.instances = slot.instances.saturating_add(1);
        slot.first = 1;
        slot.markets.clone_from(&markets);
        let change = StrategyChange::Loaded {
            strategy: slot.id,
            name: name.clone(),
            hash: slot.module.hash(),
            instance: slot.instances,
            markets: markets.clone(),
            places: places.clone(),
            wants: slot.module.manifest().wants,
            since: Time(0),
            parameters: slot.parameters.clone(),
        };
        self.world.load(change, slot.budget, &mut self.output);
        let engine = &self.world.engine;
        let mut session = session_of(engine, self.world.at, slot.id, (&markets, &places), slot.parameters.clone());
        session.restored = saved;
        let instance = Instance::start(self.sandbox, &slot.module, session);
        slot.instance = Some(instance.map_err(|fault| anyhow!("the strategy {name} did not start: {fault}"))?);
        self.accept_rows();
        Ok(())
    }
}
