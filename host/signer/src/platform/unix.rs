//! Linux, and other systems like it: a socket pair, and signals.

use super::SignalKind;
use crate::wire::Frames;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use tokio::process::Child;
use tokio::signal::unix::{SignalKind as Number, signal};

/// One end of the connection between signer and host.
pub type Socket = std::os::unix::net::UnixStream;

/// The read buffer in bytes.
const CHUNK_BYTES: usize = 4_096;

/// The host's end of the connection.
#[derive(Debug)]
pub(crate) struct Channel(tokio::net::UnixStream);

impl Channel {
    /// Prepares a socket. Call it inside a runtime.
    pub(crate) async fn open(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UnixStream::from_std(socket)?;
        // `try_write` treats a socket as blocked until it was reported as writable once.
        socket.writable().await?;
        Ok(Self(socket))
    }

    /// Writes without waiting.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    /// Waits for bytes and adds them to `frames`; returns their number, 0 at the end.
    pub(crate) async fn read(&self, frames: &mut Frames) -> io::Result<usize> {
        let mut chunk = [0; CHUNK_BYTES];
        loop {
            self.0.readable().await?;
            match self.0.try_read(&mut chunk) {
                Ok(count) => {
                    frames.push(chunk.get(..count).unwrap_or_default());
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends the connection.
    pub(crate) fn close(&self) {
        // The other end may have closed the connection already.
        let _already = rustix::net::shutdown(&self.0, rustix::net::Shutdown::Both);
    }
}

/// Takes the socket that this process got as its standard input, and replaces it with `/dev/null`, so that no child
/// process inherits it. Returns `None` if the standard input is not such a socket.
pub(crate) fn take_inherited() -> io::Result<Option<Socket>> {
    // A duplicate is closed on exec; the standard input itself is not.
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    let domain = rustix::net::sockopt::socket_domain(&socket).ok();
    if domain != Some(rustix::net::AddressFamily::UNIX) {
        return Ok(None);
    }
    let nothing = File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing).map_err(io::Error::from)?;
    Ok(Some(socket.into()))
}

/// The signer's end of the connection to a host that is not started yet.
#[derive(Debug)]
pub(crate) struct Link(Socket);

impl Link {
    /// Creates the connection; `command` gets the other end as its standard input. While the command exists, the end of
    /// the connection would never be read here.
    pub(crate) fn new(command: &mut Command) -> io::Result<Self> {
        let (ours, theirs) = Socket::pair()?;
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        Ok(Self(ours))
    }

    /// Returns the end to serve, and what ends it from another thread, once the host is started.
    pub(crate) fn connect(self, _: &Child) -> io::Result<(Socket, Hangup)> {
        let hangup = Hangup(self.0.try_clone()?);
        Ok((self.0, hangup))
    }
}

/// Ends a connection, even if other processes hold its other end.
#[derive(Debug)]
pub(crate) struct Hangup(Socket);

impl Hangup {
    pub(crate) fn now(&self) {
        drop(self.0.shutdown(Shutdown::Both));
    }
}

/// Ends the connection that this thread has served: the host must see its end even while a duplicate is open.
pub(crate) fn finish(socket: &Socket) {
    drop(socket.shutdown(Shutdown::Both));
}

/// The signals that would otherwise end this process before the host has cancelled its orders.
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    lock: tokio::signal::unix::Signal,
    /// A file reached the system's size limit. With a handler the write fails instead of the process being killed.
    _file_size: tokio::signal::unix::Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(Number::interrupt())?,
            terminate: signal(Number::terminate())?,
            hangup: signal(Number::hangup())?,
            lock: signal(Number::user_defined1())?,
            _file_size: signal(Number::from_raw(Signal::XFSZ.as_raw()))?,
        })
    }

    /// Waits for the next signal. Safe to cancel.
    pub(crate) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            biased;
            Some(()) = self.terminate.recv() => SignalKind::End("SIGTERM"),
            Some(()) = self.hangup.recv() => SignalKind::End("SIGHUP"),
            Some(()) = self.interrupt.recv() => SignalKind::End("SIGINT"),
            Some(()) = self.lock.recv() => SignalKind::Lock,
        }
    }
}

/// Asks a child process that was not waited for yet to end in order. Returns false if it has no id any more.
pub(crate) fn terminate(child: &Child) -> bool {
    // The id is valid until the child was waited for, so it cannot denote another process.
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    // The child may have ended just now.
    pid.map(|pid| kill_process(pid, Signal::TERM)).is_some()
}

/// Returns the process that started this one.
pub(crate) fn parent() -> Option<u32> {
    rustix::process::getppid().and_then(|pid| u32::try_from(pid.as_raw_nonzero().get()).ok())
}

/// Locks the signer in a process.
pub(crate) fn lock(signer: u32) -> io::Result<()> {
    let pid = i32::try_from(signer).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    Ok(kill_process(pid, Signal::USR1)?)
}

/// Returns the signal that ended a process.
pub(crate) fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}

/// Prevents other processes of this user from reading this one's memory.
pub(crate) fn harden() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Makes a new file readable by its owner only.
pub(crate) fn make_private(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Variables of the environment that the host gets on this system.
pub(crate) const PASSED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TERM",
    "NO_COLOR",
    "NOTIFY_SOCKET",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "TMPDIR",
    "WATCHDOG_USEC",
    "XDG_RUNTIME_DIR",
];

/// Returns true if two names of variables are the same one.
pub(crate) fn is_same_name(one: &str, other: &str) -> bool {
    one == other
}
