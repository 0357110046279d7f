//! The layout of this repository.

use crate::{cargo_config, command};
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
    /// The folder of the profiles' folders: `target`, or its folder for this machine.
    results: PathBuf,
    /// True in CI, where a check that cannot run is a failure.
    pub(crate) ci: bool,
}

impl Repo {
    /// Finds the repository from the folder of this crate, and the target folder from `cargo metadata`.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Cargo sets the variable when it runs xtask; the path from the build is right unless the repository was moved.
        let here = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let root = here.ancestors().nth(2).context("xtask is not in host/xtask of the repository")?.to_path_buf();
        let metadata = metadata(&root)?;
        let target = metadata
            .get("target_directory")
            .and_then(Value::as_str)
            .context("cargo metadata has no target_directory")?;
        let (target, results) = (PathBuf::from(target), results(&root, Path::new(target))?);
        Ok(Self { target, results, ci: env::var_os("CI").is_some_and(|value| !value.is_empty()), root })
    }

    /// Returns the folder of the dashboard.
    pub(crate) fn dashboard(&self) -> PathBuf {
        self.root.join("dashboard")
    }

    /// Returns the folder of the built strategies. It is not one of cargo's own, because a folder that the host watches
    /// holds modules only.
    pub(crate) fn strategies(&self) -> PathBuf {
        self.target.join("strategies")
    }

    /// Returns the path of the host's binary in cargo's folder `debug` or `release`.
    pub(crate) fn binary(&self, profile: &str) -> PathBuf {
        self.program(profile, "polytrader")
    }

    /// Returns the path of a program of the workspace in cargo's folder `debug` or `release`.
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.results.join(profile).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }
}

/// Returns the folder that holds cargo's folders `debug` and `release`, for builds in `folder` into `target`.
pub(crate) fn results(folder: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    if !cargo_config::sets_target(folder) {
        return Ok(target.to_path_buf());
    }
    let mut rustc = command::new("rustc", folder);
    let text = command::read(rustc.args(["--version", "--verbose"]))?;
    let machine = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(target.join(machine.context("rustc --version --verbose names no host")?))
}

/// Returns cargo's description of the workspace in `folder`.
pub(crate) fn metadata(folder: &Path) -> anyhow::Result<Value> {
    let mut cargo = command::new("cargo", folder);
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let text = command::read(&mut cargo)?;
    serde_json::from_str(&text).with_context(|| format!("reading cargo metadata of {}", folder.display()))
}
