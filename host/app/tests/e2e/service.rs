//! The program as a service: its unit, and the exchange of its program. No systemd runs where tests run, so a script of
//! the same name starts and stops what the unit says; the programs, the unit and the health that is waited for are the
//! real ones.

use crate::postgres::Cluster;
use crate::process::{Folder, not_run};
use sqlx::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Starts and stops the command of the unit in the folder of `$UNITS`, and says how it is.
const SYSTEMCTL: &str = r#"#!/bin/bash
[ "$1" = --user ] && shift
echo "$*" >> "$UNITS/calls"
unit="$UNITS/polytrader.service"
alive() { [ -s "$UNITS/pid" ] && s=$(cat "/proc/$(cat "$UNITS/pid")/stat" 2>/dev/null) && [[ "$s" != *") Z "* ]]; }
stop() { if alive; then kill -TERM "$(cat "$UNITS/pid")"; while alive; do sleep 0.05; done; fi; }
case "$1" in
  start) line=$(sed -n 's/^ExecStart=//p' "$unit"); file=$(sed -n 's/^EnvironmentFile=-//p' "$unit")
         if [ -f "$file" ]; then set -a; . "$file"; set +a; fi
         eval "exec setsid $line" >> "$UNITS/out" 2>> "$UNITS/err" < /dev/null & echo $! > "$UNITS/pid" ;;
  stop|disable) stop ;;
  is-enabled) echo enabled ;;
  show) if alive; then echo ActiveState=active; echo SubState=running; else echo ActiveState=failed; echo SubState=failed; fi
        echo "MainPID=$(cat "$UNITS/pid" 2>/dev/null)"; echo NRestarts=0 ;;
esac
"#;

struct Service {
    folder: Folder,
    units: PathBuf,
    program: PathBuf,
}

impl Service {
    fn new(name: &str) -> Option<Self> {
        if !Path::new("/bin/bash").is_file() || !Path::new("/proc/self/stat").is_file() {
            not_run("the service", "bash and /proc");
            return None;
        }
        let folder = Folder::new(name);
        let (units, bin, program) = (folder.0.join("units"), folder.0.join("bin"), folder.0.join("polytrader"));
        fs::create_dir_all(&units).unwrap();
        fs::create_dir_all(&bin).unwrap();
        script(&bin.join("systemctl"), SYSTEMCTL);
        fs::copy(env!("CARGO_BIN_EXE_polytrader"), &program).unwrap();
        Some(Self { folder, units, program })
    }

    fn data(&self) -> PathBuf {
        self.folder.0.join("data")
    }

    /// Runs `polytrader service`; returns how it ended, its output, and what it said.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let path = format!("{}:{}", self.folder.0.join("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new(&self.program);
        command.arg("service").args(arguments).arg("--unit-dir").arg(&self.units);
        let output = command.env("PATH", path).env("UNITS", &self.units).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if self.units.join("polytrader.service").is_file() {
            self.run(&["stop"]);
        }
    }
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_service_is_installed_upgraded_and_goes_back_to_a_program_that_is_healthy() {
    let Some(service) = Service::new("service") else { return };
    let data = service.data();
    let (code, _, said) = service.run(&["status"]);
    assert!(code == 1 && said.contains("`polytrader service install` writes it"), "{said}");
    let (code, _, said) = service.run(&["install", "--user", "polytrader-none", "--data-dir", data.to_str().unwrap()]);
    assert!(code == 1 && (said.contains("there is no user") || said.contains("which root installs")), "{said}");
    let install =
        ["install", "--mode", "demo", "--api-port", "0", "--dashboard-port", "0", "--data-dir", data.to_str().unwrap()];
    let (code, said, errors) = service.run(&install);
    assert!(code == 0 && said.contains("is written and enabled"), "{said}{errors}");
    let unit = fs::read_to_string(service.units.join("polytrader.service")).unwrap();
    assert!(unit.contains(&format!("ExecStart={} run --mode demo", service.program.display())), "{unit}");
    for (step, part) in [
        ("STEP00_preflight_check", "ok    disk"),
        ("STEP03_setup_database", "no tables before; version"),
        ("STEP07_register_services", "systemctl enable polytrader.service"),
        ("STEP08_final_verification", "polytrader.service is enabled"),
    ] {
        let path = data.join(format!("install-logs/{step}.log"));
        let log = fs::read_to_string(&path).unwrap();
        assert!(log.starts_with("20") && log.contains(part), "{step}: {log}");
        assert!(log.ends_with("done\n"), "{step}: {log}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0, "{step}");
    }
    let (code, said, _) = service.run(&["start", "--json"]);
    assert!(code == 0 && said.trim() == r#"{"result":"started","service":"polytrader.service"}"#, "{said}");
    let (code, said, _) = service.run(&["status", "--json"]);
    assert!(code == 0 && said.contains("\"active\":\"active\""), "{said}");

    // Another build of the same release.
    let new = service.folder.0.join("new");
    fs::copy(&service.program, &new).unwrap();
    let (code, said, errors) = service.run(&["upgrade", new.to_str().unwrap(), "--json"]);
    let host = || fs::read_to_string(service.units.join("err")).unwrap_or_default();
    assert!(code == 0 && said.contains(r#""result":"upgraded""#), "{said}{errors}{}", host());
    let previous = service.folder.0.join("polytrader.previous");
    assert!(previous.is_file());

    // One that runs nothing is not put in any place.
    let bad = service.folder.0.join("bad");
    script(&bad, "#!/bin/sh\necho hello\n");
    let calls = fs::read_to_string(service.units.join("calls")).unwrap();
    let (code, _, said) = service.run(&["upgrade", bad.to_str().unwrap()]);
    assert!(code == 1 && said.contains("is not a program of ours"), "{said}");
    assert_eq!(fs::read_to_string(service.units.join("calls")).unwrap(), calls, "nothing was stopped");

    // One that does not get healthy goes again, and so does what it did to the database.
    let backups = data.join("backups");
    let upgrades = "#!/bin/sh\n[ \"$1\" = --version ] && echo polytrader 9 && exit 0\n\
                    OLD db backup --mode demo --data-dir DATA > /dev/null 2>&1\nexit 1\n";
    let upgrades = upgrades.replace("OLD", previous.to_str().unwrap()).replace("DATA", data.to_str().unwrap());
    script(&bad, &upgrades);
    let kept = fs::read(&service.program).unwrap();
    let (code, _, said) = service.run(&["upgrade", bad.to_str().unwrap()]);
    assert!(code == 1 && said.contains("going back") && said.contains("runs again"), "{said}{}", host());
    assert!(
        said.contains("restoring ") && backups.is_dir() && data.join("polytrader.sqlite.upgraded").is_file(),
        "{said}"
    );
    assert!(fs::read(&service.program).unwrap() == kept, "the program is the one of before");
    assert_eq!(service.run(&["status"]).0, 0);

    assert_eq!(service.run(&["stop"]).0, 0);
    let outcome = fs::read_to_string(service.units.join("out")).unwrap();
    assert!(outcome.contains("the ledger agrees with the account"), "{outcome}");
    assert_eq!(service.run(&["uninstall"]).0, 0);
    assert!(!service.units.join("polytrader.service").exists() && data.join("polytrader.sqlite").exists());
}

/// Returns the only value of a statement.
fn one<T>(url: &str, sql: &'static str) -> T
where
    T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    })
}

/// The next release, which backs a server's database up, changes its tables, and does not get healthy.
const LATER: &str = r#"#!/bin/sh
[ "$1" = --version ] && echo polytrader 9 && exit 0
OLD db backup --mode demo --data-dir DATA > /dev/null 2>&1
psql -q -h SOCKET -U postgres postgres -c "CREATE TABLE later (x int); INSERT INTO _sqlx_migrations
  (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '', 0)" || exit 2
exit 1
"#;

#[test]
fn an_upgrade_on_a_postgres_server_goes_back_with_the_tables_of_before() {
    let Some(service) = Service::new("service-postgres") else { return };
    let Some(cluster) = Cluster::start("service-postgres") else { return };
    let (data, url) = (service.data(), cluster.url());
    // Where the address has a password, it stands in a file that only the service's user reads.
    let variables = service.folder.0.join("variables");
    fs::write(&variables, format!("# of the service\nPOLYTRADER_DATABASE_URL=\"{url}\"\n")).unwrap();
    let (data_dir, variables) = (data.to_str().unwrap(), variables.to_str().unwrap());
    let ports = ["--api-port", "0", "--dashboard-port", "0", "--data-dir", data_dir, "--environment", variables];
    assert_eq!(service.run(&[&["install", "--mode", "demo"][..], &ports].concat()).0, 0);
    let host = || fs::read_to_string(service.units.join("err")).unwrap_or_default();
    let (code, said, errors) = service.run(&["start"]);
    assert_eq!(code, 0, "{said}{errors}{}", host());
    let new = service.folder.0.join("new");
    fs::copy(&service.program, &new).unwrap();
    let (code, said, errors) = service.run(&["upgrade", new.to_str().unwrap()]);
    assert!(code == 0 && said.contains("and healthy"), "{said}{errors}{}", host());
    let version: i64 = one(&url, "SELECT MAX(version) FROM _sqlx_migrations");
    let sessions: i64 = one(&url, "SELECT COUNT(*) FROM sessions");
    assert_eq!(sessions, 2, "the old program's and the new one's");

    let previous = service.folder.0.join("polytrader.previous");
    let bad = service.folder.0.join("bad");
    let later = LATER.replace("OLD", previous.to_str().unwrap()).replace("DATA", data_dir);
    script(&bad, &later.replace("SOCKET", cluster.folder().to_str().unwrap()));
    let (code, said, errors) = service.run(&["upgrade", bad.to_str().unwrap()]);
    assert!(code == 1 && errors.contains("runs again"), "{said}{errors}{}", host());
    assert!(said.contains("the tables are in the schema upgraded_2"), "{said}{errors}");
    assert!(!host().contains("psql: error"), "{}", host());
    assert_eq!(service.run(&["status"]).0, 0);
    assert_eq!(one::<i64>(&url, "SELECT MAX(version) FROM _sqlx_migrations"), version, "the tables of before");
    assert!(one::<i64>(&url, "SELECT COUNT(*) FROM sessions") > sessions);
    // What the next release wrote is still there.
    let later: i64 = one(
        &url,
        "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema LIKE 'upgraded%' AND table_name = 'later'",
    );
    assert_eq!(later, 1);
    assert_eq!(service.run(&["stop"]).0, 0);
    assert_eq!(service.run(&["uninstall"]).0, 0);
}
