//! The manager that started this program as a service: systemd's protocol, a datagram for each state to the socket that
//! `NOTIFY_SOCKET` names. Windows has its own manager of services, which the program `app` reports to. Nothing waits for the manager, and nothing fails without one.

use crate::platform::ManagerSocket;
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The variable with the socket's name.
pub const SOCKET: &str = "NOTIFY_SOCKET";
/// The variable with the microseconds after which a service that does not report is restarted.
pub const WATCHDOG: &str = "WATCHDOG_USEC";
/// Reports in the time that the manager waits for one.
const REPORTS: u32 = 4;

/// A cheap handle on the manager; without a service it does nothing.
#[derive(Debug, Clone, Default)]
pub struct ServiceManager(Option<Arc<Socket>>);

#[derive(Debug)]
struct Socket {
    socket: ManagerSocket,
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Returns the manager that the environment of this process names, if there is one.
    pub fn of_this_process() -> Self {
        let watchdog = std::env::var(WATCHDOG).ok().and_then(|text| text.parse().ok()).map(Duration::from_micros);
        let address = std::env::var_os(SOCKET).filter(|address| !address.is_empty());
        match address.map(|address| Socket::new(&address, watchdog)) {
            None => Self(None),
            Some(Ok(socket)) => Self(Some(Arc::new(socket))),
            Some(Err(error)) => {
                tracing::warn!(%error, "manager of services not reached; it may restart this one");
                Self(None)
            }
        }
    }

    /// Reports that the service does its work, with a line for people.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", status.replace('\n', " ")));
    }

    /// Reports that the service ends.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=cancelling all orders");
    }

    /// Returns what feeds the manager's watchdog.
    pub fn feeder(&self) -> Feeder {
        Feeder { manager: self.clone(), rounds: 0, fed: None }
    }

    fn send(&self, state: &str) {
        let Some(socket) = &self.0 else { return };
        if let Err(error) = socket.socket.send(state.as_bytes()) {
            tracing::debug!(%error, "state not taken by the manager of services");
        }
    }
}

impl Socket {
    fn new(address: &OsStr, watchdog: Option<Duration>) -> std::io::Result<Self> {
        let socket = ManagerSocket::open(address)?;
        Ok(Self { socket, watchdog: watchdog.filter(|time| !time.is_zero()) })
    }
}

/// Feeds the manager's watchdog, as long as what it watches makes progress.
#[derive(Debug)]
pub struct Feeder {
    manager: ServiceManager,
    rounds: u64,
    fed: Option<Instant>,
}

impl Feeder {
    /// Feeds the watchdog if it is time and `rounds`, which counts up with each step, has changed since it was fed
    /// last.
    pub fn feed(&mut self, rounds: u64) {
        let every = self.manager.0.as_ref().and_then(|socket| socket.watchdog?.checked_div(REPORTS));
        let Some(every) = every else { return };
        let is_due = self.fed.is_none_or(|at| at.elapsed() >= every);
        if is_due && rounds != self.rounds {
            (self.rounds, self.fed) = (rounds, Some(Instant::now()));
            self.manager.send("WATCHDOG=1");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use std::os::unix::net::UnixDatagram;
    use testkit::Scratch;

    /// Returns a manager's end, and a service's.
    fn pair(dir: &Scratch, watchdog: Option<Duration>) -> (UnixDatagram, ServiceManager) {
        let path = dir.join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        (manager, ServiceManager(Some(Arc::new(Socket::new(path.as_os_str(), watchdog).unwrap()))))
    }

    fn received(manager: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 512];
        let next =
            || manager.recv(&mut buffer).ok().map(|count| String::from_utf8_lossy(&buffer[..count]).into_owned());
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn the_manager_hears_that_a_service_is_ready_and_that_it_ends() {
        let dir = Scratch::new("manager");
        let (manager, service) = pair(&dir, None);
        service.ready("trades\nin demo");
        service.feeder().feed(1);
        service.stopping();
        assert_eq!(received(&manager), ["READY=1\nSTATUS=trades in demo", "STOPPING=1\nSTATUS=cancelling all orders"]);
        ServiceManager::default().ready("nothing happens");
    }

    #[test]
    fn the_watchdog_is_fed_only_while_rounds_end() {
        let dir = Scratch::new("feeder");
        let (manager, service) = pair(&dir, Some(Duration::from_micros(4)));
        let mut feeder = service.feeder();
        // No round has ended yet.
        feeder.feed(0);
        assert!(received(&manager).is_empty());
        for rounds in [1, 1, 1, 2, 2] {
            std::thread::sleep(Duration::from_micros(10));
            feeder.feed(rounds);
        }
        assert_eq!(received(&manager), ["WATCHDOG=1"; 2]);
        let (_manager, slow) = pair(&Scratch::new("slow-feeder"), Some(Duration::from_secs(3_600)));
        let mut feeder = slow.feeder();
        feeder.feed(1);
        feeder.feed(2);
        assert_eq!(feeder.rounds, 1, "not before a quarter of the time is over");
    }
}
