//! The manager of services.

use crate::cli::ServiceKind;
use anyhow::{Context, anyhow, bail};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use windows_service::Error;
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceExitCode, ServiceFailureActions,
    ServiceFailureResetPeriod, ServiceInfo, ServiceState, ServiceStatus,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

/// The services in the order of their starts.
pub(super) const KINDS: [ServiceKind; 3] = [ServiceKind::Api, ServiceKind::Ui, ServiceKind::Worker];

/// Time limit for a service to start: most of it is for a large journal or a database that is not up yet.
const STARTED_WITHIN: Duration = Duration::from_secs(120);
/// Time limit for a service to stop, above the longest verified stop of a host.
const STOPPED_WITHIN: Duration = Duration::from_secs(120);
/// Pause between two questions.
const LOOK: Duration = Duration::from_millis(200);
/// Pause before a service that has crashed is started again, and the time without a crash that forgets the earlier ones.
const RESTART_AFTER: Duration = Duration::from_secs(5);
const RESET_AFTER: Duration = Duration::from_secs(600);

/// Errors of Windows: access denied, no such service, the service runs already, it does not run.
const ACCESS_DENIED: i32 = 5;
const DOES_NOT_EXIST: i32 = 1060;
const ALREADY_RUNNING: i32 = 1056;
const NOT_ACTIVE: i32 = 1062;

/// Returns the name under which a service is registered.
pub(super) const fn name(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::Api => "PolyTrader-API",
        ServiceKind::Ui => "PolyTrader-UI",
        ServiceKind::Worker => "PolyTrader-Worker",
    }
}

/// The command line of a registered service.
pub(super) struct Installed {
    pub(super) program: PathBuf,
    /// The arguments after the service's own.
    pub(super) arguments: Vec<String>,
    pub(super) data_dir: PathBuf,
}

/// The manager of services of this machine.
pub(super) struct Manager(ServiceManager);

impl Manager {
    /// Opens the manager.
    ///
    /// # Errors
    /// If this user may not.
    pub(super) fn open() -> anyhow::Result<Self> {
        Self::with(ServiceManagerAccess::CONNECT)
    }

    /// Opens the manager to register services.
    ///
    /// # Errors
    /// If this user is not an administrator.
    pub(super) fn open_to_register() -> anyhow::Result<Self> {
        Self::with(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)
    }

    fn with(access: ServiceManagerAccess) -> anyhow::Result<Self> {
        let manager = ServiceManager::local_computer(None::<&str>, access);
        manager.map(Self).map_err(|error| explained(error, "opening the manager of services"))
    }

    fn service(&self, kind: ServiceKind, access: ServiceAccess) -> anyhow::Result<Service> {
        self.0.open_service(name(kind), access).map_err(|error| match code(&error) {
            Some(DOES_NOT_EXIST) => {
                anyhow!("there is no service {}; `polytrader service install` registers it", name(kind))
            }
            _ => explained(error, &format!("opening the service {}", name(kind))),
        })
    }

    /// Registers a service, or changes the one that is there.
    ///
    /// # Errors
    /// If this user is not an administrator.
    pub(super) fn register(&self, kind: ServiceKind, info: &ServiceInfo, text: &str) -> anyhow::Result<()> {
        let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
        let service = match self.0.open_service(name(kind), access) {
            Ok(service) => service.change_config(info).map(|()| service),
            Err(error) if code(&error) == Some(DOES_NOT_EXIST) => self.0.create_service(info, access),
            Err(error) => Err(error),
        };
        let service = service.map_err(|error| explained(error, &format!("registering {}", name(kind))))?;
        let what = || format!("describing {}", name(kind));
        service.set_description(text).with_context(what)?;
        if kind == ServiceKind::Api {
            service.set_preshutdown_timeout(STOPPED_WITHIN).with_context(what)?;
        }
        Ok(())
    }

    /// Makes the manager start a service again after its process has crashed. One that ends with an error stays down.
    ///
    /// # Errors
    /// If the manager refuses.
    pub(super) fn restart_after_crash(&self, kind: ServiceKind) -> anyhow::Result<()> {
        let restart = ServiceAction { action_type: ServiceActionType::Restart, delay: RESTART_AFTER };
        let service = self.service(kind, ServiceAccess::CHANGE_CONFIG | ServiceAccess::START)?;
        service
            .update_failure_actions(ServiceFailureActions {
                reset_period: ServiceFailureResetPeriod::After(RESET_AFTER),
                reboot_msg: None,
                command: None,
                actions: Some(vec![restart.clone(), restart.clone(), restart]),
            })
            .with_context(|| format!("setting the restart of {}", name(kind)))
    }

    /// Starts a service and waits until it runs.
    ///
    /// # Errors
    /// If it ends, or takes too long.
    pub(super) fn start(&self, kind: ServiceKind) -> anyhow::Result<()> {
        let service = self.service(kind, ServiceAccess::START | ServiceAccess::QUERY_STATUS)?;
        match service.start::<&str>(&[]) {
            Err(error) if code(&error) != Some(ALREADY_RUNNING) => {
                return Err(explained(error, &format!("starting {}", name(kind))));
            }
            _ => {}
        }
        let started = Instant::now();
        loop {
            let status = service.query_status().with_context(|| format!("reading the state of {}", name(kind)))?;
            match status.current_state {
                ServiceState::Running => return Ok(()),
                ServiceState::Stopped => {
                    bail!("{} did not start{}; {}", name(kind), cause(status.exit_code), self.place_of_reason(kind))
                }
                _ if started.elapsed() > STARTED_WITHIN => {
                    bail!("{} did not start within {} s", name(kind), STARTED_WITHIN.as_secs())
                }
                _ => std::thread::sleep(LOOK),
            }
        }
    }

    fn place_of_reason(&self, kind: ServiceKind) -> String {
        let log = match kind {
            ServiceKind::Api => "api_stderr.log",
            ServiceKind::Ui => "ui_stdout.log",
            ServiceKind::Worker => "worker_stderr.log",
        };
        let folder = self.installed(kind).map_or_else(|_| PathBuf::from("DIR"), |installed| installed.data_dir);
        format!("the reason is in {}", folder.join("logs").join(log).display())
    }

    /// Stops a service and waits until it has stopped. One that does not run stays as it is.
    ///
    /// # Errors
    /// If it takes too long.
    pub(super) fn stop(&self, kind: ServiceKind) -> anyhow::Result<()> {
        let service = self.service(kind, ServiceAccess::STOP | ServiceAccess::QUERY_STATUS)?;
        let started = Instant::now();
        loop {
            let status = service.query_status().with_context(|| format!("reading the state of {}", name(kind)))?;
            match status.current_state {
                ServiceState::Stopped => return Ok(()),
                ServiceState::StopPending => {}
                _ => match service.stop() {
                    Err(error) if code(&error) != Some(NOT_ACTIVE) => {
                        return Err(explained(error, &format!("stopping {}", name(kind))));
                    }
                    _ => {}
                },
            }
            if started.elapsed() > STOPPED_WITHIN {
                bail!("{} did not stop within {} s", name(kind), STOPPED_WITHIN.as_secs());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Returns the state of a service.
    ///
    /// # Errors
    /// If it is not registered.
    pub(super) fn state(&self, kind: ServiceKind) -> anyhow::Result<ServiceStatus> {
        let service = self.service(kind, ServiceAccess::QUERY_STATUS)?;
        service.query_status().with_context(|| format!("reading the state of {}", name(kind)))
    }

    /// Removes a service, which has stopped.
    ///
    /// # Errors
    /// If this user is not an administrator.
    pub(super) fn remove(&self, kind: ServiceKind) -> anyhow::Result<()> {
        let service = self.service(kind, ServiceAccess::DELETE)?;
        service.delete().map_err(|error| explained(error, &format!("removing {}", name(kind))))
    }

    /// Returns the command line of a registered service.
    ///
    /// # Errors
    /// If it is not registered, or another program has registered it.
    pub(super) fn installed(&self, kind: ServiceKind) -> anyhow::Result<Installed> {
        let service = self.service(kind, ServiceAccess::QUERY_CONFIG)?;
        let config = service.query_config().with_context(|| format!("reading {}", name(kind)))?;
        let line = config.executable_path.to_string_lossy().into_owned();
        let words = words(&line);
        let data_dir = words.iter().skip_while(|word| *word != "--data-dir").nth(1);
        let data_dir = data_dir.with_context(|| format!("{} runs `{line}`; expected a --data-dir", name(kind)))?;
        let program = words.first().with_context(|| format!("{} has an empty command line", name(kind)))?;
        Ok(Installed {
            program: program.into(),
            data_dir: data_dir.into(),
            arguments: words.iter().skip(3).cloned().collect(),
        })
    }
}

/// Returns the code with which a service has ended, for a message.
fn cause(code: ServiceExitCode) -> String {
    match code {
        ServiceExitCode::Win32(0) => String::new(),
        ServiceExitCode::Win32(code) => format!(" (error {code} of Windows)"),
        ServiceExitCode::ServiceSpecific(code) => format!(" (its error {code})"),
    }
}

fn code(error: &Error) -> Option<i32> {
    match error {
        Error::Winapi(error) => error.raw_os_error(),
        _ => None,
    }
}

fn explained(error: Error, what: &str) -> anyhow::Error {
    let denied = code(&error) == Some(ACCESS_DENIED);
    let cause = match error {
        Error::Winapi(error) => anyhow::Error::from(error),
        error => error.into(),
    };
    let hint = if denied { "; run this in a console that was opened as administrator" } else { "" };
    cause.context(format!("{what} failed{hint}"))
}

/// Returns the words of a command line as Windows programs split it.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any, mut slashes) = (Vec::new(), String::new(), false, false, 0_usize);
    for character in line.chars() {
        if character == '\\' {
            slashes = slashes.saturating_add(1);
            continue;
        }
        let escapes = character == '"';
        word.push_str(&"\\".repeat(if escapes { slashes / 2 } else { slashes }));
        any |= slashes > 0;
        let literal = std::mem::take(&mut slashes) % 2 == 1;
        match character {
            '"' if literal => word.push('"'),
            '"' => (quoted, any) = (!quoted, true),
            ' ' | '\t' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            _ => word.push(character),
        }
    }
    word.push_str(&"\\".repeat(slashes));
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}
