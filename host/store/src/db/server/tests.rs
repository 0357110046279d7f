//! Connections that must be encrypted, and errors that only a pooler sends.
#![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

use super::*;

fn mode(url: &str, plaintext: Plaintext) -> Result<PgSslMode, DbError> {
    encrypted(url.parse().unwrap(), plaintext).map(|options| options.get_ssl_mode())
}

#[test]
fn another_machine_gets_a_password_over_tls_alone_unless_that_was_allowed() {
    use Plaintext::{Allowed, Refused};
    for host in ["192.0.2.1", "db", "[2001:db8::1]", "0.0.0.0", "localhost.example.com", "[::ffff:192.0.2.1]"] {
        let url = |query: &str| format!("postgres://u:p@{host}:1/d{query}");
        // The driver's default would accept a connection without TLS.
        assert!(matches!(mode(&url(""), Refused), Ok(PgSslMode::Require)), "{host}");
        assert!(matches!(mode(&url("?sslmode=prefer"), Refused), Ok(PgSslMode::Require)), "{host}");
        assert!(matches!(mode(&url("?sslmode=verify-ca"), Refused), Ok(PgSslMode::VerifyCa)), "{host}");
        assert!(matches!(mode(&url("?sslmode=verify-full"), Refused), Ok(PgSslMode::VerifyFull)), "{host}");
        for clear in ["disable", "allow"] {
            let error = mode(&url(&format!("?sslmode={clear}")), Refused).unwrap_err().to_string();
            assert!(error.contains("in the clear") && error.contains("database.allow_plaintext"), "{error}");
            assert!(!error.contains(":p@"), "{error}");
        }
        assert!(matches!(mode(&url("?sslmode=disable"), Allowed), Ok(PgSslMode::Disable)), "{host}");
        assert!(matches!(mode(&url(""), Allowed), Ok(PgSslMode::Prefer)), "{host}");
    }
    for host in ["127.0.0.1", "127.9.9.9", "localhost", "[::1]", "[::ffff:127.0.0.1]", "%2Frun%2Fpostgresql"] {
        let url = format!("postgres://u:p@{host}/d?sslmode=disable");
        assert!(matches!(mode(&url, Refused), Ok(PgSslMode::Disable)), "{host}");
    }
    assert!(matches!(mode("postgres://u:p@db/d?host=/run&sslmode=disable", Refused), Ok(PgSslMode::Disable)));
    // The last `host` counts.
    assert!(mode("postgres://u:p@localhost/d?host=db&sslmode=disable", Refused).is_err());
}

#[test]
fn errors_that_only_a_pooler_answers_are_recognised() {
    for (code, message) in [
        ("08P01", "unsupported startup parameter: options"),
        ("08P01", "transaction blocks not allowed in statement pooling mode"),
        ("42P05", "prepared statement \"sqlx_s_1\" already exists"),
        ("26000", "prepared statement \"sqlx_s_2\" does not exist"),
    ] {
        assert!(is_poolers(Some(code), message), "{message}");
    }
    for (code, message) in [
        (Some("08P01"), "bouncer config error"),
        (Some("08P01"), "query_wait_timeout"),
        (Some("28P01"), "password authentication failed for user \"pooling\""),
        (None, "prepared statement"),
    ] {
        assert!(!is_poolers(code, message), "{message}");
    }
}
