//! Webhook address. Knowing the address is enough to post there, so it is a secret: only its host is ever shown.

use reqwest::Url;

/// The address of a webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook(Url);

impl Webhook {
    /// Parses an address: https to any host, or http to this machine.
    ///
    /// # Errors
    /// The problem, without the address itself.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_hidden| "not a valid URL")?;
        if !polymarket::tls::is_private(&url, "https", "http") {
            return Err("expected https, or http on this machine");
        }
        Ok(Self(url))
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }

    /// Returns the host and port to connect to.
    pub fn place(&self) -> Option<(String, u16)> {
        let host = self.0.host_str()?.trim_start_matches('[').trim_end_matches(']');
        Some((host.to_owned(), self.0.port_or_known_default()?))
    }
}

impl std::fmt::Display for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{}://{}{port}/***", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;

    #[test]
    fn nothing_but_the_host_of_a_webhook_is_shown() {
        let hook = Webhook::parse("https://me:pass@hooks.example.com:8443/services/T0/secret?key=other").unwrap();
        for shown in [format!("{hook}"), format!("{hook:?}")] {
            assert_eq!(shown, "https://hooks.example.com:8443/***");
        }
        assert_eq!(hook.place(), Some(("hooks.example.com".to_owned(), 8443)));
        assert_eq!(Webhook::parse("http://[::1]/a").unwrap().place(), Some(("::1".to_owned(), 80)));
    }

    #[test]
    fn a_secret_leaves_this_machine_over_tls_only() {
        for good in ["https://hooks.example.com/a", "http://127.0.0.1:9/a", "http://localhost/a"] {
            assert!(Webhook::parse(good).is_ok(), "{good}");
        }
        for bad in ["http://hooks.example.com/secret", "ftp://127.0.0.1/secret", "secret", ""] {
            assert!(!Webhook::parse(bad).unwrap_err().contains("secret"), "{bad}");
        }
    }
}
