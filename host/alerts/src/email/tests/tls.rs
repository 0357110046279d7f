//! E-mail over TLS against a server of this machine, with certificates made for the test.

use super::super::*;
use lettre::transport::smtp::client::Certificate;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A certificate with its key, in a folder that is removed with it.
struct Identity(PathBuf);

impl Identity {
    /// Makes a certificate for a host that is its own authority; none, with a clear message, without `openssl`.
    fn new(test: &str, host: &str) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("polytrader-smtp-{}-{test}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=mail", "-addext", "basicConstraints=critical,CA:FALSE", "-addext"]);
        openssl.arg(format!("subjectAltName=DNS:{host}")).args(["-keyout", "key.pem", "-out", "certificate.pem"]);
        let made = openssl.current_dir(&folder).output();
        let Ok(made) = made else {
            let message = format!("NOT RUN: {test} needs openssl");
            assert!(std::env::var_os("CI").is_none(), "{message}");
            println!("{message}");
            return None;
        };
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(Self(folder))
    }

    fn server(&self) -> Arc<ServerConfig> {
        let file = |name: &str| self.0.join(name);
        let certificate = CertificateDer::from_pem_file(file("certificate.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(file("key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
    }

    /// Returns TLS that trusts this certificate too.
    fn trusted(&self) -> TlsParameters {
        let certificate = Certificate::from_pem(&fs::read(self.0.join("certificate.pem")).unwrap()).unwrap();
        TlsParameters::builder("localhost".to_owned()).add_root_certificate(certificate).build_rustls().unwrap()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// The lines that a server received, before and after TLS began.
#[derive(Debug, Default)]
struct Received {
    plain: Vec<String>,
    encrypted: Vec<String>,
    handshake_failed: bool,
}

/// Reads a line; none at the end.
fn line(stream: &mut impl Read) -> Option<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).ok()? == 1 {
        if byte == *b"\n" {
            return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
        }
        line.push(byte[0]);
    }
    None
}

/// Serves a connection until it asks for TLS or ends; returns the lines and true if it asked.
fn talk(stream: &mut (impl Read + Write), offers: &str) -> (Vec<String>, bool) {
    let (mut lines, mut data) = (Vec::new(), false);
    while let Some(line) = line(stream) {
        let word = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let answer = match (data, word.as_str()) {
            (true, ".") => "250 queued",
            (true, _) => "",
            (_, "EHLO") => offers,
            (_, "STARTTLS") => "220 go on",
            (_, "AUTH") => "235 welcome",
            (_, "DATA") => "354 go on",
            (_, "QUIT") => "221 bye",
            _ => "250 ok",
        };
        data = (data || word == "DATA") && line != ".";
        lines.push(line);
        let sent = answer.is_empty() || stream.write_all(format!("{answer}\r\n").as_bytes()).is_ok();
        if !sent || word == "QUIT" || word == "STARTTLS" {
            return (lines, word == "STARTTLS");
        }
    }
    (lines, false)
}

fn encrypted(stream: TcpStream, config: &Arc<ServerConfig>, greets: bool, received: &mut Received) {
    let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream);
    while stream.conn.is_handshaking() {
        if stream.conn.complete_io(&mut stream.sock).is_err() {
            received.handshake_failed = true;
            return;
        }
    }
    if greets && stream.write_all(b"220 test ESMTP\r\n").is_err() {
        return;
    }
    received.encrypted = talk(&mut stream, "250-test\r\n250 AUTH PLAIN").0;
}

/// Starts a server for one connection; returns its address with a login, and what it will have received.
fn server(identity: &Identity, protection: Protection) -> (Email, JoinHandle<Received>) {
    let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), identity.server());
    let port = listener.local_addr().unwrap().port();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = Received::default();
        if protection == Protection::StartTls {
            stream.write_all(b"220 test ESMTP\r\n").unwrap();
            let (lines, asked) = talk(&mut stream, "250-test\r\n250 STARTTLS");
            received.plain = lines;
            if !asked {
                return received;
            }
        }
        encrypted(stream, &config, protection == Protection::Tls, &mut received);
        received
    });
    let address = format!("smtps://ann:secret@localhost:{port}");
    let mut email = Email::new(&address, "bot@example.com", "ann@example.com").unwrap();
    // A server at this name is on this machine and needs no STARTTLS; here it stands for another one.
    email.server.protection = protection;
    (email, serving)
}

fn post() -> Post {
    let alert = crate::Alert::new(model::Time(1), crate::Severity::Critical, "stop", "title", "what happened");
    Post { alert, tries: 0, count: 1, missed: 0 }
}

#[tokio::test]
async fn a_login_and_a_message_are_encrypted_from_the_first_byte_or_by_starttls() {
    let Some(identity) = Identity::new("encrypted", "localhost") else { return };
    for protection in [Protection::Tls, Protection::StartTls] {
        let (email, serving) = server(&identity, protection);
        let client = EmailClient::with(&email, |_| Ok(identity.trusted())).unwrap();
        assert_eq!(client.post(&Bot::default(), &post()).await, Outcome::Taken(250), "{protection:?}");
        drop(client);
        let received = serving.join().unwrap();
        let (plain, text) = (received.plain.join("\n"), received.encrypted.join("\n"));
        let asked = protection == Protection::StartTls;
        assert_eq!(plain.starts_with("EHLO") && plain.ends_with("STARTTLS"), asked, "{plain}");
        assert!(received.plain.len() <= 2, "nothing else is in the clear: {plain}");
        // `\0ann\0secret` in base64.
        for part in ["AUTH PLAIN AGFubgBzZWNyZXQ=", "MAIL FROM:<bot@example.com>", "Subject: ", "what happened"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

#[tokio::test]
async fn a_certificate_of_another_host_or_authority_is_refused_in_one_sentence_before_the_login() {
    let Some(other) = Identity::new("other-host", "mail.example.com") else { return };
    let Some(own) = Identity::new("own-authority", "localhost") else { return };
    for protection in [Protection::Tls, Protection::StartTls] {
        for (identity, tls) in [(&other, Some(&other)), (&own, None)] {
            let (email, serving) = server(identity, protection);
            let client = match tls {
                Some(trusted) => EmailClient::with(&email, |_| Ok(trusted.trusted())),
                None => EmailClient::new(&email),
            };
            let outcome = client.unwrap().post(&Bot::default(), &post()).await;
            let Outcome::Later(said, None) = &outcome else { panic!("{outcome:?}") };
            assert!(said.starts_with("the certificate of the mail server localhost:"), "{said}");
            assert!(
                said.contains("expected one for `localhost` of a public authority") && !said.contains('\n'),
                "{said}"
            );
            assert!(!said.contains("secret") && said.len() < 400, "{said}");
            let received = serving.join().unwrap();
            assert!(received.handshake_failed && received.encrypted.is_empty(), "{received:?}");
            assert!(!received.plain.iter().any(|line| line.starts_with("AUTH")), "{received:?}");
        }
    }
}
