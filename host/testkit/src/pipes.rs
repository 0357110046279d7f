//! Named pipes in the place of files, and what must not wait for their other end.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// How long something that does not wait may take on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(20);

/// Makes a named pipe. To open it as a file waits for its other end.
///
/// # Panics
/// If it cannot be made.
#[expect(clippy::unwrap_used, reason = "a test without its pipe may fail loudly")]
pub fn named_pipe(path: &Path) {
    rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
}

/// Does something in a thread of its own and returns what it returns. Fails if that takes long.
///
/// # Panics
/// If it takes long, or panics.
#[track_caller]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
pub fn at_once<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(act()));
    result.recv_timeout(AT_ONCE).unwrap()
}
