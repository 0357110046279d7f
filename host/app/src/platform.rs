//! The calls that differ between systems.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

/// The kinds of signals that end a session in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Ctrl-C, and on Windows Ctrl-Break.
    Interrupt,
    /// Another process asked for it, or the system shuts down.
    Terminate,
    /// The terminal was closed.
    Hangup,
}
