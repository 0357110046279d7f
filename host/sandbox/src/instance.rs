//! A running strategy, called under fuel, deadline and memory limits.

use crate::answer;
use crate::bindings::polytrader::strategy::types;
use crate::contract::Contract;
use crate::fault::{AddressSpace, Fault, sanitize};
use crate::grants::Grants;
use crate::guest::Guest;
use crate::module::{Module, Sandbox, TICK_MS};
use crate::own_events;
use crate::pack::pack;
use crate::session::Session;
use crate::settings::Settings;
use crate::state::{Hit, LogLine, State};
use model::{Intent, MarketNote, OwnEvent, Time};
use wasmtime::component::Component;
use wasmtime::{Store, Trap};

/// The least fuel that a running strategy uses per millisecond, whatever it does: even with a cache miss at every load
/// it uses several times as much. The host's work for it counts as well (see [`State::work`]).
const FUEL_PER_MS_MIN: u64 = 2_000;

/// Resource usage of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// The fuel of its last call of `on-events`.
    pub fuel_last: u64,
    /// The maximum fuel of such a call.
    pub fuel_max: u64,
    /// Bytes of all its memories. They never shrink.
    pub memory: usize,
    /// Elements of all its tables.
    pub tables: usize,
}

/// An instance and its store, before it is started with a session.
pub(crate) struct Running {
    store: Store<State>,
    strategy: Guest,
    settings: Settings,
}

impl Running {
    pub(crate) fn new(sandbox: &Sandbox, component: &Component, contract: Contract) -> Result<Self, Fault> {
        let settings = sandbox.settings;
        let mut store = Store::new(&sandbox.engine, State::new(settings));
        store.limiter(|state| state);
        store.set_hostcall_fuel(settings.answer_max);
        arm(&mut store, &settings, settings.fuel_other)?;
        let strategy = Guest::instantiate(contract, &mut store, component, &sandbox.linker);
        let strategy = strategy.map_err(|error| fault(&store, &settings, settings.fuel_other, &error))?;
        Ok(Self { store, strategy, settings })
    }

    /// Calls the strategy with this much fuel, and returns its result and the fuel used.
    pub(crate) fn call<T>(
        &mut self,
        fuel: u64,
        call: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<(T, u64), Fault> {
        arm(&mut self.store, &self.settings, fuel)?;
        let result = call(&self.strategy, &mut self.store);
        let result = result.map_err(|error| fault(&self.store, &self.settings, fuel, &error))?;
        let left = self.store.get_fuel().unwrap_or(0);
        Ok((result, fuel.saturating_sub(left)))
    }
}

fn arm(store: &mut Store<State>, settings: &Settings, fuel: u64) -> Result<(), Fault> {
    store.set_fuel(fuel).map_err(|error| Fault::Trap(error.to_string()))?;
    let ticks = settings.deadline_ms.checked_div(TICK_MS).unwrap_or(0).saturating_add(1);
    store.set_epoch_deadline(ticks);
    store.data_mut().work = 0;
    Ok(())
}

/// Converts the error of a call into a fault, by the limit that was hit.
fn fault(store: &Store<State>, settings: &Settings, fuel: u64, error: &wasmtime::Error) -> Fault {
    match (store.data().hit, error.downcast_ref::<Trap>()) {
        (Some(Hit::Memory), _) => Fault::Memory { limit: settings.memory_max },
        (Some(Hit::Tables), _) => Fault::Tables { limit: settings.table_max },
        (None, Some(Trap::OutOfFuel)) => Fault::Fuel { limit: fuel },
        (None, Some(Trap::Interrupt)) => {
            let used = fuel.saturating_sub(store.get_fuel().unwrap_or(0));
            late(settings.deadline_ms, used, store.data().work)
        }
        (None, Some(trap)) => Fault::Trap(sanitize(&trap.to_string())),
        (None, None) => {
            AddressSpace::of(error).map_or_else(|| Fault::Answer(sanitize(&format!("{error:#}"))), Fault::AddressSpace)
        }
    }
}

/// Returns the fault of a call that hit the deadline: if it hardly did anything in that time, the machine was too busy.
const fn late(limit_ms: u64, used: u64, work: u64) -> Fault {
    if used.saturating_add(work) < limit_ms.saturating_mul(FUEL_PER_MS_MIN) {
        Fault::Starved { limit_ms, used }
    } else {
        Fault::Deadline { limit_ms, used }
    }
}

/// Events for a strategy, in the order of their occurrence. The buffer is reused.
#[derive(Debug, Default)]
pub struct Batch {
    words: Vec<u64>,
    own: Vec<types::OwnEvent>,
    market: u32,
}

impl Batch {
    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.words.clear();
        self.own.clear();
        self.market = 0;
    }

    /// Returns the number of events.
    pub fn len(&self) -> usize {
        usize::try_from(self.market).unwrap_or(usize::MAX).saturating_add(self.own.len())
    }

    /// Returns whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a market event, unless the strategy was not granted its token.
    pub fn market(&mut self, grants: &Grants, note: &MarketNote) {
        if let Some(handle) = grants.handle(note.token) {
            pack(note, handle, &mut self.words);
            self.market = self.market.saturating_add(1);
        }
    }

    /// Adds an own event, unless the strategy was not granted its token.
    pub fn own(&mut self, grants: &Grants, at: Time, event: &OwnEvent) {
        if let Some(what) = own_events::convert(grants, event) {
            self.own.push(types::OwnEvent { after: self.market, at: at.0, what });
        }
    }
}

/// A strategy's answer to a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaction {
    /// The number of events that it consumed; the rest must be sent again.
    pub consumed: u32,
    /// The intents.
    pub intents: Vec<Intent>,
    /// The fuel that the call used.
    pub fuel: u64,
}

/// A started strategy. After a [`Fault`] it must be dropped.
pub struct Instance {
    running: Running,
    grants: Grants,
    /// The fuel of the last call of `on-events`, and the maximum so far.
    fuel: (u64, u64),
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instance").field("grants", &self.grants).finish_non_exhaustive()
    }
}

impl Instance {
    /// Creates an instance and starts it.
    ///
    /// # Errors
    /// If it fails or refuses to start.
    pub fn start(sandbox: &Sandbox, module: &Module, session: Session) -> Result<Self, Fault> {
        let mut running = Running::new(sandbox, &module.component, module.manifest().contract)?;
        let fuel = sandbox.settings.fuel_other;
        let wire = session.to_wire();
        let (started, _) = running.call(fuel, |strategy, store| strategy.call_start(store, &wire))?;
        started.map_err(|refusal| Fault::Start(sanitize(&refusal)))?;
        running.settings.fuel = running.settings.fuel.min(session.fuel.unwrap_or(u64::MAX));
        Ok(Self { running, grants: session.grants, fuel: (0, 0) })
    }

    /// Returns the current resource usage.
    pub fn usage(&self) -> Usage {
        let (fuel_last, fuel_max) = self.fuel;
        let (memory, tables) = self.running.store.data().used();
        Usage { fuel_last, fuel_max, memory, tables }
    }

    /// Returns the granted markets.
    pub const fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Passes a batch to the strategy. `first` is the number of its first event since the start. The batch keeps its
    /// events.
    ///
    /// # Errors
    /// If the call fails. An answer that violates the contract is a fault too, and is discarded as a whole.
    pub fn on_events(&mut self, first: u64, batch: &mut Batch) -> Result<Reaction, Fault> {
        let wire = types::Batch { first, words: std::mem::take(&mut batch.words), own: std::mem::take(&mut batch.own) };
        let fuel = self.running.settings.fuel;
        let result = self.running.call(fuel, |strategy, store| strategy.call_on_events(store, &wire));
        batch.words = wire.words;
        batch.own = wire.own;
        let (result, fuel) = result?;
        self.fuel = (fuel, fuel.max(self.fuel.1));
        let (consumed, intents) = answer::convert(&self.grants, &self.running.settings, batch.len(), result)?;
        Ok(Reaction { consumed, intents, fuel })
    }

    /// Returns the strategy's state for the next instance.
    ///
    /// # Errors
    /// If the call fails, or the state is too large.
    pub fn save(&mut self) -> Result<Vec<u8>, Fault> {
        let fuel = self.running.settings.fuel_other;
        let (state, _) = self.running.call(fuel, |strategy, store| strategy.call_save(store))?;
        let limit = self.running.settings.state_max;
        if state.len() > limit {
            return Err(Fault::Answer(format!("a state of {} bytes, more than {limit}", state.len())));
        }
        Ok(state)
    }

    /// Returns the lines logged since the last call, and the number of lines that were discarded.
    pub fn take_log(&mut self) -> (Vec<LogLine>, u64) {
        let state = self.running.store.data_mut();
        (std::mem::take(&mut state.log), std::mem::take(&mut state.lost_lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_ran_out_is_a_strategys_fault_only_if_it_did_something_in_it() {
        assert_eq!(late(100, 199_999, 0), Fault::Starved { limit_ms: 100, used: 199_999 });
        assert_eq!(late(100, 200_000, 0), Fault::Deadline { limit_ms: 100, used: 200_000 });
        // The host's work for it counts.
        assert_eq!(late(100, 5, 200_000), Fault::Deadline { limit_ms: 100, used: 5 });
        assert_eq!((late(100, 5, 5).is_strike(), late(100, 5, 200_000).is_strike()), (false, true));
        assert!(Fault::Fuel { limit: 1 }.is_strike());
    }
}
