//! The compiler's own process: it limits itself, gives up the system, and only then looks at the module.

use super::answer::{self, REQUEST, Request};
use crate::fault::{LoadError, words};
use crate::native::LENGTH;
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};
use wasmtime::Engine;

/// How much it steps back behind the host, which trades meanwhile.
#[cfg(unix)]
const NICE: i32 = 5;
/// The most threads that compile one module, and the stack of each.
const THREADS_MAX: usize = 8;
const STACK: usize = 4 * 1024 * 1024;

/// Compiles the module that `input` has, and answers on `output`. This process can do nothing else from then on: call it in one that was
/// started for it, before it has started threads.
///
/// # Errors
/// If the request or the limits fail; what is wrong with the module is an answer.
pub fn work(mut input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut request = [0; REQUEST];
    input.read_exact(&mut request)?;
    let request = Request::read(&request).ok_or(io::ErrorKind::InvalidData)?;
    limit(&request)?;
    // Before this process gives up the system, and after it stepped back: later there are no new threads, and each has its own niceness.
    let pool = pool();
    if let Some(pool) = &pool {
        pool.broadcast(|_| confine());
    }
    confine();
    let mut bytes = Vec::new();
    // The host says how long it may be; what it does not say, the limit of memory does.
    input.read_to_end(&mut bytes)?;
    let hash: [u8; LENGTH] = Sha256::digest(&bytes).into();
    output.write_all(&answer::write(&request.secret, &hash, native(&bytes, pool.as_ref())))?;
    output.flush()
}

/// Returns threads to compile with; none on a machine with one processor, or where memory is too short for them.
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
        LoadError::Invalid(words(&format!("{error:#}")))
    })
}

/// Takes from this process what it must not use: time, memory, and files to write to.
#[cfg(unix)]
fn limit(request: &Request) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, nice, setrlimit};
    let set = |resource, most: u64, hard: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(hard) });
    set(Resource::As, request.memory_max, request.memory_max)?;
    // A second more until the end that nobody can refuse.
    set(Resource::Cpu, request.processor_s, request.processor_s.saturating_add(1))?;
    set(Resource::Core, 0, 0)?;
    set(Resource::Fsize, 0, 0)?;
    nice(NICE)?;
    Ok(())
}

#[cfg(not(unix))]
fn limit(_: &Request) -> io::Result<()> {
    Ok(())
}

/// Where the system has filters of its calls. Without them a process that was limited is what there is.
fn confine() {
    #[cfg(target_os = "linux")]
    if let Err(error) = super::confine::confine() {
        tracing::warn!(%error, "the compiler's process is not confined");
    }
}
