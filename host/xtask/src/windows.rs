//! The Windows port: cross-builds the program, packs it, and runs it under Wine, because no machine here has Windows.

mod package;
mod secrets;
mod services;
mod trading;

use crate::gate::Checked;
use crate::repo::Repo;
use crate::{command, node, say, system, wasm};
use anyhow::{Context, ensure};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const TARGET: &str = "x86_64-pc-windows-gnu";
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
/// Time limit for downloading the target.
const DOWNLOAD_MAX: Duration = Duration::from_secs(120);
/// Time limit for a command under Wine.
const COMMAND_MAX: Duration = Duration::from_secs(300);
/// The folder names that a Windows path may have.
const PLACE: &str = "Zoë's run";
const DATA: &str = "data folder";
/// Time limit for a host to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(90);

/// The library that Wine 8 lacks: Windows has it since 2008. The standard library draws its randomness from it.
const RANDOM: &str = "#include <windows.h>\n\
    BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);\n\
    __declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return SystemFunction036(data, (ULONG)size); }\n";

/// The extracted package, in a folder with all that a run needs.
struct Wine {
    program: PathBuf,
    folder: PathBuf,
    prefix: PathBuf,
}

/// `cargo xtask windows`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Build the release profile, with the dashboard, as it is shipped. It takes long.
    #[arg(long)]
    release: bool,
}

/// Builds the program for Windows, packs PolyTrader.zip, and runs the commands of the extracted package under Wine.
pub(crate) fn run(repo: &Repo, args: &Args) -> anyhow::Result<()> {
    toolchain(repo)?;
    if system::find("wine").is_none() {
        system::apt_install(&["wine", "wine64"], "Wine, which runs Windows programs,")?;
    }
    let program = system::find("wine").context("Wine was installed but is not in PATH")?;
    let wine = Wine { program, folder: extracted(repo, args.release)?, prefix: output(repo).join("prefix") };
    say::doing("Windows: Wine");
    // A prefix of before would start its services.
    package::fresh(&wine.prefix)?;
    let _session = wine.session()?;
    calls(repo, &wine)?;
    command::run_within(wine.command("winecfg").args(["-v", "win10"]), "preparing Wine", COMMAND_MAX)?;
    let shown = wine.read(&["--version"])?;
    say::line(&format!("   {}", shown.trim()));
    wine.pass(&["strategy", "check", r"strategies\quoter.wasm"], "strategy check")?;
    say::doing("Windows: secrets");
    secrets::check(&wine)?;
    say::doing("Windows: demo");
    trading::demo(&wine)?;
    trading::hosted(&wine)?;
    say::doing("Windows: services");
    services::check(&wine)?;
    say::line("   Windows: everything passed under Wine; docs/windows.md lists what Wine cannot show");
    Ok(())
}

/// Checks the types of the program for Windows. Needs the target and a C compiler for it, but not Wine. Where they cannot
/// be had, the step is listed as not run. It shares the build scripts of the other steps, in their target folder.
pub(crate) fn types(repo: &Repo) -> anyhow::Result<Checked> {
    if let Err(missing) = toolchain(repo) {
        return Ok(Checked::not_required(&missing));
    }
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args(["check", "--locked", "-p", "app", "--target", TARGET]);
    command::run(&mut cargo, "cargo check for Windows")?;
    Ok(Checked::passed())
}

/// Returns a cargo task over the program for Windows. It has a target folder of its own: its profile is another.
fn cargo(repo: &Repo, task: &str) -> Command {
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args([task, "-p", "app", "--target", TARGET, "--target-dir"]).arg(output(repo));
    // Its debug information takes gigabytes and is of no use under Wine.
    cargo.env("CARGO_PROFILE_DEV_DEBUG", "false");
    cargo
}

fn output(repo: &Repo) -> PathBuf {
    repo.target.join("windows")
}

/// Installs the target and a C compiler for it, if they are missing.
fn toolchain(repo: &Repo) -> anyhow::Result<()> {
    let mut rustup = command::new("rustup", &repo.root);
    let add = rustup.args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "1");
    command::run_within(add, &format!("rustup target add {TARGET}"), DOWNLOAD_MAX)?;
    if system::find(COMPILER).is_none() {
        let packages = ["gcc-mingw-w64-x86-64", "g++-mingw-w64-x86-64"];
        system::apt_install(&packages, "a C compiler for Windows")?;
    }
    Ok(())
}

/// Runs the tests of the calls of Windows, but the one that Wine fails (docs/windows.md).
fn calls(repo: &Repo, wine: &Wine) -> anyhow::Result<()> {
    let output = output(repo);
    let beside = output.join(TARGET).join("debug/deps");
    fs::create_dir_all(&beside).with_context(|| format!("creating {}", beside.display()))?;
    copy(&wine.folder.join("bcryptprimitives.dll"), &beside)?;
    let mut cargo = command::new("cargo", &repo.root);
    cargo.args(["test", "-p", "win32", "--target", TARGET, "--target-dir"]).arg(&output);
    cargo.args(["--", "--skip", "a_folder_is_closed_to_others"]).env("CARGO_PROFILE_DEV_DEBUG", "false");
    cargo.env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", &wine.program);
    cargo.env("WINEPREFIX", &wine.prefix).env("WINEDEBUG", "-all");
    command::run_within(&mut cargo, "the tests of calls of Windows", COMMAND_MAX)
}

/// Builds and packs the program, and returns a fresh folder with the content of the package and the missing library.
fn extracted(repo: &Repo, release: bool) -> anyhow::Result<PathBuf> {
    let modules = wasm::build(repo)?;
    if release {
        node::build_all(repo)?;
    }
    say::doing("Windows: cross-build");
    let (profile, option) = if release { ("release", Some("--release")) } else { ("debug", None) };
    command::run(cargo(repo, "build").args(option), "building for Windows")?;
    let output = output(repo);
    let program = output.join(TARGET).join(profile).join("polytrader.exe");
    let archive = package::pack(repo, &program, &modules, &output)?;
    let folder = package::extract(&archive, &output.join(PLACE))?;
    let source = folder.join("random.c");
    fs::write(&source, RANDOM).with_context(|| format!("writing {}", source.display()))?;
    let mut compiler = command::new(COMPILER, &folder);
    compiler.args(["-O1", "-shared", "-o", "bcryptprimitives.dll", "random.c", "-ladvapi32"]);
    command::run(&mut compiler, "building bcryptprimitives.dll")?;
    Ok(folder)
}

/// A program that keeps Wine up until the value is dropped: Wine ends its services when the last other program has ended.
struct Session(Child);

impl Drop for Session {
    fn drop(&mut self) {
        // With its standard input the program ends, and with it Wine.
        drop(self.0.stdin.take());
        let _ended = self.0.wait();
    }
}

impl Wine {
    /// Starts the program that keeps Wine up.
    fn session(&self) -> anyhow::Result<Session> {
        let mut cmd = self.command("cmd");
        cmd.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        cmd.spawn().map(Session).context("starting Wine")
    }

    fn exe(&self) -> PathBuf {
        self.folder.join("polytrader.exe")
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut wine = command::new(&self.program, &self.folder);
        wine.env("WINEPREFIX", &self.prefix).env("WINEDEBUG", "-all").env("LC_ALL", "C.UTF-8").arg(program);
        wine
    }

    fn read(&self, arguments: &[&str]) -> anyhow::Result<String> {
        command::read(self.command(self.exe()).args(arguments))
    }

    fn pass(&self, arguments: &[&str], what: &str) -> anyhow::Result<()> {
        let mut command = self.command(self.exe());
        command::run_within(command.args(arguments), &format!("{what} under Wine"), COMMAND_MAX)
    }

    /// Runs a command with a line on its standard input; returns its standard output.
    fn typed(&self, arguments: &[&str], line: &str) -> anyhow::Result<String> {
        let mut command = self.command(self.exe());
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            writeln!(input, "{line}").context("writing to the standard input")?;
        }
        let output = child.wait_with_output().with_context(|| format!("running {arguments:?}"))?;
        ensure!(output.status.success(), "{arguments:?} failed ({}); its output above says why", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn copy(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = file.file_name().with_context(|| format!("{} has no name", file.display()))?;
    fs::copy(file, folder.join(name)).with_context(|| format!("copying {}", file.display()))?;
    Ok(())
}
