//! The service's unit and the containers' files, held against the programs that read them.

use crate::gate::Checked;
use crate::repo::Repo;
use crate::{command, system};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The most exposure that systemd may find in the unit, in tenths of its scale of 0 (least) to 10.
const EXPOSURE_MAX: &str = "--threshold=20";

/// Has systemd read the unit that `service install` writes, and rate what it leaves open.
pub(crate) fn unit(repo: &Repo) -> anyhow::Result<Checked> {
    let analyze = match system::ensure_systemd_analyze() {
        Ok(analyze) => analyze,
        Err(missing) => return Ok(Checked::not_run(&missing)),
    };
    let folder = repo.target.join("service");
    fs::create_dir_all(&folder).context("making a folder for the unit")?;
    let unit = folder.join("polytrader.service");
    let passphrase = folder.join("passphrase");
    fs::write(&passphrase, "correct horse\n").context("writing a passphrase")?;
    private(&passphrase)?;
    let mut install = command::new(repo.binary("debug"), &repo.root);
    install.args(["service", "install", "--print", "--system", "--user", "polytrader", "--mode", "live"]);
    install.args([
        "--data-dir",
        "/var/lib/polytrader",
        "--environment",
        "/etc/polytrader/polytrader.env",
        "--passphrase",
    ]);
    let text = command::read(install.arg(&passphrase)).context("printing the unit")?;
    fs::write(&unit, text).context("writing the unit")?;
    let mut verify = command::new(&analyze, &folder);
    quiet(verify.arg("verify").arg(&unit), "systemd-analyze verify")?;
    let mut rate = command::new(&analyze, &folder);
    let rated = rate.args(["security", "--offline=yes", "--no-pager", EXPOSURE_MAX]).arg(&unit).output();
    let rated = rated.context("running systemd-analyze security")?;
    let said = String::from_utf8_lossy(&rated.stdout);
    ensure!(rated.status.success(), "systemd-analyze security: the unit leaves too much open\n{said}");
    let level = said.lines().rev().find_map(|line| line.split_once("service: ")).map_or("", |(_, level)| level);
    Ok(Checked::with(&format!("exposure {}", level.split(' ').next().unwrap_or_default()), Vec::new()))
}

fn private(file: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).context("closing the passphrase to others")
}

/// Runs a command that says nothing where nothing is wrong: systemd ignores what it does not know with a warning and a
/// good exit code.
fn quiet(command: &mut Command, what: &str) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("running {what}"))?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if !output.status.success() || said.contains("polytrader.service") {
        bail!("{what}: {}", said.trim());
    }
    Ok(())
}

/// Has Docker read the compose file. No container is started.
pub(crate) fn compose(repo: &Repo) -> anyhow::Result<Checked> {
    let folder = repo.root.join("host/ops/container");
    let compose = match system::ensure_compose() {
        Ok(compose) => compose,
        Err(missing) => return Ok(Checked::not_run(&missing)),
    };
    // The image is built from a release; older versions of compose refuse a folder that is missing.
    fs::create_dir_all(repo.root.join("dist")).context("making the folder of releases")?;
    let (program, arguments) = compose.split_first().context("the command of compose is empty")?;
    command::run(command::new(program, &folder).args(arguments).args(["config", "-q"]), "docker compose config")?;
    Ok(Checked::with("compose file read; containers are not started", Vec::new()))
}
