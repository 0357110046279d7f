//! Clients that open as many connections as they can, on a host with a low limit of open files.

use crate::faults::faults;
use crate::process::{Api, Exchange, Folder, strategies};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
/// Time limit for a dropped market channel to reconnect.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Limit of open files of the run, hard and soft.
const FILES: usize = 256;

/// A demo whose processes have this limit of open files.
struct Limited(Child);

impl Limited {
    fn start(data: &Path, strategies: &Path, exchange: &str) -> (Self, Value) {
        std::fs::create_dir_all(data).unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("ulimit -n {FILES}; exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_polytrader"));
        command.args(["run", "--mode", "demo", "--json", "--api-port", "0", "--dashboard-port", "0"]);
        command.args(["--exchange", exchange]).arg("--data-dir").arg(data).arg("--strategies").arg(strategies);
        let errors = Stdio::from(std::fs::File::create(data.join("stderr.log")).unwrap());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        let this = Self(child);
        let started = Instant::now();
        loop {
            let text = std::fs::read_to_string(data.join("run.json")).unwrap_or_default();
            if let Ok(addresses) = serde_json::from_str(&text) {
                return (this, addresses);
            }
            assert!(started.elapsed() < SOON, "no run.json within a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the number of files opened by the host.
    fn files(addresses: &Value) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", addresses["pid"])).unwrap().count()
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let id = i32::try_from(self.0.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(id).unwrap();
        let _sent = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ended = self.0.wait();
    }
}

/// Opens connections, some of which send nothing and some half a request.
fn flood(address: &Value, count: usize) -> Vec<TcpStream> {
    let address = address.as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let connect = |number: usize| {
        let mut stream = TcpStream::connect(&address).unwrap();
        if number.is_multiple_of(2) {
            // The server may have closed it already in favor of a later one.
            let _closed = stream.write_all(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ");
        }
        stream
    };
    (0..count).map(connect).collect()
}

#[test]
fn strangers_take_neither_the_operators_place_nor_the_files_of_trading() {
    let Some(strategies) = strategies("a flood of connections") else { return };
    let folder = Folder::new("connections");
    let exchange = Exchange::start(&folder.0.join("exchange"), 31);
    let data = folder.0.join("host");
    let (_limited, addresses) = Limited::start(&data, &strategies, &exchange.address);
    let api = Api::new(&data, &addresses);
    api.wait_for("/v1/trading/venue-orders", SOON, |orders| orders.as_array().is_some_and(|list| list.len() > 2));
    let mut page = flood(&addresses["dashboard"], 400);
    let own = flood(&addresses["api"], 400);
    assert!(Limited::files(&addresses) < FILES - 16, "{} files are open", Limited::files(&addresses));
    // The operator gets responses on both ports, and dropped channels reconnect.
    assert_eq!(api.get("/health/detailed")["market_channel_up"], true);
    let cut = Instant::now();
    faults(&exchange, &json!({ "close_connections": 8 }));
    let events = api.get("/v1/admin/bot/state")["events"].as_u64().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    api.wait_for("/health/detailed", SOON, |health| {
        let parts = health["market_connections"].as_array().unwrap();
        health["market_channel_up"] == true
            && health["user_channel_up"] == true
            && parts.iter().all(|one| one["up"] == one["parts"])
            && health["events"].as_u64().unwrap() > events
    });
    assert!(cut.elapsed() < BACK_WITHIN, "{:?}", cut.elapsed());
    // Silent connections are closed after a while.
    let mut last = page.pop().unwrap();
    last.set_read_timeout(Some(SOON)).unwrap();
    let mut bytes = Vec::new();
    let _reset = last.read_to_end(&mut bytes);
    assert!(cut.elapsed() < SOON, "a silent connection was kept open");
    drop((page, own));
    let errors = std::fs::read_to_string(data.join("stderr.log")).unwrap();
    assert!(!errors.contains("Too many open files") && !errors.contains("os error 24"), "{errors}");
}
