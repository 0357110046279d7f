//! Messages that wake the folder watcher's thread.

use super::loading::Done;

/// A message to the watcher thread.
#[derive(Debug)]
pub(super) enum Wake {
    /// A file has been loaded.
    Loaded(Box<Done>),
    /// The watch reported a change, or was lost.
    Folder,
    /// The watcher must end.
    End,
}
