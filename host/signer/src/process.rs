//! The signer as the parent process: it holds the key, starts the host and serves it until it ends.

use crate::confine::confine;
use crate::core::{Signer, WrongKey};
use crate::limits::Limits;
use crate::moment::Clock;
use crate::platform::{self, Link, SignalKind, Signals, Socket};
use crate::serve::{Notice, serve};
use crate::signing_log::{Damage, SigningLog};
use order::{Account, SigningKey};
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use tokio::process::Child;

/// The account and limits of the signer.
#[derive(Debug)]
pub struct Config {
    /// The account; its signer must be the key's address.
    pub account: Account,
    /// The signer's own limits.
    pub limits: Limits,
    /// Its counter and log, opened before it gives up opening files; `None` if nothing is at stake. With a damaged
    /// record the signer starts locked.
    pub record: Option<Result<SigningLog, Damage>>,
}

/// The exit of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited, with this code.
    Code(i32),
    /// It was killed by a signal.
    Signal(i32),
}

impl Exit {
    /// Returns the exit code for the signer's process: the host's own, or 128 plus the signal, as in shells.
    pub const fn code(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal(signal) => signal.saturating_add(128),
        }
    }
}

/// Errors of starting or watching the host.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The key is not the account's.
    #[error(transparent)]
    WrongKey(#[from] WrongKey),
    /// The memory could not be protected from other processes.
    #[error("the signer's memory cannot be protected from other processes")]
    Harden(#[source] io::Error),
    /// The system refused a resource that the signer needs: a socket, a signal, a thread.
    #[error("the signer cannot be set up")]
    Setup(#[source] io::Error),
    /// The host's program could not be started.
    #[error("the host cannot be started")]
    Start(#[source] io::Error),
    /// The host could not be waited for.
    #[error("waiting for the host failed")]
    Watch(#[source] io::Error),
}

/// Prevents other processes of this user from reading this one's memory, by a debugger or a core dump. [`run`] does
/// this too; call it before the key is read.
///
/// # Errors
/// If the system refuses, which Linux does not.
pub fn harden() -> io::Result<()> {
    platform::harden()
}

/// The signer's process, as seen by the host.
#[derive(Debug, Clone, Copy)]
pub struct Parent(Option<u32>);

impl Parent {
    /// Returns the process that started this one. Call it at the start of the host: an orphan has a different parent.
    pub fn of_host() -> Self {
        Self(platform::parent())
    }

    /// Locks the signer until its process ends, like an operator's SIGUSR1, without a request on the socket and without
    /// waiting for it.
    ///
    /// # Errors
    /// If the signer's process is gone, and hence signs nothing, or the system refuses the signal.
    pub fn lock(&self) -> io::Result<()> {
        match self.0 {
            Some(signer) if platform::parent() == Some(signer) => platform::lock(signer),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "the signer's process is gone")),
        }
    }
}

/// Starts the host with `command` and signs for it until it ends; returns its exit. Blocks.
///
/// The host gets the socket as its standard input, where [`crate::Client::connect_inherited`] takes it: an inherited
/// descriptor of another number could not be adopted without unsafe code. From this process's environment it gets the
/// variables that [`passes`] accepts and those that `command` sets itself. SIGTERM, SIGHUP and SIGINT are passed on to
/// the host as SIGTERM; a terminal sends SIGINT to both, so the host must treat a second termination signal like the
/// first. SIGUSR1 locks the signer until this process ends; the host cannot unlock it. On Windows, console events and
/// events with names stand for the signals. Once the host runs, this thread and those it starts can no longer open
/// files or sockets or start programs (Linux). If this process dies, the host reads the end of the socket and ends.
///
/// # Errors
/// If the host could not be started. A connection error is a [`Notice`]: the host sees the socket closed and ends.
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
        Some(Ok(record)) => signer.resume(clock.now(), record),
        Some(Err(damage)) => {
            signer.held().store(true, Ordering::Release);
            notify(Notice::Damaged { damage });
        }
        None => {}
    }
    // Only for signals and the end of the child: the socket is served by a plain thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ProcessError::Setup)?;
    runtime.block_on(supervise((signer, clock), command, notify))
}

type Notify = Arc<dyn Fn(Notice) + Send + Sync>;

async fn supervise(
    (signer, clock): (Signer, Clock),
    mut command: Command,
    notify: Notify,
) -> Result<Exit, ProcessError> {
    // Handlers first: a signal that arrives after the host's start but before its handler would kill only this process.
    let mut signals = Signals::new().map_err(ProcessError::Setup)?;
    scrub(&mut command, std::env::vars_os());
    let link = Link::new(&mut command).map_err(ProcessError::Setup)?;
    let mut command = tokio::process::Command::from(command);
    let mut child = command.spawn().map_err(ProcessError::Start)?;
    if let Err(error) = confine() {
        notify(Notice::Unconfined { reason: error.to_string() });
    }
    let held = signer.held();
    // The command holds the host's end of the socket; while it exists, the end of the connection would never be read
    // here.
    drop(command);
    let service = link.connect(&child).and_then(|(socket, hangup)| {
        let notify = Arc::clone(&notify);
        let serve = move || serve_thread(signer, clock, socket, &notify);
        thread::Builder::new().name("signer".into()).spawn(serve).map(|service| (service, hangup))
    });
    let (service, hangup) = match service {
        Ok(service) => service,
        Err(error) => {
            child.kill().await.map_err(ProcessError::Watch)?;
            return Err(ProcessError::Setup(error));
        }
    };
    let status = pass_on_until_the_end_of(&mut child, &mut signals, &held, &notify).await;
    // A process started by the host may still hold the host's end.
    hangup.now();
    if service.join().is_err() {
        notify(Notice::Broken { reason: "the signer's thread panicked".into() });
    }
    status.map(exit).map_err(ProcessError::Watch)
}

fn serve_thread(mut signer: Signer, clock: Clock, mut socket: Socket, notify: &Notify) {
    let end = serve(&mut signer, clock, &mut socket, &mut |notice| notify(notice));
    platform::finish(&socket);
    notify(match end {
        Ok(()) => Notice::HungUp,
        Err(error) => Notice::Broken { reason: error.to_string() },
    });
}

fn exit(status: ExitStatus) -> Exit {
    match (status.code(), platform::signal_of(status)) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}

/// Waits for the host's end and passes signals on. No timeout: the host runs for as long as its operator wants.
async fn pass_on_until_the_end_of(
    child: &mut Child,
    signals: &mut Signals,
    held: &AtomicBool,
    notify: &Notify,
) -> io::Result<ExitStatus> {
    loop {
        let signal = tokio::select! {
            biased;
            status = child.wait() => return status,
            signal = signals.next() => signal,
        };
        match signal {
            SignalKind::End(name) => {
                if platform::terminate(child) {
                    notify(Notice::Forwarded { signal: name });
                }
            }
            SignalKind::Lock => {
                held.store(true, Ordering::Release);
                notify(Notice::Held);
            }
        }
    }
}

/// Variables with which the end-to-end tests preload a library that drops unsynced writes. Not in release builds.
const OF_TESTS: &[&str] =
    if cfg!(debug_assertions) { &["LD_PRELOAD", "POWERLOSS_ROOT", "POWERLOSS_KEPT"] } else { &[] };
/// Prefix of our settings.
const OURS: &str = "POLYTRADER_";
/// A setting of ours whose name contains one of these is never passed to the host.
const SECRET: [&str; 6] = ["PRIVATE_KEY", "PASSPHRASE", "PASSWORD", "KEYSTORE", "MNEMONIC", "SECRET"];

/// Returns true if a variable of the signer's environment is passed to the host.
pub fn passes(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    let is_in = |names: &[&str]| names.iter().any(|known| platform::is_same_name(known, name));
    let named = is_in(platform::PASSED) || is_in(OF_TESTS);
    named || (name.starts_with(OURS) && !SECRET.iter().any(|word| name.contains(word)))
}

/// Removes all other variables from the environment of `command`, except those that it sets itself.
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
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(exit(ExitStatus::from_raw(9)).code(), 137);
        assert_eq!(exit(ExitStatus::from_raw(7 << 8)).code(), 7);
    }
}
