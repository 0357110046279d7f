//! A private `PostgreSQL` cluster for one test: its own folder, a Unix socket in it, no port.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) struct Cluster {
    bin: PathBuf,
    dir: PathBuf,
    as_root: bool,
}

impl Cluster {
    /// Starts a cluster; none, with a loud line, if the server is not installed.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let Some(bin) = binaries() else {
            let told = format!("NOT RUN: {test} needs a PostgreSQL server (initdb and pg_ctl)");
            assert!(std::env::var_os("CI").is_none(), "{told}");
            eprintln!("{told}");
            return None;
        };
        let dir = PathBuf::from(format!("/tmp/polytrader-pg-{test}-{}", std::process::id()));
        let cluster = Self { bin, dir, as_root: rustix::process::getuid().is_root() };
        // The server refuses to run as root, so its folder is made by its own user.
        cluster.run(Path::new("mkdir"), &["-m", "700", cluster.dir()]);
        let data = cluster.data();
        cluster.run(&cluster.bin.join("initdb"), &["-D", &data, "-U", "postgres", "-A", "trust", "--no-sync"]);
        let options = format!("-c listen_addresses= -c fsync=off -k {}", cluster.dir());
        let log = format!("{}/log", cluster.dir());
        cluster.run(&cluster.bin.join("pg_ctl"), &["-D", &data, "-w", "-t", "30", "-l", &log, "-o", &options, "start"]);
        Some(cluster)
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.dir())
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
