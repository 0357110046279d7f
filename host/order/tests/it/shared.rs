//! The shared folder with the venue's vectors, which is not part of this repository.

use serde_json::Value;
use std::path::PathBuf;

/// Reads `polymarket/vectors.json` for a test. If the folder is absent it prints that and returns `None`; in CI that is
/// a failure.
pub(crate) fn vectors(test: &str) -> Option<Value> {
    let root = std::env::var_os("POLYTRADER_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")), PathBuf::from);
    let path = root.join("polymarket/vectors.json");
    if !path.exists() {
        assert!(std::env::var_os("CI").is_none(), "{test} needs {}", path.display());
        eprintln!("NOT RUN: {test} needs the shared folder (set POLYTRADER_SHARED)");
        return None;
    }
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}
