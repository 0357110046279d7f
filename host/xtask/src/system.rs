//! Programs installed on this machine, and installing those that are missing where permissions allow it.

use crate::{command, say};
use anyhow::{Context, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Time limit for the package manager; one that takes longer is taken to hang.
const INSTALL_MAX: Duration = Duration::from_secs(15 * 60);

/// Returns the full path of a program in PATH.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// Installs Debian packages if this process is root on a system with apt-get. Otherwise the error names the command to
/// run.
pub(crate) fn apt_install(packages: &[&str], why: &str) -> anyhow::Result<()> {
    let list = packages.join(" ");
    if find("apt-get").is_none() {
        bail!("{why} is missing, and this system has no apt-get: install the equivalent of the Debian packages {list}");
    }
    if !is_root() {
        bail!("{why} is missing; run: sudo apt-get install -y --no-install-recommends {list}");
    }
    say::line(&format!("   {why} is missing: installing {list} with apt-get"));
    if install(packages).is_ok() {
        return Ok(());
    }
    say::line("   that failed; updating the package lists and trying once more");
    let mut update = apt_get();
    command::run_within(update.arg("update"), "apt-get update", INSTALL_MAX)?;
    install(packages).with_context(|| format!("{why} is missing and could not be installed"))
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let mut apt = apt_get();
    apt.args(["install", "-y", "--no-install-recommends"]).args(packages);
    command::run_within(&mut apt, "apt-get install", INSTALL_MAX)
}

fn apt_get() -> std::process::Command {
    let mut apt = command::new("apt-get", Path::new("/"));
    apt.env("DEBIAN_FRONTEND", "noninteractive").arg("-q");
    apt
}

fn is_root() -> bool {
    // `id` instead of a crate for one system call. A system without it has no root user.
    find("id").is_some_and(|id| {
        command::read(command::new(id, Path::new(".")).arg("-u")).is_ok_and(|answer| answer.trim() == "0")
    })
}

/// Installs PostgreSQL's programs if they are missing; the tests start their own server with them.
pub(crate) fn ensure_postgresql() -> anyhow::Result<()> {
    if has_postgresql() {
        return Ok(());
    }
    apt_install(&["postgresql"], "PostgreSQL, for the tests of migrations and queries,")
}

fn has_postgresql() -> bool {
    // Debian installs them outside PATH, in one folder for each version.
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    find("initdb").is_some() || versions.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}

/// Installs nginx if it is missing; a test runs it with the configuration from the documentation.
pub(crate) fn ensure_nginx() -> anyhow::Result<()> {
    // Debian installs it outside the PATH of ordinary users.
    if find("nginx").is_some() || Path::new("/usr/sbin/nginx").is_file() {
        return Ok(());
    }
    apt_install(&["nginx-light"], "nginx, for the test of the documented proxy,")
}

/// Installs the NATS server if it is missing; a test runs a sweep over it.
pub(crate) fn ensure_nats_server() -> anyhow::Result<()> {
    // Debian installs it outside the PATH of ordinary users.
    if find("nats-server").is_some() || Path::new("/usr/sbin/nats-server").is_file() {
        return Ok(());
    }
    apt_install(&["nats-server"], "nats-server, for the test of sweeps over a queue,")
}

/// Returns the path of promtool, installing it if it is missing.
pub(crate) fn ensure_promtool() -> anyhow::Result<PathBuf> {
    if let Some(promtool) = find("promtool") {
        return Ok(promtool);
    }
    apt_install(&["prometheus"], "promtool, for the checks of metrics and rules,")?;
    find("promtool").context("promtool was installed but is not in PATH")
}

/// Returns the path of systemd-analyze, installing it if it is missing.
pub(crate) fn ensure_systemd_analyze() -> anyhow::Result<PathBuf> {
    if let Some(analyze) = find("systemd-analyze") {
        return Ok(analyze);
    }
    apt_install(&["systemd"], "systemd-analyze, for the check of the service's unit,")?;
    find("systemd-analyze").context("systemd-analyze was installed but is not in PATH")
}

/// Returns the command that reads compose files, installing it if it is missing. No daemon is needed.
pub(crate) fn ensure_compose() -> anyhow::Result<Vec<String>> {
    let known = || {
        if let Some(docker) = find("docker") {
            let mut ask = command::new(&docker, Path::new("."));
            if command::read(ask.args(["compose", "version"])).is_ok() {
                return Some(vec![docker.display().to_string(), "compose".to_owned()]);
            }
        }
        find("docker-compose").map(|compose| vec![compose.display().to_string()])
    };
    if let Some(compose) = known() {
        return Ok(compose);
    }
    apt_install(&["docker-compose"], "docker-compose, for the check of the compose file,")?;
    known().context("docker-compose was installed but is not in PATH")
}

/// Returns a Python that can make virtual environments, installing it if it is missing.
pub(crate) fn ensure_python() -> anyhow::Result<PathBuf> {
    let usable = || {
        let python = find("python3")?;
        let mut ask = command::new(&python, Path::new("."));
        ask.args(["-c", "import sys, venv, ensurepip; assert sys.version_info >= (3, 10)"]);
        ask.status().is_ok_and(|status| status.success()).then_some(python)
    };
    if let Some(python) = usable() {
        return Ok(python);
    }
    apt_install(&["python3", "python3-venv"], "Python 3.10 with venv, for the venue's Python client,")?;
    usable().context("Python was installed but cannot make virtual environments")
}

/// Returns the path of a Chromium for the browser tests, installing it if it is missing.
pub(crate) fn ensure_chromium() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM").map(PathBuf::from) {
        if path.is_file() {
            return Ok(path);
        }
        bail!("CHROMIUM names {}, which is not a file", path.display());
    }
    if let Some(path) = chromium() {
        return Ok(path);
    }
    apt_install(&["chromium"], "Chromium, for the browser tests,")?;
    chromium().context("Chromium was installed but is not in PATH: name it in CHROMIUM")
}

fn chromium() -> Option<PathBuf> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(find)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_path_only_if_it_is_there() {
        assert!(find("cargo").is_some());
        assert!(find("no-such-program").is_none());
    }
}
