//! Tests the API against its own OpenAPI document: a real host in demo mode answers requests that Schemathesis
//! generates from `/openapi.json`, with a token of each role. `host/conformance/api/schemathesis.toml` lists the
//! exclusions with reasons.

use crate::gate::Checked;
use crate::repo::Repo;
use crate::{command, conformance, say};
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The longest time for a host to start. It takes seconds, but longer on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);
/// The longest time for a host to cancel everything and end.
const END_MAX: Duration = Duration::from_secs(60);
/// The host ends by itself after this time, in case this program ends first.
const LASTS: &str = "15m";
/// The roles, the least privileged first: the actions of an admin would change the results of the others. Only an admin
/// passes the role checks everywhere, so the bounds of every field are tested as admin only.
const ROLES: [(&str, &str); 3] =
    [("viewer", "examples,fuzzing"), ("trader", "examples,fuzzing"), ("admin", "examples,coverage,fuzzing,stateful")];
/// The most exclusions.
const EXCLUSIONS_MAX: usize = 5;
/// The most lines of the report of failures that the error repeats.
const FAILURE_LINES_MAX: usize = 60;

/// Runs Schemathesis once for each role.
pub(crate) fn check(repo: &Repo) -> anyhow::Result<Checked> {
    let folder = repo.root.join("host/conformance/api");
    let settings = folder.join("schemathesis.toml");
    let excluded = exclusions(&settings)?;
    let python = match conformance::python_packages(repo, &folder.join("requirements.txt"), "api-description-python") {
        Ok(python) => python,
        Err(missing) => return Ok(Checked::not_run(&missing)),
    };
    let host = Host::start(repo)?;
    let mut report = Report::default();
    for (role, phases) in ROLES {
        let token = host.token(repo, role)?;
        let program = python.with_file_name("schemathesis");
        let mut run = command::new(program, &host.data);
        run.arg("--config-file").arg(&settings).args([
            "run",
            "--wait-for-schema",
            "60",
            "--no-color",
            "--phases",
            phases,
            "--header",
        ]);
        run.arg(format!("Authorization: Bearer {token}")).arg(format!("{}/openapi.json", host.api));
        let before = report.cases;
        let what = format!("Schemathesis as {role}");
        command::run_watched(&mut run, &what, |line| report.read(line)).map_err(|error| report.explain(error))?;
        ensure!(report.cases > before, "{what} succeeded but reported no test case");
        host.still_opens(repo, role)?;
    }
    host.end()?;
    Ok(Checked::with(&format!("{} requests, {excluded} exclusions", report.cases), Vec::new()))
}

/// The part of Schemathesis' output that the gate repeats.
#[derive(Debug, Default)]
struct Report {
    /// The test cases of all runs.
    cases: u64,
    /// The section of failures, at most [`FAILURE_LINES_MAX`] lines of it.
    failures: Vec<String>,
    in_failures: bool,
}

impl Report {
    fn read(&mut self, line: &str) {
        self.cases = self.cases.saturating_add(generated(line));
        if line.starts_with("====") {
            self.in_failures = line.contains(" FAILURES ") || line.contains(" ERRORS ");
        } else if self.in_failures && !line.trim().is_empty() && self.failures.len() < FAILURE_LINES_MAX {
            self.failures.push(line.to_owned());
        }
    }

    /// Adds the section of failures to the error: the summary at the end of a long log then names the request.
    fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        if self.failures.is_empty() { error } else { anyhow::anyhow!("{error:#}\n{}", self.failures.join("\n")) }
    }
}

/// Returns the number of test cases in a line of the summary: `  1436 generated, 1436 passed`.
fn generated(line: &str) -> u64 {
    let (number, rest) = line.trim().split_once(' ').unwrap_or_default();
    if rest.starts_with("generated") { number.parse().unwrap_or(0) } else { 0 }
}

/// Counts the exclusions.
fn exclusions(settings: &Path) -> anyhow::Result<usize> {
    let text = fs::read_to_string(settings).with_context(|| format!("reading {}", settings.display()))?;
    let parsed: toml::Table = toml::from_str(&text).with_context(|| format!("reading {}", settings.display()))?;
    let count = parsed.get("operations").and_then(toml::Value::as_array).map_or(0, Vec::len);
    ensure!(count <= EXCLUSIONS_MAX, "{count} exclusions in {}, expected at most {EXCLUSIONS_MAX}", settings.display());
    Ok(count)
}

/// A host in demo mode; ends when dropped.
struct Host {
    child: Child,
    data: PathBuf,
    api: String,
}

impl Host {
    fn start(repo: &Repo) -> anyhow::Result<Self> {
        let data = repo.target.join("api-description");
        if data.exists() {
            fs::remove_dir_all(&data).context("removing the last host's folder")?;
        }
        fs::create_dir_all(&data).context("making the host's folder")?;
        let log = fs::File::create(data.join("stderr.log")).context("making the host's log")?;
        let mut program = command::new(repo.binary("debug"), &repo.root);
        program.args(["run", "--mode", "demo", "--for", LASTS, "--api-port", "0", "--dashboard-port", "0", "--json"]);
        program.arg("--data-dir").arg(&data).arg("--strategies").arg(repo.strategies());
        let child = program.stdout(Stdio::null()).stderr(log).spawn().context("starting the host")?;
        let mut host = Self { child, data, api: String::new() };
        let started = Instant::now();
        while started.elapsed() < START_MAX {
            if let Some(api) = address(&host.data) {
                say::line(&format!("   a host listens on {api}"));
                host.api = api;
                return Ok(host);
            }
            sleep(Duration::from_millis(50));
        }
        bail!("the host did not serve within {}; see {}", say::time(START_MAX), host.data.join("stderr.log").display())
    }

    fn name(role: &str) -> String {
        format!("generated-{role}")
    }

    fn command(&self, repo: &Repo, arguments: &[&str]) -> anyhow::Result<String> {
        let mut program = command::new(repo.binary("debug"), &repo.root);
        command::read(program.args(arguments).arg("--data-dir").arg(&self.data))
    }

    /// Creates a token with this role.
    fn token(&self, repo: &Repo, role: &str) -> anyhow::Result<String> {
        let token = self.command(repo, &["tokens", "create", &Self::name(role), "--role", role])?;
        Ok(token.trim().to_owned())
    }

    /// Fails if a request revoked the token: the later requests would then have been unauthenticated.
    fn still_opens(&self, repo: &Repo, role: &str) -> anyhow::Result<()> {
        let tokens = self.command(repo, &["tokens", "list"])?;
        let name = Self::name(role);
        let there = tokens.lines().any(|line| line.split_whitespace().next() == Some(&name));
        ensure!(there, "a generated request revoked the token {name}, which the other requests use");
        Ok(())
    }

    /// Shuts the host down.
    fn end(mut self) -> anyhow::Result<()> {
        let id = self.child.id().to_string();
        command::run(command::new("kill", &self.data).args(["-TERM", &id]), "ending the host")?;
        let started = Instant::now();
        while started.elapsed() < END_MAX {
            if let Some(status) = self.child.try_wait().context("waiting for the host")? {
                // The requests booked transfers that the venue does not have, so the ledger differs at the end, and the
                // exit code reports it.
                let log = self.data.join("stderr.log");
                let output = fs::read_to_string(&log).with_context(|| format!("reading {}", log.display()))?;
                let ended = status.code().is_some() && !output.contains("panicked");
                ensure!(ended, "the host failed ({status}); see {}", log.display());
                return Ok(());
            }
            sleep(Duration::from_millis(50));
        }
        bail!("the host did not end within {}", say::time(END_MAX))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A host that has ended is not affected. The child processes end with it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn address(data: &Path) -> Option<String> {
    let run_info: Value = serde_json::from_slice(&fs::read(data.join("run.json")).ok()?).ok()?;
    run_info.get("api")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_read() {
        assert_eq!(generated("  1436 generated, 1436 passed"), 1_436);
        assert_eq!(generated("Test cases:"), 0);
        assert_eq!(generated("58 operations generated"), 0);
    }

    #[test]
    fn the_error_repeats_the_section_of_failures() {
        let mut report = Report::default();
        for line in [
            "==== FAILURES ====",
            "____ POST /v1/positions/close ____",
            "",
            "- Undocumented HTTP status code",
            "==== SUMMARY ====",
            "  7 generated, 1 found 1 unique failure",
        ] {
            report.read(line);
        }
        assert_eq!(report.cases, 7);
        assert_eq!(
            report.explain(anyhow::anyhow!("it failed")).to_string(),
            "it failed\n____ POST /v1/positions/close ____\n- Undocumented HTTP status code"
        );
    }

    #[test]
    fn the_exclusions_are_few() {
        let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/api/schemathesis.toml");
        assert!((1..=EXCLUSIONS_MAX).contains(&exclusions(&settings).unwrap()));
    }
}
