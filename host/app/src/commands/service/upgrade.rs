//! `polytrader service upgrade`: another program in the place of the installed one, and back if it does not get
//! healthy.

use super::install_logs;
use super::manager::{Manager, NAME, values};
use crate::cli::UpgradeArgs;
use crate::console::{eprintln, println};
use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The time that the new program has to get healthy.
const HEALTHY_WITHIN: Duration = Duration::from_secs(30);
/// Between two questions.
const LOOK: Duration = Duration::from_millis(250);
/// The time that one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The most bytes of `run.json`.
const RUN_MAX: u64 = 64 * 1024;

/// The most bytes of a unit and of its file of variables.
pub(super) const UNIT_MAX: u64 = 64 * 1024;

/// An installed service.
struct Service<'a> {
    manager: &'a Manager,
    /// Its program.
    program: PathBuf,
    data_dir: PathBuf,
    /// The arguments of `run`, as the unit has them.
    arguments: Vec<String>,
    /// The file of variables, if the unit names one.
    environment: Option<PathBuf>,
}

/// Runs `polytrader service upgrade`.
///
/// # Errors
/// If the new program does not run, or the service does not get healthy; the old program runs again then.
pub(super) fn run(args: &UpgradeArgs, manager: &Manager) -> anyhow::Result<ExitCode> {
    let service = Service::read(manager)?;
    let new = version(&args.program)?;
    let old = version(&service.program)?;
    let backups = service.backups();
    manager.stop().context("stopping the service; nothing was changed")?;
    let previous = beside(&service.program, ".previous");
    let swapped = swap(&args.program, &service.program, &previous);
    if let Err(error) = swapped {
        manager.start().context("starting the service again")?;
        return Err(error.context("the program was not exchanged, and the old one runs on"));
    }
    eprintln(&format!("{old} is now {new}; waiting for /health"));
    let healthy = manager.start().and_then(|()| service.await_health());
    let Err(error) = healthy else {
        let (program, before) = (service.program.display(), previous.display());
        println(&if args.manager.json {
            json!({ "service": NAME, "result": "upgraded", "program": service.program, "version": new, "previous": previous })
                .to_string()
        } else {
            format!("{program} is {new} and healthy; the program of before is {before}")
        });
        return Ok(ExitCode::SUCCESS);
    };
    eprintln(&format!("the new program is not healthy: {error:#}; going back"));
    service.go_back(&previous, &backups).context("GOING BACK FAILED; the service does not run")?;
    bail!("{new} did not get healthy within {} s ({error:#}); {old} runs again", HEALTHY_WITHIN.as_secs())
}

/// Returns what a program says of itself. One that does not run is not put in any place.
fn version(program: &Path) -> anyhow::Result<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = output.with_context(|| format!("running {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    ensure!(
        output.status.success() && text.starts_with("polytrader "),
        "{} is not a program of ours: `--version` ended with {} and said `{text}`",
        program.display(),
        output.status
    );
    Ok(text)
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Puts `new` in the place of `program`, which is kept as `previous`. At any moment there is a whole program in the
/// place.
fn swap(new: &Path, program: &Path, previous: &Path) -> anyhow::Result<()> {
    let fresh = beside(program, ".new");
    copy(new, &fresh).with_context(|| format!("copying {} to {}", new.display(), fresh.display()))?;
    if previous.exists() {
        fs::remove_file(previous).with_context(|| format!("removing {}", previous.display()))?;
    }
    fs::hard_link(program, previous).with_context(|| format!("keeping {}", previous.display()))?;
    replace(&fresh, program)
}

/// Copies a program to the disk, for everyone to run.
fn copy(new: &Path, fresh: &Path) -> std::io::Result<()> {
    let mut source = files::open(new, files::Links::Follow)?;
    let mut target = store::private_file::open(fresh, |options| options.write(true).create(true).truncate(true))?;
    std::io::copy(&mut source, &mut target)?;
    target.set_permissions(fs::Permissions::from_mode(0o755))?;
    target.sync_all()
}

fn replace(file: &Path, place: &Path) -> anyhow::Result<()> {
    fs::rename(file, place)
        .with_context(|| format!("putting {} in the place of {}", file.display(), place.display()))?;
    files::sync_folder(place.parent().unwrap_or(Path::new("."))).with_context(|| format!("writing {}", place.display()))
}

impl<'a> Service<'a> {
    /// Reads the unit: which program with which arguments.
    fn read(manager: &'a Manager) -> anyhow::Result<Self> {
        let unit = manager.unit();
        let text = files::read_text(unit, files::Links::Follow, UNIT_MAX)
            .with_context(|| format!("reading {}", unit.display()))?;
        let line =
            values(&text, "ExecStart").next().with_context(|| format!("{} has no ExecStart=", unit.display()))?;
        let mut words = words(line).into_iter();
        let program = PathBuf::from(words.next().with_context(|| format!("{} runs nothing", unit.display()))?);
        let arguments: Vec<String> = words.skip(1).collect();
        let data_dir = arguments.iter().skip_while(|word| *word != "--data-dir").nth(1);
        let data_dir = PathBuf::from(data_dir.with_context(|| format!("{} names no --data-dir", unit.display()))?);
        let environment = values(&text, "EnvironmentFile").next();
        let environment = environment.map(|file| file.trim_start_matches('-').replace("%%", "%").into());
        Ok(Self { manager, program, data_dir, arguments, environment })
    }

    fn backups(&self) -> Vec<PathBuf> {
        store::db::backup::all_of(&self.data_dir.join("backups")).unwrap_or_default()
    }

    /// Waits until the host of the service says that it is well.
    fn await_health(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
        let tls = polymarket::tls::client_config()?.as_ref().clone();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(ANSWER_WITHIN);
        let client = client.build().context("starting an HTTP client")?;
        let mut last = "there is no run.json".to_owned();
        while started.elapsed() < HEALTHY_WITHIN {
            if let Some(address) = self.address() {
                let answer = runtime.block_on(async { client.get(format!("{address}/health")).send().await });
                match answer {
                    Ok(answer) if answer.status().is_success() => return Ok(()),
                    Ok(answer) => last = format!("/health answers {}", answer.status()),
                    Err(error) => last = format!("/health does not answer: {error}"),
                }
            }
            let state = self.manager.state()?;
            if state.get("ActiveState").is_some_and(|state| state == "failed") {
                bail!(
                    "the manager says that {NAME} has failed; see {}/logs/worker_stderr.log",
                    self.data_dir.display()
                );
            }
            std::thread::sleep(LOOK);
        }
        bail!("{last}")
    }

    fn address(&self) -> Option<String> {
        let text = files::read(&self.data_dir.join("run.json"), files::Links::Refuse, RUN_MAX).ok()?;
        let run: Value = serde_json::from_slice(&text).ok()?;
        run.get("api")?.as_str().map(ToOwned::to_owned)
    }

    /// Puts the old program back, and the database of before if the new one has changed its tables.
    fn go_back(&self, previous: &Path, backups: &[PathBuf]) -> anyhow::Result<()> {
        self.manager.stop().context("stopping the new program")?;
        replace(previous, &self.program)?;
        if let Some(backup) = self.backups().into_iter().find(|backup| !backups.contains(backup)) {
            self.restore(&backup)?;
        }
        self.manager.start().context("starting the old program")?;
        self.await_health().context("the old program is not healthy either")
    }

    /// Has the old program restore the backup that the new one made before it changed the tables. What was decided
    /// since is in the journal.
    fn restore(&self, backup: &Path) -> anyhow::Result<()> {
        eprintln(&format!("the new program changed the database's tables; restoring {}", backup.display()));
        let database = self.data_dir.join("polytrader.sqlite");
        if backup.extension().is_some_and(|end| end == "sqlite") && database.exists() {
            move_aside(&database)?;
        } else {
            // This program, whose file may have been replaced.
            let ours = Path::new("/proc/self/exe");
            self.run_as_service(ours, &["db".as_ref(), "set-aside".as_ref()]).with_context(|| {
                let backup = backup.display();
                format!(
                    "the tables of the database could not be moved aside: make an empty database, name it in database_url, run \
                     `polytrader db restore {backup}`, and start the service"
                )
            })?;
        }
        self.run_as_service(&self.program, &["db".as_ref(), "restore".as_ref(), backup.as_os_str()])
    }

    /// Runs a command of a program with the arguments and variables of the service and, for root, as the owner of its
    /// data folder, to whom the files belong that it makes.
    fn run_as_service(&self, program: &Path, words: &[&OsStr]) -> anyhow::Result<()> {
        let mut command = Command::new(program);
        command.args(words).args(&self.arguments).stdin(Stdio::null());
        if let Some(file) = &self.environment {
            command.envs(install_logs::read(file)?);
        }
        super::as_owner(&mut command, &self.data_dir)?;
        let shown = words.iter().map(|word| word.display().to_string()).collect::<Vec<_>>().join(" ");
        let status = command.status().with_context(|| format!("running {}", program.display()))?;
        ensure!(status.success(), "`{shown}` failed ({status})");
        Ok(())
    }
}

/// Moves the files of a database aside.
fn move_aside(database: &Path) -> anyhow::Result<()> {
    for end in ["-wal", "-shm", ""] {
        let file = beside(database, end);
        if file.exists() {
            let aside = beside(database, &format!(".upgraded{end}"));
            fs::rename(&file, &aside).with_context(|| format!("putting {} aside", file.display()))?;
        }
    }
    Ok(())
}

/// Returns the variables of a file of systemd's format: NAME=VALUE per line, in quotation marks or not.
pub(super) fn variables(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    let pair = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let value = value.trim();
        let bare = ['"', '\''].iter().find_map(|mark| value.strip_prefix(*mark)?.strip_suffix(*mark));
        Some((name.trim().to_owned(), bare.unwrap_or(value).to_owned()))
    };
    lines.filter_map(pair).filter(|(name, _)| !name.is_empty()).collect()
}

/// Returns the words of a command line as a unit has them.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => (quoted, any) = (!quoted, true),
            '\\' => word.extend(chars.next()),
            '%' | '$' => {
                word.push(c);
                // They stand twice.
                chars.next_if_eq(&c);
            }
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            _ => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_as_systemd_reads_them() {
        let text = "# one\n; two\nA=1\n  B = \"a b=c\" \nC='x'\nD=\n=none\nnothing\nE=\"open\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            variables(text),
            [pair("A", "1"), pair("B", "a b=c"), pair("C", "x"), pair("D", ""), pair("E", "\"open")]
        );
    }

    #[test]
    fn a_units_command_line_is_read_as_it_was_written() {
        let line = "\"/opt/poly trader\" run --set \"a=100%%$$1 \\\"x\\\\\" --empty \"\"";
        assert_eq!(words(line), ["/opt/poly trader", "run", "--set", "a=100%$1 \"x\\", "--empty", ""]);
    }
}
