//! Dependencies: licences, sources and bans, as `deny.toml` states them, and known vulnerabilities.

use crate::gate::Checked;
use crate::repo::Repo;
use crate::{command, say};
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use spdx::{Expression, Licensee, ParseMode};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The workspaces, and for each one whether its dependencies are shipped. The conformance suite is not shipped.
const WORKSPACES: [(&str, bool); 4] =
    [("", true), ("sdk/rust", true), ("strategies", true), ("host/conformance", false)];
/// The only registry that dependencies may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Folders with npm lock files.
const NPM: [&str; 2] = ["dashboard", "host/conformance/typescript"];

/// The parts of `deny.toml` that are checked here.
#[derive(Debug)]
struct Policy {
    licences: Vec<Licensee>,
    banned: BTreeSet<String>,
}

/// Checks licences, sources and bans. Needs a network only for packages that were not downloaded yet.
pub(crate) fn check(repo: &Repo) -> anyhow::Result<Checked> {
    let text = fs::read_to_string(repo.root.join("deny.toml")).context("reading deny.toml")?;
    let policy = Policy::parse(&text)?;
    let mut breaches = Vec::new();
    for (folder, ships) in WORKSPACES {
        let place = repo.root.join(folder);
        let lock = fs::read_to_string(place.join("Cargo.lock"));
        let lock = lock.with_context(|| format!("reading the lock file of {}", place.display()))?;
        let mut found = policy.locked(&lock, ships)?;
        if ships {
            download(&place)?;
            found.extend(policy.described(&metadata(&place)?)?);
        }
        breaches.extend(
            found.into_iter().map(|breach| format!("{}: {breach}", if folder.is_empty() { "host" } else { folder })),
        );
    }
    breaches.iter().for_each(|breach| say::line(&format!("   {breach}")));
    ensure!(breaches.is_empty(), "{} breaches of deny.toml", breaches.len());
    Ok(Checked::passed())
}

/// Checks everything in the lock files for known vulnerabilities. Needs a network and cargo-deny.
pub(crate) fn audit(repo: &Repo) -> anyhow::Result<()> {
    if crate::system::find("cargo-deny").is_none() {
        bail!("cargo-deny is missing; run: cargo install cargo-deny --locked");
    }
    for (folder, _) in WORKSPACES {
        let place = repo.root.join(folder);
        say::doing(&format!("advisories: {}", place.display()));
        let mut cargo = command::new("cargo", &place);
        cargo.args(["deny", "--locked", "check", "--config"]).arg(repo.root.join("deny.toml")).arg("advisories");
        command::run(&mut cargo, "cargo deny")?;
    }
    for folder in NPM {
        say::doing(&format!("advisories: {folder}"));
        let mut npm = command::npm(&repo.root.join(folder));
        command::run(npm.args(["audit", "--audit-level", "low"]), "npm audit")?;
    }
    Ok(())
}

/// Returns the compiler's name of this machine's target.
pub(crate) fn host_triple(folder: &Path) -> anyhow::Result<String> {
    let host = command::read(command::new("rustc", folder).arg("-vV"))?;
    Ok(host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?.to_owned())
}

/// Downloads the packages of a workspace for this machine's target that are not there yet. On a new machine the steps
/// before have downloaded only those that they build.
fn download(folder: &Path) -> anyhow::Result<()> {
    let host = host_triple(folder)?;
    command::run(command::new("cargo", folder).args(["fetch", "--locked", "--target", &host]), "cargo fetch")
}

/// Returns cargo's metadata of a workspace and its dependencies for this machine's target.
pub(crate) fn metadata(folder: &Path) -> anyhow::Result<Value> {
    let host = host_triple(folder)?;
    let mut cargo = command::new("cargo", folder);
    // For this platform only: packages of other platforms are not downloaded.
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &host]);
    let text = command::read(&mut cargo)?;
    serde_json::from_str(&text).with_context(|| format!("reading cargo metadata of {}", folder.display()))
}

impl Policy {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let table: toml::Table = text.parse().context("reading deny.toml")?;
        let list = |section: &str, key: &str| {
            let list = table.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_array);
            list.with_context(|| format!("deny.toml has no list {section}.{key}"))
        };
        let licence = |value: &toml::Value| {
            let name = value.as_str().context("a licence in deny.toml is not text")?;
            Licensee::parse(name).with_context(|| format!("`{name}` in deny.toml is not an SPDX licence"))
        };
        let banned = |value: &toml::Value| {
            let name = value.get("name").and_then(toml::Value::as_str).context("a ban in deny.toml has no name")?;
            anyhow::Ok(name.to_owned())
        };
        Ok(Self {
            licences: list("licenses", "allow")?.iter().map(licence).collect::<anyhow::Result<_>>()?,
            banned: list("bans", "deny")?.iter().map(banned).collect::<anyhow::Result<_>>()?,
        })
    }

    /// Returns the packages in a lock file that break the policy. A lock file has the packages of every platform.
    fn locked(&self, lock: &str, ships: bool) -> anyhow::Result<Vec<String>> {
        let table: toml::Table = lock.parse().context("reading a lock file")?;
        let packages = table.get("package").and_then(toml::Value::as_array).context("a lock file without packages")?;
        let mut breaches = Vec::new();
        for package in packages {
            let text = |key: &str| package.get(key).and_then(toml::Value::as_str);
            let name = text("name").context("a package in a lock file without a name")?;
            if let Some(source) = text("source").filter(|source| *source != REGISTRY) {
                breaches.push(format!("{name} comes from {source}"));
            }
            // The venue's own client in the conformance suite uses another TLS library.
            if ships && self.banned.contains(name) {
                breaches.push(format!("{name} is banned"));
            }
        }
        Ok(breaches)
    }

    /// Returns the built packages without an allowed licence, and requirements of our own packages that accept any
    /// version.
    fn described(&self, metadata: &Value) -> anyhow::Result<Vec<String>> {
        let packages = metadata.get("packages").and_then(Value::as_array).context("metadata without packages")?;
        let mut breaches = Vec::new();
        for package in packages {
            let text = |key: &str| package.get(key).and_then(Value::as_str);
            let name = text("name").context("a package without a name")?;
            match text("license")
                .map(|licence| Expression::parse_mode(licence, ParseMode::LAX).map(|parsed| (licence, parsed)))
            {
                None => breaches.push(format!("{name} states no licence")),
                Some(Err(error)) => breaches.push(format!("the licence of {name} cannot be read: {error}")),
                Some(Ok((licence, parsed))) => {
                    if !parsed.evaluate(|wanted| self.licences.iter().any(|allowed| allowed.satisfies(wanted))) {
                        breaches.push(format!("{name} has the licence {licence}, which is not allowed"));
                    }
                }
            }
            if text("source").is_none() {
                let used = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
                let any = used
                    .filter(|used| used.get("req").and_then(Value::as_str) == Some("*") && used.get("path").is_none());
                breaches.extend(
                    any.map(|used| format!("{name} takes any version of {}", used.get("name").unwrap_or(&Value::Null))),
                );
            }
        }
        Ok(breaches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn policy() -> Policy {
        let text = "[licenses]\nallow = ['MIT', 'Apache-2.0 WITH LLVM-exception', 'Unicode-3.0']\n[bans]\ndeny = [{ name = 'openssl' }]\n";
        Policy::parse(text).unwrap()
    }

    #[test]
    fn a_licence_that_is_not_allowed_or_not_stated_is_found() {
        let found = |licence: Value| {
            policy()
                .described(
                    &json!({"packages": [{"name": "p", "license": licence, "source": REGISTRY, "dependencies": []}]}),
                )
                .unwrap()
        };
        for good in [
            "MIT",
            "MIT OR GPL-3.0",
            "MIT/Apache-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
        ] {
            assert_eq!(found(json!(good)), Vec::<String>::new(), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "Apache-2.0", "AGPL-3.0-only OR GPL-2.0"] {
            assert_eq!(found(json!(bad)), [format!("p has the licence {bad}, which is not allowed")]);
        }
        assert_eq!(found(Value::Null), ["p states no licence"]);
        assert!(found(json!("what I like"))[0].starts_with("the licence of p cannot be read"));
    }

    #[test]
    fn another_source_a_ban_and_a_requirement_of_any_version_are_found() {
        let lock = |name: &str, source: &str| format!("[[package]]\nname = '{name}'\nversion = '1.0.0'\n{source}\n");
        let found = |text: String| policy().locked(&text, true).unwrap();
        assert_eq!(found(lock("good", &format!("source = '{REGISTRY}'"))), Vec::<String>::new());
        assert_eq!(found(lock("ours", "")), Vec::<String>::new());
        assert_eq!(
            found(lock("forked", "source = 'git+https://example.com/x'")),
            ["forked comes from git+https://example.com/x"]
        );
        assert_eq!(found(lock("openssl", &format!("source = '{REGISTRY}'"))), ["openssl is banned"]);
        assert_eq!(policy().locked(&lock("openssl", ""), false).unwrap(), Vec::<String>::new());
        let ours = json!({"packages": [{"name": "us", "license": "MIT", "source": null, "dependencies": [
            {"name": "any", "req": "*"}, {"name": "beside", "req": "*", "path": "/x"}, {"name": "one", "req": "^1"}]}]});
        assert_eq!(policy().described(&ours).unwrap(), ["us takes any version of \"any\""]);
    }

    #[test]
    fn the_policy_of_this_repository_is_read() {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deny.toml")).unwrap();
        let policy = Policy::parse(&text).unwrap();
        assert!(policy.licences.len() > 5 && policy.banned.contains("openssl"));
        for bad in
            ["", "[licenses]\nallow = ['no such']\n[bans]\ndeny = []", "[licenses]\nallow = []\n[bans]\ndeny = [{}]"]
        {
            assert!(Policy::parse(bad).is_err(), "{bad}");
        }
    }
}
