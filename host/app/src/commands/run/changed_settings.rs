//! Settings that differ from the last start: the runbook changes a file and restarts, and the log shows the changes.
//! Secrets are compared by a salted hash and never shown.

use crate::commands::keys::runbook;
use crate::console::eprintln;
use anyhow::Context;
use config::Config;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// The text that stands for a secret.
const HIDDEN: &str = "***";
/// The text that stands for a setting that is not there.
const ABSENT: &str = "(not set)";
/// The most bytes of the file.
const FILE_MAX: u64 = 1024 * 1024;

/// The settings of a start.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    /// The beginning of what is hashed of a secret.
    salt: String,
    /// The values as they are shown.
    shown: BTreeMap<String, String>,
    /// Of secrets.
    hashes: BTreeMap<String, String>,
}

impl Settings {
    fn of(config: &Config, old: &[(&str, Option<String>)], salt: String) -> Self {
        let mut this = Self { salt, ..Self::default() };
        for entry in config.entries() {
            this.shown.insert(entry.key.to_owned(), entry.value);
        }
        for (key, secret) in &config.secrets {
            this.hide(key, secret.expose_secret());
        }
        for (name, text) in old {
            match text {
                Some(text) if *name == runbook::FUNDER => drop(this.shown.insert((*name).to_owned(), text.clone())),
                Some(text) => this.hide(name, text),
                None => {}
            }
        }
        this
    }

    fn hide(&mut self, name: &str, secret: &str) {
        let hash = Sha256::digest(format!("{}{secret}", self.salt));
        self.hashes.insert(name.to_owned(), model::hex::encode(&hash));
        self.shown.entry(name.to_owned()).or_insert_with(|| HIDDEN.to_owned());
    }

    /// Returns a line for each setting that differs.
    fn changes_since(&self, before: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.shown.keys().chain(before.shown.keys()).collect();
        let absent = ABSENT.to_owned();
        let differs = |name: &&String| {
            self.shown.get(*name) != before.shown.get(*name) || self.hashes.get(*name) != before.hashes.get(*name)
        };
        let shown = |settings: &Self, name: &String| settings.shown.get(name).unwrap_or(&absent).clone();
        let line =
            |name: &String| format!("setting changed: {name} was {}, is {}", shown(before, name), shown(self, name));
        names.into_iter().filter(differs).map(line).collect()
    }
}

/// Logs what differs from the last start in this mode, and remembers what holds now. It never keeps a run from
/// starting.
pub(super) fn log(config: &Config) {
    if let Err(error) = compare(config) {
        eprintln(&format!("changed settings are not known: {error:#}"));
    }
}

fn compare(config: &Config) -> anyhow::Result<()> {
    let path = config.data_dir.join(format!("last-settings.{}.json", config.mode.as_str()));
    let before = match files::read(&path, files::Links::Refuse, FILE_MAX) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        read => {
            let bytes = read.with_context(|| format!("reading {}", path.display()))?;
            // One that is damaged is as good as none.
            serde_json::from_slice::<Settings>(&bytes).ok()
        }
    };
    let mut old = Vec::new();
    for name in runbook::OURS {
        old.push((name, runbook::value(name)?.map(|found| found.text.to_string())));
    }
    let salt = before.as_ref().map(|before| before.salt.clone()).map_or_else(salt, Ok)?;
    let now = Settings::of(config, &old, salt);
    let changes = before.as_ref().map(|before| now.changes_since(before)).unwrap_or_default();
    changes.iter().for_each(|line| eprintln(line));
    append_to_log(config, &changes)?;
    if before.as_ref() != Some(&now) {
        let text = serde_json::to_vec(&now).context("writing the settings down")?;
        store::private_file::replace(&path, &text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Writes the lines into the host's log: this process opens no files once the host runs.
fn append_to_log(config: &Config, changes: &[String]) -> anyhow::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let folder = config.data_dir.join("logs");
    store::private_file::make_folder(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let path = folder.join("worker_stdout.log");
    let at = control::clock::wall().iso();
    let text: String = changes.iter().map(|line| format!("{at}  INFO run: {line}\n")).collect();
    let file = store::private_file::open(&path, |options| options.append(true).create(true));
    file.and_then(|mut file| file.write_all(text.as_bytes())).with_context(|| format!("writing {}", path.display()))
}

fn salt() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).context("asking the system for randomness")?;
    Ok(model::hex::encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(shown: &[(&str, &str)], secrets: &[(&str, &str)]) -> Settings {
        let mut this = Settings { salt: "s".to_owned(), ..Settings::default() };
        this.shown.extend(shown.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        secrets.iter().for_each(|(name, secret)| this.hide(name, secret));
        this
    }

    #[test]
    fn a_change_is_named_with_both_values_and_a_secret_with_neither() {
        let before = settings(&[("a", "1"), ("b", "2"), ("gone", "3")], &[("KEY", "hunter2"), ("SAME", "x")]);
        let now = settings(&[("a", "1"), ("b", "5"), ("new", "4")], &[("KEY", "hunter3"), ("SAME", "x")]);
        let lines = now.changes_since(&before);
        assert_eq!(
            lines,
            [
                "setting changed: KEY was ***, is ***",
                "setting changed: b was 2, is 5",
                "setting changed: gone was 3, is (not set)",
                "setting changed: new was (not set), is 4"
            ]
        );
        let kept = serde_json::to_string(&now).unwrap_or_default();
        assert!(!kept.contains("hunter"), "{kept}");
        assert!(now.changes_since(&now).is_empty());
    }
}
