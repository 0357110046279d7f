//! Named pipes in place of files, and a time limit for calls that must not block on them.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// Time limit for a call that does not block, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(20);

/// Creates a named pipe. Opening it as a file blocks until its other end opens.
///
/// # Panics
/// If it cannot be created.
#[expect(clippy::unwrap_used, reason = "a test without its pipe may fail loudly")]
pub fn named_pipe(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
}

/// Runs a function in a separate thread and returns its result.
///
/// # Panics
/// If it does not return within a time limit, or panics.
#[track_caller]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
pub fn at_once<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(act()));
    result.recv_timeout(AT_ONCE).unwrap()
}
