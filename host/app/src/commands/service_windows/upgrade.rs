//! `polytrader service upgrade` on Windows: another program in the place of the installed one, and back if its host does not
//! start.

use super::manager::{Installed, KINDS, Manager};
use super::stop_all;
use crate::cli::{ServiceKind, UpgradeArgs};
use crate::console::{eprintln, println};
use anyhow::{Context, bail, ensure};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use windows_service::service::ServiceState;

/// Pause between two attempts to move a program whose process is just ending, and the time limit for them.
const PAUSE: Duration = Duration::from_millis(250);
const RENAMED_WITHIN: Duration = Duration::from_secs(15);

/// Runs `polytrader service upgrade`.
///
/// # Errors
/// If the new program does not run, or its host does not start; the old program runs again then.
pub(super) fn run(args: &UpgradeArgs) -> anyhow::Result<ExitCode> {
    let manager = Manager::open()?;
    let installed = manager.installed(ServiceKind::Api)?;
    let (new, old) = (version(&args.program)?, version(&installed.program)?);
    let mut running = Vec::new();
    for kind in KINDS {
        if manager.state(kind)?.current_state != ServiceState::Stopped {
            running.push(kind);
        }
    }
    let backups = backups(&installed);
    stop_all(&manager).context("stopping the services; nothing was changed")?;
    let previous = installed.program.with_extension("previous.exe");
    let started = swap(&args.program, &installed.program, &previous)
        .and_then(|()| running.iter().try_for_each(|kind| manager.start(*kind)));
    let Err(error) = started else {
        let (program, before) = (installed.program.display(), previous.display());
        println(&if args.manager.json {
            json!({ "result": "upgraded", "program": installed.program, "version": new, "previous": previous })
                .to_string()
        } else {
            format!("{program} is {new}; the program of before is {before}")
        });
        return Ok(ExitCode::SUCCESS);
    };
    eprintln(&format!("the new program does not run: {error:#}; going back"));
    stop_all(&manager)
        .and_then(|()| go_back(&installed, &previous, &backups))
        .and_then(|()| running.iter().try_for_each(|kind| manager.start(*kind)))
        .context("GOING BACK FAILED; the services do not run")?;
    bail!("{new} did not start ({error:#}); {old} is in place again")
}

/// Returns the answer of a program to `--version`. One that does not run is not put in any place.
fn version(program: &Path) -> anyhow::Result<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.with_context(|| format!("running {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(
        output.status.success() && text.starts_with("polytrader "),
        "`{} --version` ended with {} and printed `{text}`; expected `polytrader` and a version",
        program.display(),
        output.status
    );
    Ok(text)
}

fn backups(installed: &Installed) -> Vec<PathBuf> {
    store::db::backup::all_of(&installed.data_dir.join("backups")).unwrap_or_default()
}

/// Puts `new` in the place of `program`, which is kept as `previous`.
fn swap(new: &Path, program: &Path, previous: &Path) -> anyhow::Result<()> {
    let fresh = program.with_extension("new.exe");
    fs::copy(new, &fresh).with_context(|| format!("copying {} to {}", new.display(), fresh.display()))?;
    rename(program, previous)?;
    rename(&fresh, program)
}

/// Renames a program, also one that runs; the target is replaced. The last process of a service may still be ending.
fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        match fs::rename(from, to) {
            Ok(()) => return Ok(()),
            Err(error) if started.elapsed() > RENAMED_WITHIN => {
                return Err(error)
                    .with_context(|| format!("putting {} in the place of {}", from.display(), to.display()));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Puts the old program back, and the database of before if the new one has changed its tables.
fn go_back(installed: &Installed, previous: &Path, before: &[PathBuf]) -> anyhow::Result<()> {
    if previous.exists() {
        rename(&installed.program, &installed.program.with_extension("refused.exe"))
            .and_then(|()| rename(previous, &installed.program))?;
    }
    let Some(backup) = backups(installed).into_iter().find(|backup| !before.contains(backup)) else { return Ok(()) };
    eprintln(&format!("the new program changed the database's tables; restoring {}", backup.display()));
    let database = installed.data_dir.join("polytrader.sqlite");
    ensure!(
        backup.extension().is_some_and(|end| end == "sqlite") && database.exists(),
        "the tables of a server are not moved aside here: `polytrader db set-aside` and `polytrader db restore {}` do it",
        backup.display()
    );
    for end in ["-wal", "-shm", ""] {
        let [file, aside] =
            ["", ".upgraded"].map(|mark| installed.data_dir.join(format!("polytrader.sqlite{mark}{end}")));
        if file.exists() {
            fs::rename(&file, &aside).with_context(|| format!("putting {} aside", file.display()))?;
        }
    }
    let mut restore = Command::new(&installed.program);
    restore.args(["db", "restore"]).arg(&backup).args(without_passphrase(&installed.arguments));
    let status = restore.stdin(Stdio::null()).status().context("running the old program")?;
    ensure!(status.success(), "`db restore` failed ({status})");
    Ok(())
}

/// Returns the arguments of `run` without the passphrase's file, which commands of the database do not take.
fn without_passphrase(arguments: &[String]) -> Vec<&String> {
    let at = arguments.iter().position(|word| word == "--passphrase-file");
    let left = |index: usize| at.is_none_or(|at| index != at && index != at.saturating_add(1));
    arguments.iter().enumerate().filter(|(index, _)| left(*index)).map(|(_, word)| word).collect()
}
