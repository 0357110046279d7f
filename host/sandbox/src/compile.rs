//! Compilation of modules to native code. The compiler processes untrusted input, so it runs in its own process without
//! secrets, files or network, and with limited time and memory: whatever a module does to the compiler, the host keeps
//! running.
//!
//! The native code that it returns is run without further checks. The process bounds the cost of a module; the
//! correctness of the generated code is Wasmtime's responsibility, as it would be in a single process.

mod answer;
mod child;
#[cfg(target_os = "linux")]
mod confine;
mod parent;

use crate::cache::Cache;
use crate::check::{self, Kind};
use crate::fault::{LoadError, sanitize};
use crate::native::LENGTH;
use crate::settings::Settings;
pub use child::work;
pub use parent::Program;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use wasmtime::component::Component;
use wasmtime::{Config, Engine};
use wit_component::ComponentEncoder;

/// Version of the steps before compilation. Raising it invalidates cached native code.
const RECIPE: u32 = 1;

/// The address space reserved for each memory: the maximum that a strategy may use.
const MEMORY_RESERVED: u64 = 64 * 1024 * 1024;
/// The guard region before and after each memory, in which every access traps. An access at a constant offset below
/// this size needs only one comparison.
const MEMORY_GUARD: u64 = 4 * 1024 * 1024;

/// The place where modules are compiled.
#[derive(Debug, Clone)]
pub enum Compiler {
    /// In this process, without separate limits: for trusted modules and for tests.
    Inline,
    /// In a separate process.
    Process {
        /// The program to start.
        program: Program,
        /// The cache of native code, if there is one.
        cache: Option<Cache>,
    },
}

impl Compiler {
    /// Compiles a checked module.
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
                return component.map_err(|error| LoadError::Invalid(sanitize(&format!("{error:#}"))));
            }
            Self::Process { program, cache } => (program, cache),
        };
        let key = key(engine, settings, hash);
        if let Some(native) = cache.as_ref().and_then(|cache| cache.get(&key, settings.compile.native_max)) {
            match native.component(engine) {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(%error, "cached native code is not usable; compiling again"),
            }
        }
        let native = program.compile(&settings.compile, bytes, hash)?;
        let component = native.component(engine)?;
        if let Some(cache) = cache {
            cache.insert(&key, &native);
        }
        Ok(component)
    }
}

/// Returns the engine that runs strategies. It compiles in the calling thread.
pub(crate) fn engine() -> Result<Engine, LoadError> {
    engine_of(false)
}

/// Returns that engine, or a compatible one that compiles in parallel in the caller's rayon pool.
fn engine_of(parallel: bool) -> Result<Engine, LoadError> {
    let mut config = Config::new();
    config.parallel_compilation(parallel);
    config.consume_fuel(true).epoch_interruption(true).cranelift_nan_canonicalization(true);
    config.wasm_relaxed_simd(false).wasm_memory64(false);
    config.wasm_gc(false).wasm_function_references(false).wasm_exceptions(false);
    // Reserves no more address space than a strategy may use. Wasmtime's default of 4 GiB per memory saves a comparison
    // at each access, but is not available in hardened containers, under an address space limit, or on small boards.
    config.memory_reservation(MEMORY_RESERVED).memory_guard_size(MEMORY_GUARD);
    config.memory_may_move(false).memory_reservation_for_growth(0);
    Engine::new(&config).map_err(|error| LoadError::Host(error.to_string()))
}

/// Returns the cache key of a module: a hash of its bytes, the engine that runs it, and the limits that it was checked
/// against.
fn key(engine: &Engine, settings: &Settings, hash: &[u8; LENGTH]) -> [u8; LENGTH] {
    let mut digest = Digester(Sha256::new());
    (RECIPE, hash, format!("{settings:?}")).hash(&mut digest);
    // Covers Wasmtime's version, the machine, and every setting that affects the code.
    engine.precompile_compatibility_hash().hash(&mut digest);
    digest.0.finalize().into()
}

/// Adapter that feeds values implementing [`Hash`] to SHA-256.
struct Digester(Sha256);

impl Hasher for Digester {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

/// Returns the component: the file itself, or a core module encoded as one.
fn encoded<'a>(engine: &Engine, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, LoadError> {
    if check::kind(bytes)? == Kind::Component {
        return Ok(Cow::Borrowed(bytes));
    }
    // The encoder assumes a valid module: it panics on a truncated file.
    wasmtime::Module::validate(engine, bytes).map_err(|error| LoadError::Invalid(sanitize(&format!("{error:#}"))))?;
    // It may also panic on the custom sections of a valid module.
    let encoded = std::panic::catch_unwind(|| {
        let encoder = ComponentEncoder::default();
        encoder.validate(true).module(bytes).and_then(|mut encoder| encoder.encode())
    });
    let encoded = encoded.map_err(|_panic| LoadError::Contract("its component metadata is malformed".into()))?;
    encoded.map(Cow::Owned).map_err(|error| LoadError::Contract(sanitize(&format!("{error:#}"))))
}
