//! `polytrader service`: a unit of systemd, and the exchange of its program. Start reading in [`run`].

mod install_logs;
mod manager;
mod unit;
mod upgrade;

use crate::cli::{InstallArgs, ManagerArgs, ServiceAction, ServiceArgs};
use crate::console::{eprintln, println};
use anyhow::{Context, bail, ensure};
use install_logs::{Access, InstallLogs};
use manager::Manager;
use serde_json::json;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The exit code of a service that does not run.
const NOT_RUNNING: u8 = 2;

/// Runs `polytrader service`.
///
/// # Errors
/// If the unit cannot be written or read, or the manager refuses.
pub(crate) fn run(args: &ServiceArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        ServiceAction::Install(args) => install(args),
        ServiceAction::Uninstall(args) => uninstall(args),
        ServiceAction::Start(args) => installed(args)?.start().map(|()| done(args, "started", "the service runs")),
        ServiceAction::Stop(args) => installed(args)?.stop().map(|()| done(args, "stopped", "the service has stopped")),
        ServiceAction::Status(args) => status(args),
        ServiceAction::Upgrade(args) => upgrade::run(args, &installed(&args.manager)?),
    }
}

/// Prints the result of an action: an object for programs, a line for people.
fn done(args: &ManagerArgs, result: &str, line: &str) -> ExitCode {
    println(&if args.json {
        json!({ "service": manager::NAME, "result": result }).to_string()
    } else {
        line.to_owned()
    });
    ExitCode::SUCCESS
}

/// Returns the manager of an installed unit.
fn installed(args: &ManagerArgs) -> anyhow::Result<Manager> {
    let manager = Manager::of(args.unit.unit_dir.as_deref())?;
    ensure!(
        manager.unit().is_file(),
        "there is no unit {}; `polytrader service install` writes it",
        manager.unit().display()
    );
    Ok(manager)
}

fn install(args: &InstallArgs) -> anyhow::Result<ExitCode> {
    let manager = Manager::of(args.manager.unit_dir.as_deref())?;
    // What is wrong with the configuration is said here, not in the log of a service that does not start.
    let config = args.common.load_config().context("reading the configuration")?;
    let of_system = args.system || manager.is_of_system();
    ensure!(
        args.user.is_none() || of_system,
        "--user NAME goes with a unit of the system, which root installs; this one runs as you. Nothing was written"
    );
    if let Some(file) = &args.passphrase {
        private(file)?;
    }
    let program = std::env::current_exe().context("finding this program")?;
    let text = unit::Unit { program: &program, args, data_dir: &config.data_dir, of_system }.text()?;
    if args.print {
        println(text.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    store::private_file::make_folder(&config.data_dir)
        .with_context(|| format!("creating the data folder {}", config.data_dir.display()))?;
    let owner = args.user.as_deref().map(|user| owner(user, &config.data_dir)).transpose()?;
    let logs = InstallLogs::open(&config.data_dir, &program, args, owner)?;
    let ready = logs.run(install_logs::PREFLIGHT, &["doctor"], Access::Key)?;
    let tables = logs.run(install_logs::DATABASE, &["db", "migrate"], Access::Files)?;
    let mut log = String::new();
    let done = write_and_enable(&manager, &text, &mut log);
    let fault = done.as_ref().err().map(|error| format!("{error:#}"));
    logs.write(install_logs::SERVICES, &log, fault.as_deref())?;
    done?;
    let (state, fault) = verify(&manager);
    logs.write(install_logs::VERIFICATION, &state, fault.as_deref())?;
    for (good, command, step) in
        [(ready, "doctor", install_logs::PREFLIGHT), (tables, "db migrate", install_logs::DATABASE)]
    {
        if !good {
            let log = config.data_dir.join("install-logs").join(step);
            eprintln(&format!("`polytrader {command}` found what prevents a start: see {}", log.display()));
        }
    }
    println(&format!("{} is written and enabled; `polytrader service start` starts it", manager.unit().display()));
    Ok(ExitCode::SUCCESS)
}

/// Returns the number of the service's user, who must own the data folder; a folder that is empty is given to that
/// user.
fn owner(user: &str, data_dir: &Path) -> anyhow::Result<u32> {
    let output = Command::new("id").args(["-u", "--", user]).output().context("running id")?;
    let uid = String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok().filter(|_| output.status.success());
    let uid = uid.with_context(|| {
        format!("there is no user {user}: `useradd --system {user}` makes one. Nothing was written")
    })?;
    let about = fs::metadata(data_dir).with_context(|| format!("reading {}", data_dir.display()))?;
    let is_empty = fs::read_dir(data_dir).with_context(|| format!("reading {}", data_dir.display()))?.next().is_none();
    ensure!(
        is_empty || about.uid() == uid,
        "{} is not owned by {user}, who could not use it: `chown -R {user} {}`. Nothing was written",
        data_dir.display(),
        data_dir.display()
    );
    Ok(uid)
}

/// Lets root run a command as the owner of a folder, to whom the files belong that the command makes.
fn as_owner(command: &mut Command, folder: &Path) -> anyhow::Result<()> {
    let about = fs::metadata(folder).with_context(|| format!("reading {}", folder.display()))?;
    if rustix::process::geteuid().is_root() && about.uid() != 0 {
        command.uid(about.uid()).gid(about.gid());
    }
    Ok(())
}

/// A passphrase that others can read is none.
fn private(file: &Path) -> anyhow::Result<()> {
    let about = fs::metadata(file).with_context(|| format!("reading {}", file.display()))?;
    let mode = about.permissions().mode() & 0o777;
    ensure!(
        about.is_file() && mode & 0o077 == 0,
        "others can read {} (its mode is {mode:o}); make it 600",
        file.display()
    );
    Ok(())
}

fn write_and_enable(manager: &Manager, text: &str, log: &mut String) -> anyhow::Result<()> {
    let unit = manager.unit();
    if let Some(folder) = unit.parent() {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    // A unit has no secret, and others may read it.
    fs::write(unit, text).with_context(|| format!("writing {}", unit.display()))?;
    // Writing to a string does not fail.
    let _written = writeln!(log, "wrote {}", unit.display());
    for words in [&["daemon-reload"][..], &["enable", manager::NAME]] {
        manager.systemctl(words)?;
        let _written = writeln!(log, "systemctl {}", words.join(" "));
    }
    Ok(())
}

/// Asks the manager for the registered service; returns its answer, and what is wrong with it.
fn verify(manager: &Manager) -> (String, Option<String>) {
    match manager.systemctl(&["is-enabled", manager::NAME]) {
        Ok(state) => {
            let text = format!("{} is {}\nstart it with `polytrader service start`\n", manager::NAME, state.trim());
            (text, None)
        }
        Err(error) => (String::new(), Some(format!("{error:#}"))),
    }
}

fn uninstall(args: &ManagerArgs) -> anyhow::Result<ExitCode> {
    let manager = installed(args)?;
    manager.systemctl(&["disable", "--now", manager::NAME])?;
    fs::remove_file(manager.unit()).with_context(|| format!("removing {}", manager.unit().display()))?;
    manager.systemctl(&["daemon-reload"])?;
    Ok(done(args, "uninstalled", "the service is stopped and its unit is gone; the data folder stays"))
}

fn status(args: &ManagerArgs) -> anyhow::Result<ExitCode> {
    let manager = installed(args)?;
    let state = manager.state()?;
    let word = |key: &str| state.get(key).cloned().unwrap_or_default();
    let (active, sub, pid) = (word("ActiveState"), word("SubState"), word("MainPID"));
    if args.json {
        let restarts = word("NRestarts").parse::<u64>().unwrap_or(0);
        println(
            &json!({"active": active, "sub": sub, "pid": pid.parse::<u64>().unwrap_or(0), "restarts": restarts})
                .to_string(),
        );
    } else {
        println(&format!("{}: {active} ({sub}), process {pid}, {} restarts", manager::NAME, word("NRestarts")));
    }
    Ok(match active.as_str() {
        "active" => ExitCode::SUCCESS,
        "failed" => {
            eprintln("the reason is in DIR/logs/worker_stderr.log and in `journalctl -u polytrader`");
            ExitCode::FAILURE
        }
        "" => bail!("the manager says nothing of {}", manager::NAME),
        _ => ExitCode::from(NOT_RUNNING),
    })
}
