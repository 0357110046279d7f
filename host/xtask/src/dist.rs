//! The release: one binary with the dashboard embedded, beside it strategies with their parameters, licences and checksums.

use crate::repo::Repo;
use crate::{command, node, say, wasm};
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Files of the repository that go with the binary.
const TEXTS: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Builds the release and fills dist/.
pub(crate) fn run(repo: &Repo) -> anyhow::Result<()> {
    node::build_all(repo)?;
    let modules = wasm::build(repo)?;
    say::doing("host, release profile (some minutes)");
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args(["build", "--release", "--locked", "--package", "app", "--bin", "polytrader"]);
    command::run(&mut cargo, "building the release (if the lock file is old, run cargo check first)")?;

    say::doing("dist");
    let dist = repo.root.join("dist");
    let strategies = dist.join("strategies");
    // A strategy that was renamed or removed must not be shipped again.
    if strategies.exists() {
        fs::remove_dir_all(&strategies).context("emptying dist/strategies")?;
    }
    fs::create_dir_all(&strategies).context("making the folder dist/strategies")?;
    let mut files = separate_symbols(&repo.binary("release"), &repo.target.join("dist"))?;
    files.extend(TEXTS.iter().map(|name| repo.root.join(name)));
    let mut sums = String::new();
    for file in &files {
        sums.push_str(&ship(file, &dist, "")?);
    }
    for file in modules.iter().chain(&wasm::parameter_files(repo)?) {
        sums.push_str(&ship(file, &strategies, "strategies/")?);
    }
    fs::write(dist.join("SHA256SUMS"), &sums).context("writing dist/SHA256SUMS")?;
    say::line(&format!("   {} is ready; check it with: sha256sum -c SHA256SUMS", dist.display()));
    Ok(())
}

/// Writes the program without its debug lines, and beside it a file with them, which debuggers find by its name. Returns both.
///
/// Most of a release is debug lines (175 of 213 MB), and only someone who reads a core dump needs them.
fn separate_symbols(program: &Path, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !cfg!(target_os = "linux") {
        return Ok(vec![program.to_owned()]);
    }
    fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let name = program.file_name().context("a program to ship needs a name")?;
    let (stripped, symbols) = (folder.join(name), folder.join(name).with_extension("debug"));
    let objcopy = |args: &[&str], to: &Path| {
        let mut objcopy = command::new("objcopy", folder);
        objcopy.args(args).arg(program).arg(to);
        command::run(&mut objcopy, "objcopy (of the package binutils, which brings the linker)")
    };
    objcopy(&["--only-keep-debug"], &symbols)?;
    let link = format!("--add-gnu-debuglink={}", symbols.display());
    objcopy(&["--strip-debug", &link], &stripped)?;
    Ok(vec![stripped, symbols])
}

/// Copies a file and returns its line for SHA256SUMS.
fn ship(from: &Path, folder: &Path, prefix: &str) -> anyhow::Result<String> {
    let name = from.file_name().context("a file to ship needs a name")?;
    let to = folder.join(name);
    fs::copy(from, &to).with_context(|| format!("copying {} to {}", from.display(), to.display()))?;
    let content = fs::read(&to).with_context(|| format!("reading {}", to.display()))?;
    let name = format!("{prefix}{}", name.to_string_lossy());
    let sum = hex(&Sha256::digest(&content));
    say::line(&format!("   {:>9} KB  {sum}  {name}", content.len().div_ceil(1_000)));
    Ok(format!("{sum}  {name}\n"))
}

/// Returns two lower-case digits for each byte. `model::hex` does the same, but this program uses no crate of the host: they must be
/// buildable, and it builds them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_shipped_program_has_its_symbols_beside_it() {
        let folder = std::env::temp_dir().join(format!("polytrader-symbols-{}", std::process::id()));
        // This test itself, which was built with debug lines.
        let program = std::env::current_exe().unwrap();
        let files = separate_symbols(&program, &folder).unwrap();
        let sizes: Vec<u64> = files.iter().map(|file| fs::metadata(file).unwrap().len()).collect();
        let whole = fs::metadata(&program).unwrap().len();
        assert!(sizes.len() == 2 && sizes.iter().all(|size| *size < whole), "{sizes:?} of {whole}");
        let runs = std::process::Command::new(&files[0]).arg("--list").output().unwrap();
        assert!(runs.status.success(), "the stripped program does not run");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_shipped_file_is_copied_and_its_sum_is_the_known_one() {
        let folder = std::env::temp_dir().join(format!("polytrader-dist-{}", std::process::id()));
        fs::create_dir_all(folder.join("out")).unwrap();
        fs::write(folder.join("file"), "abc").unwrap();
        let line = ship(&folder.join("file"), &folder.join("out"), "strategies/").unwrap();
        // The example of FIPS 180-2.
        let sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(line, format!("{sum}  strategies/file\n"));
        assert_eq!(fs::read(folder.join("out/file")).unwrap(), b"abc");
        fs::remove_dir_all(folder).unwrap();
    }
}
