//! Linux, and other systems like it.

use super::End;
use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use tokio::signal::unix::{SignalKind, signal};

/// The highest limit of open files that systems without a hard limit accept.
const USUAL_MAX: u64 = 10_240;
/// The most bytes of `/proc/meminfo`.
const REPORT_MAX: u64 = 64 * 1024;

/// A handle of an open file that this process owns.
pub(crate) type OwnedOutput = std::os::fd::OwnedFd;

/// Returns another handle of the standard output.
pub(crate) fn stdout() -> io::Result<OwnedOutput> {
    io::stdout().as_fd().try_clone_to_owned()
}

/// Returns another handle of standard error.
pub(crate) fn stderr() -> io::Result<OwnedOutput> {
    io::stderr().as_fd().try_clone_to_owned()
}

/// Terminals need no preparation.
pub(crate) fn prepare_terminal() {}

/// Makes all files that this process creates from now on private to their owner.
pub(crate) fn close_new_files_to_others() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// The signals that end a command: SIGINT and SIGTERM. Once registered, they no longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    /// Registers the signals. Call it inside a runtime.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
        })
    }

    /// Waits for the next signal. Safe to cancel.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The signals that end a session in order. Once registered, they no longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct ShutdownSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// The terminal was closed.
    hangup: tokio::signal::unix::Signal,
    /// A file reached the system's size limit. With the handler registered, the write fails instead of killing the
    /// process.
    _file_size: tokio::signal::unix::Signal,
}

impl ShutdownSignals {
    /// Registers the signals. Call it inside a runtime.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            hangup: signal(SignalKind::hangup()).context("listening for SIGHUP")?,
            _file_size: signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).context("listening for SIGXFSZ")?,
        })
    }

    /// Waits for the next signal. Safe to cancel.
    pub(crate) async fn next(&mut self) -> End {
        tokio::select! {
            _ = self.interrupt.recv() => End::Interrupt,
            _ = self.terminate.recv() => End::Terminate,
            _ = self.hangup.recv() => End::Hangup,
        }
    }
}

/// The name of a termination by another process, for people.
pub(crate) const TERMINATED: &str = "SIGTERM received";

/// Keeps a terminal's Ctrl-C from a child process.
pub(crate) fn detach_from_ctrl_c(command: &mut Command) {
    command.process_group(0);
}

/// Asks a process to end in order.
pub(crate) fn terminate(process: u32) -> io::Result<()> {
    send(process, Signal::TERM)
}

/// Ends a process at once.
pub(crate) fn kill(process: u32) -> io::Result<()> {
    send(process, Signal::KILL)
}

/// Locks the signer in a process.
pub(crate) fn lock_signer(process: u32) -> io::Result<()> {
    send(process, Signal::USR1)
}

fn send(process: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    Ok(kill_process(pid, signal)?)
}

/// Returns true if an error of [`kill`] says that there is no such process.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Replaces this process by another program. Returns only if that fails.
pub(crate) fn replace_process(command: &mut Command) -> io::Result<ExitCode> {
    Err(command.exec())
}

/// Returns what identifies a file, whatever its name: device and inode.
pub(crate) fn file_id(about: &Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

/// Raises the limit of open files to the maximum that the system allows this process. Returns the limit and whether it
/// was raised.
pub(crate) fn raise_open_files() -> (u64, bool) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = [maximum, maximum.map_or(Some(USUAL_MAX), |most| Some(most.min(USUAL_MAX)))];
    let raised = wanted.into_iter().any(|wanted| {
        let more = wanted.unwrap_or(u64::MAX) > current.unwrap_or(u64::MAX);
        more && setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }).is_ok()
    });
    (getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), raised)
}

/// Returns the available memory in bytes, if the system reports it.
pub(crate) fn available_memory() -> Option<u64> {
    let text = files::read_text(Path::new("/proc/meminfo"), files::Links::Follow, REPORT_MAX).ok()?;
    available_of(&text)
}

fn available_of(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Returns the highest resident memory of this process, in bytes.
pub(crate) fn peak_memory() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("the system does not report VmHWM")?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().context("VmHWM is not a number")?;
    Ok(kilobytes.saturating_mul(1_024))
}

/// Returns true if this user can create files in a folder.
pub(crate) fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

/// Says what lets other users write to a folder, and the remedy.
pub(crate) fn others_write(folder: &Path, about: &Metadata) -> Option<String> {
    let is_open = about.permissions().mode() & 0o022 != 0;
    is_open.then(|| format!("other users can write to {}; run `chmod go-w` on it", folder.display()))
}

/// Refuses a file with a secret that other users can read.
pub(crate) fn ensure_private(path: &Path, about: &Metadata) -> anyhow::Result<()> {
    let mode = about.permissions().mode() & 0o777;
    ensure!(mode & 0o077 == 0, "other users can read {} (its mode is {mode:o}); change it to 600", path.display());
    Ok(())
}

/// The file is not encrypted by the system.
pub(crate) fn decrypted(bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let _plain = bytes;
    Ok(None)
}

/// Refuses: this system encrypts no files for a user or a machine.
pub(crate) fn write_protected(path: &Path, _: &[u8], _: bool) -> anyhow::Result<()> {
    bail!(
        "{} was not written: only Windows encrypts a passphrase for a user or a machine; use a file that only its owner can \
         read (mode 600), or a credential of systemd",
        path.display()
    )
}

/// Opens an inherited pipe by its number.
pub(crate) fn open_pipe(descriptor: u16, place: &str) -> anyhow::Result<File> {
    let file = File::open(format!("/dev/fd/{descriptor}")).with_context(|| format!("opening {place}"))?;
    let kind = file.metadata().with_context(|| format!("inspecting {place}"))?.file_type();
    ensure!(kind.is_fifo(), "{place} is not a pipe; pass a file with --passphrase-file");
    Ok(file)
}

/// Protections that this system lacks and others have, for `doctor`: none.
pub(crate) const LACKS: [(&str, &str); 0] = [];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_the_system_is_read_in_bytes() {
        let text = "MemTotal:       16000000 kB\nMemFree:  1 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(available_of(text), Some(2 * 1024 * 1024));
        assert_eq!(available_of("MemFree: 1 kB"), None);
        assert_eq!(available_of("MemAvailable: much kB"), None);
    }
}
