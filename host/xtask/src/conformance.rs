//! Runs the venue's official clients, unmodified, against the local exchange (`host/conformance`). Each suite gets its
//! own exchange, so that no suite depends on another's accounts or injected faults.

use crate::gate::Checked;
use crate::repo::Repo;
use crate::tally::Tally;
use crate::{command, say, system};
use anyhow::{Context, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Time limit for installing packages; a package index that takes longer is taken to hang.
const INSTALL_MAX: Duration = Duration::from_secs(10 * 60);
/// Time limit for the exchange to listen; it usually takes less than a second.
const START_MAX: Duration = Duration::from_secs(20);
/// Name of the copy of the package list that the installed packages were made from.
const INSTALLED: &str = ".installed";

/// Runs the Python client's suite.
pub(crate) fn python(repo: &Repo) -> anyhow::Result<Checked> {
    let list = folder(repo).join("python/requirements.txt");
    let python = match python_packages(repo, &list, "conformance-python") {
        Ok(python) => python,
        Err(missing) => return Ok(Checked::not_run(&missing)),
    };
    let exchange = Exchange::start(repo, "python")?;
    let mut suite = command::new(python, &folder(repo).join("python"));
    suite.arg("suite.py").env("VENUE", &exchange.address);
    let mut tally = Tally::default();
    command::run_watched(&mut suite, "the Python client's suite", |line| tally.see_unittest(line))?;
    tally.checked()
}

/// Runs the TypeScript client's suite.
pub(crate) fn typescript(repo: &Repo) -> anyhow::Result<Checked> {
    let folder = folder(repo).join("typescript");
    if let Err(missing) = node_packages(&folder) {
        return Ok(Checked::not_run(&missing));
    }
    let exchange = Exchange::start(repo, "typescript")?;
    let mut suite = command::new("node", &folder);
    suite.args(["--test", "--test-reporter=tap", "suite.mjs"]).env("VENUE", &exchange.address);
    let mut tally = Tally::default();
    command::run_watched(&mut suite, "the TypeScript client's suite", |line| tally.see_tap(line))?;
    tally.checked()
}

/// Runs the Rust client's suite, which also holds our orders and parsers against it.
pub(crate) fn rust(repo: &Repo) -> anyhow::Result<Checked> {
    let exchange = Exchange::start(repo, "rust")?;
    let mut cargo = command::new("cargo", &folder(repo));
    // One after the other: some flip switches of the exchange that others would trip over.
    cargo.args(["test", "--locked", "--", "--show-output", "--test-threads=1"]);
    cargo.env("CARGO_TARGET_DIR", repo.target.join("conformance")).env("VENUE", &exchange.address);
    let mut tally = Tally::default();
    command::run_watched(&mut cargo, "the Rust client's suite", |line| tally.see_cargo(line))?;
    tally.checked()
}

fn folder(repo: &Repo) -> PathBuf {
    repo.root.join("host/conformance")
}

/// Creates a virtual environment in this folder of `target` with the packages of the list, unless it exists. Returns
/// its Python.
pub(crate) fn python_packages(repo: &Repo, list: &Path, folder: &str) -> anyhow::Result<PathBuf> {
    let wanted = fs::read(list).with_context(|| format!("reading {}", list.display()))?;
    let venv = repo.target.join(folder);
    let python = venv.join("bin/python");
    if fs::read(venv.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let system = system::ensure_python()?;
    let mut make = command::new(system, &repo.root);
    command::run_within(make.args(["-m", "venv", "--clear"]).arg(&venv), "python -m venv", INSTALL_MAX)?;
    let mut pip = command::new(&python, &repo.root);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(list);
    command::run_within(&mut pip, "pip install", INSTALL_MAX).context("fetching the Python packages")?;
    fs::write(venv.join(INSTALLED), wanted).context("noting which packages are installed")?;
    Ok(python)
}

fn node_packages(folder: &Path) -> anyhow::Result<()> {
    let wanted =
        fs::read(folder.join("package-lock.json")).context("reading the TypeScript suite's package-lock.json")?;
    let stamp = folder.join("node_modules").join(INSTALLED);
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let mut npm = command::npm(folder);
    command::run_within(npm.args(["ci", "--include=dev", "--no-audit", "--no-fund"]), "npm ci", INSTALL_MAX)
        .context("fetching the TypeScript client")?;
    fs::write(stamp, wanted).context("noting which packages are installed")
}

/// A running exchange; killed when dropped.
struct Exchange {
    child: Child,
    address: String,
}

impl Exchange {
    fn start(repo: &Repo, name: &str) -> anyhow::Result<Self> {
        let data = repo.target.join("conformance-exchange").join(name);
        if data.exists() {
            fs::remove_dir_all(&data).context("removing the last exchange's folder")?;
        }
        let mut program: Command = command::new(repo.binary("debug"), &repo.root);
        program.args(["exchange", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data).stdout(Stdio::null());
        let child = program.spawn().context("starting the exchange")?;
        let mut exchange = Self { child, address: String::new() };
        let started = Instant::now();
        while started.elapsed() < START_MAX {
            if let Some(address) = address(&data) {
                say::line(&format!("   an exchange listens on {address}"));
                exchange.address = address;
                return Ok(exchange);
            }
            sleep(Duration::from_millis(50));
        }
        bail!("the exchange did not listen within {}", say::time(START_MAX))
    }
}

fn address(data: &Path) -> Option<String> {
    let description: Value = serde_json::from_slice(&fs::read(data.join("exchange.json")).ok()?).ok()?;
    description.get("address")?.as_str().map(str::to_owned)
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // It has nothing to save; killing one that has already exited fails harmlessly.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
