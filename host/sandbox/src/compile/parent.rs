//! The host's side of compilation: one process per module, without the host's environment, killed at its time limit.

use super::answer::{self, Request};
use crate::fault::{LoadError, Measure, sanitize};
use crate::native::{Authentic, LENGTH, Secret};
use crate::platform;
use crate::settings::Compile;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Polling interval for the end of the process.
const LOOK: Duration = Duration::from_millis(1);
/// The maximum number of bytes read from the compiler's standard error.
const STDERR_MAX: u64 = 4_096;
/// Messages of a program that ran out of memory: from Rust's allocator, and from a read that could not allocate.
const NO_MEMORY: [&str; 2] = ["memory allocation of", "out of memory"];

/// The compiler program: it calls [`super::work`] with its standard input and output.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<String>,
}

impl Program {
    /// Returns the program at `path` with these arguments.
    pub const fn new(path: PathBuf, arguments: Vec<String>) -> Self {
        Self { path, arguments }
    }

    /// Returns the native code of a module with this hash.
    pub(crate) fn compile(&self, limits: &Compile, bytes: &[u8], hash: &[u8; LENGTH]) -> Result<Authentic, LoadError> {
        let host = |error: io::Error| LoadError::Host(format!("starting the compiler: {error}"));
        let secret = Secret::random().map_err(host)?;
        let request = Request::new(secret.clone(), limits).to_bytes();
        let mut command = Command::new(&self.path);
        // The child inherits no environment, no working folder, and no open files except the three pipes.
        command.args(&self.arguments);
        platform::isolate(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(host)?;
        let ended = converse(child, &[&request, bytes], limits).map_err(host)?;
        ended.verdict(limits)?;
        answer::read(&secret, hash, limits, ended.output)
    }
}

/// The exit status and output of a process.
struct Ended {
    /// `None` if it was killed at its time limit.
    status: Option<ExitStatus>,
    output: Vec<u8>,
    complained: Vec<u8>,
}

impl Ended {
    /// Returns the error that the process ended with, if any.
    fn verdict(&self, limits: &Compile) -> Result<(), LoadError> {
        let Some(status) = self.status else { return Err(LoadError::CompileTime { limit_ms: limits.time_ms }) };
        let got = u64::try_from(self.output.len()).unwrap_or(u64::MAX);
        if got > most(limits) {
            return Err(LoadError::Over { what: Measure::Native, got, limit: limits.native_max });
        }
        if status.success() {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&self.complained);
        if NO_MEMORY.iter().any(|words| complaint.contains(words)) {
            return Err(LoadError::CompileMemory { limit: limits.memory_max });
        }
        if platform::ended_at_processor_limit(status) {
            return Err(LoadError::CompileTime { limit_ms: limits.processor_s.saturating_mul(1_000) });
        }
        Err(LoadError::CompileCrash(sanitize(format!("{status} {}", complaint.trim()).trim())))
    }
}

/// Returns the maximum length of an answer: native code and its header.
fn most(limits: &Compile) -> u64 {
    limits.native_max.saturating_add(64)
}

/// Sends `parts` to a process, reads its output, and ends it.
fn converse(mut child: Child, parts: &[&[u8]], limits: &Compile) -> io::Result<Ended> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let deadline = Duration::from_millis(limits.time_ms);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let Some(mut stdin) = stdin else { return };
            // A process may end before it has read everything; its exit status gives the reason.
            let _written = parts.iter().try_for_each(|part| stdin.write_all(part));
        });
        let output = scope.spawn(move || stdout.map(|from| all(from, most(limits).saturating_add(1))));
        let complained = scope.spawn(move || stderr.map(|from| all(from, STDERR_MAX)));
        let status = wait(&mut child, deadline)?;
        // A panicked reader thread yields empty output, which is not a valid answer.
        let output = output.join().ok().flatten().unwrap_or_default();
        let complained = complained.join().ok().flatten().unwrap_or_default();
        Ok(Ended { status, output, complained })
    })
}

/// Reads to the end, but at most `most` bytes. After a read error the output is incomplete, which fails authentication.
fn all(from: impl Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _read = from.take(most).read_to_end(&mut bytes);
    bytes
}

/// Waits for the process to end. At the deadline it is killed, and the status is `None`.
fn wait(child: &mut Child, deadline: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Some(status)),
            Ok(None) if started.elapsed() < deadline => std::thread::sleep(LOOK),
            other => {
                child.kill()?;
                child.wait()?;
                return other;
            }
        }
    }
}
