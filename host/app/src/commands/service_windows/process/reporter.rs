//! Reports of a service's state to the manager of services, and the manager's requests to end.

use super::super::manager;
use crate::cli::ServiceKind;
use anyhow::{Context, anyhow};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};

/// The time within which the manager expects the next report of a service that starts or stops.
const NEXT_WITHIN: Duration = Duration::from_secs(30);

/// The reason for which a service must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// An operator stops it.
    Stop,
    /// The machine shuts down.
    Shutdown,
}

/// The phases of a service, which only go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Starting,
    Running,
    Stopping,
    Stopped,
}

#[derive(Debug)]
struct Reported {
    phase: Phase,
    /// Counts the reports of a phase that takes time.
    checkpoint: u32,
    /// The code of an error, if the service has ended with one.
    failure: Option<u32>,
}

/// The reports of this process's service.
#[derive(Debug)]
pub(super) struct Reporter {
    kind: ServiceKind,
    handle: OnceLock<ServiceStatusHandle>,
    reported: Mutex<Reported>,
}

impl Reporter {
    /// Registers this process, and reports that the service starts. Requests to end arrive in the channel.
    ///
    /// # Errors
    /// If the manager did not start this process.
    pub(super) fn register(kind: ServiceKind) -> anyhow::Result<(Arc<Self>, Receiver<Ending>)> {
        let reported = Mutex::new(Reported { phase: Phase::Starting, checkpoint: 0, failure: None });
        let this = Arc::new(Self { kind, handle: OnceLock::new(), reported });
        let (ends, endings) = sync_channel(4);
        let reporter = Arc::clone(&this);
        let handler = move |control| {
            let ending = match control {
                ServiceControl::Stop => Ending::Stop,
                ServiceControl::Preshutdown => Ending::Shutdown,
                ServiceControl::Interrogate => return ServiceControlHandlerResult::NoError,
                _ => return ServiceControlHandlerResult::NotImplemented,
            };
            // At once: from this report on, the manager sends no second request to end.
            reporter.report(Phase::Stopping);
            // One request is enough.
            let _full = ends.try_send(ending);
            ServiceControlHandlerResult::NoError
        };
        let name = manager::name(kind);
        let handle = service_control_handler::register(name, handler).with_context(|| format!("registering {name}"))?;
        this.handle.set(handle).map_err(|_second| anyhow!("{name} is registered already"))?;
        this.send(&this.lock());
        Ok((this, endings))
    }

    /// Reports that the service runs.
    pub(super) fn running(&self) {
        self.report(Phase::Running);
    }

    /// Reports that a service that starts or stops still does.
    pub(super) fn tick(&self) {
        let mut reported = self.lock();
        if matches!(reported.phase, Phase::Starting | Phase::Stopping) {
            reported.checkpoint = reported.checkpoint.saturating_add(1);
            self.send(&reported);
        }
    }

    /// Reports that the service has ended, with the code of an error if there was one.
    pub(super) fn stopped(&self, failure: Option<u32>) {
        self.lock().failure = failure;
        self.report(Phase::Stopped);
    }

    fn report(&self, phase: Phase) {
        let mut reported = self.lock();
        if reported.phase < phase {
            (reported.phase, reported.checkpoint) = (phase, 0);
            self.send(&reported);
        }
    }

    fn send(&self, reported: &Reported) {
        let (current_state, accepted, wait_hint) = match reported.phase {
            Phase::Starting => (ServiceState::StartPending, self.accepted(), NEXT_WITHIN),
            Phase::Running => (ServiceState::Running, self.accepted(), Duration::ZERO),
            Phase::Stopping => (ServiceState::StopPending, ServiceControlAccept::empty(), NEXT_WITHIN),
            Phase::Stopped => (ServiceState::Stopped, ServiceControlAccept::empty(), Duration::ZERO),
        };
        let Some(handle) = self.handle.get() else { return };
        let status = ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state,
            controls_accepted: accepted,
            exit_code: reported.failure.map_or(ServiceExitCode::NO_ERROR, ServiceExitCode::ServiceSpecific),
            checkpoint: reported.checkpoint,
            wait_hint,
            process_id: None,
        };
        if let Err(error) = handle.set_service_status(status) {
            tracing::warn!(%error, "state of the service not reported");
        }
    }

    /// Returns the requests that are accepted. Only the host needs the time before a shutdown.
    fn accepted(&self) -> ServiceControlAccept {
        match self.kind {
            ServiceKind::Api => ServiceControlAccept::STOP | ServiceControlAccept::PRESHUTDOWN,
            ServiceKind::Ui | ServiceKind::Worker => ServiceControlAccept::STOP,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reported> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
