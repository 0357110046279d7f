//! Builds the release: the program with the dashboard embedded and the worker of sweeps, with strategies, their
//! parameters, licences and checksums beside them.

mod archive;
mod licences;
mod parts;
mod sbom;

use crate::repo::Repo;
use crate::{command, node, say, supply, wasm};
use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Version of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The programs that are shipped, each with the package that it is built from.
const PROGRAMS: [(&str, &str); 2] = [("polytrader", "app"), ("polytrader-worker", "worker")];
/// Files of the repository that are shipped with the binary.
const TEXTS: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Builds the release and fills dist/.
pub(crate) fn run(repo: &Repo) -> anyhow::Result<()> {
    node::build_all(repo)?;
    let modules = wasm::build(repo)?;
    say::doing("host and worker, release profile (some minutes)");
    for (program, package) in PROGRAMS {
        command::run(
            &mut build(repo, program, package),
            "building the release (if the lock file is old, run cargo check first)",
        )?;
    }

    say::doing("dist");
    let dist = repo.root.join("dist");
    let strategies = dist.join("strategies");
    // A strategy that was renamed or removed since the last build must not be shipped.
    if strategies.exists() {
        fs::remove_dir_all(&strategies).context("emptying dist/strategies")?;
    }
    fs::create_dir_all(&strategies).context("making the folder dist/strategies")?;
    let mut files = Vec::new();
    for (program, _) in PROGRAMS {
        files.extend(separate_symbols(&repo.program("release", program), &repo.target.join("dist"))?);
    }
    files.extend(TEXTS.iter().map(|name| repo.root.join(name)));
    let mut sums = String::new();
    for file in &files {
        sums.push_str(&ship(file, &dist, "")?);
    }
    for file in modules.iter().chain(&wasm::parameter_files(repo)?) {
        sums.push_str(&ship(file, &strategies, "strategies/")?);
    }
    for file in materials(repo, &repo.target.join("dist"))? {
        sums.push_str(&ship(&file, &dist, "")?);
    }
    pack(repo, &dist, &mut sums)?;
    fs::write(dist.join("SHA256SUMS"), &sums).context("writing dist/SHA256SUMS")?;
    say::line(&format!("   {} is ready; check it with: sha256sum -c SHA256SUMS", dist.display()));
    Ok(())
}

/// Returns the command that builds a program. Each package is built alone, so that no program has features that only
/// another one needs.
fn build(repo: &Repo, program: &str, package: &str) -> Command {
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args(["build", "--release", "--locked", "--package", package, "--bin", program]);
    if package == "app" {
        cargo.args(["--features", "app/otel"]);
    }
    cargo
}

/// Writes the bill of materials and the third-party licences; returns both files.
fn materials(repo: &Repo, folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let lock = fs::read_to_string(repo.root.join("Cargo.lock")).context("reading Cargo.lock")?;
    let (metadata, mut programs) = (supply::metadata(&repo.root)?, Vec::new());
    for (program, package) in PROGRAMS {
        let parts = parts::parts(&metadata, package, &lock)?;
        ensure!(parts.len() > 50, "only {} packages were found in {program}", parts.len());
        programs.push((program, parts));
    }
    let parts = sbom::all(&programs);
    let (bill, texts) = (folder.join("sbom.cdx.json"), folder.join("THIRD-PARTY-LICENSES.txt"));
    fs::create_dir_all(folder).with_context(|| format!("creating the folder {}", folder.display()))?;
    let document = sbom::document(VERSION, &programs);
    let faults = sbom::faults(&document);
    ensure!(faults.is_empty(), "the bill of materials is not valid: {}", faults.join("; "));
    let document = serde_json::to_string_pretty(&document).context("writing the bill of materials")?;
    fs::write(&bill, document).with_context(|| format!("writing {}", bill.display()))?;
    let (text, without) = licences::text(&parts)?;
    fs::write(&texts, text).with_context(|| format!("writing {}", texts.display()))?;
    say::line(&format!("   {} third-party packages; {} contain no licence text", parts.len(), without.len()));
    without.iter().for_each(|name| say::line(&format!("   no licence text: {name}")));
    Ok(vec![bill, texts])
}

/// Packs the files that an operator installs, and in an archive apart the symbols, which only debuggers read.
fn pack(repo: &Repo, dist: &Path, sums: &mut String) -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let target = supply::host_triple(&repo.root)?;
    let (names, symbols) = (packed(), PROGRAMS.map(|(program, _)| format!("{program}.debug")));
    let release = format!("polytrader-{VERSION}-{target}");
    for (name, names) in [(release.clone(), names.as_slice()), (format!("{release}-symbols"), &symbols)] {
        let archive = archive::pack(dist, &name, names)?;
        let content = fs::read(&archive).with_context(|| format!("reading {}", archive.display()))?;
        let sum = hex(&Sha256::digest(&content));
        say::line(&format!("   {:>9} KB  {sum}  {name}.tar.gz", content.len().div_ceil(1_000)));
        sums.push_str(&format!("{sum}  {name}.tar.gz\n"));
    }
    Ok(())
}

/// Returns the names of what an operator installs.
fn packed() -> Vec<String> {
    let programs = PROGRAMS.iter().map(|(program, _)| *program);
    let names = programs.chain(["strategies", "sbom.cdx.json", "THIRD-PARTY-LICENSES.txt"]).chain(TEXTS);
    names.map(str::to_owned).collect()
}

/// Writes the program without its debug information, and that information to a file beside it, which debuggers find by
/// its name. Returns both.
///
/// Debug information is most of a release (175 of 213 MB), and is needed only to read a core dump.
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

/// Returns two lower-case digits for each byte. `model::hex` does the same, but xtask uses no crate of the host,
/// because it must build when they do not.
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
        // The test binary itself, which was built with debug information.
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

    #[test]
    fn the_bill_of_this_repository_has_what_is_compiled_in_and_nothing_of_the_tests() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let lock = fs::read_to_string(root.join("Cargo.lock")).unwrap();
        let metadata = supply::metadata(&root).unwrap();
        let programs = PROGRAMS.map(|(program, package)| (program, parts::parts(&metadata, package, &lock).unwrap()));
        let [(_, host), (_, worker)] = &programs;
        let find = |parts: &[parts::Part], name: &str| parts.iter().find(|part| part.name == name).cloned();
        for name in ["rustls", "wasmtime", "axum", "sqlx-core", "lettre"] {
            let found = find(host, name);
            assert!(found.is_some_and(|part| part.checksum.as_ref().is_some_and(|sum| sum.len() == 64)), "{name}");
        }
        // The program with the key has no client of a queue.
        assert!(find(worker, "async-nats").is_some() && find(host, "async-nats").is_none());
        let all = sbom::all(&programs);
        for name in ["proptest", "trybuild", "syn", "serde_derive", "app", "model", "worker"] {
            assert!(find(&all, name).is_none(), "{name}");
        }
        assert!(find(&all, "async-nats").is_some() && find(&all, "lettre").is_some());
        assert!(all.iter().all(|part| !part.licence.is_empty()), "each states its licence");
        let (text, without) = licences::text(&all).unwrap();
        let all_but_few = without.len() < all.len() / 5;
        assert!(text.contains("async-nats") && all_but_few, "{} of {}: {without:?}", without.len(), all.len());
        let bill = sbom::document(VERSION, &programs);
        assert_eq!(sbom::faults(&bill), Vec::<String>::new());
        assert_eq!(bill["components"].as_array().unwrap().len(), all.len() + 2);
    }

    #[test]
    fn both_programs_are_built_and_packed() {
        let repo = Repo::find().unwrap();
        let words = |program: &str, package: &str| -> Vec<String> {
            build(&repo, program, package).get_args().map(|word| word.to_string_lossy().into_owned()).collect()
        };
        assert!(words("polytrader", "app").ends_with(&["--features".to_owned(), "app/otel".to_owned()]));
        assert!(words("polytrader-worker", "worker").ends_with(&["--bin".to_owned(), "polytrader-worker".to_owned()]));
        let packed = packed();
        for name in ["polytrader", "polytrader-worker", "strategies", "sbom.cdx.json", "README.md", "LICENSE-MIT"] {
            assert!(packed.iter().any(|packed| packed == name), "{name}: {packed:?}");
        }
    }
}
