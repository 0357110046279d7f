//! `polytrader service` on Windows: three services of this program. `PolyTrader-API` is the host, `PolyTrader-UI` watches its
//! page, `PolyTrader-Worker` starts and stops the bot. Start reading in [`run`].

mod install;
mod manager;
mod process;
mod upgrade;

use crate::cli::{ManagerArgs, ServiceAction, ServiceArgs, ServiceKind};
use crate::console::{eprintln, println};
use crate::exit::NOT_RUNNING;
use manager::{KINDS, Manager};
pub(crate) use process::serve;
use serde_json::json;
use std::process::ExitCode;
use windows_service::service::{ServiceExitCode, ServiceState, ServiceStatus};

/// Runs `polytrader service`.
///
/// # Errors
/// If the manager of services refuses, or a service does not start or stop.
pub(crate) fn run(args: &ServiceArgs) -> anyhow::Result<ExitCode> {
    match &args.action {
        ServiceAction::Install(args) => install::run(args),
        ServiceAction::Uninstall(args) => uninstall(args),
        ServiceAction::Start(args) => {
            let manager = Manager::open()?;
            KINDS.into_iter().try_for_each(|kind| manager.start(kind))?;
            Ok(done(args, "started", "the services run"))
        }
        ServiceAction::Stop(args) => {
            stop_all(&Manager::open()?)?;
            Ok(done(args, "stopped", "the services have stopped"))
        }
        ServiceAction::Status(args) => status(args),
        ServiceAction::Upgrade(args) => upgrade::run(args),
    }
}

/// Stops the services, those first that need others.
fn stop_all(manager: &Manager) -> anyhow::Result<()> {
    KINDS.into_iter().rev().try_for_each(|kind| manager.stop(kind))
}

/// Prints the result of an action: an object for programs, a line for people.
fn done(args: &ManagerArgs, result: &str, line: &str) -> ExitCode {
    println(&if args.json {
        json!({ "services": KINDS.map(manager::name), "result": result }).to_string()
    } else {
        line.to_owned()
    });
    ExitCode::SUCCESS
}

fn uninstall(args: &ManagerArgs) -> anyhow::Result<ExitCode> {
    let manager = Manager::open()?;
    stop_all(&manager)?;
    KINDS.into_iter().rev().try_for_each(|kind| manager.remove(kind))?;
    Ok(done(args, "uninstalled", "the services are stopped and removed; the data folder stays"))
}

/// Prints the state of each service. The exit code is that of the host's.
fn status(args: &ManagerArgs) -> anyhow::Result<ExitCode> {
    let manager = Manager::open()?;
    let mut rows = Vec::new();
    for kind in KINDS {
        rows.push((kind, manager.state(kind)?));
    }
    if args.json {
        let object = |(kind, status): &(ServiceKind, ServiceStatus)| {
            json!({
                "service": manager::name(*kind),
                "state": word(status.current_state),
                "pid": status.process_id.unwrap_or(0),
                "failed": has_failed(status),
            })
        };
        println(&json!({ "services": rows.iter().map(object).collect::<Vec<_>>() }).to_string());
    } else {
        rows.iter().for_each(|(kind, status)| println(&line(*kind, status)));
    }
    let host = rows.first().map(|(_, status)| status);
    Ok(match host {
        Some(status) if status.current_state == ServiceState::Running => ExitCode::SUCCESS,
        Some(status) if has_failed(status) => {
            eprintln(r"the reason is in DIR\logs\api_stderr.log and DIR\logs\worker_stderr.log");
            ExitCode::FAILURE
        }
        _ => ExitCode::from(NOT_RUNNING),
    })
}

fn line(kind: ServiceKind, status: &ServiceStatus) -> String {
    let process = status.process_id.filter(|process| *process > 0);
    let process = process.map(|process| format!(", process {process}")).unwrap_or_default();
    let failed = if has_failed(status) { ", failed" } else { "" };
    format!("{}: {}{process}{failed}", manager::name(kind), word(status.current_state))
}

/// Returns true if a service has ended by itself with an error.
fn has_failed(status: &ServiceStatus) -> bool {
    status.current_state == ServiceState::Stopped && matches!(status.exit_code, ServiceExitCode::ServiceSpecific(_))
}

const fn word(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Running => "running",
        ServiceState::StartPending | ServiceState::ContinuePending => "starting",
        ServiceState::StopPending => "stopping",
        ServiceState::Stopped => "stopped",
        ServiceState::PausePending | ServiceState::Paused => "paused",
    }
}
