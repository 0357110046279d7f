//! The number of files that a process may open. Services get a small one by default, which they may raise themselves.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What systems without a limit still refuse to exceed.
const USUAL_MAX: u64 = 10_240;
/// A host with fewer descriptors has too few for its own sockets and files beside a busy page.
const ENOUGH: u64 = 512;

/// Raises the limit to what the system allows this process, and returns it.
pub(crate) fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = [maximum, maximum.map_or(Some(USUAL_MAX), |most| Some(most.min(USUAL_MAX)))];
    let raised = wanted.into_iter().any(|wanted| {
        let more = wanted.unwrap_or(u64::MAX) > current.unwrap_or(u64::MAX);
        more && setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }).is_ok()
    });
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if files < ENOUGH {
        tracing::warn!(
            files,
            expected = ENOUGH,
            "few files may be opened; the API takes fewer connections, raise the limit of open files"
        );
    } else {
        tracing::debug!(files, raised, "limit of open files");
    }
    files
}
