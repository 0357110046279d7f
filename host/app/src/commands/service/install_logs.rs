//! The logs of an installation, in `DIR/install-logs` under the names of the runbook's steps. Steps that have nothing to
//! do here (dependencies, repository, API, worker, dashboard) have none.

use super::upgrade::{UNIT_MAX, variables};
use crate::cli::InstallArgs;
use anyhow::Context;
use std::ffi::OsString;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The checks before anything is written.
pub(super) const PREFLIGHT: &str = "STEP00_preflight_check.log";
/// The database's tables.
pub(super) const DATABASE: &str = "STEP03_setup_database.log";
/// The unit.
pub(super) const SERVICES: &str = "STEP07_register_services.log";
/// The state of the service that was registered.
pub(super) const VERIFICATION: &str = "STEP08_final_verification.log";

/// The access that a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The keystore's passphrase, which only this user may read.
    Key,
    /// The data folder, as the service's user.
    Files,
}

/// The folder of the logs.
pub(super) struct InstallLogs<'a> {
    folder: PathBuf,
    program: &'a Path,
    args: &'a InstallArgs,
    owner: Option<u32>,
}

impl<'a> InstallLogs<'a> {
    /// Creates the folder. The data folder and all logs belong to `owner`, the service's user.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(super) fn open(
        data_dir: &Path,
        program: &'a Path,
        args: &'a InstallArgs,
        owner: Option<u32>,
    ) -> anyhow::Result<Self> {
        let folder = data_dir.join("install-logs");
        store::private_file::make_folder(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let logs = Self { folder, program, args, owner };
        logs.give(data_dir)?;
        logs.give(&logs.folder)?;
        Ok(logs)
    }

    fn give(&self, path: &Path) -> anyhow::Result<()> {
        let Some(uid) = self.owner else { return Ok(()) };
        chown(path, Some(uid), None).with_context(|| format!("giving {} to its user", path.display()))
    }

    /// Writes a step's log: its time, what it did, and how it ended.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&self, step: &str, text: &str, fault: Option<&str>) -> anyhow::Result<()> {
        let path = self.folder.join(step);
        let end = fault.map_or_else(|| "done".to_owned(), |fault| format!("failed: {fault}"));
        let line_end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let text = format!("{}\n{text}{line_end}{end}\n", control::clock::wall().iso());
        store::private_file::replace(&path, text.as_bytes()).with_context(|| format!("writing {}", path.display()))?;
        self.give(&path)
    }

    /// Runs a command of this program with the arguments and variables of the service, and logs what it prints; returns
    /// true if it ended well.
    ///
    /// # Errors
    /// If the log cannot be written.
    pub(super) fn run(&self, step: &str, words: &[&str], access: Access) -> anyhow::Result<bool> {
        let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        let mut common = self.args.common.clone();
        common.json = false;
        arguments.extend(common.to_arguments());
        if let Some(file) = self.args.passphrase.as_ref().filter(|_| access == Access::Key) {
            arguments.extend(["--passphrase-file".into(), file.into()]);
        }
        let mut command = Command::new(self.program);
        if access == Access::Files {
            super::as_owner(&mut command, &self.args.common.data_dir)?;
        }
        command.args(&arguments).stdin(Stdio::null()).env("NO_COLOR", "1");
        if let Some(file) = &self.args.environment {
            command.envs(read(file)?);
        }
        let output = command.output().with_context(|| format!("running {}", self.program.display()))?;
        let shown = [output.stdout, output.stderr].concat();
        let text = format!("polytrader {}\n{}", words.join(" "), String::from_utf8_lossy(&shown));
        let fault = format!("it ended with {}", output.status);
        let good = output.status.success();
        self.write(step, &text, (!good).then_some(fault.as_str()))?;
        Ok(good)
    }
}

/// Returns the variables of a file; none if it is missing.
///
/// # Errors
/// If it cannot be read.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<(String, String)>> {
    match files::read_text(file, files::Links::Follow, UNIT_MAX) {
        Ok(text) => Ok(variables(&text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}
