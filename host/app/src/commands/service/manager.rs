//! The manager of services, by its own program.

use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The unit's name.
pub(super) const NAME: &str = "polytrader.service";
/// The folder of root's units.
const OF_SYSTEM: &str = "/etc/systemd/system";

/// systemd, of the system or of the user.
#[derive(Debug)]
pub(super) struct Manager {
    unit: PathBuf,
    of_system: bool,
}

impl Manager {
    /// Returns the manager of the system for root, and of the user for others.
    pub(super) fn of(unit_dir: Option<&Path>) -> anyhow::Result<Self> {
        let of_system = rustix::process::geteuid().is_root();
        let folder = match (unit_dir, of_system) {
            (Some(folder), _) => folder.to_owned(),
            (None, true) => PathBuf::from(OF_SYSTEM),
            (None, false) => {
                let set = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
                let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
                set.or_else(home).context("HOME is not set; give --unit-dir FOLDER")?.join("systemd/user")
            }
        };
        Ok(Self { unit: folder.join(NAME), of_system })
    }

    pub(super) fn unit(&self) -> &Path {
        &self.unit
    }

    pub(super) const fn is_of_system(&self) -> bool {
        self.of_system
    }

    /// Starts the service. The manager answers once the host is ready, or has failed.
    pub(super) fn start(&self) -> anyhow::Result<()> {
        self.systemctl(&["start", NAME]).map(drop)
    }

    /// Stops the service. The manager answers once it has ended.
    pub(super) fn stop(&self) -> anyhow::Result<()> {
        self.systemctl(&["stop", NAME]).map(drop)
    }

    /// Returns the service's state as the manager reports it.
    pub(super) fn state(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let text = self.systemctl(&["show", NAME, "--property=ActiveState,SubState,MainPID,NRestarts"])?;
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect())
    }

    /// Runs `systemctl` and returns what it prints.
    pub(super) fn systemctl(&self, words: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new("systemctl");
        if !self.of_system {
            command.arg("--user");
        }
        let output = command.args(words).stdin(Stdio::null()).output();
        let Output { status, stdout, stderr } = match output {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                bail!("there is no systemctl here, and so no systemd; `polytrader run` runs without a service")
            }
            output => output.context("running systemctl")?,
        };
        let shown = format!("systemctl {}", words.join(" "));
        ensure!(status.success(), "`{shown}` failed ({status}): {}", String::from_utf8_lossy(&stderr).trim());
        String::from_utf8(stdout).with_context(|| format!("`{shown}` printed something else than text"))
    }
}

/// Returns the values of a key of a unit's text.
pub(super) fn values<'a>(unit: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    unit.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}
