//! The unit's text.

use crate::cli::InstallArgs;
use anyhow::{Context, ensure};
use std::ffi::OsStr;
use std::path::{Path, absolute};

const TEMPLATE: &str = include_str!("../../../../ops/systemd/polytrader.service.in");

/// The parts of a unit.
pub(super) struct Unit<'a> {
    pub(super) program: &'a Path,
    pub(super) args: &'a InstallArgs,
    pub(super) data_dir: &'a Path,
    pub(super) of_system: bool,
}

impl Unit<'_> {
    /// Returns the whole unit.
    ///
    /// # Errors
    /// If a path or an argument cannot stand in a unit.
    pub(super) fn text(&self) -> anyhow::Result<String> {
        let data = full(self.data_dir)?;
        let mut words = vec![word(self.program.as_os_str())?, "run".to_owned()];
        let mut common = self.args.common.clone();
        common.data_dir = absolute(self.data_dir).context("finding the data folder")?;
        common.config = common.config.map(absolute).transpose().context("finding the configuration file")?;
        common.strategies = common.strategies.map(absolute).transpose().context("finding the strategies folder")?;
        for argument in common.to_arguments() {
            words.push(word(&argument)?);
        }
        let identity = match (&self.args.user, self.of_system) {
            (Some(user), _) => format!("User={}", plain(user)?),
            (None, true) => "# As root: name a user with `service install --user NAME`.".to_owned(),
            (None, false) => "# As the user of this unit.".to_owned(),
        };
        let line = |key: &str, file: &Option<std::path::PathBuf>, nothing: &str| {
            file.as_ref().map_or_else(|| Ok(nothing.to_owned()), |file| full(file).map(|file| format!("{key}{file}")))
        };
        let credential = line(
            "LoadCredential=polytrader-passphrase:",
            &self.args.passphrase,
            "# No passphrase is handed over: live mode needs `service install --passphrase FILE`.",
        )?;
        let environment = line("EnvironmentFile=-", &self.args.environment, "# No file of variables.")?;
        // A data folder below a home would be hidden from its own service.
        let home = if self.of_system && !below_home(self.data_dir) { "yes" } else { "no" };
        let target = if self.of_system { "multi-user.target" } else { "default.target" };
        let holes = [
            ("@IDENTITY@", identity.as_str()),
            ("@COMMAND@", &words.join(" ")),
            ("@CREDENTIAL@", &credential),
            ("@ENVIRONMENT@", &environment),
            ("@HOME@", home),
            ("@DATA@", &data),
            ("@TARGET@", target),
        ];
        Ok(holes.iter().fold(TEMPLATE.to_owned(), |text, (hole, value)| text.replace(hole, value)))
    }
}

fn below_home(path: &Path) -> bool {
    ["/home", "/root", "/run/user"].iter().any(|home| path.starts_with(home))
}

/// Returns a full path for a setting that takes one; those are read to the end of the line or to a space.
fn full(path: &Path) -> anyhow::Result<String> {
    let path = absolute(path).with_context(|| format!("finding {}", path.display()))?;
    let text = path.to_str().with_context(|| format!("{} is not UTF-8, which a unit needs", path.display()))?;
    ensure!(
        !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '\\' | ':')),
        "{text} has a space, a quotation mark, a colon or a backslash, which this setting of a unit does not take; choose another place"
    );
    Ok(text.replace('%', "%%"))
}

/// Returns a word of a command line as a unit reads it.
fn word(text: &OsStr) -> anyhow::Result<String> {
    let text = text.to_str().with_context(|| format!("{} is not UTF-8, which a unit needs", text.display()))?;
    ensure!(!text.contains(char::is_control), "{text:?} has a control character, which a unit does not take");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(text.to_owned());
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '\\' | '"' => quoted.extend(['\\', c]),
            '%' => quoted.push_str("%%"),
            '$' => quoted.push_str("$$"),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

fn plain(name: &str) -> anyhow::Result<&str> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    ensure!(!name.is_empty() && name.chars().all(good), "`{name}` is not the name of a user");
    Ok(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use crate::commands::service::manager::values;
    use clap::Parser;
    use std::time::Duration;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: InstallArgs,
    }

    fn unit(line: &str, of_system: bool) -> anyhow::Result<String> {
        let args = Line::parse_from([&["x"][..], &line.split(' ').collect::<Vec<_>>()].concat()).args;
        Unit { program: Path::new("/opt/poly trader"), data_dir: &args.common.data_dir, args: &args, of_system }.text()
    }

    #[test]
    fn a_unit_runs_what_it_was_installed_with() {
        let line =
            "--mode live --data-dir /srv/poly --user trader --passphrase /etc/poly/pass --set alerts.level=100%$1";
        let text = unit(line, true).unwrap();
        let one = |key: &'static str| values(&text, key).collect::<Vec<_>>().join("|");
        assert_eq!(
            one("ExecStart"),
            "\"/opt/poly trader\" run --mode live --data-dir /srv/poly --set \"alerts.level=100%%$$1\""
        );
        assert_eq!(one("User"), "trader");
        assert_eq!(one("LoadCredential"), "polytrader-passphrase:/etc/poly/pass");
        assert_eq!((one("ReadWritePaths"), one("ProtectHome")), ("/srv/poly".to_owned(), "yes".to_owned()));
        assert_eq!(one("WantedBy"), "multi-user.target");
        assert_eq!(one("KillMode"), "mixed");
        assert!(values(&text, "MemoryDenyWriteExecute").next().is_none() && !text.contains("@COMMAND@"));
        let text = unit("--mode paper --data-dir /run/user/1000/poly", false).unwrap();
        assert!(text.contains("ProtectHome=no\n") && text.contains("WantedBy=default.target"));
    }

    #[test]
    fn what_a_unit_cannot_say_is_refused() {
        let spaced = Unit {
            program: Path::new("/bin/x"),
            args: &Line::parse_from(["x"]).args,
            data_dir: Path::new("/srv/a b"),
            of_system: true,
        };
        assert!(spaced.text().unwrap_err().to_string().contains("choose another place"));
        assert!(unit("--user a\nb", true).unwrap_err().to_string().contains("not the name of a user"));
        assert!(unit("--set a=b\nExecStartPre=/bin/evil", true).unwrap_err().to_string().contains("control character"));
    }

    #[test]
    fn the_manager_waits_longer_than_the_host_needs() {
        let text = unit("--mode live", true).unwrap();
        let seconds = |key: &'static str| Duration::from_secs(values(&text, key).next().unwrap().parse().unwrap());
        assert!(seconds("TimeoutStopSec") > trading::STOPS_WITHIN, "{:?}", trading::STOPS_WITHIN);
        assert!(seconds("WatchdogSec") > trading::ENDS_WITHOUT_ENGINE_WITHIN);
    }
}
