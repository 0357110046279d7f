//! One TLS configuration for REST and the channels: rustls with ring and the roots of Mozilla's list.

use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// TLS cannot be configured.
#[derive(Debug, thiserror::Error)]
#[error("the TLS provider does not support the default protocol versions")]
pub struct TlsError(#[from] rustls::Error);

/// Returns the configuration, with its own provider, so that it works whether or not the process has installed one.
///
/// # Errors
/// If the provider and the library do not match, which is a build error.
pub fn client_config() -> Result<Arc<ClientConfig>, TlsError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Returns true if secrets may be sent there: over TLS, or to this machine. `secure` and `plain` are the two schemes.
pub fn is_private(url: &reqwest::Url, secure: &str, plain: &str) -> bool {
    let loopback = match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        None => false,
    };
    url.scheme() == secure || (url.scheme() == plain && loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_configuration_without_an_installed_provider() {
        assert!(client_config().is_ok());
    }

    #[test]
    fn secrets_go_over_tls_or_stay_on_this_machine() {
        let ask = |url: &str| is_private(&reqwest::Url::parse(url).unwrap(), "https", "http");
        assert!(ask("https://clob.example.com"));
        assert!(ask("http://127.0.0.1:8080"));
        assert!(ask("http://[::1]:8080"));
        assert!(ask("http://localhost"));
        assert!(!ask("http://clob.example.com"));
        assert!(!ask("http://127.0.0.1.example.com"));
        assert!(!ask("ftp://127.0.0.1"));
    }
}
