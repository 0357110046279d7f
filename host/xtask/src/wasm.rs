//! Strategies to WebAssembly: with the target of the active toolchain, or with Debian's Rust where none can be downloaded.

use crate::repo::{self, Repo};
use crate::{command, say, system};
use anyhow::{Context, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const TARGET: &str = "wasm32-unknown-unknown";
/// A closed network may swallow connections; the fallback should not wait for ever.
const DOWNLOAD_MAX: Duration = Duration::from_secs(120);
/// The oldest Rust of Debian's that builds the guests: the minor version of the workspace's `rust-version`.
const DEBIAN_MINOR_MIN: u32 = 95;
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];
const DEBIAN_LINKERS: [&str; 2] = ["wasm-ld-19", "wasm-ld"];

/// What can build for WebAssembly here.
#[derive(Debug)]
enum Toolchain {
    /// The toolchain in use has the target.
    Active,
    /// Debian's compiler has no such target ready-made: it compiles the standard library from its sources.
    Debian { linker: PathBuf },
}

/// What the host's tests load and nobody ships lies here, in the workspace and among what is built.
const FIXTURES: &str = "fixtures";

/// Builds all strategies and returns the modules, which lie in one folder that a host can watch. Fixtures of tests are built too, and lie
/// in a folder inside of it, which a host does not look into.
pub(crate) fn build(repo: &Repo) -> anyhow::Result<Vec<PathBuf>> {
    say::doing("strategies: WebAssembly");
    let folder = repo.root.join("strategies");
    let output = folder.join("target");
    let mut cargo = toolchain(&folder)?.cargo(&folder);
    cargo.args(["build", "--release", "--target", TARGET, "--target-dir"]).arg(&output);
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

impl Toolchain {
    fn cargo(&self, folder: &Path) -> Command {
        let mut cargo = match self {
            Self::Active => command::new("cargo", folder),
            Self::Debian { linker } => {
                let mut cargo = command::new("/usr/bin/cargo", folder);
                // Nothing of the rustup toolchain that we run in may reach the other compiler. RUSTC_BOOTSTRAP allows -Z in it.
                cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("LD_LIBRARY_PATH");
                cargo.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
                cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                cargo.arg("-Zbuild-std=std,panic_abort");
                cargo
            }
        };
        // Flags meant for the host's processor are wrong for this target.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
        cargo
    }
}

fn toolchain(folder: &Path) -> anyhow::Result<Toolchain> {
    if has_target(folder) {
        return Ok(Toolchain::Active);
    }
    // Before a download: where these packages are, somebody has already found out that it does not work.
    if let Some(debian) = debian() {
        say::line("   the toolchain in use has no WebAssembly target: building with Debian's Rust in /usr/bin");
        return Ok(debian);
    }
    if system::find("rustup").is_some() {
        say::line(&format!("   the toolchain in use lacks the target {TARGET}: asking rustup for it"));
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

/// Whether the active rustc has a standard library for the target.
fn has_target(folder: &Path) -> bool {
    let mut rustc = command::new("rustc", folder);
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let Ok(library) = command::read(&mut rustc) else { return false };
    let files = fs::read_dir(library.trim()).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
}

/// Debian's toolchain, if it is complete and new enough.
fn debian() -> Option<Toolchain> {
    let complete = ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/lib/rustlib/src/rust/library/Cargo.lock"];
    if !complete.iter().all(|file| Path::new(file).is_file()) {
        return None;
    }
    let mut rustc = command::new("/usr/bin/rustc", Path::new("/"));
    let version = command::read(rustc.env_remove("LD_LIBRARY_PATH").arg("--version")).ok()?;
    if minor_version(&version)? < DEBIAN_MINOR_MIN {
        return None;
    }
    let linker = DEBIAN_LINKERS.into_iter().find_map(system::find)?;
    Some(Toolchain::Debian { linker })
}

/// Reads 96 in `rustc 1.96.0 (...)`.
fn minor_version(text: &str) -> Option<u32> {
    text.split_whitespace().nth(1)?.strip_prefix("1.")?.split('.').next()?.parse().ok()
}

/// The files that cargo makes of the workspace's modules: of the fixtures, or of the others.
fn module_names(metadata: &Value, fixtures: bool) -> Vec<String> {
    let root = metadata.get("workspace_root").and_then(Value::as_str).unwrap_or_default();
    let is_fixture = |package: &Value| {
        let manifest = Path::new(package.get("manifest_path").and_then(Value::as_str).unwrap_or_default());
        manifest.strip_prefix(root).unwrap_or(manifest).components().any(|part| part.as_os_str() == FIXTURES)
    };
    let packages = list(metadata, "packages").iter().filter(|package| is_fixture(package) == fixtures);
    let targets = packages.flat_map(|package| list(package, "targets"));
    let modules = targets.filter(|target| list(target, "kind").contains(&Value::from("cdylib")));
    let names = modules.filter_map(|target| target.get("name").and_then(Value::as_str));
    names.map(|name| format!("{}.wasm", name.replace('-', "_"))).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Puts a module where hosts look for it: at once, and only if it differs, because a host may be watching.
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
    fn the_minor_version_of_a_compiler_is_read() {
        assert_eq!(minor_version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"), Some(96));
        assert_eq!(minor_version("rustc 1.63.0"), Some(63));
        assert_eq!(minor_version("command not found"), None);
    }

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
