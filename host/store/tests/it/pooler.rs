//! A pooler in transaction mode: all its clients share one connection to the server, each for one transaction at a
//! time. Startup parameters that it does not track are refused with the text of `PgBouncer`.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex};

const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const TRACKED: [&str; 7] =
    ["user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"];

pub(crate) struct Pooler {
    address: SocketAddr,
    parameters: Arc<Mutex<BTreeSet<String>>>,
}

impl Pooler {
    pub(crate) fn start(server: &Path) -> Self {
        let mut upstream = UnixStream::connect(server).unwrap();
        let startup = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
        upstream.write_all(&length(startup)).unwrap();
        upstream.write_all(startup).unwrap();
        while message(&mut upstream).unwrap().0 != b'Z' {}
        let upstream = Arc::new(Mutex::new(upstream));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let parameters = Arc::new(Mutex::new(BTreeSet::new()));
        let seen = Arc::clone(&parameters);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (upstream, seen) = (Arc::clone(&upstream), Arc::clone(&seen));
                // The thread ends when its client disconnects.
                std::thread::spawn(move || serve(&mut client.ok()?, &upstream, &seen));
            }
        });
        Self { address, parameters }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Returns the names of the parameters of all startup packets.
    pub(crate) fn parameters(&self) -> Vec<String> {
        self.parameters.lock().unwrap().iter().cloned().collect()
    }
}

fn serve(client: &mut TcpStream, upstream: &Mutex<UnixStream>, seen: &Mutex<BTreeSet<String>>) -> Option<()> {
    let mut first = [0; 8];
    client.read_exact(&mut first).ok()?;
    if first == SSL_REQUEST {
        client.write_all(b"N").ok()?;
        client.read_exact(&mut first).ok()?;
    }
    let size = u32::from_be_bytes(first[..4].try_into().unwrap());
    let mut rest = vec![0; usize::try_from(size).unwrap() - 8];
    client.read_exact(&mut rest).ok()?;
    let words: Vec<String> =
        rest.split(|byte| *byte == 0).map(|word| String::from_utf8(word.to_vec()).unwrap()).collect();
    for pair in words.chunks_exact(2).filter(|pair| !pair[0].is_empty()) {
        seen.lock().unwrap().insert(pair[0].clone());
        if !TRACKED.contains(&pair[0].to_ascii_lowercase().as_str()) {
            let error = format!("SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: {}\0\0", pair[0]);
            return send(client, b'E', error.as_bytes());
        }
    }
    send(client, b'R', &[0, 0, 0, 0])?;
    send(client, b'Z', b"I")?;
    while let Some(mut begun) = message(client) {
        let mut upstream = upstream.lock().unwrap();
        loop {
            if begun.0 == b'X' {
                return Some(());
            }
            send(&mut *upstream, begun.0, &begun.1)?;
            if matches!(begun.0, b'Q' | b'S') && answer(&mut upstream, client)? == b'I' {
                break;
            }
            begun = message(client)?;
        }
    }
    Some(())
}

/// Forwards an answer and returns the transaction status after it.
fn answer(upstream: &mut UnixStream, client: &mut TcpStream) -> Option<u8> {
    loop {
        let (kind, body) = message(upstream)?;
        send(client, kind, &body)?;
        if kind == b'Z' {
            return body.first().copied();
        }
    }
}

fn message(from: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    from.read_exact(&mut head).ok()?;
    let size = u32::from_be_bytes(head[1..].try_into().unwrap());
    let mut body = vec![0; usize::try_from(size).unwrap() - 4];
    from.read_exact(&mut body).ok()?;
    Some((head[0], body))
}

fn send(to: &mut impl Write, kind: u8, body: &[u8]) -> Option<()> {
    to.write_all(&[&[kind], length(body).as_slice(), body].concat()).ok()
}

fn length(body: &[u8]) -> [u8; 4] {
    (u32::try_from(body.len()).unwrap() + 4).to_be_bytes()
}
