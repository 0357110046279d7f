//! E-mail over SMTP: TLS from the first byte (`smtps://`), STARTTLS that is required (`smtp://`), or plain to a server on this machine.

use super::delivery::Outcome;
use super::payload::{self, Bot};
use super::queue::Post;
use anyhow::Context;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::time::{Duration, SystemTime};

/// Maximum number of recipients.
const RECIPIENTS_MAX: usize = 8;
/// Timeouts of a step of the protocol, and of the delivery.
const STEP: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum length of the text of an error, in bytes.
const WORDS_MAX: usize = 200;

/// The mail server with its login, the sender and the recipients.
#[derive(Clone)]
pub struct Email {
    server: SmtpServer,
    from: Mailbox,
    to: Vec<Mailbox>,
}

/// Encryption of the connection to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// TLS from the first byte.
    Tls,
    /// Mandatory STARTTLS; a server without it receives nothing.
    StartTls,
    /// No encryption: the server is on this machine.
    SameMachine,
}

/// A mail server: `smtps://USER:PASSWORD@HOST:465` or `smtp://USER:PASSWORD@HOST:587`.
#[derive(Clone)]
pub struct SmtpServer {
    host: String,
    port: u16,
    protection: Protection,
    login: Option<(String, SecretString)>,
}

impl SmtpServer {
    /// Parses an address.
    ///
    /// # Errors
    /// If the address is invalid; the message does not contain it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_hidden| "it is not a server's address")?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?.to_owned();
        // The parser normalizes hosts of web schemes only, so this one is as it was written.
        let local = host == "localhost" || is_loopback(&host);
        let (protection, port) = match url.scheme() {
            "smtps" => (Protection::Tls, 465),
            "smtp" if local => (Protection::SameMachine, 25),
            "smtp" => (Protection::StartTls, 587),
            _ => return Err("it must begin with smtps:// or smtp://"),
        };
        let decoded =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
        let login = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() => {
                let wrong = |_hidden| "its login is not UTF-8";
                Some((decoded(user).map_err(wrong)?, decoded(password).map_err(wrong)?.into()))
            }
            _ => return Err("a login has a user and a password"),
        };
        Ok(Self { host, port: url.port().unwrap_or(port), protection, login })
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl std::fmt::Display for SmtpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.protection == Protection::Tls { "smtps" } else { "smtp" };
        let login = if self.login.is_some() { "***@" } else { "" };
        write!(f, "{scheme}://{login}{}:{}", self.host, self.port)
    }
}

impl std::fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Email").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Parses comma-separated addresses.
pub fn mailboxes(text: &str) -> Option<Vec<Mailbox>> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let boxes: Vec<Mailbox> = words.map(|word| word.parse().ok()).collect::<Option<_>>()?;
    (boxes.len() <= RECIPIENTS_MAX).then_some(boxes)
}

impl Email {
    /// Creates the configuration, if there is a sender and a recipient.
    ///
    /// # Errors
    /// If an address is missing or invalid.
    pub fn new(server: &str, from: &str, to: &str) -> anyhow::Result<Self> {
        let server = SmtpServer::parse(server).map_err(anyhow::Error::msg).context("the mail server")?;
        let from = mailboxes(from).filter(|from| from.len() == 1).and_then(|mut from| from.pop());
        let from = from.context("e-mail needs one address as its sender")?;
        let to = mailboxes(to).filter(|to| !to.is_empty()).context("e-mail needs 1 to 8 addresses to send to")?;
        Ok(Self { server, from, to })
    }

    pub(super) const fn server(&self) -> &SmtpServer {
        &self.server
    }
}

/// SMTP client. Each message opens its own connection, because alerts are rare.
#[derive(Debug, Clone)]
pub(super) struct EmailClient {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    email: Email,
}

impl EmailClient {
    pub(super) fn new(email: &Email) -> anyhow::Result<Self> {
        Self::with(email, |host| TlsParameters::new(host.to_owned()).context("preparing TLS for the mail server"))
    }

    /// Creates a client that takes its TLS for a host from `tls`.
    fn with(email: &Email, tls: impl Fn(&str) -> anyhow::Result<TlsParameters>) -> anyhow::Result<Self> {
        let SmtpServer { host, port, protection, login } = &email.server;
        let parameters = || tls(host);
        let tls = match protection {
            Protection::Tls => Tls::Wrapper(parameters()?),
            Protection::StartTls => Tls::Required(parameters()?),
            Protection::SameMachine => Tls::None,
        };
        let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.as_str());
        let mut transport = transport.port(*port).tls(tls).timeout(Some(STEP));
        if let Some((user, password)) = login {
            transport = transport.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(Self { transport: transport.build(), email: email.clone() })
    }

    /// Makes one attempt to send.
    pub(super) async fn post(&self, bot: &Bot, post: &Post) -> Outcome {
        let message = match message(&self.email, bot, post) {
            Ok(message) => message,
            Err(error) => return Outcome::Refused(format!("{error:#}")),
        };
        match tokio::time::timeout(TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(answer)) => Outcome::Taken(answer.code().to_string().parse().unwrap_or_default()),
            Ok(Err(error)) if error.is_permanent() => Outcome::Refused(describe(&error)),
            Ok(Err(error)) => Outcome::Later(self.explain(describe(&error)), None),
            Err(_late) => Outcome::Later(format!("no response within {} s", TIMEOUT.as_secs()), None),
        }
    }
}

impl EmailClient {
    /// Names the server and what was expected of it if its certificate is the reason.
    fn explain(&self, reason: String) -> String {
        let SmtpServer { host, port, .. } = &self.email.server;
        match reason.split_once("invalid peer certificate: ") {
            Some((_, fault)) => format!(
                "the certificate of the mail server {host}:{port} is refused ({fault}); expected one for `{host}` of a public authority"
            ),
            None => reason,
        }
    }
}

fn message(email: &Email, bot: &Bot, post: &Post) -> anyhow::Result<Message> {
    let (alert, text) = (&post.alert, payload::text(bot, post));
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(alert.at.0)).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut message = Message::builder().from(email.from.clone()).date(at);
    for to in &email.to {
        message = message.to(to.clone());
    }
    // An alert that is sent twice, because a response was lost, is one message in most mail programs.
    let id = format!("<{}.{}.{}@polytrader.invalid>", alert.at.0, alert.kind, post.count);
    let message = message.message_id(Some(id)).subject(payload::title(bot, alert)).header(ContentType::TEXT_PLAIN);
    message.body(text).context("writing the message")
}

/// Formats an error with its sources, as one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    let mut text: String = text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    text.truncate(text.floor_char_boundary(WORDS_MAX));
    text
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::print_stdout,
        reason = "test code may fail loudly"
    )]

    mod tls;

    use super::*;

    #[test]
    fn a_login_crosses_the_network_by_tls_only() {
        let of = |text: &str| SmtpServer::parse(text).map(|server| (server.port, server.protection));
        assert_eq!(of("smtps://ann:secret@mail.example.com"), Ok((465, Protection::Tls)));
        assert_eq!(of("smtp://ann:secret@mail.example.com"), Ok((587, Protection::StartTls)));
        assert_eq!(of("smtp://mail.example.com:25"), Ok((25, Protection::StartTls)));
        assert_eq!(of("smtp://127.0.0.1:2525"), Ok((2525, Protection::SameMachine)));
        assert_eq!(of("smtp://[::1]"), Ok((25, Protection::SameMachine)));
        assert_eq!(of("smtp://127.0.0.1.example.com"), Ok((587, Protection::StartTls)));
        for bad in ["", "mail.example.com", "https://mail.example.com", "smtp://:secret@h", "smtp://ann@h", "smtp:///x"]
        {
            assert!(!SmtpServer::parse(bad).unwrap_err().contains("secret"), "{bad}");
        }
    }

    #[test]
    fn a_password_is_decoded_and_never_shown() {
        let server = SmtpServer::parse("smtps://ann%40example.com:se%3Acret@mail.example.com").unwrap();
        let (user, password) = server.login.as_ref().unwrap();
        assert_eq!((user.as_str(), password.expose_secret()), ("ann@example.com", "se:cret"));
        for shown in [format!("{server}"), format!("{server:?}")] {
            assert_eq!(shown, "smtps://***@mail.example.com:465");
        }
    }

    #[tokio::test]
    async fn a_server_without_starttls_gets_no_login_and_no_message() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("smtp://ann:secret@{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(b"220 test\r\n").await.unwrap();
            let (mut received, mut bytes) = (String::new(), [0; 1_024]);
            while let Ok(read @ 1..) = socket.read(&mut bytes).await {
                received.push_str(&String::from_utf8_lossy(&bytes[..read]));
                socket.write_all(b"250-test\r\n250 AUTH PLAIN\r\n").await.unwrap_or_default();
            }
            received
        });
        let mut email = Email::new(&address, "a@example.com", "b@example.com").unwrap();
        // As if the server were on another machine.
        email.server.protection = Protection::StartTls;
        let alert = crate::Alert::new(model::Time(1), crate::Severity::Critical, "stop", "title", "detail");
        let post = Post { alert, tries: 0, count: 1, missed: 0 };
        let answer = EmailClient::new(&email).unwrap().post(&Bot::default(), &post).await;
        assert!(matches!(answer, Outcome::Later(..) | Outcome::Refused(_)), "{answer:?}");
        let received = server.await.unwrap();
        assert!(received.starts_with("EHLO") && !received.contains("AUTH") && !received.contains("MAIL"), "{received}");
    }

    #[test]
    fn a_message_needs_a_sender_and_recipients() {
        let server = "smtp://127.0.0.1";
        assert!(Email::new(server, "Bot <bot@example.com>", "ann@example.com, Bob <bob@example.com>").is_ok());
        for (from, to) in [("", "a@b.c"), ("a@b.c, d@e.f", "a@b.c"), ("a@b.c", ""), ("a@b.c", "not an address")] {
            assert!(Email::new(server, from, to).is_err(), "{from} {to}");
        }
    }
}
