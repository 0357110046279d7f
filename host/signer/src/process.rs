//! The signer as the parent process: it holds the key, starts the host and serves it until it ends.

use crate::confine::confine;
use crate::core::{Signer, WrongKey};
use crate::limits::Limits;
use crate::moment::Clock;
use crate::record::{Damage, Record};
use crate::serve::{Notice, serve};
use order::{Account, SigningKey};
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};

/// What the signer signs for, and how much.
#[derive(Debug)]
pub struct Config {
    /// The account; its signer must be the key's address.
    pub account: Account,
    /// The signer's own limits.
    pub limits: Limits,
    /// Where it counts and logs, taken up before it opens no files any more; none where nothing is at stake. With a damaged one the
    /// signer starts locked.
    pub record: Option<Result<Record, Damage>>,
}

/// How the host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// Returns the code that the signer's process should end with: the host's own, or 128 and the signal as shells do.
    pub const fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => signal.saturating_add(128),
        }
    }
}

/// Why the host could not be started or watched.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The key is not the account's.
    #[error(transparent)]
    WrongKey(#[from] WrongKey),
    /// Memory could not be kept from other processes.
    #[error("the signer's memory cannot be kept from other processes")]
    Harden(#[source] io::Error),
    /// The system refused what the signer needs: a socket, a signal, a thread.
    #[error("the signer cannot be set up")]
    Setup(#[source] io::Error),
    /// The host's program could not be started.
    #[error("the host cannot be started")]
    Start(#[source] io::Error),
    /// The host could not be waited for.
    #[error("the host cannot be watched")]
    Watch(#[source] io::Error),
}

/// Keeps other processes of this user from reading this one's memory, by a debugger or a core dump. [`run`] does it too;
/// call it before the key is read.
///
/// # Errors
/// If the system refuses, which Linux does not.
pub fn harden() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// The signer's process, as the host sees it.
#[derive(Debug, Clone, Copy)]
pub struct Parent(Option<Pid>);

impl Parent {
    /// Returns the process that started this one. Call it at the start of the host: the parent of an orphan is another process.
    pub fn of_host() -> Self {
        Self(rustix::process::getppid())
    }

    /// Locks the signer until its process ends, as SIGUSR1 of its operator does, without a word over the socket and without waiting for it.
    ///
    /// # Errors
    /// If the signer's process is gone, which signs nothing any more, or the system refuses the signal.
    pub fn lock(&self) -> io::Result<()> {
        match self.0 {
            Some(pid) if rustix::process::getppid() == Some(pid) => Ok(kill_process(pid, Signal::USR1)?),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "the signer's process is gone")),
        }
    }
}

/// Starts the host with `command` and signs for it until it ends; returns how it ended. Blocks.
///
/// The host gets the socket as its standard input, where [`crate::Client::connect_inherited`] takes it up: an inherited
/// descriptor of another number could not be adopted without unsafe code. Of this process's environment it gets what
/// [`passes`] and what `command` sets itself. SIGTERM, SIGHUP and SIGINT are passed on to the host as SIGTERM; a
/// terminal sends SIGINT to both, so the host must take a second word to end as the first. SIGUSR1 locks the signer until this process
/// ends; no word of the host unlocks it. Once the host runs, this thread and those it starts open no files and no sockets and start no
/// programs any more (Linux). If this process dies, the host reads the end of the socket and ends.
///
/// # Errors
/// If the host could not be started. An error of the connection is a [`Notice`]: the host sees the socket closed and ends.
pub fn run(
    config: Config,
    key: SigningKey,
    command: Command,
    notify: impl Fn(Notice) + Send + Sync + 'static,
) -> Result<Exit, ProcessError> {
    harden().map_err(ProcessError::Harden)?;
    let mut signer = Signer::new(key, config.account, config.limits)?;
    let clock = Clock::start();
    let notify: Notify = Arc::new(notify);
    notify(Notice::Ready { address: config.account.signer });
    match config.record {
        Some(Ok(record)) => signer.keep(clock.now(), record),
        Some(Err(damage)) => {
            signer.held().store(true, Ordering::Release);
            notify(Notice::Damaged { damage });
        }
        None => {}
    }
    // For signals and for the end of the child only: the socket is served by a plain thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ProcessError::Setup)?;
    runtime.block_on(supervise((signer, clock), command, notify))
}

type Notify = Arc<dyn Fn(Notice) + Send + Sync>;

async fn supervise(
    (signer, clock): (Signer, Clock),
    mut command: Command,
    notify: Notify,
) -> Result<Exit, ProcessError> {
    // Handlers first: a signal between the start of the host and its handler would kill only this process.
    let mut signals = Signals::new().map_err(ProcessError::Setup)?;
    let (ours, theirs) = UnixStream::pair().map_err(ProcessError::Setup)?;
    let hangup = ours.try_clone().map_err(ProcessError::Setup)?;
    scrub(&mut command, std::env::vars_os());
    command.stdin(Stdio::from(OwnedFd::from(theirs)));
    let mut command = tokio::process::Command::from(command);
    let mut child = command.spawn().map_err(ProcessError::Start)?;
    if let Err(error) = confine() {
        notify(Notice::Unconfined { reason: error.to_string() });
    }
    let held = signer.held();
    // It holds their end of the socket; while it lives here, ours would never read the end.
    drop(command);
    let service = thread::Builder::new().name("signer".into()).spawn({
        let notify = Arc::clone(&notify);
        move || serve_thread(signer, clock, &ours, &notify)
    });
    let service = match service {
        Ok(service) => service,
        Err(error) => {
            child.kill().await.map_err(ProcessError::Watch)?;
            return Err(ProcessError::Setup(error));
        }
    };
    let status = signals.pass_on_until_the_end_of(&mut child, &held, &notify).await;
    // A process that the host started may still hold its end.
    drop(hangup.shutdown(Shutdown::Both));
    if service.join().is_err() {
        notify(Notice::Broken { reason: "the signer's thread panicked".into() });
    }
    status.map(exit).map_err(ProcessError::Watch)
}

fn serve_thread(mut signer: Signer, clock: Clock, socket: &UnixStream, notify: &Notify) {
    let end = serve(&mut signer, clock, socket, &mut |notice| notify(notice));
    // The host must see the end even while a duplicate of this socket is open.
    drop(socket.shutdown(Shutdown::Both));
    notify(match end {
        Ok(()) => Notice::HungUp,
        Err(error) => Notice::Broken { reason: error.to_string() },
    });
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// The signals that would end this process before the host has cancelled its orders.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    lock: tokio::signal::unix::Signal,
    /// A file reached the system's limit of its size. Listened for, the write fails instead of the process.
    _file_size: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            lock: signal(SignalKind::user_defined1())?,
            _file_size: signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?,
        })
    }

    /// No timeout: the host runs for as long as its operator wants.
    async fn pass_on_until_the_end_of(
        &mut self,
        child: &mut Child,
        held: &AtomicBool,
        notify: &Notify,
    ) -> io::Result<ExitStatus> {
        loop {
            let name = tokio::select! {
                biased;
                status = child.wait() => return status,
                Some(()) = self.terminate.recv() => "SIGTERM",
                Some(()) = self.hangup.recv() => "SIGHUP",
                Some(()) = self.interrupt.recv() => "SIGINT",
                Some(()) = self.lock.recv() => {
                    held.store(true, Ordering::Release);
                    notify(Notice::Held);
                    continue;
                }
            };
            // The id is there until the child was waited for, so no other process can be meant.
            let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid {
                // It may have ended just now.
                let _ended = kill_process(pid, Signal::TERM);
                notify(Notice::Forwarded { signal: name });
            }
        }
    }
}

/// What a host may know of the signer's environment, apart from our own settings.
const PASSED: [&str; 12] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TERM",
    "NO_COLOR",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
];
/// What the end-to-end tests preload into a host, to lose what it did not sync. Not in release builds.
const OF_TESTS: &[&str] =
    if cfg!(debug_assertions) { &["LD_PRELOAD", "POWERLOSS_ROOT", "POWERLOSS_KEPT"] } else { &[] };
/// Our settings begin so.
const OURS: &str = "POLYTRADER_";
/// A setting of ours whose name has one of these is the signer's alone.
const SECRET: [&str; 6] = ["PRIVATE_KEY", "PASSPHRASE", "PASSWORD", "KEYSTORE", "MNEMONIC", "SECRET"];

/// Says whether the host gets a variable of the signer's environment.
pub fn passes(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let named = PASSED.contains(&name) || OF_TESTS.contains(&name);
    named || (name.starts_with(OURS) && !SECRET.iter().any(|word| name.contains(word)))
}

/// Takes everything else out of the environment of `command`, except what it sets itself.
fn scrub(command: &mut Command, variables: impl Iterator<Item = (OsString, OsString)>) {
    let set: Vec<OsString> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in variables {
        if !passes(&name) && !set.contains(&name) {
            command.env_remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(names: &[&str]) -> impl Iterator<Item = (OsString, OsString)> {
        names.iter().map(|name| (name.into(), "value".into())).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn secrets_and_strangers_do_not_reach_the_host() {
        let mut command = Command::new("host");
        command.env("AWS_REGION", "set by us");
        let names = [
            "PATH",
            "POLYTRADER_DATA_DIR",
            "POLYTRADER_PRIVATE_KEY",
            "POLYMARKET_PRIVATE_KEY",
            "AWS_SECRET",
            "AWS_REGION",
        ];
        scrub(&mut command, variables(&names));
        let removed: Vec<_> = command.get_envs().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect();
        assert_eq!(removed, ["AWS_SECRET", "POLYMARKET_PRIVATE_KEY", "POLYTRADER_PRIVATE_KEY"]);
    }

    #[test]
    fn every_word_for_a_secret_keeps_a_setting_back() {
        for word in SECRET {
            assert!(!passes(OsStr::new(&format!("{OURS}THE_{word}_FILE"))), "{word}");
        }
        assert!(passes(OsStr::new("POLYTRADER_SHARED")));
        assert!(!passes(OsStr::new("XPOLYTRADER_SHARED")));
    }

    #[test]
    fn a_host_that_a_signal_ended_gives_the_code_of_shells() {
        assert_eq!(exit(ExitStatus::from_raw(9)).code(), 137);
        assert_eq!(exit(ExitStatus::from_raw(7 << 8)).code(), 7);
    }
}
