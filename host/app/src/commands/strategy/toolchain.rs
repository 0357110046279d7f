//! Detection of a WebAssembly toolchain on this machine. It installs nothing, but its errors say what to install.
//! `cargo xtask` includes this file too, so that both find the same toolchain; it uses only the standard library and
//! anyhow.

use anyhow::bail;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Build target of modules.
pub(super) const TARGET: &str = "wasm32-unknown-unknown";
/// The oldest Rust that builds the SDK: the minor version of its `rust-version`.
const MINOR_MIN: u32 = 95;
const DEBIAN_LINKERS: [&str; 2] = ["/usr/bin/wasm-ld-19", "/usr/bin/wasm-ld"];

/// A toolchain that can build modules.
#[derive(Debug)]
pub(super) enum Toolchain {
    /// The toolchain in use has the target.
    Active,
    /// Debian's toolchain, which compiles the standard library from source.
    Debian {
        /// Path of the linker for modules.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Finds a toolchain for a project.
    ///
    /// # Errors
    /// If there is none; the error says what to install.
    pub(super) fn find(folder: &Path) -> anyhow::Result<Self> {
        if has_target(folder) {
            return Ok(Self::Active);
        }
        if let Some(debian) = debian() {
            return Ok(debian);
        }
        if run(Command::new("cargo").arg("--version")).is_none() {
            bail!("building a strategy needs Rust 1.{MINOR_MIN} or newer with the target {TARGET}: https://rustup.rs");
        }
        bail!(
            "the Rust toolchain in use lacks the target {TARGET}. Run `rustup target add {TARGET}`; if rustup cannot \
             download, on Debian, `apt-get install rustc-web cargo-web rust-web-src lld-19` (Rust 1.{MINOR_MIN} or \
             newer) works too"
        )
    }

    /// Returns a cargo command that builds modules in a folder.
    pub(super) fn cargo(&self, folder: &Path) -> Command {
        let mut cargo = Command::new(self.program());
        cargo.current_dir(folder);
        self.prepare(&mut cargo);
        cargo
    }

    /// Returns the cargo program of this toolchain.
    pub(super) const fn program(&self) -> &'static str {
        match self {
            Self::Active => "cargo",
            Self::Debian { .. } => "/usr/bin/cargo",
        }
    }

    /// Sets the environment of the cargo command.
    pub(super) fn prepare(&self, cargo: &mut Command) {
        if let Self::Debian { linker } = self {
            // Settings of another toolchain must not affect this one. RUSTC_BOOTSTRAP allows -Z options.
            cargo.env_remove("RUSTUP_TOOLCHAIN").env_remove("LD_LIBRARY_PATH");
            cargo.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        // Flags for this machine's processor are wrong for the target.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    }

    /// Returns the additional arguments of a build.
    pub(super) const fn more(&self) -> &'static [&'static str] {
        match self {
            Self::Active => &[],
            Self::Debian { .. } => &["-Zbuild-std=std,panic_abort"],
        }
    }
}

/// Returns true if the active compiler has a standard library for the target.
pub(super) fn has_target(folder: &Path) -> bool {
    let library = run(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).current_dir(folder));
    let Some(library) = library else { return false };
    let files = std::fs::read_dir(library.trim()).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("libcore-"))
}

/// Returns Debian's toolchain, if it is complete and new enough.
pub(super) fn debian() -> Option<Toolchain> {
    let complete = ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/lib/rustlib/src/rust/library/Cargo.lock"];
    if !complete.iter().all(|file| Path::new(file).is_file()) {
        return None;
    }
    let version = run(Command::new("/usr/bin/rustc").env_remove("LD_LIBRARY_PATH").arg("--version"))?;
    if minor_version(&version)? < MINOR_MIN {
        return None;
    }
    let linker = DEBIAN_LINKERS.into_iter().map(Path::new).find(|linker| linker.exists())?;
    Some(Toolchain::Debian { linker: linker.to_owned() })
}

/// Parses the minor version: 96 in `rustc 1.96.0 (...)`.
fn minor_version(text: &str) -> Option<u32> {
    text.split_whitespace().nth(1)?.strip_prefix("1.")?.split('.').next()?.parse().ok()
}

/// Returns the output of a command, if it succeeded.
fn run(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_of_a_compiler_is_read() {
        assert_eq!(minor_version("rustc 1.96.0 (ac68faa20 2026-05-25)"), Some(96));
        assert_eq!(minor_version("rustc 1.63.0"), Some(63));
        assert_eq!(minor_version("command not found"), None);
    }
}
