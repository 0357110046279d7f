//! Parameter changes while a strategy runs. They are sent to the instance between two events, and it continues. A
//! strategy whose contract has no such event, or that would not start with the new parameters, is restarted from its
//! state instead, as for any other change.

use super::strategy_record::{ManagedStrategy, Version};
use super::{Strategies, StrategyChange};
use control::clock;
use model::{Limits, Usd};
use sandbox::{Grant, Grants, Instance, Module, Session};

impl Strategies {
    /// Sends the parameters of this version to the running instance, if nothing else changes. Returns false if the
    /// version must be started instead.
    pub(super) async fn hot_apply(&mut self, name: &str, version: &Version) -> bool {
        let Some(known) = self.known.get(name).filter(|known| known.can_update_parameters(version)) else {
            return false;
        };
        let session = self.rehearsal(name, known, &version.parameters);
        if let Err(error) = self.would_start(version.module.clone(), session).await {
            tracing::info!(name, error, "running instance cannot take the new parameters; restarting it");
            return false;
        }
        let Some(known) = self.known.get_mut(name) else { return false };
        known.set_parameters(&version.parameters);
        let (strategy, note) = (known.id, known.notice());
        let parameters = version.parameters.clone();
        tracing::info!(name, parameters, "new parameters sent to the running instance");
        // Announcements after this arrive later: the running instance receives the parameters before it is replaced.
        self.send_change(StrategyChange::Parameters { strategy, parameters });
        self.edit(strategy, |view| view.error = note);
        true
    }

    /// Checks in a trial instance whether a strategy starts with this session: a start can be refused, an event cannot.
    async fn would_start(&self, module: Module, session: Session) -> Result<(), String> {
        let sandbox = self.tools.sandbox.clone();
        let start = move || Instance::start(&sandbox, &module, session).map(drop).map_err(|fault| fault.to_string());
        tokio::task::spawn_blocking(start).await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Returns the session that the next instance would get, but without orders and positions, which only the engine
    /// has.
    fn rehearsal(&self, name: &str, known: &ManagedStrategy, parameters: &str) -> Session {
        let listing = &self.tools.listing;
        let places = known.markets.iter().zip(&known.places);
        let granted =
            places.filter_map(|(ix, place)| Some(Grant { ix: *ix, market: listing.market(*ix)?, place: *place }));
        let view = self.tools.latest.get();
        // No instance runs before the first engine view exists.
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
