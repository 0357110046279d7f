//! The dashboard: packages, types, unit tests, bundle and browser tests, all through npm's own commands.

use crate::gate::Checked;
use crate::repo::Repo;
use crate::tally::Tally;
use crate::{command, say, system};
use anyhow::{Context, bail};
use serde_json::Value;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// The oldest Node.js that Vite runs on.
const NODE_MIN: (u32, u32) = (20, 19);
/// A copy of the lock file that the installed packages were made from. It lies among them, so that it is removed with
/// them.
const INSTALLED: &str = "node_modules/.polytrader-installed";
/// A file whose modification time is the start of the last bundle build.
const BUNDLED: &str = "node_modules/.polytrader-bundled";
/// Folders of the dashboard that are not part of the bundle.
const NOT_BUNDLED: [&str; 6] = ["node_modules", "dist", "dist-report", "test-results", "e2e", "dev"];
/// Files without which the bundle is not complete: the page, and the script of reports.
const BUILT: [&str; 2] = ["dist/index.html", "dist-report/report.js"];

/// Installs the packages if necessary and builds the bundle if anything changed.
pub(crate) fn build_all(repo: &Repo) -> anyhow::Result<()> {
    say::doing("dashboard: packages");
    install(repo)?;
    say::doing("dashboard: bundle");
    bundle(repo)
}

/// Installs the packages of the lock file, unless they are installed already.
pub(crate) fn install(repo: &Repo) -> anyhow::Result<()> {
    check_node()?;
    let folder = repo.dashboard();
    let lock = fs::read(folder.join("package-lock.json")).context("reading dashboard/package-lock.json")?;
    let wanted = packages(&lock)?;
    let stamped = fs::read(folder.join(INSTALLED)).is_ok_and(|installed| installed == lock);
    if stamped && missing(&folder, &wanted).is_none() {
        say::line("   up to date with the lock file");
        return Ok(());
    }
    command::run(&mut ci(&folder), "npm ci")?;
    if let Some(package) = missing(&folder, &wanted) {
        bail!("npm ci did not install {package}, which the dashboard needs: check `npm config list` for what omits it");
    }
    fs::write(folder.join(INSTALLED), lock).context("recording the installed packages")
}

/// Returns the command that installs the packages of a lock file. Packages for development are needed even if npm's
/// configuration omits them.
fn ci(folder: &Path) -> Command {
    let mut npm = command::npm(folder);
    npm.args(["ci", "--include=dev"]);
    npm
}

/// Returns the folders of the packages that a lock file requires on every system.
fn packages(lock: &[u8]) -> anyhow::Result<Vec<String>> {
    let lock: Value = serde_json::from_slice(lock).context("reading dashboard/package-lock.json")?;
    let all = lock.get("packages").and_then(Value::as_object).context("dashboard/package-lock.json has no packages")?;
    let is_set = |package: &Value, key: &str| package.get(key).and_then(Value::as_bool) == Some(true);
    let needed = |package: &Value| !["optional", "devOptional", "peer", "link"].iter().any(|key| is_set(package, key));
    let folders = all.iter().filter(|(folder, package)| !folder.is_empty() && needed(package));
    Ok(folders.map(|(folder, _)| folder.clone()).collect())
}

/// Returns the first package of `wanted` that is not installed.
fn missing<'a>(dashboard: &Path, wanted: &'a [String]) -> Option<&'a String> {
    wanted.iter().find(|folder| !dashboard.join(folder).join("package.json").is_file())
}

/// Builds dashboard/dist and dashboard/dist-report, unless nothing changed since the last build.
pub(crate) fn bundle(repo: &Repo) -> anyhow::Result<()> {
    let folder = repo.dashboard();
    let stamp = folder.join(BUNDLED);
    // Rebuilding the bundle changes its file times, which makes cargo rebuild the binary that embeds it.
    if BUILT.iter().all(|file| folder.join(file).is_file()) && is_older(&folder, &stamp)? {
        say::line("   nothing changed since the last bundle");
        return Ok(());
    }
    // The stamp is taken before the build, so that a file edited during the build is bundled by the next one.
    let begun = folder.join(format!("{BUNDLED}.new"));
    fs::write(&begun, "").context("noting when the bundle was begun")?;
    npm(repo, &["run", "build"])?;
    fs::rename(begun, stamp).context("noting when the bundle was begun")
}

/// Checks the types.
pub(crate) fn check(repo: &Repo) -> anyhow::Result<Checked> {
    npm(repo, &["run", "check"])?;
    Ok(Checked::passed())
}

/// Runs the unit tests.
pub(crate) fn unit_tests(repo: &Repo) -> anyhow::Result<Checked> {
    let mut tally = Tally::default();
    command::run_watched(&mut npm_command(repo, &["test"]), "npm test", |line| tally.see_npm(line))?;
    tally.checked()
}

/// Runs the browser tests against the real binary.
pub(crate) fn browser_tests(repo: &Repo) -> anyhow::Result<Checked> {
    let chromium = match system::ensure_chromium() {
        Ok(chromium) => chromium,
        Err(missing) => return Ok(Checked::not_run(&missing)),
    };
    let mut npm = npm_command(repo, &["run", "e2e"]);
    npm.env("CHROMIUM", chromium);
    npm.env("POLYTRADER_BIN", repo.binary("debug"));
    npm.env("POLYTRADER_STRATEGIES", repo.strategies());
    let mut tally = Tally::default();
    command::run_watched(&mut npm, "npm run e2e", |line| tally.see_npm(line))?;
    tally.checked()
}

fn npm(repo: &Repo, args: &[&str]) -> anyhow::Result<()> {
    command::run(&mut npm_command(repo, args), &format!("npm {}", args.join(" ")))
}

fn npm_command(repo: &Repo, args: &[&str]) -> Command {
    let mut npm = command::npm(&repo.dashboard());
    npm.args(args);
    npm
}

fn check_node() -> anyhow::Result<()> {
    let (major, minor) = NODE_MIN;
    let wanted = format!("the dashboard is built with Node.js {major}.{minor} or newer: install it from nodejs.org");
    let version = command::read(command::new("node", Path::new(".")).arg("--version")).context(wanted.clone())?;
    match parse_version(&version) {
        Some(found) if found >= NODE_MIN => Ok(()),
        _ => bail!("{wanted}; found {}", version.trim()),
    }
}

/// Parses the first two numbers of a version such as `v20.19.2`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Returns true if no bundled file is newer than the stamp. A missing stamp counts as older than every file.
fn is_older(folder: &Path, stamp: &Path) -> anyhow::Result<bool> {
    let Ok(stamped) = fs::metadata(stamp).and_then(|data| data.modified()) else { return Ok(false) };
    for entry in fs::read_dir(folder).context("reading the dashboard's folder")? {
        let entry = entry.context("reading the dashboard's folder")?;
        if NOT_BUNDLED.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if newest(&entry.path()).with_context(|| format!("reading {}", entry.path().display()))? >= stamped {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the latest modification time of a file, or of a folder and everything below it. Removing a file modifies its
/// folder.
fn newest(path: &Path) -> io::Result<SystemTime> {
    let data = fs::metadata(path)?;
    let mut latest = data.modified()?;
    if data.is_dir() {
        for entry in fs::read_dir(path)? {
            latest = latest.max(newest(&entry?.path())?);
        }
    }
    Ok(latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read_and_compared_by_number() {
        assert_eq!(parse_version("v20.19.2\n"), Some((20, 19)));
        assert!(parse_version("v22.1.0") > Some(NODE_MIN));
        assert!(parse_version("v20.9.0") < Some(NODE_MIN));
        assert_eq!(parse_version("unknown"), None);
    }

    #[test]
    fn an_installation_without_a_package_that_the_lock_file_wants_is_not_complete() {
        let lock = br#"{"packages": {"": {"name": "us"}, "node_modules/vite": {"dev": true}, "node_modules/preact": {},
                        "node_modules/other-system": {"dev": true, "optional": true}}}"#;
        let wanted = packages(lock).unwrap();
        assert_eq!(wanted, ["node_modules/preact", "node_modules/vite"]);
        let folder = std::env::temp_dir().join(format!("polytrader-xtask-packages-{}", std::process::id()));
        let put = |package: &str| {
            fs::create_dir_all(folder.join(package)).unwrap();
            fs::write(folder.join(package).join("package.json"), "{}").unwrap();
        };
        put("node_modules/preact");
        assert_eq!(missing(&folder, &wanted).unwrap(), "node_modules/vite");
        put("node_modules/vite");
        assert_eq!(missing(&folder, &wanted), None);
        fs::remove_dir_all(folder).unwrap();
        assert!(packages(b"{}").is_err());
    }

    /// A folder with one package that is needed for development alone, and a configuration of npm that omits such.
    fn project(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("polytrader-xtask-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("one")).unwrap();
        let files = [
            (
                "package.json",
                r#"{"name": "us", "version": "1.0.0", "private": true, "devDependencies": {"one": "file:one"}}"#,
            ),
            ("one/package.json", r#"{"name": "one", "version": "1.0.0"}"#),
            (
                "package-lock.json",
                r#"{"name": "us", "version": "1.0.0", "lockfileVersion": 3, "requires": true, "packages": {
                    "": {"name": "us", "version": "1.0.0", "devDependencies": {"one": "file:one"}},
                    "node_modules/one": {"resolved": "one", "link": true}, "one": {"version": "1.0.0", "dev": true}}}"#,
            ),
            (".npmrc", "omit=dev\naudit=false\nfund=false\noffline=true\n"),
        ];
        for (file, text) in files {
            fs::write(folder.join(file), text).unwrap();
        }
        folder
    }

    #[test]
    fn packages_for_development_are_installed_whatever_omits_them() {
        if crate::system::find("npm").is_none() {
            let message = "NOT RUN: npm's configuration needs npm";
            assert!(std::env::var_os("CI").is_none(), "{message}");
            return println!("{message}");
        }
        const AGAIN: &str = "POLYTRADER_TEST_AGAIN";
        if std::env::var_os(AGAIN).is_none() {
            // In the environment of a server or a container.
            let mut again = Command::new(std::env::current_exe().unwrap());
            again.args(["--exact", "node::tests::packages_for_development_are_installed_whatever_omits_them"]);
            again.env(AGAIN, "1").env("NODE_ENV", "production").env("npm_config_omit", "dev");
            let output = again.env("NPM_CONFIG_PRODUCTION", "true").output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
            return;
        }
        let folder = project("omits");
        let installed = || folder.join("node_modules/one/package.json").is_file();
        let plain = Command::new("npm").arg("ci").current_dir(&folder).output().unwrap();
        assert!(plain.status.success() && !installed(), "npm alone leaves it out: {plain:?}");
        command::run(&mut ci(&folder), "npm ci").unwrap();
        assert!(installed());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_bundle_is_old_when_a_file_below_is_newer() {
        let folder = std::env::temp_dir().join(format!("polytrader-xtask-{}", std::process::id()));
        fs::create_dir_all(folder.join("src/views")).unwrap();
        fs::create_dir_all(folder.join("dist")).unwrap();
        let at = |name: &str, seconds: u64| {
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            fs::File::open(folder.join(name)).unwrap().set_modified(time).unwrap();
        };
        for file in ["stamp", "src/views/a.ts", "dist/index.html"] {
            fs::write(folder.join(file), "").unwrap();
        }
        let stamp = folder.join("dist/stamp");
        assert!(!is_older(&folder, &stamp).unwrap(), "no stamp");
        fs::rename(folder.join("stamp"), &stamp).unwrap();
        for (name, seconds) in [("src/views/a.ts", 10), ("src/views", 10), ("src", 10), ("dist/stamp", 20)] {
            at(name, seconds);
        }
        assert!(is_older(&folder, &stamp).unwrap(), "only dist is newer");
        at("src/views/a.ts", 30);
        assert!(!is_older(&folder, &stamp).unwrap(), "a source is newer");
        fs::remove_dir_all(folder).unwrap();
    }
}
