//! Addresses of queues. Their logins are never shown.

use anyhow::{Context, bail, ensure};
use percent_encoding::percent_decode_str;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use url::{Host, Url};

const EXPECTED: &str = "expected nats://HOST:PORT, or tls://USER:PASSWORD@HOST:PORT beyond this machine";

/// The address of a NATS server, with what opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
    /// Files with a certificate of this client and its key.
    identity: Option<(PathBuf, PathBuf)>,
    /// A file with the certificate of the authority, if it is not one of the system's.
    authority: Option<PathBuf>,
}

impl Address {
    /// Reads an address. Beyond this machine it needs TLS, and a login or a certificate of this client.
    ///
    /// # Errors
    /// Names what was expected; the message has no login.
    pub fn parse(text: &str, identity: Option<(PathBuf, PathBuf)>, authority: Option<PathBuf>) -> anyhow::Result<Self> {
        // A text that is not a URL may be a password in the wrong place, and is not repeated.
        let Ok(url) = Url::parse(text) else { bail!("the queue's address is not a URL, {EXPECTED}") };
        ensure!(
            matches!(url.scheme(), "nats" | "tls"),
            "the queue's address begins with `{}:`, {EXPECTED}",
            url.scheme()
        );
        let address = Self { url, identity, authority };
        let host = address.url.host().with_context(|| format!("the queue's address has no host, {EXPECTED}"))?;
        if is_loopback(&host) {
            return Ok(address);
        }
        ensure!(address.url.scheme() == "tls", "the queue at {address} is on another machine, expected tls:// for it");
        let login = !address.url.username().is_empty() || address.identity.is_some();
        ensure!(
            login,
            "the queue at {address} is on another machine, expected a login in its address or a client certificate"
        );
        Ok(address)
    }

    /// Returns the address for the client, with its login.
    pub(crate) fn url(&self) -> &str {
        self.url.as_str()
    }

    /// Returns whether the connection must have TLS.
    pub(crate) fn needs_tls(&self) -> bool {
        self.url.scheme() == "tls"
    }

    /// Returns the name and the password of the address, decoded; a name without a password is a token.
    pub(crate) fn login(&self) -> Option<(String, Option<String>)> {
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let name = self.url.username();
        (!name.is_empty()).then(|| (plain(name), self.url.password().map(plain)))
    }

    pub(crate) const fn identity(&self) -> Option<&(PathBuf, PathBuf)> {
        self.identity.as_ref()
    }

    pub(crate) const fn authority(&self) -> Option<&PathBuf> {
        self.authority.as_ref()
    }
}

/// Returns whether a host is this machine. A name other than `localhost` may lead anywhere.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        // The scheme is not one of the web's, so the parser leaves IPv4 addresses as names.
        Host::Domain(name) => *name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let login = if self.url.username().is_empty() && self.url.password().is_none() { "" } else { "***@" };
        write!(f, "{}://{login}{}", self.url.scheme(), self.url.host_str().unwrap_or_default())?;
        self.url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    fn said(text: &str) -> String {
        match Address::parse(text, None, None) {
            Ok(address) => format!("{address} {address:?}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn an_address_beyond_this_machine_needs_tls_and_a_login() {
        for (text, expected) in [
            ("nats://localhost:4222", "nats://localhost:4222 Address(nats://localhost:4222)"),
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222 Address(nats://127.0.0.1:4222)"),
            ("nats://[::1]:4222", "nats://[::1]:4222 Address(nats://[::1]:4222)"),
            ("tls://bob:secret@q.example:4222", "tls://***@q.example:4222 Address(tls://***@q.example:4222)"),
            (
                "nats://bob:secret@q.example:4222",
                "the queue at nats://***@q.example:4222 is on another machine, expected tls:// for it",
            ),
            (
                "tls://q.example",
                "the queue at tls://q.example is on another machine, expected a login in its address or a client \
                 certificate",
            ),
            (
                "nats://localhost.evil.example:4222",
                "the queue at nats://localhost.evil.example:4222 is on another machine, expected tls:// for it",
            ),
        ] {
            assert_eq!(said(text), expected);
        }
        for text in ["secret", "http://bob:secret@localhost", "nats:secret", ""] {
            assert!(said(text).contains(EXPECTED) && !said(text).contains("secret@"), "{}", said(text));
        }
        assert!(Address::parse("tls://q.example", Some(("a.crt".into(), "a.key".into())), None).is_ok());
    }
}
