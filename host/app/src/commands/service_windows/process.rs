//! The process of a service, which the manager of services starts. Start reading in [`serve`].

mod api;
mod console_log;
mod reporter;
mod ui;
mod worker;

use super::manager;
use crate::cli::{ServiceKind, ServiceProcessArgs};
use anyhow::{Context, anyhow};
use reporter::{Ending, Reporter};
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use windows_service::{define_windows_service, service_dispatcher};

/// Time that the host has to answer at the start of a service that needs it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(90);
/// Time without an answer after which such a service ends.
const SILENT_MAX: Duration = Duration::from_secs(30);
/// Interval of the questions to the host.
const LOOK: Duration = Duration::from_secs(1);

/// The arguments, for the function that the system calls.
static ARGS: OnceLock<ServiceProcessArgs> = OnceLock::new();

define_windows_service!(main_of_system, service_main);

/// Runs the hidden `polytrader service-process` until the service has ended.
///
/// # Errors
/// If the manager of services did not start this process.
pub(crate) fn serve(args: &ServiceProcessArgs) -> anyhow::Result<ExitCode> {
    // A service starts in the system's folder; credentials may be in `backend\.env` below the program's.
    let program = std::env::current_exe().context("finding this program")?;
    if let Some(folder) = program.parent() {
        std::env::set_current_dir(folder).with_context(|| format!("changing to {}", folder.display()))?;
    }
    ARGS.set(args.clone()).map_err(|_second| anyhow!("this process has one service already"))?;
    service_dispatcher::start(manager::name(args.kind), main_of_system)
        .context("reaching the manager of services; `polytrader service start` starts the services")?;
    Ok(ExitCode::SUCCESS)
}

fn service_main(_arguments: Vec<OsString>) {
    let Some(args) = ARGS.get() else { return };
    let data_dir = &args.run.common.data_dir;
    let (reporter, endings) = match Reporter::register(args.kind) {
        Ok(registered) => registered,
        Err(error) => return note(data_dir, args.kind, ERROR, &format!("{error:#}")),
    };
    let done = match args.kind {
        ServiceKind::Api => api::run(args, &reporter, endings),
        ServiceKind::Ui => ui::run(data_dir, &reporter, &endings),
        ServiceKind::Worker => worker::run(args, &reporter, &endings),
    };
    if let Err(error) = &done {
        note(data_dir, args.kind, ERROR, &format!("{} has ended: {error:#}", manager::name(args.kind)));
    }
    crate::output::flush();
    reporter.stopped(done.as_ref().err().map(code_of));
}

/// The code that a service reports if credentials are missing.
const NO_CREDENTIALS: u32 = 2;
/// The code that it reports for other errors.
const FAILED: u32 = 1;

fn code_of(error: &anyhow::Error) -> u32 {
    if error.is::<worker::NoCredentials>() { NO_CREDENTIALS } else { FAILED }
}

/// Levels of log lines, of equal length.
const INFO: &str = " INFO";
const ERROR: &str = "ERROR";

/// Adds a line to the log of a service. A log that cannot be written does not keep it from its work.
fn note(data_dir: &Path, kind: ServiceKind, level: &str, line: &str) {
    let name = match kind {
        ServiceKind::Api => "api_stderr.log",
        ServiceKind::Ui => "ui_stdout.log",
        ServiceKind::Worker => "worker_stderr.log",
    };
    let folder = data_dir.join("logs");
    let text = format!("{} {level} service: {line}\n", control::clock::wall().iso());
    let _logged = store::private_file::make_folder(&folder)
        .and_then(|()| store::private_file::open(&folder.join(name), |options| options.append(true).create(true)))
        .and_then(|mut file| file.write_all(text.as_bytes()));
}

/// Calls `ask` until it succeeds. Returns `None` if the service is to end before that.
fn await_host<T>(
    reporter: &Reporter,
    endings: &Receiver<Ending>,
    ask: impl Fn() -> anyhow::Result<T>,
) -> anyhow::Result<Option<T>> {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) if started.elapsed() > ANSWERS_WITHIN => {
                return Err(error.context(format!("the host did not answer within {} s", ANSWERS_WITHIN.as_secs())));
            }
            Err(_) => {}
        }
        reporter.tick();
        if endings.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
            return Ok(None);
        }
    }
}

/// Calls `ask` in intervals until the service is to end; returns the reason for that.
///
/// # Errors
/// If `ask` has failed for too long, or at once if `check` refuses its answer.
fn watch_host<T>(
    endings: &Receiver<Ending>,
    ask: impl Fn() -> anyhow::Result<T>,
    check: impl Fn(&T) -> anyhow::Result<()>,
) -> anyhow::Result<Ending> {
    let mut answered = Instant::now();
    loop {
        match endings.recv_timeout(LOOK) {
            Ok(ending) => return Ok(ending),
            Err(RecvTimeoutError::Disconnected) => return Ok(Ending::Stop),
            Err(RecvTimeoutError::Timeout) => {}
        }
        match ask() {
            Ok(answer) => {
                check(&answer)?;
                answered = Instant::now();
            }
            Err(error) if answered.elapsed() > SILENT_MAX => {
                return Err(error.context(format!("the host has not answered for {} s", SILENT_MAX.as_secs())));
            }
            Err(_) => {}
        }
    }
}
