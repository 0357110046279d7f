//! The Windows port: cross-builds the program and runs it under Wine, because no machine here has Windows.

use crate::repo::Repo;
use crate::{command, say, system, wasm};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const TARGET: &str = "x86_64-pc-windows-gnu";
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
/// Time limit for downloading the target.
const DOWNLOAD_MAX: Duration = Duration::from_secs(120);
/// The folder names that a Windows path may have.
const PLACE: &str = "Zoë's run";
const DATA: &str = "data folder";
/// Time limit for a host to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(40);

/// The library that Wine 8 lacks: Windows has it since 2008. The standard library draws its randomness from it.
const RANDOM: &str = "#include <windows.h>\n\
    BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);\n\
    __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return SystemFunction036(data, (ULONG)size); }\n";

/// A Windows build in a folder with all that a run needs.
struct Wine {
    program: PathBuf,
    folder: PathBuf,
    prefix: PathBuf,
}

/// Builds the program for Windows and runs its commands under Wine.
pub(crate) fn run(repo: &Repo) -> anyhow::Result<()> {
    let wine = Wine { program: tools(repo)?, folder: built(repo)?, prefix: repo.target.join("windows/prefix") };
    say::doing("Windows: Wine");
    command::run(wine.command("winecfg").args(["-v", "win10"]), "preparing Wine")?;
    let shown = wine.read(&["--version"])?;
    say::line(&format!("   {}", shown.trim()));
    wine.pass(&["strategy", "check", r"strategies\quoter.wasm"], "strategy check")?;
    demo(&wine)?;
    hosted(&wine)?;
    wine.batch()?;
    say::line("   Windows: everything passed under Wine; docs/windows.md lists what Wine cannot show");
    Ok(())
}

/// Trades for 20 s; the outcome must have fills, no open order and an equal ledger.
fn demo(wine: &Wine) -> anyhow::Result<()> {
    let text = wine.read(&["run", "--mode", "demo", "--for", "20s", "--json", "--data-dir", DATA])?;
    let outcome: Value = serde_json::from_str(text.trim()).with_context(|| format!("reading the outcome `{text}`"))?;
    let number = |key: &str| outcome.get(key).and_then(Value::as_u64);
    ensure!(number("fills").is_some_and(|fills| fills > 0), "the demo has no fills: {outcome}");
    ensure!(number("open_orders_at_exit") == Some(0), "orders stayed open: {outcome}");
    let is_equal = outcome.get("ledger_matches_exchange").and_then(Value::as_bool) == Some(true);
    ensure!(is_equal, "ledger and account differ: {outcome}");
    say::line(&format!("   {outcome}"));
    Ok(())
}

/// Runs commands against a host that trades, then restores its backup.
fn hosted(wine: &Wine) -> anyhow::Result<()> {
    let mut host =
        Host(wine.command(wine.exe()).args(["run", "--mode", "demo", "--for", "45s", "--data-dir", DATA]).spawn()?);
    let started = Instant::now();
    while wine.command(wine.exe()).args(["status", "--json", "--data-dir", DATA]).output()?.status.code() != Some(0) {
        ensure!(started.elapsed() < ANSWERS_WITHIN, "the host was not healthy within {} s", ANSWERS_WITHIN.as_secs());
        thread::sleep(Duration::from_millis(500));
    }
    wine.pass(&["status", "--data-dir", DATA], "status")?;
    wine.pass(&["doctor", "--mode", "demo", "--data-dir", DATA], "doctor")?;
    reload(wine)?;
    wine.pass(&["db", "backup", "--data-dir", DATA], "db backup")?;
    let ended = host.0.wait().context("waiting for the host")?;
    ensure!(ended.success(), "the host ended with {ended}");
    let backups = wine.folder.join(DATA).join("backups");
    let backup = fs::read_dir(&backups).with_context(|| format!("reading {}", backups.display()))?.flatten().next();
    let name = backup.context("there is no backup")?.file_name();
    let file = format!(r"{DATA}\backups\{}", name.to_string_lossy());
    wine.pass(&["db", "restore", &file, "--data-dir", "restored"], "db restore")
}

/// Replaces a strategy's file by another version; the list must name it.
fn reload(wine: &Wine) -> anyhow::Result<()> {
    let list = || wine.read(&["strategy", "list", "--data-dir", DATA]);
    let hash = |text: &str| text.lines().find(|line| line.starts_with("template")).map(str::to_owned);
    let before = list()?.split_whitespace().collect::<Vec<_>>().join(" ");
    let path = wine.folder.join(DATA).join("strategies/template.wasm");
    let mut module = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    // A custom section with a name and no content: the same code under another hash.
    module.extend_from_slice(b"\x00\x05\x04next");
    fs::write(&path, module).with_context(|| format!("writing {}", path.display()))?;
    let started = Instant::now();
    loop {
        let now = list()?;
        let line = hash(&now).context("template is not in the list")?;
        let version = line.split_whitespace().nth(3).unwrap_or_default().to_owned();
        if !version.is_empty() && !before.contains(&version) {
            say::line(&format!("   hot reload: {line}"));
            return Ok(());
        }
        ensure!(started.elapsed() < ANSWERS_WITHIN, "the new file of template was not loaded");
        thread::sleep(Duration::from_millis(500));
    }
}

/// A host that is ended with this value, if it still runs.
struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        // It has ended by itself if all went well.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

impl Wine {
    fn exe(&self) -> PathBuf {
        self.folder.join("polytrader.exe")
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut wine = command::new(&self.program, &self.folder);
        wine.env("WINEPREFIX", &self.prefix).env("WINEDEBUG", "-all").arg(program);
        wine
    }

    fn read(&self, arguments: &[&str]) -> anyhow::Result<String> {
        command::read(self.command(self.exe()).args(arguments))
    }

    fn pass(&self, arguments: &[&str], what: &str) -> anyhow::Result<()> {
        command::run(self.command(self.exe()).args(arguments), &format!("{what} under Wine"))
    }

    /// Runs the program from a batch file, from another folder, under a path with spaces.
    fn batch(&self) -> anyhow::Result<()> {
        let file = self.folder.join("version.bat");
        fs::write(&file, "@echo off\r\n\"%~dp0polytrader.exe\" --version\r\n").context("writing version.bat")?;
        let mut cmd = self.command("cmd");
        cmd.current_dir(self.prefix.join("drive_c")).arg("/c").arg(&file).stderr(Stdio::null());
        let output = cmd.output().context("running a batch file")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(text.contains("polytrader "), "the batch file printed `{}`", text.trim());
        Ok(())
    }
}

/// Installs what is missing and returns the path of Wine.
fn tools(repo: &Repo) -> anyhow::Result<PathBuf> {
    let mut rustup = command::new("rustup", &repo.root);
    let add = rustup.args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "1");
    command::run_within(add, &format!("rustup target add {TARGET}"), DOWNLOAD_MAX)?;
    if system::find(COMPILER).is_none() {
        let packages = ["gcc-mingw-w64-x86-64", "g++-mingw-w64-x86-64"];
        system::apt_install(&packages, "a C compiler for Windows")?;
    }
    if system::find("wine").is_none() {
        system::apt_install(&["wine", "wine64"], "Wine, which runs Windows programs,")?;
    }
    system::find("wine").context("Wine was installed but is not in PATH")
}

/// Builds the program and returns a fresh folder with it, the strategies and the missing library.
fn built(repo: &Repo) -> anyhow::Result<PathBuf> {
    let modules = wasm::build(repo)?;
    say::doing("Windows: cross-build");
    let output = repo.target.join("windows");
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args(["build", "-p", "app", "--target", TARGET, "--target-dir"]).arg(&output);
    // Its debug information takes gigabytes and is of no use under Wine.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false");
    command::run(&mut cargo, "building for Windows")?;
    let folder = output.join(PLACE);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    let strategies = folder.join("strategies");
    fs::create_dir_all(&strategies).with_context(|| format!("creating {}", strategies.display()))?;
    copy(&output.join(TARGET).join("debug/polytrader.exe"), &folder)?;
    modules.iter().try_for_each(|module| copy(module, &strategies))?;
    let source = folder.join("random.c");
    fs::write(&source, RANDOM).with_context(|| format!("writing {}", source.display()))?;
    let mut compiler = command::new(COMPILER, &folder);
    compiler.args(["-O1", "-shared", "-o", "bcryptprimitives.dll", "random.c", "-ladvapi32"]);
    command::run(&mut compiler, "building bcryptprimitives.dll")?;
    Ok(folder)
}

fn copy(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = file.file_name().with_context(|| format!("{} has no name", file.display()))?;
    fs::copy(file, folder.join(name)).with_context(|| format!("copying {}", file.display()))?;
    Ok(())
}
