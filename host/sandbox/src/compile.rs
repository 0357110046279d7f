//! From a module to native code. A compiler reads what a stranger wrote, so it works in a process of its own, which has no secrets,
//! no files, no network, and only so much time and memory: whatever a module does to it, the host goes on.
//!
//! The compiler's answer is run as it is. So the process bounds what a module can cost; that its code is right is Wasmtime's promise,
//! here as in one process.

mod answer;
mod child;
#[cfg(target_os = "linux")]
mod confine;
mod inside;

use crate::cache::Cache;
use crate::check::{self, Kind};
use crate::fault::{LoadError, words};
use crate::native::LENGTH;
use crate::settings::Settings;
pub use child::Program;
pub use inside::work;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};
use wit_component::ComponentEncoder;

/// Raised when what is done to a module before it is compiled changes: native code that was kept is not used any more.
const RECIPE: u32 = 1;

/// The address space of each memory: all that a strategy may use.
const MEMORY_RESERVED: u64 = 64 * 1024 * 1024;
/// The address space before and behind each memory in which every access traps. An access of a constant offset below it needs one comparison.
const MEMORY_GUARD: u64 = 4 * 1024 * 1024;

/// Where modules are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process, without limits of its own: for modules that are trusted, and for tests.
    Inline,
    /// In a process of its own.
    Process {
        /// What is started.
        program: Program,
        /// Where native code is kept, if it is.
        cache: Option<Cache>,
    },
}

impl Compiler {
    /// Compiles a module that was checked.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        settings: &Settings,
        bytes: &[u8],
        hash: &[u8; LENGTH],
    ) -> Result<Component, LoadError> {
        let (program, cache) = match self {
            Self::Inline => {
                let component = Component::new(engine, encoded(engine, bytes)?);
                return component.map_err(|error| LoadError::Invalid(words(&format!("{error:#}"))));
            }
            Self::Process { program, cache } => (program, cache),
        };
        let key = key(engine, settings, hash);
        if let Some(native) = cache.as_ref().and_then(|cache| cache.get(&key, settings.compile.native_max)) {
            match native.component(engine) {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(%error, "native code that was kept cannot be used, and is made anew"),
            }
        }
        let native = program.compile(&settings.compile, bytes, hash)?;
        let component = native.component(engine)?;
        if let Some(cache) = cache {
            cache.put(&key, &native);
        }
        Ok(component)
    }
}

/// Returns the engine in which strategies run, which compiles in the thread that asks it.
pub(crate) fn engine() -> Result<Engine, LoadError> {
    engine_of(false)
}

/// Returns that engine, or the one that compiles for it with as many threads as the caller's pool of rayon has.
fn engine_of(parallel: bool) -> Result<Engine, LoadError> {
    let mut config = Config::new();
    config.parallel_compilation(parallel);
    config.consume_fuel(true).epoch_interruption(true).cranelift_nan_canonicalization(true);
    config.wasm_relaxed_simd(false).wasm_memory64(false);
    config.wasm_gc(false).wasm_function_references(false).wasm_exceptions(false);
    // Of address space no more than a strategy may use. Wasmtime's own 4 GiB for each memory spare it a comparison at each access, and do
    // not exist in hardened containers, below a limit of address space, and on small boards.
    config.memory_reservation(MEMORY_RESERVED).memory_guard_size(MEMORY_GUARD);
    config.memory_may_move(false).memory_reservation_for_growth(0);
    Engine::new(&config).map_err(|error| LoadError::Host(error.to_string()))
}

/// Names what a module becomes: by its bytes, the engine that runs it, and the limits that it was held to.
fn key(engine: &Engine, settings: &Settings, hash: &[u8; LENGTH]) -> [u8; LENGTH] {
    let mut digest = Digester(Sha256::new());
    (RECIPE, hash, format!("{settings:?}")).hash(&mut digest);
    // Wasmtime's version, the machine, and every setting that shows in the code.
    engine.precompile_compatibility_hash().hash(&mut digest);
    digest.0.finalize().into()
}

/// Hashes with SHA-256 what otherwise would be hashed for a table.
struct Digester(Sha256);

impl Hasher for Digester {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// Returns the component that a file is or becomes.
fn encoded<'a>(engine: &Engine, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, LoadError> {
    if check::kind(bytes)? == Kind::Component {
        return Ok(Cow::Borrowed(bytes));
    }
    // The encoder takes for granted that it is one: it panics at a file that was cut off.
    wasmtime::Module::validate(engine, bytes).map_err(|error| LoadError::Invalid(words(&format!("{error:#}"))))?;
    // And it may do so at what it finds in the sections of a module that is one.
    let encoded = std::panic::catch_unwind(|| {
        let encoder = ComponentEncoder::default();
        encoder.validate(true).module(bytes).and_then(|mut encoder| encoder.encode())
    });
    let encoded = encoded.map_err(|_panic| LoadError::Contract("what it says of itself makes no sense".into()))?;
    encoded.map(Cow::Owned).map_err(|error| LoadError::Contract(words(&format!("{error:#}"))))
}
