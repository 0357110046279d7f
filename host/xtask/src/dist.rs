//! The release: one binary with the dashboard embedded, beside it strategies with their parameters, licences and checksums.

use crate::repo::Repo;
use crate::{command, node, say, wasm};
use anyhow::Context;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::Path;

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
    let mut files = vec![repo.binary("release")];
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
