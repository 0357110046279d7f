//! The compiler process: it sets its own limits, installs the system call filter, and only then reads the module.

use super::answer::{self, REQUEST, Request};
use crate::fault::{LoadError, sanitize};
use crate::native::LENGTH;
use crate::platform::{Limits, limit_this_process};
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};
use wasmtime::Engine;

/// The maximum number of threads that compile one module, and the stack size of each.
const THREADS_MAX: usize = 8;
const STACK: usize = 4 * 1024 * 1024;

/// Compiles the module from `input` and writes the answer to `output`. The process is restricted afterwards, so call
/// this in a process started for it, before it has started threads.
///
/// # Errors
/// If reading the request or setting the limits fails. Errors of the module are part of the answer.
pub fn work(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut request = [0; REQUEST];
    input.read_exact(&mut request)?;
    let request = Request::read(&request).ok_or(io::ErrorKind::InvalidData)?;
    limit_this_process(Limits { memory: request.memory_max, processor_s: request.processor_s })?;
    // After setting the niceness, which each thread has for itself, and before the filter, which permits no new
    // threads.
    let pool = pool();
    if let Some(pool) = &pool {
        pool.broadcast(|_| confine());
    }
    confine();
    let mut bytes = Vec::new();
    // The host limits the module's length; the memory limit bounds this read in any case.
    input.read_to_end(&mut bytes)?;
    let hash: [u8; LENGTH] = Sha256::digest(&bytes).into();
    output.write_all(&answer::write(&request.secret, &hash, native(&bytes, pool.as_ref())))?;
    output.flush()
}

/// Returns a thread pool for compilation; none on a machine with one processor or with too little memory.
fn pool() -> Option<rayon::ThreadPool> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(THREADS_MAX);
    let make = || rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build().ok();
    if threads > 1 { make() } else { None }
}

fn native(bytes: &[u8], pool: Option<&rayon::ThreadPool>) -> Result<Vec<u8>, LoadError> {
    let engine = super::engine_of(pool.is_some())?;
    match pool {
        Some(pool) => pool.install(|| precompiled(&engine, bytes)),
        None => precompiled(&engine, bytes),
    }
}

fn precompiled(engine: &Engine, bytes: &[u8]) -> Result<Vec<u8>, LoadError> {
    let component = super::encoded(engine, bytes)?;
    engine.precompile_component(&component).map_err(|error| {
        if error.is::<wasmtime::OutOfMemory>() {
            return LoadError::CompileMemory { limit: 0 };
        }
        LoadError::Invalid(sanitize(&format!("{error:#}")))
    })
}

/// Installs the system call filter where the system has one. Elsewhere only the resource limits apply.
fn confine() {
    #[cfg(target_os = "linux")]
    if let Err(error) = super::confine::confine() {
        tracing::warn!(%error, "compiler process not confined; only resource limits apply");
    }
}
