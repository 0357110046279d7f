//! A private `PostgreSQL` cluster for one test, with its own folder, a Unix socket in it, and no port.

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use testkit::VolatileFolder;

/// The options of a server that can lose power: nothing is written in the background by chance.
#[allow(dead_code, reason = "not every test that includes this file needs it")]
const VOLATILE: &str = "-c wal_writer_delay=10000 -c bgwriter_delay=10000 -c synchronous_commit=off";

pub(crate) struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    as_root: bool,
    /// The data folder as left by a power failure, for a cluster that may have one.
    volatile: Option<VolatileFolder>,
}

impl Cluster {
    /// Starts a cluster; `None`, with a clear message, if the server is not installed.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let cluster = Self::init(test)?;
        cluster.up("-c fsync=off");
        Some(cluster)
    }

    /// Starts a cluster that syncs and may lose power; copies of its synced data are in `place`.
    #[allow(dead_code, reason = "not every test that includes this file needs it")]
    pub(crate) fn start_volatile(test: &str, place: &Path) -> Option<Self> {
        let mut cluster = Self::init(test)?;
        cluster.volatile = Some(VolatileFolder::new(Path::new(&cluster.data()), place).unwrap());
        cluster.up(VOLATILE);
        Some(cluster)
    }

    fn init(test: &str) -> Option<Self> {
        let Some(bin) = binaries() else {
            let message = format!("NOT RUN: {test} needs a PostgreSQL server (initdb and pg_ctl)");
            assert!(std::env::var_os("CI").is_none(), "{message}");
            eprintln!("{message}");
            return None;
        };
        let dir = PathBuf::from(format!("/tmp/polytrader-pg-{test}-{}", std::process::id()));
        let cluster = Self { bin, dir, as_root: rustix::process::getuid().is_root(), volatile: None };
        // The server refuses to run as root, so its own user creates its folder.
        cluster.run(Path::new("mkdir"), &["-m", "700", cluster.dir()]);
        let data = cluster.data();
        let initdb = cluster.bin.join("initdb");
        // Small segments, which are copied with each commit of a volatile cluster.
        let more = ["-U", "postgres", "-A", "trust", "--no-sync", "--wal-segsize", "1"];
        cluster.run(&initdb, &[&["-D", &data][..], &more].concat());
        Some(cluster)
    }

    /// Starts the server.
    fn up(&self, options: &str) {
        let options = format!("-c listen_addresses= -k {} {options}", self.dir());
        let (data, log) = (self.data(), format!("{}/log", self.dir()));
        self.run(&self.bin.join("pg_ctl"), &["-D", &data, "-w", "-t", "60", "-l", &log, "-o", &options, "start"]);
    }

    /// Kills the server, discards what it did not sync, and restarts it.
    #[allow(dead_code, reason = "not every test that includes this file needs it")]
    pub(crate) fn lose_power(&self) {
        let file = std::fs::read_to_string(format!("{}/postmaster.pid", self.data())).unwrap();
        // The server's processes form their own group.
        let group = Pid::from_raw(file.lines().next().unwrap().parse().unwrap()).unwrap();
        kill_process_group(group, Signal::KILL).unwrap();
        let started = Instant::now();
        while test_kill_process_group(group).is_ok() {
            assert!(started.elapsed() < Duration::from_secs(20), "a killed server does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.volatile.as_ref().unwrap().lose(|_| false).unwrap();
        self.up(VOLATILE);
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.dir())
    }

    /// Runs a program as the server's user, in its folder.
    #[allow(dead_code, reason = "not every test that includes this file needs it")]
    pub(crate) fn run_in(&self, program: &str, arguments: &[&str]) {
        let status = self.command(Path::new(program), arguments).current_dir(&self.dir).stderr(Stdio::null()).status();
        assert!(status.unwrap().success(), "{program} {arguments:?}");
    }

    /// Restarts the server with these settings and lines of `pg_hba.conf`.
    #[allow(dead_code, reason = "not every test that includes this file needs it")]
    pub(crate) fn restart(&self, settings: &str, access: &str) {
        let data = self.data();
        std::fs::write(format!("{data}/pg_hba.conf"), access).unwrap();
        let options = format!("-c fsync=off -k {} {settings}", self.dir());
        let log = format!("{}/log", self.dir());
        let pg_ctl = self.bin.join("pg_ctl");
        self.run(&pg_ctl, &["-D", &data, "-w", "-t", "30", "-m", "fast", "-l", &log, "-o", &options, "restart"]);
    }

    #[allow(dead_code, reason = "not every test that includes this file needs it")]
    pub(crate) fn folder(&self) -> &Path {
        &self.dir
    }

    fn dir(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    fn data(&self) -> String {
        format!("{}/data", self.dir())
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = if self.as_root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.envs(self.volatile.iter().flat_map(VolatileFolder::environment));
        command.args(arguments).current_dir("/tmp").stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    fn run(&self, program: &Path, arguments: &[&str]) {
        let status = self.command(program, arguments).status().unwrap();
        assert!(status.success(), "{} {arguments:?}: {status}", program.display());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.data();
        let mut stop = self.command(&self.bin.join("pg_ctl"), &["-D", &data, "-m", "immediate", "stop"]);
        stop.stderr(Stdio::null()).status().ok();
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders.into_iter().rev().find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}
