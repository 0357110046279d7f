//! One TLS, one HTTP and one family of hashes in what ships, and no package twice without a reason: what `cargo tree -d` shows, read from the
//! lock file, so that the packages of every system count.

use crate::source;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Packages that are there in several versions, how many, and what keeps the older ones.
const TWICE: [(&str, usize, &str); 16] = [
    ("base64", 2, "axum's WebSockets and sqlx have 0.22"),
    ("block-buffer", 2, "of digest 0.10"),
    ("cpufeatures", 2, "of sha1 and sha2 0.10"),
    ("crypto-common", 2, "of digest 0.10"),
    ("digest", 2, "of sha1 and sha2 0.10, the RustCrypto family one release older"),
    ("embedded-io", 2, "optional parts of postcard that are not built"),
    ("getrandom", 3, "ring has 0.2, rand 0.9 has 0.3"),
    ("hashbrown", 2, "gimli and sqlx have 0.16"),
    ("r-efi", 2, "of getrandom, for a system that we do not build for"),
    ("rand", 2, "tungstenite has 0.9"),
    ("rand_core", 2, "of rand 0.9"),
    ("sha1", 2, "the handshake of WebSockets in axum and tungstenite has 0.10"),
    ("sha2", 2, "cranelift and sqlx have 0.10"),
    ("syn", 2, "macros at build time"),
    ("webpki-roots", 2, "tokio-tungstenite names 0.26, which is 1.0 under its older name"),
    ("windows-sys", 2, "ring, for a system that we do not build for"),
];

/// Stacks of which there is one: its packages, and those of others that must not come beside it.
const STACKS: [(&str, &[&str], &[&str]); 3] = [
    (
        "TLS",
        &["rustls", "ring", "rustls-webpki", "tokio-rustls"],
        &[
            "native-tls",
            "openssl",
            "openssl-sys",
            "boring",
            "aws-lc-rs",
            "aws-lc-sys",
            "mbedtls",
            "wolfssl",
            "s2n-tls",
            "tokio-native-tls",
        ],
    ),
    (
        "HTTP",
        &["hyper", "hyper-util", "http", "http-body", "reqwest", "axum", "tower-http"],
        &[
            "h2",
            "h3",
            "ureq",
            "curl",
            "curl-sys",
            "isahc",
            "attohttpc",
            "surf",
            "actix-http",
            "tonic",
            "minreq",
            "tiny_http",
            "warp",
        ],
    ),
    // Not tiny-keccak: the lock file has it for a feature of ahash (of parquet) that is not built.
    ("hashes", &["sha3", "hmac", "md-5"], &["blake2", "blake3", "sha-1", "md5", "sha1_smol", "ripemd", "openssl"]),
];

/// Returns the versions of each package of a lock file.
fn versions(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut name = None;
    for line in lock.lines() {
        let value = |key: &str| line.strip_prefix(key).and_then(|rest| rest.strip_suffix('"')).map(str::to_owned);
        if let Some(found) = value("name = \"") {
            name = Some(found);
        } else if let (Some(version), Some(name)) = (value("version = \""), name.take()) {
            all.entry(name).or_default().insert(version);
        }
    }
    all
}

fn breaches(lock: &str) -> Vec<String> {
    let all = versions(lock);
    let mut breaches = Vec::new();
    for (name, versions) in all.iter().filter(|(_, versions)| versions.len() > 1) {
        match TWICE.iter().find(|(twice, ..)| twice == name) {
            Some((_, count, _)) if *count == versions.len() => {}
            Some((_, count, _)) => {
                breaches.push(format!("{name} is there in {versions:?}; {count} versions have a reason"))
            }
            None => breaches.push(format!("{name} is there in {versions:?}, and no reason is named for it")),
        }
    }
    for (name, ..) in TWICE {
        if all.get(name).is_none_or(|versions| versions.len() < 2) {
            breaches.push(format!("{name} is there once; it needs no reason any more"));
        }
    }
    for (stack, ours, others) in STACKS {
        for name in ours {
            if all.get(*name).is_none_or(|versions| versions.len() != 1) {
                breaches.push(format!("{stack}: expected one version of {name}"));
            }
        }
        let second = others.iter().filter(|name| all.contains_key(**name));
        breaches.extend(second.map(|name| format!("{stack}: {name} would be a second one")));
    }
    breaches
}

#[test]
fn there_is_one_tls_one_http_and_no_package_twice_without_a_reason() {
    let lock = fs::read_to_string(source::root().join("Cargo.lock")).unwrap();
    let breaches = breaches(&lock);
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

#[test]
fn a_second_stack_a_second_version_and_a_reason_without_a_cause_are_found() {
    let lock = fs::read_to_string(source::root().join("Cargo.lock")).unwrap();
    let with = |name: &str, version: &str| format!("{lock}\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    for (name, version, words) in [
        ("native-tls", "0.2.0", "TLS: native-tls would be a second one"),
        ("h2", "0.4.0", "HTTP: h2 would be a second one"),
        ("blake3", "1.0.0", "hashes: blake3 would be a second one"),
        ("rustls", "0.22.0", "TLS: expected one version of rustls"),
        ("hyper", "0.14.0", "hyper is there in"),
        ("sha2", "0.9.0", "2 versions have a reason"),
        ("serde", "0.9.0", "no reason is named"),
    ] {
        let found = breaches(&with(name, version));
        assert!(found.iter().any(|breach| breach.contains(words)), "{name}: {found:?}");
    }
    let once = lock.replace("name = \"base64\"\nversion = \"0.22.1\"", "name = \"other\"\nversion = \"0.22.1\"");
    assert!(breaches(&once).iter().any(|breach| breach.contains("base64 is there once")));
}
