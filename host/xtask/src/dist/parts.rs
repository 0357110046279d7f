//! The parts of the binary: the packages that are compiled into it, by cargo's own graph.

use anyhow::Context;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

/// A package of others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) version: String,
    /// Its licence as an SPDX expression.
    pub(super) licence: String,
    pub(super) repository: String,
    /// The folder of its source.
    pub(super) folder: PathBuf,
    /// SHA-256 of the package as the registry serves it, from the lock file.
    pub(super) checksum: Option<String>,
}

/// Returns the packages of others that are compiled into the package `root`, sorted. Those that run at build time alone are not in it: build
/// scripts, macros, and what only they use.
pub(super) fn parts(metadata: &Value, root: &str, lock: &str) -> anyhow::Result<Vec<Part>> {
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(metadata, "packages").into_iter().map(|package| (text(&package, "id"), package)).collect();
    let resolve = metadata.get("resolve").context("cargo metadata has no graph")?;
    let nodes: BTreeMap<String, Value> =
        list(resolve, "nodes").into_iter().map(|node| (text(&node, "id"), node)).collect();
    let is_root = |package: &&Value| text(package, "name") == root && package.get("source").is_none_or(Value::is_null);
    let first = packages.values().find(is_root).with_context(|| format!("there is no package {root}"))?;
    let (mut seen, mut queue) = (BTreeSet::new(), VecDeque::from([text(first, "id")]));
    while let Some(id) = queue.pop_front() {
        if packages.get(&id).is_some_and(is_macro) || !seen.insert(id.clone()) {
            continue;
        }
        for used in nodes.get(&id).map(|node| list(node, "deps")).unwrap_or_default() {
            let normal = list(&used, "dep_kinds").iter().any(|kind| kind.get("kind").is_none_or(Value::is_null));
            if normal {
                queue.push_back(text(&used, "pkg"));
            }
        }
    }
    let sums = checksums(lock);
    let part = |package: &Value| {
        let (name, version) = (text(package, "name"), text(package, "version"));
        let manifest = PathBuf::from(text(package, "manifest_path"));
        Part {
            checksum: sums.get(&(name.clone(), version.clone())).cloned(),
            licence: text(package, "license").replace('/', " OR "),
            repository: text(package, "repository"),
            folder: manifest.parent().map(PathBuf::from).unwrap_or_default(),
            name,
            version,
        }
    };
    let others = seen.iter().filter_map(|id| packages.get(id));
    let mut parts: Vec<Part> =
        others.filter(|package| package.get("source").is_some_and(Value::is_string)).map(part).collect();
    parts.sort();
    Ok(parts)
}

fn is_macro(package: &Value) -> bool {
    let targets = package.get("targets").and_then(Value::as_array).into_iter().flatten();
    let kinds = targets.filter_map(|target| target.get("kind").and_then(Value::as_array)).flatten();
    kinds.into_iter().any(|kind| kind == "proc-macro")
}

/// Returns the checksum of each package of a lock file.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let table: toml::Table = lock.parse().unwrap_or_default();
    let packages = table.get("package").and_then(toml::Value::as_array).into_iter().flatten();
    let one = |package: &toml::Value| {
        let text = |key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        Some(((text("name")?, text("version")?), text("checksum")?))
    };
    packages.filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_runs_at_build_time_or_in_tests_alone_is_not_in_the_binary() {
        let package = |name: &str, source: Value, kind: &str| {
            json!({"id": name, "name": name, "version": "1.0.0", "source": source, "license": "MIT/Apache-2.0",
                   "manifest_path": format!("/src/{name}/Cargo.toml"), "targets": [{"kind": [kind]}]})
        };
        let used = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                package("app", Value::Null, "bin"), package("ours", Value::Null, "lib"), package("lib", json!("registry"), "lib"),
                package("macros", json!("registry"), "proc-macro"), package("builder", json!("registry"), "lib"),
                package("tester", json!("registry"), "lib"), package("syn", json!("registry"), "lib"),
            ],
            "resolve": {"nodes": [
                {"id": "app", "deps": [used("ours", Value::Null), used("builder", json!("build")), used("tester", json!("dev"))]},
                {"id": "ours", "deps": [used("lib", Value::Null), used("macros", Value::Null)]},
                {"id": "macros", "deps": [used("syn", Value::Null)]},
            ]},
        });
        let lock = "[[package]]\nname = \"lib\"\nversion = \"1.0.0\"\nchecksum = \"ab\"\n";
        let found = parts(&metadata, "app", lock).unwrap();
        let names: Vec<&str> = found.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["lib"]);
        assert_eq!((found[0].licence.as_str(), found[0].checksum.as_deref()), ("MIT OR Apache-2.0", Some("ab")));
        assert!(parts(&metadata, "lib", lock).is_err(), "not ours");
    }
}
