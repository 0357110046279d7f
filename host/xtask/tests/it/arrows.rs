//! Which crate may use which (DESIGN section 3), read from `cargo metadata`.

use crate::source;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Every crate of the workspace, the crates of ours that it may use, and, for a pure crate, all others that it may use.
struct Crate {
    name: &'static str,
    ours: &'static [&'static str],
    pure: Option<&'static [&'static str]>,
}

const EVERYTHING: &[&str] = &[
    "engine",
    "exchange",
    "journal",
    "model",
    "order",
    "polymarket",
    "sandbox",
    "signer",
    "sim",
    "store",
    "readmodel",
    "alerts",
    "config",
    "control",
    "lifecycle",
    "trading",
    "api",
    "research",
];

const CRATES: [Crate; 21] = [
    Crate { name: "model", ours: &[], pure: Some(&["serde", "thiserror"]) },
    Crate { name: "engine", ours: &["model"], pure: Some(&["serde", "thiserror"]) },
    Crate { name: "journal", ours: &["model"], pure: Some(&["serde", "thiserror", "crc32fast"]) },
    Crate { name: "sim", ours: &["engine", "journal", "model"], pure: Some(&["postcard", "serde", "thiserror"]) },
    Crate {
        name: "order",
        ours: &["model"],
        pure: Some(&["serde", "thiserror", "hex-literal", "sha3", "k256", "zeroize"]),
    },
    // The signer's client takes what the gate approved, so it must know the engine's type. See docs/decisions/001.
    Crate { name: "signer", ours: &["engine", "model", "order"], pure: None },
    Crate { name: "polymarket", ours: &["engine", "model", "order"], pure: None },
    Crate { name: "sandbox", ours: &["model"], pure: None },
    // Not polymarket: shared wire types would hide every parse bug.
    Crate { name: "exchange", ours: &["model", "order", "sim"], pure: None },
    // The shell, bottom up.
    Crate { name: "store", ours: &["engine", "journal", "model"], pure: None },
    Crate { name: "readmodel", ours: &["engine", "model"], pure: None },
    Crate { name: "alerts", ours: &["engine", "model", "polymarket"], pure: None },
    Crate { name: "config", ours: &["alerts", "model", "polymarket", "signer", "sim"], pure: None },
    Crate { name: "control", ours: &["engine", "model", "order", "readmodel", "sandbox", "store"], pure: None },
    Crate {
        name: "lifecycle",
        ours: &["alerts", "config", "control", "engine", "model", "readmodel", "sandbox", "store"],
        pure: None,
    },
    Crate {
        name: "trading",
        ours: &[
            "alerts",
            "config",
            "control",
            "engine",
            "journal",
            "lifecycle",
            "model",
            "order",
            "polymarket",
            "readmodel",
            "sandbox",
            "signer",
            "sim",
            "store",
        ],
        pure: None,
    },
    Crate {
        name: "api",
        ours: &["alerts", "config", "control", "model", "order", "polymarket", "readmodel", "sandbox", "store"],
        pure: None,
    },
    Crate {
        name: "research",
        ours: &["engine", "exchange", "journal", "lifecycle", "model", "sandbox", "sim", "store"],
        pure: None,
    },
    Crate { name: "app", ours: EVERYTHING, pure: None },
    // In no list of `ours`: it is for tests.
    Crate { name: "testkit", ours: &["model"], pure: None },
    Crate { name: "xtask", ours: &[], pure: None },
];

/// Returns what in this metadata of the host's workspace breaks the table above.
fn forbidden_arrows(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().unwrap();
    let names: Vec<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let absent = CRATES.iter().filter(|entry| !names.contains(&entry.name));
    let mut breaches: Vec<String> = absent.map(|entry| format!("{} is in the table only", entry.name)).collect();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let Some(entry) = CRATES.iter().find(|entry| entry.name == name) else {
            breaches.push(format!("{name} is not in the table"));
            continue;
        };
        for used in used_by(package) {
            let allowed = if names.contains(&used) {
                entry.ours.contains(&used)
            } else {
                entry.pure.is_none_or(|others| others.contains(&used))
            };
            if !allowed {
                breaches.push(format!("{name} -> {used}"));
            }
        }
    }
    breaches
}

/// The packages that a package needs to be built, on any platform; not what only its tests need.
fn used_by(package: &Value) -> impl Iterator<Item = &str> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    // The real name, whatever the manifest calls it.
    dependencies.filter(|used| used["kind"] != "dev").map(|used| used["name"].as_str().unwrap())
}

/// Returns the packages of guests that reach into `host/`, in any way.
fn reaching_into_host(root: &Path, metadata: &Value) -> Vec<String> {
    let mut breaches = Vec::new();
    let host = root.join("host");
    for package in metadata["packages"].as_array().unwrap() {
        for used in package["dependencies"].as_array().unwrap() {
            if used["path"].as_str().is_some_and(|path| Path::new(path).starts_with(&host)) {
                breaches.push(format!("{} -> {}", package["name"], used["name"]));
            }
        }
    }
    breaches
}

fn metadata(folder: &Path) -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn crates_use_only_the_crates_they_may() {
    assert_eq!(forbidden_arrows(&metadata(&source::root())), Vec::<String>::new());
}

#[test]
fn guests_do_not_reach_into_the_host() {
    for folder in ["sdk/rust", "strategies"] {
        let metadata = metadata(&source::root().join(folder));
        assert_eq!(reaching_into_host(&source::root(), &metadata), Vec::<String>::new());
    }
}

fn workspace(changed: &str, dependencies: Value) -> Value {
    let dependencies = |name| if name == changed { dependencies.clone() } else { json!([]) };
    let package = |entry: &Crate| json!({"name": entry.name, "dependencies": dependencies(entry.name)});
    json!({"packages": CRATES.iter().map(package).collect::<Vec<_>>()})
}

#[test]
fn an_arrow_that_is_not_in_the_table_is_found() {
    let normal = workspace("exchange", json!([{"name": "polymarket", "kind": null}]));
    assert_eq!(forbidden_arrows(&normal), ["exchange -> polymarket"]);
    let build = workspace("engine", json!([{"name": "sim", "kind": "build"}]));
    assert_eq!(forbidden_arrows(&build), ["engine -> sim"]);
    let renamed = workspace("sandbox", json!([{"name": "engine", "rename": "innocent", "kind": null}]));
    assert_eq!(forbidden_arrows(&renamed), ["sandbox -> engine"]);
    let to_xtask = workspace("app", json!([{"name": "xtask", "kind": null}]));
    assert_eq!(forbidden_arrows(&to_xtask), ["app -> xtask"]);
    let only_tests = workspace("exchange", json!([{"name": "polymarket", "kind": "dev"}]));
    assert_eq!(forbidden_arrows(&only_tests), Vec::<String>::new());
}

#[test]
fn an_impure_dependency_of_a_pure_crate_is_found() {
    let random = workspace("engine", json!([{"name": "rand", "kind": null, "target": "cfg(unix)"}]));
    assert_eq!(forbidden_arrows(&random), ["engine -> rand"]);
    let listed = workspace("journal", json!([{"name": "crc32fast", "kind": null}]));
    assert_eq!(forbidden_arrows(&listed), Vec::<String>::new());
}

#[test]
fn a_crate_that_nobody_placed_is_found() {
    let mut more = workspace("", json!([]));
    more["packages"].as_array_mut().unwrap().push(json!({"name": "extra", "dependencies": []}));
    assert_eq!(forbidden_arrows(&more), ["extra is not in the table"]);
    more["packages"].as_array_mut().unwrap().remove(0);
    assert_eq!(forbidden_arrows(&more), ["model is in the table only", "extra is not in the table"]);
}

#[test]
fn a_guest_that_reaches_into_the_host_is_found() {
    let guest = json!({"packages": [{"name": "sdk", "dependencies": [
        {"name": "model", "kind": "dev", "path": source::root().join("host/model")},
        {"name": "own", "kind": null, "path": source::root().join("sdk/own")},
        {"name": "wit-bindgen", "kind": null}
    ]}]});
    assert_eq!(reaching_into_host(&source::root(), &guest), ["\"sdk\" -> \"model\""]);
}
