//! The calls that differ between systems: the connection between signer and host, signals, clocks and files.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::Socket;
#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub use windows::Socket;
#[cfg(windows)]
pub(crate) use windows::*;

/// A signal to the signer's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalKind {
    /// To end in order; the name is for people.
    End(&'static str),
    /// To sign nothing any more.
    Lock,
}
