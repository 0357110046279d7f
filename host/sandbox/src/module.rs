//! The sandbox's engine, and the loading of modules: check, compile, describe.

use crate::bindings::Strategy;
use crate::bindings::polytrader::strategy::types;
use crate::check::{self, Allowed};
use crate::compile::{self, Compiler};
use crate::contract::{self, Contract};
use crate::fault::{Fault, LoadError, sanitize};
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

/// Tick interval of the deadline clock, in milliseconds.
pub(crate) const TICK_MS: u64 = 10;
/// The only function that strategies may import.
const LOG: &str = "log";
/// All imports that they may have: this function, and the contract's types.
const ALLOWED: Allowed = Allowed { functions: &[LOG], types: contract::is_types };
/// The maximum number of slug prefixes that a strategy can select by.
const SLUGS_MAX: usize = 64;

/// A strategy's description of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its display name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Its author.
    pub author: String,
    /// Its description.
    pub description: String,
    /// A JSON Schema of its parameters.
    pub parameter_schema: String,
    /// The maximum number of markets; 0 for as many as are granted.
    pub markets_max: u32,
    /// The markets that it selects.
    pub selection: Selection,
    /// The events that it subscribes to.
    pub wants: Wants,
    /// The version of its contract. Before 0.2 there is no event for changed parameters: a strategy must be restarted
    /// with them.
    pub contract: Contract,
}

/// The markets that a strategy selects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Prefixes of their slugs; any slug if there is none.
    pub slugs: Vec<String>,
    /// True for markets of negative-risk events only.
    pub neg_risk: bool,
    /// True for all open markets of an event or none of them.
    pub whole_events: bool,
}

impl Selection {
    /// Returns whether it selects a market.
    pub fn selects(&self, market: &Market) -> bool {
        let named = self.slugs.is_empty() || self.slugs.iter().any(|slug| market.slug.starts_with(slug.as_str()));
        named && (market.neg_risk || !self.neg_risk)
    }
}

/// Compiles and runs strategies. One per program; cheap to clone.
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
    /// Creates the engine and starts its deadline clock.
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

    /// Returns the per-second limits of an instance.
    pub const fn rates(&self) -> &crate::settings::Rates {
        &self.settings.rates
    }

    /// Returns the fuel of one call of `on-events`; an operator may give a strategy less.
    pub const fn fuel(&self) -> u64 {
        self.settings.fuel
    }

    /// Checks and compiles a file, and reads the strategy's manifest.
    ///
    /// # Errors
    /// If the file cannot be loaded as a strategy.
    pub fn load(&self, bytes: &[u8]) -> Result<Module, LoadError> {
        self.load_hashed(bytes, Sha256::digest(bytes).into())
    }

    /// Same as [`Sandbox::load`], for callers that have hashed the file already.
    pub(crate) fn load_hashed(&self, bytes: &[u8], hash: [u8; 32]) -> Result<Module, LoadError> {
        let kind = check::file(bytes, &self.settings)?;
        // Before the imports are checked: a module for another contract version also imports that version's types.
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
        names.find(|name| !ALLOWED.has(name)).map_or(Ok(()), |name| Err(LoadError::Import(sanitize(name))))
    }

    fn describe(&self, component: &Component, contract: Contract) -> Result<Manifest, LoadError> {
        let mut running = Running::new(self, component, contract).map_err(LoadError::Describe)?;
        let limit = self.settings.fuel_other;
        let (described, _) =
            running.call(limit, |strategy, store| strategy.call_describe(store)).map_err(LoadError::Describe)?;
        if described.word_layout != WORD_LAYOUT {
            return Err(LoadError::Layout { got: described.word_layout, ours: WORD_LAYOUT });
        }
        let (wants, selection) = (wants(&described)?, selection(described.selection)?);
        Ok(Manifest {
            name: sanitize(&described.name),
            version: sanitize(&described.version),
            author: sanitize(&described.author),
            description: sanitize(&described.description),
            parameter_schema: described.parameter_schema,
            markets_max: described.markets_max,
            selection,
            wants,
            contract,
        })
    }
}

fn wants(guest_manifest: &types::Manifest) -> Result<Wants, LoadError> {
    let types::Subscription { tops, trades, depth } = guest_manifest.hears;
    let too_deep = || LoadError::Manifest { what: "levels", got: depth.into(), limit: DEPTH_MAX.into() };
    let depth = u8::try_from(depth).ok().filter(|depth| *depth <= DEPTH_MAX).ok_or_else(too_deep)?;
    if guest_manifest.every != 0 && guest_manifest.every < TIMER_MIN_MICROS {
        let what = "a timer interval in microseconds";
        return Err(LoadError::Manifest { what, got: guest_manifest.every, limit: TIMER_MIN_MICROS });
    }
    Ok(Wants { tops, trades, depth, every_micros: guest_manifest.every })
}

fn selection(guest_selection: types::Selection) -> Result<Selection, LoadError> {
    let types::Selection { slugs, neg_risk, whole_events } = guest_selection;
    let most = |what, got: usize, limit: usize| {
        let [got, limit] = [got, limit].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        if got > limit { Err(LoadError::Manifest { what, got, limit }) } else { Ok(()) }
    };
    most("slug prefixes", slugs.len(), SLUGS_MAX)?;
    let longest = slugs.iter().map(String::len).max().unwrap_or(0);
    most("bytes in a slug prefix", longest, SLUG_MAX)?;
    Ok(Selection { slugs, neg_risk, whole_events })
}

/// Starts the thread that advances the deadline clock until the engine is dropped.
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

/// A loaded strategy module.
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

    /// Returns the bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the strategy's manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

impl From<Fault> for LoadError {
    fn from(fault: Fault) -> Self {
        Self::Describe(fault)
    }
}
