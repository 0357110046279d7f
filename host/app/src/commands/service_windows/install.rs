//! `polytrader service install` on Windows: the steps of the runbook that have something to do here, each with its log in
//! `DIR\install-logs`.

use super::manager::{self, KINDS, Manager};
use crate::cli::{InstallArgs, ServiceKind};
use crate::console::{eprintln, println};
use anyhow::{Context, ensure};
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, ExitCode, Stdio};
use windows_service::service::{ServiceDependency, ServiceErrorControl, ServiceInfo, ServiceStartType, ServiceType};

/// The logs, under the names of the runbook's steps.
const PREFLIGHT: &str = "STEP00_preflight_check.log";
const DATABASE: &str = "STEP03_setup_database.log";
const SERVICES: &str = "STEP07_register_services.log";
const VERIFICATION: &str = "STEP08_final_verification.log";

/// Runs `polytrader service install`. Services that are there get the new command line.
///
/// # Errors
/// If the configuration is invalid, or this user may not register services.
pub(super) fn run(args: &InstallArgs) -> anyhow::Result<ExitCode> {
    // Errors of the configuration are reported here, not in the log of a service that does not start.
    let config = args.common.load_config().context("reading the configuration")?;
    if let Some(file) = &args.passphrase {
        let about = std::fs::metadata(file).with_context(|| format!("reading {}", file.display()))?;
        ensure!(about.is_file(), "{} is not a file; nothing was registered", file.display());
    }
    let program = std::env::current_exe().context("finding this program")?;
    let arguments = arguments(args)?;
    let infos = KINDS.map(|kind| info(kind, &program, &arguments));
    if args.print {
        infos.iter().for_each(|info| println(&shown(info)));
        return Ok(ExitCode::SUCCESS);
    }
    let manager = Manager::open_to_register()?;
    store::private_file::make_folder(&config.data_dir)
        .with_context(|| format!("creating the data folder {}", config.data_dir.display()))?;
    let logs = Logs::open(&config.data_dir)?;
    let ready = logs.command(PREFLIGHT, &program, &["doctor"], &arguments)?;
    let tables = logs.command(DATABASE, &program, &["db", "migrate"], &without_passphrase(args)?)?;
    let mut log = String::new();
    let registered = register(&manager, &infos, &mut log);
    let fault = registered.as_ref().err().map(|error| format!("{error:#}"));
    logs.write(SERVICES, &log, fault.as_deref())?;
    registered?;
    let (state, fault) = verify(&manager);
    logs.write(VERIFICATION, &state, fault.as_deref())?;
    for (good, command, step) in [(ready, "doctor", PREFLIGHT), (tables, "db migrate", DATABASE)] {
        if !good {
            let log = logs.folder.join(step);
            eprintln(&format!("`polytrader {command}` found what prevents a start: see {}", log.display()));
        }
    }
    println(
        "PolyTrader-API, PolyTrader-UI and PolyTrader-Worker are registered; `polytrader service start` starts them",
    );
    Ok(ExitCode::SUCCESS)
}

/// Returns the arguments of `run`, with full paths: a service starts in another folder.
fn arguments(args: &InstallArgs) -> anyhow::Result<Vec<OsString>> {
    let mut arguments = without_passphrase(args)?;
    if let Some(file) = &args.passphrase {
        let file = absolute(file).with_context(|| format!("finding {}", file.display()))?;
        arguments.extend(["--passphrase-file".into(), file.into()]);
    }
    Ok(arguments)
}

fn without_passphrase(args: &InstallArgs) -> anyhow::Result<Vec<OsString>> {
    let mut common = args.common.clone();
    common.json = false;
    common.data_dir = absolute(&common.data_dir).context("finding the data folder")?;
    common.config = common.config.map(absolute).transpose().context("finding the configuration file")?;
    common.strategies = common.strategies.map(absolute).transpose().context("finding the strategies folder")?;
    Ok(common.to_arguments())
}

/// Returns the registration of a service. API and UI start with the machine; the bot is started by an operator.
fn info(kind: ServiceKind, program: &Path, arguments: &[OsString]) -> ServiceInfo {
    let word = match kind {
        ServiceKind::Api => "api",
        ServiceKind::Ui => "ui",
        ServiceKind::Worker => "worker",
    };
    let mut launch_arguments: Vec<OsString> = vec!["service-process".into(), word.into()];
    launch_arguments.extend_from_slice(arguments);
    // The worker has none: without credentials it is to answer by itself, not by an error of the host.
    let needs_api = kind == ServiceKind::Ui;
    let on_demand = kind == ServiceKind::Worker;
    ServiceInfo {
        name: manager::name(kind).into(),
        display_name: manager::name(kind).into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: if on_demand { ServiceStartType::OnDemand } else { ServiceStartType::AutoStart },
        error_control: ServiceErrorControl::Normal,
        executable_path: program.to_owned(),
        launch_arguments,
        dependencies: if needs_api {
            vec![ServiceDependency::Service(manager::name(ServiceKind::Api).into())]
        } else {
            Vec::new()
        },
        // The system's own account.
        account_name: None,
        account_password: None,
    }
}

const fn description(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::Api => "Host of PolyTrader: engine, API and page. A stop cancels all orders.",
        ServiceKind::Ui => "Runs while the page of PolyTrader answers.",
        ServiceKind::Worker => "Starts the bot of PolyTrader, and stops it.",
    }
}

fn shown(info: &ServiceInfo) -> String {
    let words = info.launch_arguments.iter().map(|word| format!(" \"{}\"", word.display())).collect::<String>();
    format!("{}: \"{}\"{words}", info.name.display(), info.executable_path.display())
}

fn register(manager: &Manager, infos: &[ServiceInfo; 3], log: &mut String) -> anyhow::Result<()> {
    for (kind, info) in KINDS.into_iter().zip(infos) {
        manager.register(kind, info, description(kind))?;
        // Writing to a string does not fail.
        let _written = writeln!(log, "registered {}", shown(info));
    }
    if let Err(error) = manager.restart_after_crash(ServiceKind::Api) {
        let _written = writeln!(log, "without a restart after a crash: {error:#}");
    }
    Ok(())
}

/// Reads the state of the services that were registered; returns it, and what is wrong.
fn verify(manager: &Manager) -> (String, Option<String>) {
    let mut text = String::new();
    for kind in KINDS {
        match manager.state(kind) {
            Ok(status) => {
                let _written = writeln!(text, "{}", super::line(kind, &status));
            }
            Err(error) => return (text, Some(format!("{error:#}"))),
        }
    }
    text.push_str("start them with `polytrader service start`\n");
    (text, None)
}

/// The logs of an installation.
struct Logs {
    folder: PathBuf,
}

impl Logs {
    fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join("install-logs");
        store::private_file::make_folder(&folder).with_context(|| format!("creating {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Writes a step's log: its time, its output, and its end.
    fn write(&self, step: &str, text: &str, fault: Option<&str>) -> anyhow::Result<()> {
        let path = self.folder.join(step);
        let end = fault.map_or_else(|| "done".to_owned(), |fault| format!("failed: {fault}"));
        let line_end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let text = format!("{}\n{text}{line_end}{end}\n", control::clock::wall().iso());
        store::private_file::replace(&path, text.as_bytes()).with_context(|| format!("writing {}", path.display()))
    }

    /// Runs a command of this program with the arguments of the service, and logs its output; returns true if it ended
    /// well.
    fn command(&self, step: &str, program: &Path, words: &[&str], arguments: &[OsString]) -> anyhow::Result<bool> {
        let mut command = Command::new(program);
        command.args(words).args(arguments).stdin(Stdio::null()).env("NO_COLOR", "1");
        let output = command.output().with_context(|| format!("running {}", program.display()))?;
        let printed = [output.stdout, output.stderr].concat();
        let text = format!("polytrader {}\n{}", words.join(" "), String::from_utf8_lossy(&printed));
        let fault = format!("it ended with {}", output.status);
        let good = output.status.success();
        self.write(step, &text, (!good).then_some(fault.as_str()))?;
        Ok(good)
    }
}
