//! The sandbox's engine, and modules: checked, compiled, and asked what they are.

use crate::bindings::Strategy;
use crate::bindings::polytrader::strategy::types;
use crate::check::{self, Allowed};
use crate::compile::{self, Compiler};
use crate::contract::{self, Contract};
use crate::fault::{Fault, LoadError, words};
use crate::instance::Running;
use crate::pack::WORD_LAYOUT;
use crate::settings::Settings;
use crate::state::State;
use model::bounds::SLUG_MAX;
use model::wants::TIMER_MIN_MICROS;
use model::{DEPTH_MAX, Market, Wants};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker};

/// How often the deadline's clock ticks, in milliseconds.
pub(crate) const TICK_MS: u64 = 10;
/// The import that strategies get.
const LOG: &str = "log";
/// All that they get; the types are no more than the words of the contract.
const ALLOWED: Allowed = Allowed { functions: &[LOG], types: contract::is_types };
/// The most beginnings of slugs that a strategy can select by, and the most bytes of each.
const SLUGS_MAX: usize = 64;

/// What a strategy says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its name, for people.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Who wrote it.
    pub author: String,
    /// What it does.
    pub description: String,
    /// A JSON Schema of its parameters.
    pub parameter_schema: String,
    /// The most markets that it wants; 0 for as many as are granted.
    pub markets_max: u32,
    /// Which markets it wants.
    pub selection: Selection,
    /// What it wants to hear.
    pub wants: Wants,
    /// The contract that it speaks. Before 0.2 nothing hears of changed parameters: it has to be started anew with them.
    pub contract: Contract,
}

/// Which markets a strategy wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// How their slugs begin; any if there is none.
    pub slugs: Vec<String>,
    /// Whether only markets of negative-risk events.
    pub neg_risk: bool,
    /// Whether all open markets of an event or none of them.
    pub whole_events: bool,
}

impl Selection {
    /// Says whether it wants a market.
    pub fn takes(&self, market: &Market) -> bool {
        let named = self.slugs.is_empty() || self.slugs.iter().any(|slug| market.slug.starts_with(slug.as_str()));
        named && (market.neg_risk || !self.neg_risk)
    }
}

/// Compiles and runs strategies. One for the whole program; a cheap handle.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) engine: Engine,
    pub(crate) linker: Linker<State>,
    pub(crate) settings: Settings,
    compiler: Compiler,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Sandbox {
    /// Makes the engine and starts the clock of its deadlines.
    ///
    /// # Errors
    /// [`LoadError::Host`] if the machine cannot run it.
    pub fn new(settings: Settings, compiler: Compiler) -> Result<Self, LoadError> {
        let engine = compile::engine()?;
        let mut linker = Linker::new(&engine);
        Strategy::add_to_linker::<_, HasSelf<_>>(&mut linker, |state: &mut State| state)
            .map_err(|error| LoadError::Host(error.to_string()))?;
        tick(&engine)?;
        Ok(Self { engine, linker, settings, compiler })
    }

    /// Returns what an instance may do a second.
    pub const fn rates(&self) -> &crate::settings::Rates {
        &self.settings.rates
    }

    /// Returns the fuel of one call of `on-events`; an operator may leave less to a strategy.
    pub const fn fuel(&self) -> u64 {
        self.settings.fuel
    }

    /// Checks and compiles a file, and asks the strategy what it is.
    ///
    /// # Errors
    /// Why it is no strategy, as a sentence.
    pub fn load(&self, bytes: &[u8]) -> Result<Module, LoadError> {
        self.load_hashed(bytes, Sha256::digest(bytes).into())
    }

    /// As [`Sandbox::load`], by who has hashed the file already.
    pub(crate) fn load_hashed(&self, bytes: &[u8], hash: [u8; 32]) -> Result<Module, LoadError> {
        let kind = check::file(bytes, &self.settings)?;
        // Before what is in it is looked at: whoever follows another contract also imports its types.
        let contract = contract::spoken(kind, bytes)?;
        check::check(bytes, &self.settings, &ALLOWED)?;
        let component = self.compiler.component(&self.engine, &self.settings, bytes, &hash)?;
        self.refuse_imports(&component)?;
        let manifest = self.describe(&component, contract)?;
        Ok(Module { component, hash, manifest, bytes: bytes.into() })
    }

    fn refuse_imports(&self, component: &Component) -> Result<(), LoadError> {
        let ty = component.component_type();
        let items = ty.imports(&self.engine).filter(|(_, item)| !matches!(item.ty, ComponentItem::Type(_)));
        let mut names = items.map(|(name, _)| name);
        names.find(|name| !ALLOWED.has(name)).map_or(Ok(()), |name| Err(LoadError::Import(words(name))))
    }

    fn describe(&self, component: &Component, contract: Contract) -> Result<Manifest, LoadError> {
        let mut running = Running::new(self, component, contract).map_err(LoadError::Describe)?;
        let limit = self.settings.fuel_other;
        let (said, _) =
            running.call(limit, |strategy, store| strategy.call_describe(store)).map_err(LoadError::Describe)?;
        if said.word_layout != WORD_LAYOUT {
            return Err(LoadError::Layout { got: said.word_layout, ours: WORD_LAYOUT });
        }
        let (wants, selection) = (wants(&said)?, selection(said.selection)?);
        Ok(Manifest {
            name: words(&said.name),
            version: words(&said.version),
            author: words(&said.author),
            description: words(&said.description),
            parameter_schema: said.parameter_schema,
            markets_max: said.markets_max,
            selection,
            wants,
            contract,
        })
    }
}

fn wants(said: &types::Manifest) -> Result<Wants, LoadError> {
    let types::Subscription { tops, trades, depth } = said.hears;
    let too_deep = || LoadError::Manifest { what: "levels", got: depth.into(), limit: DEPTH_MAX.into() };
    let depth = u8::try_from(depth).ok().filter(|depth| *depth <= DEPTH_MAX).ok_or_else(too_deep)?;
    if said.every != 0 && said.every < TIMER_MIN_MICROS {
        let what = "a regular timer after so few microseconds";
        return Err(LoadError::Manifest { what, got: said.every, limit: TIMER_MIN_MICROS });
    }
    Ok(Wants { tops, trades, depth, every_micros: said.every })
}

fn selection(said: types::Selection) -> Result<Selection, LoadError> {
    let types::Selection { slugs, neg_risk, whole_events } = said;
    let most = |what, got: usize, limit: usize| {
        let [got, limit] = [got, limit].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        if got > limit { Err(LoadError::Manifest { what, got, limit }) } else { Ok(()) }
    };
    most("beginnings of slugs", slugs.len(), SLUGS_MAX)?;
    let longest = slugs.iter().map(String::len).max().unwrap_or(0);
    most("a beginning of slugs with bytes", longest, SLUG_MAX)?;
    Ok(Selection { slugs, neg_risk, whole_events })
}

/// Advances the clock of deadlines for as long as the engine lives.
fn tick(engine: &Engine) -> Result<(), LoadError> {
    let weak = engine.weak();
    let work = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(Duration::from_millis(TICK_MS));
        }
    };
    let thread = std::thread::Builder::new().name("sandbox-clock".to_owned()).spawn(work);
    thread.map(drop).map_err(|error| LoadError::Host(error.to_string()))
}

/// A strategy that can be started.
#[derive(Clone)]
pub struct Module {
    pub(crate) component: Component,
    hash: [u8; 32],
    manifest: Manifest,
    bytes: Arc<[u8]>,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl Module {
    /// Returns the SHA-256 of the file.
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Returns the file as it was loaded.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns what the strategy says about itself.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

impl From<Fault> for LoadError {
    fn from(fault: Fault) -> Self {
        Self::Describe(fault)
    }
}
