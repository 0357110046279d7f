//! The calls that differ between systems.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

/// The reason why a name was not taken.
#[derive(Debug)]
pub(crate) enum NameError {
    /// Another process has it.
    Taken {
        /// The process, as far as the system reports it.
        holder: String,
    },
    /// The system refused.
    System(std::io::Error),
}
