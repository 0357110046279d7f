//! Parameters that change while a strategy runs: it is told of them between two events, and goes on. One that has no word for that, or
//! that would not start with them, is started anew from its state instead, as with any other change.

use super::strategy_record::{Known, Version};
use super::{Strategies, StrategyChange};
use control::clock;
use model::{Limits, Usd};
use sandbox::{Grant, Grants, Instance, Module, Session};

impl Strategies {
    /// Tells what runs the parameters of this version, if nothing else changes. Says whether it did; if not, the version is to be started.
    pub(super) async fn hot_apply(&mut self, name: &str, version: &Version) -> bool {
        let Some(known) = self.known.get(name).filter(|known| known.can_be_told(version)) else { return false };
        let session = self.rehearsal(name, known, &version.parameters);
        if let Err(error) = self.would_start(version.module.clone(), session).await {
            tracing::info!(name, error, "a strategy does not take its new parameters as it stands; it is started anew");
            return false;
        }
        let Some(known) = self.known.get_mut(name) else { return false };
        known.told(&version.parameters);
        let (strategy, note) = (known.id, known.note());
        let parameters = version.parameters.clone();
        tracing::info!(name, parameters, "a strategy is told of its new parameters and goes on");
        // What is announced after this is told later too: the instance that runs hears it before it is replaced.
        self.tell(StrategyChange::Parameters { strategy, parameters });
        self.edit(strategy, |view| view.error = note);
        true
    }

    /// Says whether an instance that nobody hears starts with that. An event cannot be refused, but a start can.
    async fn would_start(&self, module: Module, session: Session) -> Result<(), String> {
        let sandbox = self.tools.sandbox.clone();
        let start = move || Instance::start(&sandbox, &module, session).map(drop).map_err(|fault| fault.to_string());
        tokio::task::spawn_blocking(start).await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Returns a session as its next instance would have it, but without orders and positions: those are the engine's to know.
    fn rehearsal(&self, name: &str, known: &Known, parameters: &str) -> Session {
        let listing = &self.tools.listing;
        let places = known.markets.iter().zip(&known.places);
        let granted =
            places.filter_map(|(ix, place)| Some(Grant { ix: *ix, market: listing.market(*ix)?, place: *place }));
        let view = self.tools.latest.get();
        // Nothing runs before there was a first look at the engine.
        let (limits, portfolio) =
            view.as_ref().map_or((Limits::DEFAULT, Usd::ZERO), |view| (view.limits, view.summary.portfolio));
        drop(view);
        Session {
            now: clock::now(),
            parameters: parameters.to_owned(),
            grants: Grants::at(granted.collect()),
            positions: Vec::new(),
            orders: Vec::new(),
            limits,
            budget: known.budget.within(&limits, portfolio),
            fuel: known.fuel,
            restored: self.tools.states.get(name).map(|state| state.0),
        }
    }
}
