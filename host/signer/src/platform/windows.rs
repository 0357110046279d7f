//! Windows: a pair of pipes, console events, and events with names in place of signals.
//!
//! A call that blocks on one direction of a pipe's handle would block the other direction too, so there is a pipe for
//! each. The host gets the one for answers as its standard input, and the handle of the other as the first eight bytes
//! on it.

use super::SignalKind;
use crate::wire::Frames;
use std::fs::OpenOptions;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::windows::io::{AsHandle, OwnedHandle};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::process::Child;
use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown};
use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
use tokio::sync::mpsc;
use win32::event::{self, Event, Kind};

/// The read buffer in bytes.
const CHUNK_BYTES: usize = 4_096;
/// The frames that wait for the thread that writes them: as many as requests wait for an answer.
const FRAMES_MAX: usize = 64;
/// The chunks that wait for the task that reads them.
const CHUNKS_MAX: usize = 64;

/// One end of the connection between signer and host.
#[derive(Debug)]
pub struct Socket {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The host's end of the connection. Pipes have no calls that a runtime could wait for, so each direction has a thread.
#[derive(Debug)]
pub(crate) struct Channel {
    requests: Mutex<Option<SyncSender<Vec<u8>>>>,
    answers: tokio::sync::Mutex<mpsc::Receiver<Vec<u8>>>,
}

impl Channel {
    /// Starts the threads of both directions.
    #[expect(clippy::unused_async, reason = "it waits on other systems")]
    pub(crate) async fn open(socket: Socket) -> io::Result<Self> {
        let Socket { reader, writer } = socket;
        let (requests, to_write) = sync_channel(FRAMES_MAX);
        let (read, answers) = mpsc::channel(CHUNKS_MAX);
        thread::Builder::new().name("to signer".to_owned()).spawn(move || write_all(writer, &to_write))?;
        thread::Builder::new().name("from signer".to_owned()).spawn(move || read_all(reader, &read))?;
        Ok(Self { requests: Mutex::new(Some(requests)), answers: tokio::sync::Mutex::new(answers) })
    }

    /// Queues a frame without waiting.
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = requests.as_ref().ok_or(io::ErrorKind::BrokenPipe)?;
        match requests.try_send(bytes.to_vec()) {
            Ok(()) => Ok(bytes.len()),
            Err(TrySendError::Full(_)) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TrySendError::Disconnected(_)) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Waits for bytes and adds them to `frames`; returns their number, 0 at the end.
    pub(crate) async fn read(&self, frames: &mut Frames) -> io::Result<usize> {
        let Some(chunk) = self.answers.lock().await.recv().await else { return Ok(0) };
        frames.push(&chunk);
        Ok(chunk.len())
    }

    /// Ends the connection: the thread that writes closes its pipe, and the signer then closes the other.
    pub(crate) fn close(&self) {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn write_all(mut pipe: PipeWriter, frames: &Receiver<Vec<u8>>) {
    while let Ok(frame) = frames.recv() {
        if pipe.write_all(&frame).is_err() {
            return;
        }
    }
}

fn read_all(mut pipe: PipeReader, chunks: &mpsc::Sender<Vec<u8>>) {
    let mut chunk = [0; CHUNK_BYTES];
    loop {
        match pipe.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if chunks.blocking_send(chunk.get(..count).unwrap_or_default().to_vec()).is_err() {
                    return;
                }
            }
        }
    }
}

/// Takes the pipe that this process got as its standard input, and leaves none in its place, so that no child process
/// inherits it; reads the other one from it. Returns `None` if the standard input is not a pipe.
pub(crate) fn take_inherited() -> io::Result<Option<Socket>> {
    let Some(answers) = win32::pipe::take_stdin()? else { return Ok(None) };
    let mut reader = PipeReader::from(answers);
    let mut handle = [0; 8];
    reader.read_exact(&mut handle)?;
    let Some(requests) = win32::pipe::adopt(u64::from_le_bytes(handle))? else { return Ok(None) };
    Ok(Some(Socket { reader, writer: PipeWriter::from(requests) }))
}

/// The signer's ends of the pipes to a host that is not started yet.
#[derive(Debug)]
pub(crate) struct Link {
    ours: Socket,
    theirs: PipeWriter,
}

impl Link {
    /// Creates the pipes; `command` gets the one for answers as its standard input.
    pub(crate) fn new(command: &mut Command) -> io::Result<Self> {
        let (host_reads, writer) = io::pipe()?;
        let (reader, theirs) = io::pipe()?;
        command.stdin(Stdio::from(host_reads));
        Ok(Self { ours: Socket { reader, writer }, theirs })
    }

    /// Gives the other pipe to the host that was started, and returns the end to serve.
    pub(crate) fn connect(mut self, child: &Child) -> io::Result<(Socket, Hangup)> {
        let process = child.raw_handle().ok_or(io::ErrorKind::NotFound)?;
        let handle = win32::pipe::give(OwnedHandle::from(self.theirs).as_handle(), process)?;
        self.ours.writer.write_all(&handle.to_le_bytes())?;
        Ok((self.ours, Hangup))
    }
}

/// Nothing to do: only the host has the other ends, which its own child processes do not inherit.
#[derive(Debug)]
pub(crate) struct Hangup;

impl Hangup {
    pub(crate) fn now(&self) {}
}

/// Nothing to do: both pipes are closed with the socket.
pub(crate) fn finish(_: &Socket) {}

/// The events that would otherwise end this process before the host has cancelled its orders. After a closed console, a
/// log-off and a shutdown, Windows leaves a few seconds.
pub(crate) struct Signals {
    interrupt: CtrlC,
    stop: CtrlBreak,
    close: CtrlClose,
    /// None in a service, which log-offs of users do not concern.
    log_off: Option<CtrlLogoff>,
    shutdown: CtrlShutdown,
    events: mpsc::Receiver<SignalKind>,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        let (sender, events) = mpsc::channel(4);
        let sender = Arc::new(sender);
        for (kind, signal) in [(Kind::Terminate, SignalKind::End("a termination")), (Kind::Lock, SignalKind::Lock)] {
            let (event, sender) = (Event::of_this_process(kind)?, Arc::clone(&sender));
            let wait = move || {
                while event.wait().is_ok() && sender.blocking_send(signal).is_ok() {}
            };
            thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
        }
        Ok(Self {
            interrupt: ctrl_c()?,
            stop: ctrl_break()?,
            close: ctrl_close()?,
            log_off: if win32::process::is_of_service() { None } else { Some(ctrl_logoff()?) },
            shutdown: ctrl_shutdown()?,
            events,
        })
    }

    /// Waits for the next signal. Safe to cancel.
    pub(crate) async fn next(&mut self) -> SignalKind {
        tokio::select! {
            biased;
            Some(signal) = self.events.recv() => signal,
            Some(()) = self.shutdown.recv() => SignalKind::End("the shutdown"),
            Some(()) = received(&mut self.log_off) => SignalKind::End("the log-off"),
            Some(()) = self.close.recv() => SignalKind::End("the closed console"),
            Some(()) = self.stop.recv() => SignalKind::End("Ctrl-Break"),
            Some(()) = self.interrupt.recv() => SignalKind::End("Ctrl-C"),
        }
    }
}

async fn received(log_off: &mut Option<CtrlLogoff>) -> Option<()> {
    match log_off {
        Some(log_off) => log_off.recv().await,
        None => std::future::pending().await,
    }
}

/// Asks a child process that was not waited for yet to end in order. Returns false if it has no id any more.
pub(crate) fn terminate(child: &Child) -> bool {
    // The child may have ended just now.
    child.id().map(|process| event::send(process, Kind::Terminate)).is_some()
}

/// Returns the process that started this one.
pub(crate) fn parent() -> Option<u32> {
    win32::process::parent_id()
}

/// Locks the signer in a process.
pub(crate) fn lock(signer: u32) -> io::Result<()> {
    event::send(signer, Kind::Lock)
}

/// Processes have no signals here.
pub(crate) const fn signal_of(_: ExitStatus) -> Option<i32> {
    None
}

/// Other processes of this user can read this one's memory; see `docs/windows.md`.
#[expect(clippy::unnecessary_wraps, reason = "it can fail on other systems")]
pub(crate) const fn harden() -> io::Result<()> {
    Ok(())
}

/// A new file has the access list of its folder, which is the data folder's.
pub(crate) fn make_private(_: &mut OpenOptions) {}

/// Variables of the environment that the host gets on this system.
pub(crate) const PASSED: &[&str] = &[
    "APPDATA",
    "COMPUTERNAME",
    "ComSpec",
    "LOCALAPPDATA",
    "NO_COLOR",
    "NUMBER_OF_PROCESSORS",
    "OS",
    "PATH",
    "PATHEXT",
    "ProgramData",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SystemDrive",
    "SystemRoot",
    "TEMP",
    "TMP",
    "USERDOMAIN",
    "USERNAME",
    "USERPROFILE",
];

/// Returns true if two names of variables are the same one: their case does not matter here.
pub(crate) const fn is_same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
