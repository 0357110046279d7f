//! Allowed dependencies between crates (the table in host/ARCHITECTURE.md), checked with `cargo metadata`.

use crate::source;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::process::Command;

/// A set of crates by their names.
enum Set {
    These(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

/// A crate of the workspace, the workspace crates that it may use, and, for a pure crate, all other packages that it
/// may use.
struct Crate {
    name: &'static str,
    ours: Set,
    pure: Option<&'static [&'static str]>,
}

const CRATES: &[Crate] = &[
    pure("model", &[], &["serde", "thiserror"]),
    pure("engine", &["model"], &["serde", "thiserror"]),
    pure("journal", &["model"], &["serde", "thiserror", "crc32fast"]),
    pure("sim", &["engine", "journal", "model"], &["postcard", "serde", "thiserror"]),
    pure("order", &["model"], &["serde", "thiserror", "hex-literal", "sha3", "k256", "zeroize"]),
    // Calls of Windows: no other crate has unsafe code for them.
    shell("win32", &[]),
    shell("files", &["win32"]),
    shell("uptime", &["win32"]),
    shell("tape", &["files", "model"]),
    // The signer's client takes an order that the gate approved, so it must know the engine's type. See
    // docs/decisions/001.
    shell("signer", &["engine", "files", "model", "order", "uptime", "win32"]),
    shell("polymarket", &["engine", "model", "order"]),
    shell("sandbox", &["files", "model", "win32"]),
    // Not polymarket: shared wire types would hide parse bugs.
    shell("exchange", &["files", "model", "order", "sim", "uptime"]),
    // The shell, bottom up.
    shell("store", &["engine", "files", "journal", "model", "win32"]),
    shell("readmodel", &["engine", "model"]),
    shell("alerts", &["engine", "model", "polymarket"]),
    shell("config", &["alerts", "files", "model", "polymarket", "signer", "sim", "store"]),
    shell("control", &["engine", "model", "order", "readmodel", "sandbox", "store", "uptime"]),
    shell("lifecycle", &["alerts", "config", "control", "engine", "model", "readmodel", "sandbox", "store", "win32"]),
    shell(
        "trading",
        &[
            "alerts",
            "config",
            "control",
            "engine",
            "files",
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
            "tape",
        ],
    ),
    // polymarket only for TLS.
    shell(
        "api",
        &[
            "alerts",
            "config",
            "control",
            "files",
            "model",
            "order",
            "polymarket",
            "readmodel",
            "sandbox",
            "store",
            "win32",
        ],
    ),
    // polymarket for its parser: tapes keep the venue's frames.
    shell(
        "research",
        &[
            "engine",
            "exchange",
            "files",
            "journal",
            "lifecycle",
            "model",
            "polymarket",
            "sandbox",
            "sim",
            "store",
            "tape",
        ],
    ),
    // Neither keystore nor venue: what comes over the queue runs here.
    shell("worker", &["files", "model", "research", "sandbox"]),
    // Used by tests only.
    shell("testkit", &["model"]),
    Crate { name: "app", ours: Set::AllBut(&["testkit", "xtask"]), pure: None },
    shell("xtask", &[]),
];

/// Packages that some crates must not use. A crate of the set that does not exist is ignored.
struct Absence {
    of: Set,
    packages: &'static [&'static str],
    reach: Reach,
    why: &'static str,
}

/// The manifests that an absence applies to.
#[derive(PartialEq, Eq)]
enum Reach {
    /// The crate's own manifest.
    Direct,
    /// Also the manifests of the workspace crates that it uses, transitively.
    Through,
}

const ABSENCES: &[Absence] = &[
    Absence {
        of: Set::These(&["api"]),
        packages: &["trading"],
        reach: Reach::Through,
        why: "the API reaches the engine through control alone",
    },
    Absence {
        of: Set::These(&["trading"]),
        packages: &["api"],
        reach: Reach::Through,
        why: "a session trades the same without an API",
    },
    Absence {
        of: Set::AllBut(&[]),
        packages: &["app"],
        reach: Reach::Direct,
        why: "the keystore is in app, where no library reaches it",
    },
    Absence {
        of: Set::AllBut(&["app"]),
        packages: &["aes", "ctr", "rpassword", "scrypt"],
        reach: Reach::Direct,
        why: "only app opens the keystore",
    },
    // The exchange stands in for the venue, which serves HTTP too.
    Absence {
        of: Set::AllBut(&["api", "exchange"]),
        packages: &["axum"],
        reach: Reach::Direct,
        why: "only the API serves HTTP",
    },
    Absence { of: Set::AllBut(&["store"]), packages: &["sqlx"], reach: Reach::Direct, why: "only store uses SQL" },
    Absence {
        of: Set::AllBut(&[]),
        packages: &["testkit"],
        reach: Reach::Direct,
        why: "testkit is a dev-dependency only",
    },
];

impl Set {
    fn contains(&self, name: &str) -> bool {
        match self {
            Self::These(names) => names.contains(&name),
            Self::AllBut(names) => !names.contains(&name),
        }
    }
}

/// Returns the row of a crate that may use any external package.
const fn shell(name: &'static str, ours: &'static [&'static str]) -> Crate {
    Crate { name, ours: Set::These(ours), pure: None }
}

/// Returns the row of a crate without IO, clock and randomness.
const fn pure(name: &'static str, ours: &'static [&'static str], others: &'static [&'static str]) -> Crate {
    Crate { name, ours: Set::These(ours), pure: Some(others) }
}

/// Returns the breaches of the table of crates in the metadata of the host's workspace.
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
                entry.ours.contains(used)
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

/// Returns the breaches of the table of absences in the metadata of the host's workspace, each with its dependency
/// path.
fn broken_absences(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().unwrap();
    let ours: Uses =
        packages.iter().map(|package| (package["name"].as_str().unwrap(), used_by(package).collect())).collect();
    let mut breaches = Vec::new();
    for rule in ABSENCES.iter() {
        for name in ours.keys().filter(|name| rule.of.contains(name)) {
            let ways = rule.packages.iter().filter_map(|package| way(name, package, &rule.reach, &ours));
            breaches.extend(ways.map(|way| format!("{}: {}", way.join(" -> "), rule.why)));
        }
    }
    breaches
}

/// Each crate of the workspace and the packages that it uses.
type Uses<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Returns a shortest dependency path from a crate to a package that it uses.
fn way<'a>(from: &'a str, package: &'a str, reach: &Reach, ours: &Uses<'a>) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = ways.pop_front() {
        let used = &ours[way.last()?];
        if used.contains(&package) {
            return Some([way, vec![package]].concat());
        }
        let next = used.iter().filter(|_| *reach == Reach::Through).filter(|name| ours.contains_key(*name));
        ways.extend(next.filter(|name| seen.insert(name)).map(|name| [way.as_slice(), &[*name]].concat()));
    }
    None
}

/// Returns the packages needed to build a package on any platform, without its dev-dependencies.
fn used_by(package: &Value) -> impl Iterator<Item = &str> {
    let dependencies = package["dependencies"].as_array().unwrap().iter();
    // The package's real name, even if the manifest renames it.
    dependencies.filter(|used| used["kind"] != "dev").map(|used| used["name"].as_str().unwrap())
}

/// Returns the packages of guest workspaces that depend on a crate in `host/`, dev-dependencies included.
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
fn packages_are_absent_where_they_must_be() {
    assert_eq!(broken_absences(&metadata(&source::root())), Vec::<String>::new());
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
fn a_crate_that_is_not_in_the_table_is_found() {
    let mut more = workspace("", json!([]));
    more["packages"].as_array_mut().unwrap().push(json!({"name": "extra", "dependencies": []}));
    assert_eq!(forbidden_arrows(&more), ["extra is not in the table"]);
    more["packages"].as_array_mut().unwrap().remove(0);
    assert_eq!(forbidden_arrows(&more), ["model is in the table only", "extra is not in the table"]);
}

/// Returns the metadata of a workspace with these crates and the packages that they use.
fn street(crates: &[(&str, &[&str])]) -> Value {
    let uses =
        |packages: &[&str]| -> Value { packages.iter().map(|name| json!({"name": name, "kind": null})).collect() };
    let package = |(name, packages): &(&str, &[&str])| json!({"name": name, "dependencies": uses(packages)});
    json!({"packages": crates.iter().map(package).collect::<Vec<_>>()})
}

#[test]
fn an_api_that_meets_trading_is_found_through_the_crates_between() {
    let direct = street(&[("api", &["trading"]), ("trading", &[])]);
    assert_eq!(broken_absences(&direct), ["api -> trading: the API reaches the engine through control alone"]);
    let through =
        street(&[("api", &["control"]), ("control", &["lifecycle"]), ("lifecycle", &["trading"]), ("trading", &[])]);
    assert_eq!(
        broken_absences(&through),
        ["api -> control -> lifecycle -> trading: the API reaches the engine through control alone"]
    );
    let back = street(&[("api", &[]), ("config", &["api"]), ("trading", &["config"])]);
    assert_eq!(broken_absences(&back), ["trading -> config -> api: a session trades the same without an API"]);
    let apart =
        street(&[("api", &["control"]), ("app", &["api", "trading"]), ("control", &[]), ("trading", &["control"])]);
    assert_eq!(broken_absences(&apart), Vec::<String>::new());
}

#[test]
fn a_crate_that_reaches_the_keystore_is_found() {
    let library = street(&[("app", &[]), ("lifecycle", &["app"])]);
    assert_eq!(broken_absences(&library), ["lifecycle -> app: the keystore is in app, where no library reaches it"]);
    for package in ["aes", "ctr", "rpassword", "scrypt"] {
        let opener = street(&[("app", &[package]), ("signer", &[package])]);
        assert_eq!(broken_absences(&opener), [format!("signer -> {package}: only app opens the keystore")]);
    }
}

#[test]
fn http_and_sql_outside_of_their_crates_are_found() {
    let http =
        street(&[("api", &["axum"]), ("control", &["axum"]), ("exchange", &["axum"]), ("research", &["exchange"])]);
    assert_eq!(broken_absences(&http), ["control -> axum: only the API serves HTTP"]);
    let sql = street(&[("readmodel", &["sqlx"]), ("research", &["store"]), ("store", &["sqlx"])]);
    assert_eq!(broken_absences(&sql), ["readmodel -> sqlx: only store uses SQL"]);
}

#[test]
fn a_crate_for_tests_is_found_where_it_would_be_shipped() {
    let with = |kind: Value| {
        let dependencies = json!([{"name": "testkit", "kind": kind}]);
        json!({"packages": [{"name": "app", "dependencies": dependencies}, {"name": "testkit", "dependencies": []}]})
    };
    let breach = ["app -> testkit: testkit is a dev-dependency only"];
    assert_eq!(broken_absences(&with(json!(null))), breach);
    assert_eq!(broken_absences(&with(json!("build"))), breach);
    assert_eq!(broken_absences(&with(json!("dev"))), Vec::<String>::new());
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
