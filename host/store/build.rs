//! Names the engine by a hash of its sources, so that a replay can tell whether it runs the engine that wrote the
//! journal.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rustc-env=ENGINE_BUILD={:016x}", engine_build());
    println!("cargo:rerun-if-changed=build.rs");
}

/// Returns a hash of all sources that affect decisions.
fn engine_build() -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in ["engine/src", "model/src"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(source);
        println!("cargo:rerun-if-changed={}", folder.display());
        for file in files(&folder) {
            hasher.write(&fs::read(file).unwrap_or_default());
        }
    }
    hasher.finish()
}

/// Returns all files below a folder, in a fixed order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
