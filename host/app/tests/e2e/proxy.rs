//! A proxy between the host and the exchange that records requests in their order.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The proxy. Its threads end with their connections.
pub(crate) struct Proxy {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub(crate) fn start(exchange: &str) -> Self {
        let to: SocketAddr = exchange.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        thread::spawn(move || {
            for from in listener.incoming().map_while(Result::ok) {
                let Ok(to) = TcpStream::connect(to) else { continue };
                let (back, answers) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let noted = Arc::clone(&noted);
                thread::spawn(move || pump(from, to, |bytes| record_request(&noted, bytes)));
                thread::spawn(move || pump(answers, back, |_| {}));
            }
        });
        Self { address, seen }
    }

    /// Returns the recorded requests, as `METHOD path`.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for a request after the first `from` ones, and returns its index.
    #[track_caller]
    pub(crate) fn wait_for(&self, from: usize, what: &str) -> usize {
        let started = Instant::now();
        loop {
            if let Some(at) = self.seen().iter().skip(from).position(|request| request.starts_with(what)) {
                return from + at;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "no request {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A client sends a request only after the response to the previous one, so each read begins with a request.
fn record_request(seen: &Mutex<Vec<String>>, bytes: &[u8]) {
    let line = bytes.split(|byte| *byte == b'\r').next().and_then(|line| std::str::from_utf8(line).ok());
    let Some((request, _)) = line.and_then(|line| line.split_once(" HTTP/1.1")) else { return };
    seen.lock().unwrap().push(request.to_owned());
}

fn pump(mut from: TcpStream, mut to: TcpStream, note: impl Fn(&[u8])) {
    let mut bytes = vec![0; 65_536];
    while let Ok(count) = from.read(&mut bytes)
        && count > 0
    {
        note(&bytes[..count]);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _both_ends = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
