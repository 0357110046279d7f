//! The shared folder of samples and recordings that tests read.
#![allow(clippy::print_stderr, reason = "a test that cannot run says so")]

use std::path::PathBuf;

/// Returns a path in the shared folder, or prints that the test cannot run. In CI that is a failure.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("POLYTRADER_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let path = shared.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("NOT RUN: {name} needs the shared folder (set POLYTRADER_SHARED)");
    assert!(std::env::var_os("CI").is_none(), "NOT RUN in CI: {} is missing", path.display());
    None
}
