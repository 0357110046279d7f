//! Where things are in this repository.

use crate::command;
use anyhow::Context;
use serde_json::Value;
use std::env;
use std::path::{Path, PathBuf};

/// The repository that this xtask belongs to.
#[derive(Debug)]
pub(crate) struct Repo {
    /// The folder of the workspace manifest.
    pub(crate) root: PathBuf,
    /// Cargo's target folder of the host workspace.
    pub(crate) target: PathBuf,
    /// Whether this runs in CI: whatever cannot run there is a failure.
    pub(crate) ci: bool,
}

impl Repo {
    /// Finds the repository by the folder of this crate, and asks cargo for the target folder.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Cargo sets the variable when it runs us; the path from the build is right unless the repository was moved.
        let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = here.ancestors().nth(2).context("xtask is not in host/xtask of the repository")?.to_path_buf();
        let metadata = metadata(&root)?;
        let target = metadata
            .get("target_directory")
            .and_then(Value::as_str)
            .context("cargo metadata tells no target_directory")?;
        Ok(Self { target: target.into(), ci: env::var_os("CI").is_some_and(|value| !value.is_empty()), root })
    }

    /// The folder of the web app.
    pub(crate) fn dashboard(&self) -> PathBuf {
        self.root.join("dashboard")
    }

    /// Where the built strategies are put. Not in cargo's own folders: a folder that the host watches holds modules only.
    pub(crate) fn strategies(&self) -> PathBuf {
        self.target.join("strategies")
    }

    /// The host's binary in a folder of cargo's, `debug` or `release`.
    pub(crate) fn binary(&self, profile: &str) -> PathBuf {
        self.program(profile, "polytrader")
    }

    /// A program of the workspace in a folder of cargo's.
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}

/// Returns cargo's description of the workspace in `folder`.
pub(crate) fn metadata(folder: &Path) -> anyhow::Result<Value> {
    let mut cargo = command::new("cargo", folder);
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let text = command::read(&mut cargo)?;
    serde_json::from_str(&text).with_context(|| format!("reading cargo metadata of {}", folder.display()))
}
