//! Windows.

use super::End;
use anyhow::{Context, bail, ensure};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::windows::fs::MetadataExt;
use std::os::windows::io::AsHandle;
use std::os::windows::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::thread;
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown};
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
use tokio::sync::mpsc;
use win32::access::{self, Access};
use win32::event::{self, Event, Kind};
use win32::secret::Scope;

/// The handles that a process may open: the system's own limit is 16 million.
const OPEN_FILES: u64 = 10_240;
/// A child process of this kind does not get Ctrl-C (CREATE_NEW_PROCESS_GROUP).
const OWN_GROUP: u32 = 0x0000_0200;
/// The beginning of a passphrase file that is encrypted for this user (DPAPI).
const PROTECTED: &[u8] = b"polytrader DPAPI 1\n";

/// A handle of an open file that this process owns.
pub(crate) type OwnedOutput = std::os::windows::io::OwnedHandle;

/// Returns another handle of the standard output.
pub(crate) fn stdout() -> io::Result<OwnedOutput> {
    io::stdout().as_handle().try_clone_to_owned()
}

/// Returns another handle of standard error.
pub(crate) fn stderr() -> io::Result<OwnedOutput> {
    io::stderr().as_handle().try_clone_to_owned()
}

/// Makes the console show UTF-8, if there is one.
pub(crate) fn prepare_terminal() {
    win32::console::use_utf8();
}

/// New files have the access list of their folder; the data folder's is closed to others.
pub(crate) fn close_new_files_to_others() {}

/// Waits for terminations by other processes, in a thread of its own.
fn terminations() -> anyhow::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel(4);
    let event = match Event::of_this_process(Kind::Terminate) {
        // `run` has one already, which its signer listens to.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(receiver),
        event => event.context("listening for terminations")?,
    };
    let wait = move || while event.wait().is_ok() && sender.blocking_send(()).is_ok() {};
    thread::Builder::new().name("terminations".to_owned()).spawn(wait).context("starting a thread")?;
    Ok(receiver)
}

/// The signals that end a command. Once registered, they no longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct Interrupts(ShutdownSignals);

impl Interrupts {
    /// Registers the signals. Call it inside a runtime.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        ShutdownSignals::listen().map(Self)
    }

    /// Waits for the next signal. Safe to cancel.
    pub(crate) async fn next(&mut self) {
        let _kind = self.0.next().await;
    }
}

/// The signals that end a session in order. After a closed console, a log-off and a shutdown, Windows leaves a few
/// seconds.
#[derive(Debug)]
pub(crate) struct ShutdownSignals {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    /// None in a service, which log-offs of users do not concern.
    log_off: Option<CtrlLogoff>,
    shutdown: CtrlShutdown,
    terminations: mpsc::Receiver<()>,
}

impl ShutdownSignals {
    /// Registers the signals. Call it inside a runtime.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c().context("listening for Ctrl-C")?,
            stop: ctrl_break().context("listening for Ctrl-Break")?,
            close: ctrl_close().context("listening for the end of the console")?,
            log_off: log_off().context("listening for a log-off")?,
            shutdown: ctrl_shutdown().context("listening for a shutdown")?,
            terminations: terminations()?,
        })
    }

    /// Waits for the next signal. Safe to cancel.
    pub(crate) async fn next(&mut self) -> End {
        tokio::select! {
            Some(()) = self.interrupt.recv() => End::Interrupt,
            Some(()) = self.stop.recv() => End::Interrupt,
            Some(()) = self.close.recv() => End::Hangup,
            Some(()) = received(&mut self.log_off) => End::Terminate,
            Some(()) = self.shutdown.recv() => End::Terminate,
            Some(()) = self.terminations.recv() => End::Terminate,
            else => std::future::pending().await,
        }
    }
}

fn log_off() -> io::Result<Option<CtrlLogoff>> {
    if win32::process::is_of_service() { Ok(None) } else { ctrl_logoff().map(Some) }
}

async fn received(log_off: &mut Option<CtrlLogoff>) -> Option<()> {
    match log_off {
        Some(log_off) => log_off.recv().await,
        None => std::future::pending().await,
    }
}

/// The name of a termination by another process, for people.
pub(crate) const TERMINATED: &str = "asked to terminate";

/// Keeps a console's Ctrl-C from a child process.
pub(crate) fn detach_from_ctrl_c(command: &mut Command) {
    command.creation_flags(OWN_GROUP);
}

/// Asks a process to end in order.
pub(crate) fn terminate(process: u32) -> io::Result<()> {
    event::send(process, Kind::Terminate)
}

/// Ends a process at once.
pub(crate) fn kill(process: u32) -> io::Result<()> {
    win32::process::kill(process)
}

/// Locks the signer in a process.
pub(crate) fn lock_signer(process: u32) -> io::Result<()> {
    event::send(process, Kind::Lock)
}

/// Returns true if an error of [`kill`] says that there is no such process (ERROR_INVALID_PARAMETER).
pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(87)
}

/// Runs another program in place of this process, and hands on its exit code.
pub(crate) fn replace_process(command: &mut Command) -> io::Result<ExitCode> {
    let status = command.status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Returns what identifies a file under a name: when it was created. The standard library does not return its number.
pub(crate) fn file_id(about: &Metadata) -> (u64, u64) {
    (about.creation_time(), 0)
}

/// Returns the limit of open files, which needs no raising here.
pub(crate) const fn raise_open_files() -> (u64, bool) {
    (OPEN_FILES, false)
}

/// Returns the available memory in bytes, if the system reports it.
pub(crate) fn available_memory() -> Option<u64> {
    win32::machine::memory().ok().map(|memory| memory.available)
}

/// Returns the highest resident memory of this process, in bytes.
pub(crate) fn peak_memory() -> anyhow::Result<u64> {
    Ok(win32::process::resident().context("reading this process's memory")?.peak)
}

/// Returns true if this user can create files in a folder: one is created and removed.
pub(crate) fn is_writable(folder: &Path) -> bool {
    let path = folder.join(format!(".polytrader-doctor-{}", std::process::id()));
    let made = File::create_new(&path).is_ok();
    made && fs::remove_file(&path).is_ok()
}

/// Says what lets other users write to a folder, and the remedy.
pub(crate) fn others_write(folder: &Path, _: &Metadata) -> Option<String> {
    let shown = folder.display();
    match access::is_open_to_others(folder, Access::Change) {
        Ok(false) => None,
        Ok(true) => Some(format!(
            "other users can write to {shown}; run: icacls \"{shown}\" /inheritance:r /grant:r \"%USERNAME%:(OI)(CI)F\""
        )),
        Err(error) => Some(format!("the access list of {shown} cannot be read: {error}")),
    }
}

/// Refuses a file with a secret that other users can read.
pub(crate) fn ensure_private(path: &Path, _: &Metadata) -> anyhow::Result<()> {
    let shown = path.display();
    let is_open = access::is_open_to_others(path, Access::Any);
    ensure!(
        !is_open.with_context(|| format!("reading the access list of {shown}"))?,
        "other users can read {shown}; run: icacls \"{shown}\" /inheritance:r /grant:r \"%USERNAME%:F\""
    );
    Ok(())
}

/// Decrypts the content of a file that this user has encrypted on this machine; `None` if it is not encrypted.
pub(crate) fn decrypted(bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    bytes.strip_prefix(PROTECTED).map(win32::secret::unprotect).transpose()
}

/// Writes a secret that [`decrypted`] reads, encrypted for this user, or for all accounts of this `machine`. Then only the
/// system and administrators can read the file.
pub(crate) fn write_protected(path: &Path, secret: &[u8], machine: bool) -> anyhow::Result<()> {
    let scope = if machine { Scope::Machine } else { Scope::User };
    let encrypted = win32::secret::protect(secret, scope).context("encrypting for this machine (DPAPI)")?;
    let what = || format!("writing {}", path.display());
    store::private_file::replace(path, &[PROTECTED, &encrypted].concat()).with_context(what)?;
    if machine {
        access::close_to_users(path).with_context(what)?;
    }
    Ok(())
}

/// Pipes have no numbers here.
pub(crate) fn open_pipe(_: u16, place: &str) -> anyhow::Result<File> {
    bail!("{place}: this system passes no pipes by number; pass a file with --passphrase-file")
}

/// Protections that this system lacks and others have, for `doctor`.
pub(crate) const LACKS: [(&str, &str); 4] = [
    ("call filter", "Windows has no filter of system calls: signer and compiler run without one"),
    ("memory access", "other programs of this user can read the signer's memory"),
    ("notify", "there is no systemd here: its watchdog does not restart a stalled host"),
    ("folder sync", "the names in a folder are in the file system's journal; no call waits until they are on the disk"),
];
