//! The host's side: a process for each module, without our environment, and killed when its time is up.

use super::answer::{self, Request};
use crate::fault::{LoadError, Measure, words};
use crate::native::{Authentic, LENGTH, Secret};
use crate::settings::Compile;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a process that works is looked at.
const LOOK: Duration = Duration::from_millis(1);
/// The most of what a compiler says of its own end that is read.
const SAID_MAX: u64 = 4_096;
/// What a program says that got no memory: Rust's own last words, and those of a read that had no room.
const NO_MEMORY: [&str; 2] = ["memory allocation of", "out of memory"];

/// What is started to compile: a program that calls [`super::work`] with its standard input and output.
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

    /// Returns native code of a module with this hash.
    pub(crate) fn compile(&self, limits: &Compile, bytes: &[u8], hash: &[u8; LENGTH]) -> Result<Authentic, LoadError> {
        let host = |error: io::Error| LoadError::Host(format!("starting the compiler: {error}"));
        let secret = Secret::random().map_err(host)?;
        let request = Request::new(secret.clone(), limits).to_bytes();
        let mut command = Command::new(&self.path);
        // Nothing of ours goes along: no environment, no folder, no open file but the three pipes.
        command.args(&self.arguments).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().map_err(host)?;
        let ended = converse(child, &[&request, bytes], limits).map_err(host)?;
        ended.verdict(limits)?;
        answer::read(&secret, hash, limits, ended.said)
    }
}

/// How a process ended and what it said.
struct Ended {
    /// None if it was killed because its time was up.
    status: Option<ExitStatus>,
    said: Vec<u8>,
    complained: Vec<u8>,
}

impl Ended {
    /// Says what went wrong, if something did.
    fn verdict(&self, limits: &Compile) -> Result<(), LoadError> {
        let Some(status) = self.status else { return Err(LoadError::CompileTime { limit_ms: limits.time_ms }) };
        let got = u64::try_from(self.said.len()).unwrap_or(u64::MAX);
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
        #[cfg(unix)]
        if std::os::unix::process::ExitStatusExt::signal(&status) == Some(rustix::process::Signal::XCPU.as_raw()) {
            return Err(LoadError::CompileTime { limit_ms: limits.processor_s.saturating_mul(1_000) });
        }
        Err(LoadError::CompileCrash(words(format!("{status} {}", complaint.trim()).trim())))
    }
}

/// The longest answer: native code and what stands before it.
fn most(limits: &Compile) -> u64 {
    limits.native_max.saturating_add(64)
}

/// Tells a process all of `parts`, hears what it says, and sees to it that it ends.
fn converse(mut child: Child, parts: &[&[u8]], limits: &Compile) -> io::Result<Ended> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let deadline = Duration::from_millis(limits.time_ms);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let Some(mut stdin) = stdin else { return };
            // One that ended before it heard everything has its reason, which is told by how it ended.
            let _heard = parts.iter().try_for_each(|part| stdin.write_all(part));
        });
        let said = scope.spawn(move || stdout.map(|from| all(from, most(limits).saturating_add(1))));
        let complained = scope.spawn(move || stderr.map(|from| all(from, SAID_MAX)));
        let status = wait(&mut child, deadline)?;
        // What a thread that panicked heard is nothing, and nothing is no answer.
        let said = said.join().ok().flatten().unwrap_or_default();
        let complained = complained.join().ok().flatten().unwrap_or_default();
        Ok(Ended { status, said, complained })
    })
}

/// Reads to the end, or so much. What cannot be read is missing then, and an answer with something missing is none.
fn all(from: impl Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _read = from.take(most).read_to_end(&mut bytes);
    bytes
}

/// Waits for the end, and makes one when the time is up; none then.
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
