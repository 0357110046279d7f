//! Checks for every mode: disk space, memory, clock, ports, folders, database and strategies.

use super::{Report, State};
use crate::platform;
use config::Config;
use control::clock;
use secrecy::ExposeSecret;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use store::db::{Plaintext, Probe, probe};
use store::journal_files::RunLock;

const MIB: u64 = 1024 * 1024;
/// Free memory below which there is a warning, and below which it is insufficient (DESIGN 12: 150 MB with 500 markets).
const MEMORY_WARN: u64 = 512 * MIB;
const MEMORY_MIN: u64 = 160 * MIB;
/// Free disk space above the reserve, below which there is a warning.
const DISK_BESIDE_RESERVE: u64 = 1024 * MIB;
/// The earliest plausible time of the wall clock: 2026-01-01.
const CLOCK_MIN_S: u64 = 1_767_225_600;

/// Checks the machine.
pub(super) fn check(config: &Config, report: &mut Report) {
    disk(config, report);
    memory(report);
    for (what, text) in platform::LACKS {
        report.add(what, State::Warning, text);
    }
    wall_clock(report);
    folders(config, report);
    let runs = host_runs(&config.data_dir);
    if runs {
        report.good("host", format!("a host is running in {}", config.data_dir.display()));
    } else {
        report.good("host", format!("no host is running in {}", config.data_dir.display()));
    }
    for (what, at) in [("api port", config.api_listen), ("page port", config.dashboard_listen)] {
        port(what, at, runs, report);
    }
}

/// Returns true if a host holds the lock of the folder. The check takes the lock for a moment, which could make a
/// concurrent start fail, so a folder without `run.json` is not checked.
fn host_runs(data_dir: &Path) -> bool {
    data_dir.join("run.json").exists() && RunLock::of_folder(data_dir).is_err()
}

/// Returns the nearest existing folder: the first start creates the data folder.
fn existing(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    absolute.ancestors().find(|one| one.is_dir()).map(Path::to_owned)
}

fn disk(config: &Config, report: &mut Report) {
    let Some(folder) = existing(&config.data_dir) else {
        return report.bad("disk", format!("no folder of {} exists", config.data_dir.display()));
    };
    match store::free_space(&folder) {
        Ok(free) => {
            let reserve = config.storage.reserve;
            let state = match free {
                free if free < reserve => State::Bad,
                free if free < reserve.saturating_add(DISK_BESIDE_RESERVE) => State::Warning,
                _ => State::Good,
            };
            let text = format!(
                "{} MiB are free at {}; below {} MiB (disk.reserve_mb) the host only reduces positions",
                free / MIB,
                folder.display(),
                reserve / MIB
            );
            report.add("disk", state, text);
        }
        Err(error) => report.bad("disk", format!("{}: {error}", folder.display())),
    }
}

fn memory(report: &mut Report) {
    match platform::available_memory() {
        Some(free) => {
            let state = match free {
                free if free < MEMORY_MIN => State::Bad,
                free if free < MEMORY_WARN => State::Warning,
                _ => State::Good,
            };
            report.add("memory", state, format!("{} MiB are available", free / MIB));
        }
        None => report.add("memory", State::Warning, "the system does not report the available memory"),
    }
}

fn wall_clock(report: &mut Report) {
    let now = clock::now();
    if now.seconds() < CLOCK_MIN_S {
        report.bad("wall clock", format!("{} is before the release of this program", now.iso()));
    } else {
        report.good("wall clock", now.iso());
    }
}

fn folders(config: &Config, report: &mut Report) {
    for (what, folder) in [("data", &config.data_dir), ("strategies", &config.strategies_dir)] {
        match existing(folder) {
            Some(there) if platform::is_writable(&there) => {}
            Some(there) => report.bad(what, format!("this user cannot write to {}", there.display())),
            None => report.bad(what, format!("no folder of {} exists", folder.display())),
        }
    }
}

/// Checks if a port is free, by listening there for a moment, as a start does.
fn port(what: &'static str, at: SocketAddr, runs: bool, report: &mut Report) {
    match TcpListener::bind(at) {
        Ok(_) => report.good(what, format!("{at} is free")),
        // Most likely it is the host's own port.
        Err(error) if runs && error.kind() == std::io::ErrorKind::AddrInUse => {
            report.good(what, format!("{at} is in use while the host runs"));
        }
        Err(error) => report.bad(what, format!("listening on {at} failed: {error}")),
    }
}

/// Checks the database.
pub(super) async fn database(config: &Config, report: &mut Report) {
    let plaintext = if config.database_plaintext { Plaintext::Allowed } else { Plaintext::Refused };
    match probe(config.database_url.expose_secret(), plaintext).await {
        Ok(Probe::There) => report.good("database", "it answers"),
        Ok(Probe::NotMade) => report.good("database", "the first start creates its file"),
        Err(error) => report.bad("database", anyhow::Error::from(error)),
    }
}

/// Checks the strategies that a run would load.
pub(super) fn strategies(config: &Config, report: &mut Report) {
    let Ok(entries) = std::fs::read_dir(&config.strategies_dir) else {
        return report.good("modules", "the first start installs the included strategies");
    };
    let is_module = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wasm");
    let count = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_module).count();
    let state = if count == 0 { State::Warning } else { State::Good };
    report.add("modules", state, format!("{count} strategies are in {}", config.strategies_dir.display()));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    #[test]
    fn a_port_in_use_is_bad_unless_the_host_runs() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        let state = |runs| {
            let mut report = Report::default();
            port("api port", at, runs, &mut report);
            report.findings.first().map(|finding| finding.state)
        };
        assert_eq!((state(false), state(true)), (Some(State::Bad), Some(State::Good)));
    }

    #[test]
    fn a_folder_that_is_not_there_stands_for_the_nearest_that_is() {
        let dir = testkit::Scratch::new("doctor-folder");
        assert_eq!(existing(&dir.join("a/b/c")).as_deref(), Some(&*dir));
    }
}
