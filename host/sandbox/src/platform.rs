//! The calls that differ between systems.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

/// The limits that a compiler process sets for itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Processor time in seconds.
    pub(crate) processor_s: u64,
}
