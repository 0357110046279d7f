//! Errors of tapes, each with the file and the place in it.

use std::path::PathBuf;

/// Reasons why a tape cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum TapeError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a tape.
    #[error("{}: not a tape, expected the format tape-v1", path.display())]
    NotATape {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version of the format.
    #[error("{}: tape format {found}, expected at most {}", path.display(), crate::manifest::FORMAT)]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version found.
        found: u16,
    },
    /// The manifest is not valid.
    #[error("{}: manifest: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A record exceeds a limit.
    #[error("{}: record of {bytes} bytes, expected at most {limit}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Length of the record.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Nothing to merge or no records in the span.
    #[error("{what}")]
    Empty {
        /// The sentence.
        what: String,
    },
}

impl TapeError {
    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn manifest(path: &std::path::Path, reason: impl std::fmt::Display) -> Self {
        Self::Manifest { path: path.to_owned(), reason: reason.to_string() }
    }
}
