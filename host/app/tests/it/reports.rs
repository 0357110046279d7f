//! `polytrader report` and `runs` on the golden run of host/research.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../research/tests/parquet/run-v1")
}

/// A data folder with runs `a` and `b`, removed at the end.
struct Data(PathBuf);

impl Data {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("polytrader-reports-{}-{name}", std::process::id()));
        for run in ["a", "b"] {
            fs::create_dir_all(path.join("runs").join(run)).unwrap();
            for file in fs::read_dir(golden()).unwrap() {
                let file = file.unwrap();
                fs::copy(file.path(), path.join("runs").join(run).join(file.file_name())).unwrap();
            }
        }
        Self(path)
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polytrader"));
        command.args(args).arg("--data-dir").arg(&self.0).output().unwrap()
    }

    /// Returns what a command prints.
    fn prints(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the error of a command.
    fn fails(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_report_is_written_beside_its_run_or_elsewhere() {
    let data = Data::new("report");
    let printed = data.prints(&["report", "a"]);
    let page = data.0.join("runs/a/report.html");
    assert_eq!(printed.trim(), page.display().to_string());
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("default-src 'none'") && html.contains("it divided by zero"));
    let out = data.0.join("elsewhere");
    let folder = out.display().to_string();
    let path = golden().display().to_string();
    let printed = data.prints(&["report", &path, "--compare", "b", "--export", "trades", "--out", &folder, "--json"]);
    let json: Value = serde_json::from_str(printed.trim()).unwrap();
    assert_eq!(json["trades"], out.join("trades.csv").display().to_string());
    let compared: Value = serde_json::from_slice(&fs::read(out.join("report.json")).unwrap()).unwrap();
    assert_eq!(compared["compared"]["statistics"]["summary"], compared["statistics"]["summary"]);
    let trades = fs::read_to_string(out.join("trades.csv")).unwrap();
    assert_eq!(trades.lines().count(), 4, "a header and three fills");
}

#[test]
fn a_run_that_is_missing_or_damaged_is_named() {
    let data = Data::new("missing");
    assert!(data.fails(&["report", "nothing"]).contains("there is no run `nothing`"));
    assert!(data.fails(&["report", "a", "--compare", "nothing"]).contains("--compare: there is no run `nothing`"));
    fs::write(data.0.join("runs/a/fills.parquet"), "PAR1 but nothing else").unwrap();
    assert!(data.fails(&["report", "a"]).contains("fills.parquet"));
    fs::write(data.0.join("runs/a/run.json"), "{}").unwrap();
    assert!(data.fails(&["runs", "show", "a"]).contains("run.json"));
    // The other run is still listed.
    let listed = data.prints(&["runs", "list"]);
    assert!(
        listed.contains("a ") && listed.contains("not readable") && listed.contains("quoter, momentum"),
        "{listed}"
    );
}

#[test]
fn runs_are_shown_pinned_deleted_and_kept_within_a_limit() {
    let data = Data::new("runs");
    let listed: Value = serde_json::from_str(data.prints(&["runs", "list", "--json"]).trim()).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[0]["run"]["id"], "sample");
    let shown: Value = serde_json::from_str(data.prints(&["runs", "show", "a", "--json"]).trim()).unwrap();
    assert_eq!(shown["summary"]["fills"], shown["run"]["totals"]["fills"]);
    assert!(data.prints(&["runs", "show", "a"]).contains("profit_at_outcome"));
    data.prints(&["runs", "pin", "a"]);
    assert!(data.fails(&["runs", "delete", "a"]).contains("run a is pinned"));
    assert_eq!(data.prints(&["runs", "prune", "--runs-max-mb", "0"]).trim(), "deleted b");
    data.prints(&["runs", "pin", "a", "--off"]);
    data.prints(&["runs", "delete", "a"]);
    assert_eq!(data.prints(&["runs", "list", "--json"]).trim(), "[]");
    assert!(data.fails(&["runs", "delete", "../runs"]).contains("there is no run"));
}
