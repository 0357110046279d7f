//! Limit of open files. Services get a low one by default, and may raise it themselves.

/// Below this, a host runs out of descriptors for its own sockets and files when the dashboard is busy.
const ENOUGH: u64 = 512;

/// Raises the limit to the maximum that the system allows this process, and returns it.
pub(crate) fn raise() -> u64 {
    let (files, raised) = crate::platform::raise_open_files();
    if files < ENOUGH {
        tracing::warn!(
            files,
            expected = ENOUGH,
            "open file limit is low; the API accepts fewer connections, raise the limit"
        );
    } else {
        tracing::debug!(files, raised, "open file limit");
    }
    files
}
