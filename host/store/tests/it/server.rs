//! A server that requires TLS, one without TLS on another machine, and a pooler in front of a server.

use crate::pooler::Pooler;
use crate::postgres::Cluster;
use sqlx::{Connection, PgConnection};
use std::net::{IpAddr, TcpListener, UdpSocket};
use store::db::{Db, DbError, Plaintext};

/// A server on this machine's own addresses, with a certificate for `localhost` from its own authority.
struct Tls {
    cluster: Cluster,
    port: u16,
}

impl Tls {
    /// Starts it; `access` is its lines of `pg_hba.conf` for the network.
    fn start(test: &str, ssl: &str, access: &str) -> Option<Self> {
        let cluster = Cluster::start(test)?;
        for (name, issuer) in [("ca", None), ("other-ca", None), ("server", Some("ca"))] {
            let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
            let subject = format!("/CN={name}");
            let mut arguments =
                vec!["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
            arguments.extend(["-subj", &subject, "-keyout", &key, "-out", &certificate]);
            let (ca, ca_key) = (issuer.map(|name| format!("{name}.pem")), issuer.map(|name| format!("{name}.key")));
            if let (Some(ca), Some(ca_key)) = (&ca, &ca_key) {
                arguments.extend(["-CA", ca, "-CAkey", ca_key, "-addext", "basicConstraints=critical,CA:FALSE"]);
                arguments.extend(["-addext", "subjectAltName=DNS:localhost"]);
            }
            cluster.run_in("openssl", &arguments);
        }
        // The port was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = cluster.folder().display();
        let settings = format!(
            "-c listen_addresses=0.0.0.0 -c port={port} -c ssl={ssl} -c ssl_cert_file={dir}/server.pem -c ssl_key_file={dir}/server.key"
        );
        cluster.restart(&settings, &format!("local all all trust\n{access}\n"));
        Some(Self { cluster, port })
    }

    fn url(&self, host: impl std::fmt::Display, query: &str) -> String {
        format!("postgres://bot:secret@{host}:{}/postgres?{query}", self.port)
    }

    async fn local(&self) -> PgConnection {
        let mut local = PgConnection::connect(&format!("{}&port={}", self.cluster.url(), self.port)).await.unwrap();
        let create = "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bot') THEN
                          CREATE ROLE bot LOGIN SUPERUSER PASSWORD 'secret'; END IF; END $$";
        sqlx::raw_sql(create).execute(&mut local).await.unwrap();
        local
    }

    /// Returns the numbers of our encrypted and unencrypted connections.
    async fn encrypted(&self) -> (i64, i64) {
        let sql = "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) FROM pg_stat_ssl
                   JOIN pg_stat_activity USING (pid) WHERE application_name = 'polytrader'";
        sqlx::query_as(sql).fetch_one(&mut self.local().await).await.unwrap()
    }
}

/// Returns an address of this machine that is not loopback, if it has one.
fn own_address() -> Option<IpAddr> {
    // Nothing is sent: the system only chooses the address.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("203.0.113.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

fn failure(opened: Result<Db, DbError>) -> String {
    format!("{:#}", anyhow::Error::from(opened.unwrap_err()))
}

#[tokio::test]
async fn a_server_that_insists_on_tls_and_scram_is_connected_to_and_its_certificate_is_checked_on_demand() {
    let Some(tls) = Tls::start("insists", "on", "hostssl all all 0.0.0.0/0 scram-sha-256") else { return };
    drop(tls.local().await);
    let ca = |name: &str| tls.cluster.folder().join(name).display().to_string();
    let full = format!("sslmode=verify-full&sslrootcert={}", ca("ca.pem"));
    for query in ["sslmode=require", &full] {
        let db = Db::open(&tls.url("localhost", query)).await.unwrap();
        db.audits(1).await.unwrap();
        let (encrypted, clear) = tls.encrypted().await;
        assert!(encrypted > 0 && clear == 0, "{query}: {encrypted} encrypted, {clear} not");
        db.close(std::time::Duration::from_secs(5)).await;
    }
    // A name other than the certificate's, and an authority other than its issuer.
    let message = failure(Db::open(&tls.url("127.0.0.1", &full)).await);
    assert!(message.contains("certificate"), "{message}");
    let other = format!("sslmode=verify-full&sslrootcert={}", ca("other-ca.pem"));
    let message = failure(Db::open(&tls.url("localhost", &other)).await);
    assert!(message.contains("certificate"), "{message}");
    assert!(Db::open(&tls.url("localhost", "sslmode=disable")).await.is_err());
    let Some(own) = own_address() else { return };
    // Without TLS parameters.
    let db = Db::open(&tls.url(own, "")).await.unwrap();
    assert_eq!(tls.encrypted().await.1, 0);
    db.close(std::time::Duration::from_secs(5)).await;
}

#[tokio::test]
async fn a_password_does_not_leave_the_machine_in_the_clear_unless_that_is_allowed() {
    let Some(own) = own_address() else {
        eprintln!("NOT RUN: this machine has only loopback addresses");
        return;
    };
    let Some(tls) = Tls::start("clear", "off", "host all all 0.0.0.0/0 password") else { return };
    drop(tls.local().await);
    let message = failure(Db::open(&tls.url(own, "")).await);
    assert!(message.contains("offers no TLS") && message.contains("database.allow_plaintext"), "{message}");
    let message = failure(Db::open(&tls.url(own, "sslmode=disable")).await);
    assert!(message.contains("in the clear") && message.contains("sslmode=require"), "{message}");
    assert!(!message.contains("secret"), "{message}");
    let db = Db::open_with(&tls.url(own, ""), Plaintext::Allowed).await.unwrap();
    db.audits(1).await.unwrap();
    // Connections on this machine need no TLS.
    Db::open(&tls.url("127.0.0.1", "")).await.unwrap();
}

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_refused_with_what_to_use_and_gets_no_parameter_that_it_refuses() {
    let Some(cluster) = Cluster::start("pooled") else { return };
    let pooler = Pooler::start(&cluster.folder().join(".s.PGSQL.5432"));
    let message = failure(Db::open(&pooler.url()).await);
    assert!(message.contains("use a direct connection") && message.contains("share one process"), "{message}");
    let expected = ["DateStyle", "TimeZone", "application_name", "client_encoding", "database", "user"];
    assert_eq!(pooler.parameters(), expected);
    // The settings apply on a direct connection nevertheless.
    let db = Db::open(&cluster.url()).await.unwrap();
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'polytrader'";
    let mut local = PgConnection::connect(&cluster.url()).await.unwrap();
    let (connections,): (i64,) = sqlx::query_as(sql).fetch_one(&mut local).await.unwrap();
    assert!(connections > 0);
    drop(db);
}
