//! The messages that wake the thread of the folder's watcher.

use super::loading::Done;

/// A reason for the watcher's thread to wake.
#[derive(Debug)]
pub(super) enum Wake {
    /// The load of a file ended.
    Loaded(Box<Done>),
    /// The watch reported a change in the folder, or was lost.
    Folder,
    /// The watcher must end.
    End,
}
