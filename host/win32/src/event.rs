//! Events with names, in place of signals: one process waits for one, another sets it.
//!
//! The names lie in the global namespace, so that a service and an operator's session see the same ones. Only this user,
//! the system and administrators may set them, by the default access list of new objects.

use crate::{check, owned, wide};
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::null;
use windows_sys::Win32::Foundation::{ERROR_ALREADY_EXISTS, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    CreateEventW, CreateMutexW, EVENT_MODIFY_STATE, INFINITE, OpenEventW, SetEvent, WaitForSingleObject,
};

/// The events that a process waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The process must end in order, like SIGTERM.
    Terminate,
    /// The signer must sign nothing any more, like SIGUSR1.
    Lock,
}

fn name(process: u32, kind: Kind) -> Vec<u16> {
    let kind = match kind {
        Kind::Terminate => "terminate",
        Kind::Lock => "lock",
    };
    wide(format!("Global\\PolyTrader-{kind}-{process}"))
}

/// An event of this process.
#[derive(Debug)]
pub struct Event(OwnedHandle);

impl Event {
    /// Creates the event of this process. It is reset after each wait.
    ///
    /// # Errors
    /// If another process has created it, or the system refuses.
    pub fn of_this_process(kind: Kind) -> io::Result<Self> {
        let name = name(std::process::id(), kind);
        // SAFETY: the name ends with a zero, and no attributes are passed.
        let handle = owned(unsafe { CreateEventW(null(), 0, 0, name.as_ptr()) });
        // Read before anything else can change it.
        let existed = io::Error::last_os_error().raw_os_error() == i32::try_from(ERROR_ALREADY_EXISTS).ok();
        match handle {
            Ok(_) if existed => Err(io::Error::new(io::ErrorKind::AlreadyExists, "the event has been created before")),
            handle => Ok(Self(handle?)),
        }
    }

    /// Blocks until another process has set the event.
    ///
    /// # Errors
    /// If the system cannot wait, which it always can.
    pub fn wait(&self) -> io::Result<()> {
        // SAFETY: the handle is open as long as `self`.
        match unsafe { WaitForSingleObject(self.0.as_raw_handle(), INFINITE) } {
            WAIT_OBJECT_0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Sets an event of another process.
///
/// # Errors
/// If there is no such process or it does not wait for this event, or the system refuses.
pub fn send(process: u32, kind: Kind) -> io::Result<()> {
    let name = name(process, kind);
    // SAFETY: the name ends with a zero.
    let event = owned(unsafe { OpenEventW(EVENT_MODIFY_STATE, 0, name.as_ptr()) })?;
    // SAFETY: the handle is open.
    check(unsafe { SetEvent(event.as_raw_handle()) })
}

/// A name that one process of the machine holds; the system releases it when the process ends, for whatever reason.
#[derive(Debug)]
pub struct Held {
    _handle: OwnedHandle,
}

impl Held {
    /// Takes a name. Returns `None` if another process holds it.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn take(name: &str) -> io::Result<Option<Self>> {
        let name = wide(format!("Global\\{name}"));
        // SAFETY: the name ends with a zero, and no attributes are passed.
        let handle = owned(unsafe { CreateMutexW(null(), 0, name.as_ptr()) });
        let error = io::Error::last_os_error();
        match handle {
            Ok(_) if error.raw_os_error() == i32::try_from(ERROR_ALREADY_EXISTS).ok() => Ok(None),
            Ok(handle) => Ok(Some(Self { _handle: handle })),
            // It is held by another user, whose objects this one may not open.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
            Err(error) => Err(error),
        }
    }
}
