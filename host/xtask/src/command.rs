//! Child processes: a clean environment, progress lines while they run, time limits, and error texts that name the
//! step.

use crate::{cargo_config, say};
use anyhow::{Context, bail};
use std::env;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// Interval at which a running child is polled.
const LOOK: Duration = Duration::from_millis(50);
/// Seconds between two lines that say xtask still waits for a child.
const TICK_S: u64 = 30;
/// Capacity, in lines, of the queue between a child's output and its reader.
const LINES_MAX: usize = 1_024;
/// Time to wait for more output after a child has exited.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Returns a command that runs `program` in `folder`, without the variables by which cargo describes xtask, and without
/// those that would redirect the build's results or leave out a part of them. A target in cargo's configuration files is
/// replaced by this machine's.
pub(crate) fn new(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    // Some build scripts (ring's) are run again when these change, so they would be rebuilt at every switch between
    // cargo and cargo xtask.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| is_about_xtask(name) || changes_results(name)) {
            command.env_remove(name);
        }
    }
    let name = Path::new(command.get_program()).file_stem();
    if name == Some(OsStr::new("cargo")) && cargo_config::sets_target(folder) {
        command.env("CARGO_BUILD_TARGET", cargo_config::THIS_MACHINE);
    }
    command
}

/// Returns true if cargo sets this variable to describe the package that it runs.
fn is_about_xtask(name: &str) -> bool {
    let prefixes = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
    name == "CARGO" || name == "OUT_DIR" || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns a command that runs npm in `folder`.
pub(crate) fn npm(folder: &Path) -> Command {
    new(if cfg!(windows) { "npm.cmd" } else { "npm" }, folder)
}

/// Returns true if a variable makes cargo build into another folder, or makes npm leave out packages that build and
/// test the page. Servers and containers set such variables for the programs that they run.
fn changes_results(name: &str) -> bool {
    let small = name.to_ascii_lowercase().replace('-', "_");
    // npm ignores the case of its settings.
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

/// Runs a command to its end and passes its output through. `what` is the subject of messages: "WHAT failed".
pub(crate) fn run(command: &mut Command, what: &str) -> anyhow::Result<()> {
    let mut child = spawn(command)?;
    ended_well(wait(&mut child, what, None)?, what)
}

/// Runs a command as [`run`] does, but kills it after `limit`.
pub(crate) fn run_within(command: &mut Command, what: &str, limit: Duration) -> anyhow::Result<()> {
    let mut child = spawn(command)?;
    ended_well(wait(&mut child, what, Some(limit))?, what)
}

/// Runs a command as [`run`] does, and passes each line of its output to `see`.
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
                // The child has exited, but a process that it left behind still holds its output: do not wait for that.
                Err(RecvTimeoutError::Timeout) if waiting.is_finished() => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        waiting.join()
    });
    let status = ended.map_err(|_panic| anyhow::anyhow!("waiting for {what} failed"))??;
    ended_well(status, what)
}

/// Runs a short command and returns its standard output. Its standard error is passed through.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<String> {
    let what = name(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| cannot_start(&what))?;
    ended_well(output.status, &what)?;
    String::from_utf8(output.stdout).with_context(|| format!("the output of {what} is not UTF-8"))
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

/// Waits for a child to exit, and prints a progress line every half minute.
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

/// Copies a child's output to `to` line by line, and sends each line to `lines`.
fn forward(from: impl Read + Send + 'static, mut to: impl Write + Send + 'static, lines: SyncSender<String>) {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while matches!(from.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            // Our own output may have been closed; the child goes on, and its exit status is what counts.
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
        // The environment of a server's shell, for xtask and the processes that it starts.
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
