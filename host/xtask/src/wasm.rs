//! Builds the strategies to WebAssembly: with the target of the active toolchain, or with Debian's Rust where the
//! target cannot be downloaded.

use crate::repo::{self, Repo};
use crate::{command, say, system};
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toolchain::{TARGET, Toolchain, debian, has_target};

/// The toolchain search of the host's binary, so that `strategy build` and xtask find the same. If nothing is found,
/// `strategy build` names what to install, and xtask installs it.
#[path = "../../app/src/commands/strategy/toolchain.rs"]
#[expect(dead_code, reason = "the error texts of `strategy build`")]
mod toolchain;

/// Time limit for downloads: a closed network may drop connections silently, and the fallback should not wait for ever.
const DOWNLOAD_MAX: Duration = Duration::from_secs(120);
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

/// Folder of the modules that the host's tests load and that are not shipped, in the workspace and in the output.
const FIXTURES: &str = "fixtures";

/// Builds all strategies and returns the modules, which are in one folder that a host can watch. Test fixtures are
/// built too, into a folder inside it, which a host does not scan.
pub(crate) fn build(repo: &Repo) -> anyhow::Result<Vec<PathBuf>> {
    say::doing("strategies: WebAssembly");
    let folder = repo.root.join("strategies");
    let output = folder.join("target");
    let toolchain = toolchain(&folder)?;
    let mut cargo = command::new(toolchain.program(), &folder);
    toolchain.prepare(&mut cargo);
    cargo.args(["build", "--release", "--target", TARGET]).args(toolchain.more()).arg("--target-dir").arg(&output);
    if repo.ci {
        cargo.arg("--locked");
    }
    command::run(&mut cargo, "building the strategies")?;
    let built = output.join(TARGET).join("release");
    let metadata = repo::metadata(&folder)?;
    let (fixtures, names) = (module_names(&metadata, true), module_names(&metadata, false));
    if names.is_empty() {
        bail!("the workspace in strategies/ has no package of crate-type cdylib");
    }
    for name in fixtures {
        publish(&built.join(&name), &repo.strategies().join(FIXTURES).join(&name))?;
    }
    let modules = names.iter().map(|name| publish(&built.join(name), &repo.strategies().join(name)));
    modules.collect()
}

fn toolchain(folder: &Path) -> anyhow::Result<Toolchain> {
    if has_target(folder) {
        return Ok(Toolchain::Active);
    }
    // Before a download: where these packages are installed, downloading has already failed once.
    if let Some(debian) = debian() {
        say::line("   the toolchain in use has no WebAssembly target: building with Debian's Rust in /usr/bin");
        return Ok(debian);
    }
    if system::find("rustup").is_some() {
        say::line(&format!("   the toolchain in use lacks the target {TARGET}: adding it with rustup"));
        let mut rustup = command::new("rustup", folder);
        rustup.args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "1");
        match command::run_within(&mut rustup, "rustup target add", DOWNLOAD_MAX) {
            Ok(()) if has_target(folder) => return Ok(Toolchain::Active),
            Ok(()) => say::line("   rustup added it, but not to the toolchain in use"),
            Err(error) => say::line(&format!("   {error:#}")),
        }
    }
    say::line("   falling back to Debian's Rust packages; yours stay first in PATH");
    system::apt_install(&DEBIAN_PACKAGES, &format!("a Rust compiler for {TARGET}"))?;
    debian().context("Debian's Rust packages are installed, but are too old or incomplete to build for WebAssembly")
}

/// Returns the parameters file of each strategy that ships: `NAME.toml` in its folder.
pub(crate) fn parameter_files(repo: &Repo) -> anyhow::Result<Vec<PathBuf>> {
    let files = parameters_of(&repo::metadata(&repo.root.join("strategies"))?);
    for file in &files {
        ensure!(file.is_file(), "{} is missing: a strategy ships with its parameters", file.display());
    }
    Ok(files)
}

fn parameters_of(metadata: &Value) -> Vec<PathBuf> {
    let packages = list(metadata, "packages").iter().filter(|package| !is_fixture(metadata, package));
    let files = packages.flat_map(|package| {
        let folder = Path::new(package.get("manifest_path").and_then(Value::as_str).unwrap_or_default()).parent();
        modules(package).map(move |name| folder.unwrap_or(Path::new("")).join(format!("{name}.toml")))
    });
    files.collect()
}

/// Returns the file stems of a package's modules.
fn modules(package: &Value) -> impl Iterator<Item = String> {
    let modules =
        list(package, "targets").iter().filter(|target| list(target, "kind").contains(&Value::from("cdylib")));
    modules.filter_map(|target| target.get("name").and_then(Value::as_str)).map(|name| name.replace('-', "_"))
}

fn is_fixture(metadata: &Value, package: &Value) -> bool {
    let root = metadata.get("workspace_root").and_then(Value::as_str).unwrap_or_default();
    let manifest = Path::new(package.get("manifest_path").and_then(Value::as_str).unwrap_or_default());
    manifest.strip_prefix(root).unwrap_or(manifest).components().any(|part| part.as_os_str() == FIXTURES)
}

/// Returns the file names that cargo gives the workspace's modules: those of the fixtures, or the others.
fn module_names(metadata: &Value, fixtures: bool) -> Vec<String> {
    let packages = list(metadata, "packages").iter().filter(|package| is_fixture(metadata, package) == fixtures);
    packages.flat_map(modules).map(|name| format!("{name}.wasm")).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Copies a module into the folder that hosts watch: atomically, and only if it differs.
fn publish(from: &Path, to: &Path) -> anyhow::Result<PathBuf> {
    let module = fs::read(from).with_context(|| format!("reading the module {}", from.display()))?;
    let folder = to.parent().context("a module needs a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let state = if fs::read(to).is_ok_and(|old| old == module) {
        "unchanged"
    } else {
        let new = to.with_extension("new");
        fs::write(&new, &module).with_context(|| format!("writing {}", new.display()))?;
        fs::rename(&new, to).with_context(|| format!("replacing {}", to.display()))?;
        "new"
    };
    say::line(&format!("   {} ({} KB, {state})", to.display(), module.len().div_ceil(1_000)));
    Ok(to.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_what_the_workspace_builds_as_cdylib() {
        let text = r#"{"packages": [
            {"targets": [{"name": "quoter", "kind": ["cdylib", "rlib"]}, {"name": "it", "kind": ["test"]}]},
            {"targets": [{"name": "two-words", "kind": ["cdylib"]}]},
            {"targets": [{"name": "helper", "kind": ["lib"]}]},
            {"manifest_path": "/r/strategies/fixtures/old/Cargo.toml", "targets": [{"name": "old", "kind": ["cdylib"]}]}
        ]}"#;
        let metadata = serde_json::from_str(text).unwrap();
        assert_eq!(module_names(&metadata, false), ["quoter.wasm", "two_words.wasm"]);
        assert_eq!(module_names(&metadata, true), ["old.wasm"]);
        let text = r#"{"workspace_root": "/r", "packages": [
            {"manifest_path": "/r/two-words/Cargo.toml", "targets": [{"name": "two-words", "kind": ["cdylib"]}]},
            {"manifest_path": "/r/fixtures/old/Cargo.toml", "targets": [{"name": "old", "kind": ["cdylib"]}]}
        ]}"#;
        let metadata = serde_json::from_str(text).unwrap();
        assert_eq!(parameters_of(&metadata), [PathBuf::from("/r/two-words/two_words.toml")]);
    }

    #[test]
    fn a_module_that_did_not_change_is_not_touched() {
        let folder = std::env::temp_dir().join(format!("polytrader-publish-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (from, to) = (folder.join("from.wasm"), folder.join("out/to.wasm"));
        fs::write(&from, "one").unwrap();
        publish(&from, &to).unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH;
        fs::File::options().write(true).open(&to).unwrap().set_modified(old).unwrap();
        publish(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), old);
        fs::write(&from, "two").unwrap();
        publish(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"two");
        fs::remove_dir_all(folder).unwrap();
    }
}
