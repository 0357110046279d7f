//! Shutdown while everything is broken: outputs that are not read, a locked database, a full disk, an address that the
//! venue rejects, and unfinished requests on the API's port. The first cancel reaches the venue at once, and no order
//! is open afterwards.

use crate::faults::faults;
use crate::person::Person;
use crate::process::{Api, Exchange, Folder, demo_with_outputs, strategies};
use crate::proxy::Proxy;
use rustix::pipe::{fcntl_setpipe_size, pipe};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::{Value, json};
use sqlx::Connection;
use std::io::Write;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
/// The targets are 50 ms and 1 s; the rest is a margin for a machine that is busy with other tests.
const STOP_WITHIN: Duration = Duration::from_secs(1);
const SIGNAL_WITHIN: Duration = Duration::from_secs(4);

/// A run whose outputs are pipes that are not read.
struct Broken {
    exchange: Exchange,
    proxy: Proxy,
    child: Child,
    data: PathBuf,
    addresses: Value,
    token: String,
    person: Person,
    runtime: tokio::runtime::Runtime,
    /// The reading end of the outputs, which is not read.
    _held: OwnedFd,
    _writer: Option<sqlx::SqliteConnection>,
    _requests: Vec<TcpStream>,
    pipe: OwnedFd,
    _folder: Folder,
}

/// Returns a pipe that fills up quickly.
fn small_pipe() -> (OwnedFd, OwnedFd) {
    let (reads, writes) = pipe().unwrap();
    fcntl_setpipe_size(&writes, 4_096).unwrap();
    (reads, writes)
}

impl Broken {
    /// Starts a demo through a proxy, and waits until its orders rest.
    fn start(name: &str, seed: u64, strategies: &Path) -> Self {
        let folder = Folder::new(name);
        let exchange = Exchange::start(&folder.0.join("exchange"), seed);
        let proxy = Proxy::start(&exchange.address);
        let data = folder.0.join("host");
        let (reads, pipe) = small_pipe();
        let output = || Stdio::from(pipe.try_clone().unwrap());
        let (child, addresses) = demo_with_outputs(&data, strategies, &proxy.address, (output(), output()));
        let token = std::fs::read_to_string(data.join("admin.token")).unwrap().trim().to_owned();
        let api = Api::new(&data, &addresses);
        api.wait_for("/v1/trading/venue-orders", SOON, |orders| orders.as_array().is_some_and(|list| list.len() > 2));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let person = runtime.block_on(Person::new(&data, &exchange.address));
        let (_held, _writer, _requests, _folder) = (reads, None, Vec::new(), folder);
        Self {
            exchange,
            proxy,
            child,
            data,
            addresses,
            token,
            person,
            runtime,
            _held,
            _writer,
            _requests,
            pipe,
            _folder,
        }
    }

    fn host(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.addresses["pid"].as_i64().unwrap()).unwrap()).unwrap()
    }

    fn connect(&self) -> TcpStream {
        let api = self.addresses["api"].as_str().unwrap();
        TcpStream::connect(api.strip_prefix("http://").unwrap()).unwrap()
    }

    /// Sends the head of a request, but never its body.
    fn head(&self, path: &str) -> TcpStream {
        let mut request = self.connect();
        let token = &self.token;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n"
        );
        request.write_all(head.as_bytes()).unwrap();
        request
    }

    /// Breaks everything; returns the number of requests that the venue has received by then.
    fn break_everything(&mut self) -> usize {
        for _ in 0..6 {
            let mut request = self.connect();
            request.write_all(b"POST /v1/admin/bot/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-").unwrap();
            self._requests.push(request);
        }
        let filler = self.pipe.try_clone().unwrap();
        rustix::io::ioctl_fionbio(&filler, true).unwrap();
        while rustix::io::write(&filler, &[b'.'; 512]).is_ok() {}
        // The non-blocking flag belongs to the open file description, which the run shares: its writes block again.
        rustix::io::ioctl_fionbio(&filler, false).unwrap();
        let url = format!("sqlite:{}", self.data.join("polytrader.sqlite").display());
        let other = self.runtime.block_on(async {
            let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
            sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
            other
        });
        self._writer = Some(other);
        faults(&self.exchange, &json!({ "patient": true, "refuse_reads": 3, "refuse_cancels": 1 }));
        let seen = self.proxy.seen().len();
        prlimit(Some(self.host()), Resource::Fsize, Rlimit { current: Some(1), maximum: Some(1) }).unwrap();
        seen
    }

    /// Waits for the first cancel after `from` requests, and until no order is open.
    #[track_caller]
    fn ends(mut self, what: &str, from: usize, within: Duration) {
        let asked = Instant::now();
        self.proxy.wait_for(from, "DELETE");
        let first = asked.elapsed();
        eprintln!("{what}, everything broken: the first cancel after {} ms", first.as_millis());
        assert!(first < within, "{what}: the first cancel came after {first:?}");
        std::thread::sleep(Duration::from_millis(200));
        faults(&self.exchange, &json!({ "patient": true }));
        let open = || self.runtime.block_on(self.person.client.open_orders()).unwrap().len();
        while open() > 0 {
            assert!(asked.elapsed() < SOON, "{what}: {} orders are still open after a minute", open());
            std::thread::sleep(Duration::from_millis(50));
        }
        if what == "emergency stop" {
            kill_process(self.host(), Signal::KILL).unwrap();
        }
        while self.child.try_wait().unwrap().is_none() {
            assert!(asked.elapsed() < SOON + SOON, "{what}: the run did not end");
            std::thread::sleep(Duration::from_millis(50));
        }
        assert_eq!(open(), 0, "{what}: orders are open after the end");
    }
}

#[test]
fn an_emergency_stop_without_a_body_acts_while_everything_is_broken() {
    let Some(strategies) = strategies("everything broken at once") else { return };
    let mut broken = Broken::start("broken-stop", 61, &strategies);
    let from = broken.break_everything();
    let request = broken.head("/v1/admin/emergency-stop");
    broken._requests.push(request);
    broken.ends("emergency stop", from, STOP_WITHIN);
}

#[test]
fn a_termination_cancels_while_everything_is_broken() {
    let Some(strategies) = strategies("everything broken at once") else { return };
    let mut broken = Broken::start("broken-term", 62, &strategies);
    let from = broken.break_everything();
    kill_process(Pid::from_raw(i32::try_from(broken.child.id()).unwrap()).unwrap(), Signal::TERM).unwrap();
    broken.ends("SIGTERM", from, SIGNAL_WITHIN);
}

#[test]
fn a_closed_terminal_cancels_while_everything_is_broken() {
    let Some(strategies) = strategies("everything broken at once") else { return };
    let mut broken = Broken::start("broken-hup", 63, &strategies);
    let from = broken.break_everything();
    let group = Pid::from_raw(i32::try_from(broken.child.id()).unwrap()).unwrap();
    rustix::process::kill_process_group(group, Signal::HUP).unwrap();
    broken.ends("SIGHUP", from, SIGNAL_WITHIN);
}
