//! A queue with TLS and a login: the server's certificate is made for the test, and must be named as its authority's.

use super::{Fixture, execute, job};
use crate::{Process, program};
use research::sweep::{Files, threads::Threads};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use testkit::Scratch;
use worker::{Address, QueueLead, Worker, work};

/// Makes an authority and a certificate for this machine; false if openssl is missing.
fn certificates(folder: &Path) -> bool {
    let extensions = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n";
    std::fs::write(folder.join("extensions"), extensions).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let commands = [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"),
        format!("req {key} -keyout server.key -out server.csr -subj /CN=localhost"),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile extensions"
            .to_owned(),
    ];
    for command in commands {
        let mut openssl = Command::new("openssl");
        openssl.args(command.split(' ')).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        match openssl.status() {
            Ok(status) => assert!(status.success(), "openssl {command}"),
            Err(_missing) => return false,
        }
    }
    true
}

/// Starts a server that speaks TLS alone, and returns its port.
fn server(folder: &Path) -> Option<(u16, Process)> {
    let mut server = Command::new(program()?);
    server.args(["-a", "127.0.0.1", "-p", "-1", "-js", "--user", "bob", "--pass", "secret", "--tls"]);
    server.arg("-sd").arg(folder.join("store")).arg("--ports_file_dir").arg(folder);
    server.arg("--tlscert").arg(folder.join("server.pem")).arg("--tlskey").arg(folder.join("server.key"));
    let process = Process(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let ports = folder.join(format!("nats-server_{}.ports", process.0.id()));
    let begin = Instant::now();
    loop {
        let text = std::fs::read_to_string(&ports).unwrap_or_default();
        let ports = serde_json::from_str::<serde_json::Value>(&text).ok();
        let port = ports.and_then(|ports| ports["nats"][0].as_str()?.rsplit_once(':')?.1.parse().ok());
        if let Some(port) = port {
            return Some((port, process));
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "the server did not start");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_sweep_runs_over_tls_with_a_login_and_the_servers_certificate_is_checked() {
    let scratch = Scratch::new("queue-tls");
    let started = if certificates(&scratch) { server(&scratch) } else { None };
    let Some((port, _server)) = started else {
        assert!(std::env::var_os("CI").is_none(), "openssl or nats-server is missing");
        println!("NOT RUN: sweeps over TLS: openssl or nats-server is missing");
        return;
    };
    let authority = Some(scratch.join("ca.pem"));
    let (module, tape) = (scratch.join("a.wasm"), scratch.join("day.tape"));
    std::fs::write(&module, b"module").unwrap();
    std::fs::write(&tape, vec![7; 300_000]).unwrap();
    let files = Files { module, tapes: vec![tape] };
    let said = |text: &str, authority: Option<std::path::PathBuf>| {
        let address = Address::parse(&text.replace("PORT", &port.to_string()), None, authority).unwrap();
        format!("{:#}", QueueLead::connect(&address, &files, Arc::default()).unwrap_err())
    };
    for (address, authority) in [
        // A certificate of an authority that nothing names, a wrong login, and a client without TLS.
        ("tls://bob:secret@127.0.0.1:PORT", None),
        ("tls://bob:wrong@127.0.0.1:PORT", authority.clone()),
        ("nats://127.0.0.1:PORT", None),
    ] {
        let said = said(address, authority);
        assert!(said.starts_with("connecting to the queue at "), "{address}: {said}");
        assert!(!said.contains("secret") && !said.contains("wrong"), "{said}");
    }

    let address = Address::parse(&format!("tls://bob:secret@127.0.0.1:{port}"), None, authority).unwrap();
    let worker = Worker { address: address.clone(), name: "tls".to_owned(), jobs: 2, cache: scratch.join("objects") };
    let fixture = Arc::new(Fixture { delay: Duration::ZERO, log: None });
    let (keep, stop) = tokio::sync::watch::channel(false);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(work(&worker, fixture, stop)).unwrap();
    });
    let jobs: Vec<_> = (1..=4).map(job).collect();
    let local = Fixture { delay: Duration::ZERO, log: None };
    let (expected, ended) = execute(&mut Threads::new(&local, &files, 2, &AtomicBool::new(false)), &jobs);
    ended.unwrap();
    let mut lead = QueueLead::connect(&address, &files, Arc::default()).unwrap();
    let (rows, ended) = execute(&mut lead, &jobs);
    ended.unwrap();
    assert_eq!(rows, expected);
    keep.send(true).unwrap();
    thread.join().unwrap();
}
