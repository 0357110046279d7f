//! Child processes: a clean environment, signs of life while they run, time limits, and a sentence when they fail.

use crate::say;
use anyhow::{Context, bail};
use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running child is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// After how many seconds without an end xtask says that it still waits.
const TICK_S: u64 = 30;
/// Lines of a child's output on their way to whoever reads them.
const LINES_MAX: usize = 1_024;
/// How long output may still come after the end of a child.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Returns a command that runs `program` in `folder`, without what cargo told us about ourselves, and without what would put its results
/// elsewhere or leave a part of them out.
pub(crate) fn new(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    // Some build scripts (ring's) ask to be run again when these change, so they would be rebuilt at every switch between cargo
    // and cargo xtask.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| is_about_xtask(name) || changes_results(name)) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether cargo sets this variable to describe the package that it runs.
fn is_about_xtask(name: &str) -> bool {
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    name == "CARGO" || name == "OUT_DIR" || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns npm in `folder`.
pub(crate) fn npm(folder: &Path) -> Command {
    new(if cfg!(windows) { "npm.cmd" } else { "npm" }, folder)
}

/// Whether a variable has cargo build for another folder than ours, or npm install without what builds and tests the page. Servers and
/// containers have them set for the programs that they run.
fn changes_results(name: &str) -> bool {
    let small = name.to_ascii_lowercase().replace('-', "_");
    // npm reads the settings of its own in any case.
    let npm = [
        "omit",
        "only",
        "production",
        "include",
        "also",
        "dev",
        "optional",
        "dry_run",
        "global",
        "prefix",
        "ignore_scripts",
    ];
    let of_npm = small.strip_prefix("npm_config_").is_some_and(|setting| npm.contains(&setting));
    name == "CARGO_BUILD_TARGET" || name == "NODE_ENV" || of_npm
}

/// Runs a command to its end, with its output on ours. `what` is used in sentences: "WHAT failed".
pub(crate) fn run(command: &mut Command, what: &str) -> anyhow::Result<()> {
    let mut child = spawn(command)?;
    ended_well(wait(&mut child, what, None)?, what)
}

/// As [`run`], but ends the child after `limit`.
pub(crate) fn run_within(command: &mut Command, what: &str, limit: Duration) -> anyhow::Result<()> {
    let mut child = spawn(command)?;
    ended_well(wait(&mut child, what, Some(limit))?, what)
}

/// As [`run`], and shows each line of the output to `see`.
pub(crate) fn run_watched(command: &mut Command, what: &str, mut see: impl FnMut(&str)) -> anyhow::Result<()> {
    let mut child = spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (lines, seen) = mpsc::sync_channel(LINES_MAX);
    if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
        forward(out, io::stdout(), lines.clone());
        forward(err, io::stderr(), lines);
    }
    let ended = thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(&mut child, what, None));
        loop {
            match seen.recv_timeout(LAST_WORDS) {
                Ok(line) => see(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                // The child is gone, but something that it left behind holds its output: that is not worth waiting for.
                Err(RecvTimeoutError::Timeout) if waiting.is_finished() => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        waiting.join()
    });
    let status = ended.map_err(|_panic| anyhow::anyhow!("waiting for {what} failed"))??;
    ended_well(status, what)
}

/// Runs a command that answers quickly, and returns what it prints. Its errors stay visible.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<String> {
    let what = name(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| cannot_start(&what))?;
    ended_well(output.status, &what)?;
    String::from_utf8(output.stdout).with_context(|| format!("what {what} printed is not text"))
}

fn spawn(command: &mut Command) -> anyhow::Result<Child> {
    command.spawn().with_context(|| cannot_start(&name(command)))
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn cannot_start(program: &str) -> String {
    format!("cannot start {program}: is it installed and in PATH?")
}

fn ended_well(status: ExitStatus, what: &str) -> anyhow::Result<()> {
    if status.success() {
        return Ok(());
    }
    bail!("{what} failed ({status}); its output above says why")
}

/// Waits for the end of a child, and says every half minute that it does.
fn wait(child: &mut Child, what: &str, limit: Option<Duration>) -> anyhow::Result<ExitStatus> {
    let start = Instant::now();
    let mut ticks = 0;
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("waiting for {what}"))? {
            return Ok(status);
        }
        let elapsed = start.elapsed();
        if limit.is_some_and(|limit| elapsed > limit) {
            child.kill().with_context(|| format!("ending {what}"))?;
            child.wait().with_context(|| format!("waiting for {what}"))?;
            bail!("{what} did not end within {}", say::time(elapsed));
        }
        if elapsed.as_secs() / TICK_S > ticks {
            ticks = elapsed.as_secs() / TICK_S;
            say::line(&format!("   ... {what}: {} so far", say::time(elapsed)));
        }
        thread::sleep(LOOK);
    }
}

/// Copies a child's output to ours line by line, and sends each line on.
fn forward(from: impl Read + Send + 'static, mut to: impl Write + Send + 'static, lines: SyncSender<String>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            // Whoever started us may have closed our output; the child goes on, its end is what counts.
            let shown = to.write_all(&line).and_then(|()| to.flush()).is_ok();
            let sent = lines.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_ok();
            if !shown && !sent {
                return;
            }
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = new("sh", Path::new("."));
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_cargo_says_about_xtask_is_not_passed_on() {
        assert!(is_about_xtask("CARGO_MANIFEST_DIR"));
        assert!(is_about_xtask("CARGO_PKG_NAME"));
        assert!(!is_about_xtask("CARGO_HOME"));
        assert!(!is_about_xtask("CARGO_TARGET_DIR"));
        assert!(!is_about_xtask("CARGO_BUILD_JOBS"));
        // Set in this very process, because cargo runs the tests.
        assert_eq!(read(&mut shell("echo \"[$CARGO_PKG_NAME]\"")).unwrap(), "[]\n");
        let seen = read(&mut shell("echo \"seen: [$NODE_ENV$npm_config_omit]\"")).unwrap();
        assert_eq!(seen, "seen: []\n");
        print!("{seen}");
    }

    #[test]
    fn what_would_change_the_results_is_not_passed_on() {
        for name in [
            "CARGO_BUILD_TARGET",
            "NODE_ENV",
            "npm_config_omit",
            "NPM_CONFIG_OMIT",
            "npm_config_production",
            "npm_config_dry-run",
        ] {
            assert!(changes_results(name), "{name}");
        }
        for name in ["CARGO_TARGET_DIR", "NODE_OPTIONS", "npm_config_registry", "npm_config_cache", "npm_config_proxy"]
        {
            assert!(!changes_results(name), "{name}");
        }
        // As a server's shell has it, for xtask and what it starts.
        let test = std::env::current_exe().unwrap();
        let mut again = Command::new(test);
        again.args(["--exact", "command::tests::what_cargo_says_about_xtask_is_not_passed_on", "--show-output"]);
        let output = again.env("NODE_ENV", "production").env("npm_config_omit", "dev").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("seen: []"), "{text}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut new("no-such-program", Path::new(".")), "the step").unwrap_err();
        assert!(format!("{error:#}").starts_with("cannot start no-such-program"), "{error:#}");
    }

    #[test]
    fn a_failing_child_fails_the_step() {
        let error = run(&mut shell("exit 3"), "the step").unwrap_err();
        assert!(error.to_string().starts_with("the step failed (exit status: 3)"), "{error}");
        run(&mut shell("exit 0"), "the step").unwrap();
    }

    #[test]
    fn a_child_that_hangs_is_ended() {
        let error = run_within(&mut shell("exec sleep 60"), "the step", Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().starts_with("the step did not end within"), "{error}");
    }

    #[test]
    fn both_streams_of_a_watched_child_are_seen() {
        let mut lines = Vec::new();
        let script = "echo out; echo err >&2; printf unfinished";
        run_watched(&mut shell(script), "the step", |line| lines.push(line.to_owned())).unwrap();
        lines.sort();
        assert_eq!(lines, ["err", "out", "unfinished"]);
        run_watched(&mut shell("exit 1"), "the step", |_| {}).unwrap_err();
    }

    #[test]
    fn a_process_that_a_watched_child_leaves_behind_does_not_hold_the_step() {
        let start = Instant::now();
        run_watched(&mut shell("sleep 20 & echo started"), "the step", |_| {}).unwrap();
        assert!(start.elapsed() < Duration::from_secs(15));
    }
}
