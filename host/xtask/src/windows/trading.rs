//! Demo mode under Wine: it trades, and the commands to a running host work.

use super::{ANSWERS_WITHIN, DATA, Wine};
use crate::say;
use anyhow::{Context, ensure};
use serde_json::Value;
use std::fs;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// The arguments of a demo. Its ports are free ones: another host may run on this machine.
const DEMO: [&str; 8] = ["--mode", "demo", "--data-dir", DATA, "--api-port", "0", "--dashboard-port", "0"];

/// Trades for 20 s; the outcome must have fills, no open order and an equal ledger.
pub(super) fn demo(wine: &Wine) -> anyhow::Result<()> {
    let text = wine.read(&[&["run", "--for", "20s", "--json"], &DEMO[..]].concat())?;
    let outcome: Value = serde_json::from_str(text.trim()).with_context(|| format!("reading the outcome `{text}`"))?;
    let number = |key: &str| outcome.get(key).and_then(Value::as_u64);
    ensure!(number("fills").is_some_and(|fills| fills > 0), "the demo has no fills: {outcome}");
    ensure!(number("open_orders_at_exit") == Some(0), "orders stayed open: {outcome}");
    let is_equal = outcome.get("ledger_matches_exchange").and_then(Value::as_bool) == Some(true);
    ensure!(is_equal, "ledger and account differ: {outcome}");
    say::line(&format!("   {outcome}"));
    Ok(())
}

/// Runs commands against a host that trades, then restores its backup.
pub(super) fn hosted(wine: &Wine) -> anyhow::Result<()> {
    let mut host = Host(wine.command(wine.exe()).args(["run", "--for", "45s"]).args(DEMO).spawn()?);
    let started = Instant::now();
    while wine.command(wine.exe()).args(["status", "--json", "--data-dir", DATA]).output()?.status.code() != Some(0) {
        ensure!(started.elapsed() < ANSWERS_WITHIN, "the host was not healthy within {} s", ANSWERS_WITHIN.as_secs());
        thread::sleep(Duration::from_millis(500));
    }
    wine.pass(&["status", "--data-dir", DATA], "status")?;
    wine.pass(&[&["doctor"], &DEMO[..]].concat(), "doctor")?;
    reload(wine)?;
    wine.pass(&["db", "backup", "--data-dir", DATA], "db backup")?;
    let ended = host.0.wait().context("waiting for the host")?;
    ensure!(ended.success(), "the host ended with {ended}");
    let backups = wine.folder.join(DATA).join("backups");
    let backup = fs::read_dir(&backups).with_context(|| format!("reading {}", backups.display()))?.flatten();
    // Beside it is its manifest.
    let backup = backup.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "sqlite"));
    let backup = backup.context("there is no backup")?;
    let name = backup.file_name().context("the backup has no name")?;
    let file = format!(r"{DATA}\backups\{}", name.to_string_lossy());
    wine.pass(&["db", "restore", &file, "--data-dir", "restored"], "db restore")
}

/// Replaces a strategy's file by another version; the list must name it.
fn reload(wine: &Wine) -> anyhow::Result<()> {
    let list = || wine.read(&["strategy", "list", "--data-dir", DATA]);
    let hash = |text: &str| text.lines().find(|line| line.starts_with("template")).map(str::to_owned);
    let before = list()?.split_whitespace().collect::<Vec<_>>().join(" ");
    let path = wine.folder.join(DATA).join("strategies/template.wasm");
    let mut module = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    // A custom section with a name and no content: the same code under another hash.
    module.extend_from_slice(b"\x00\x05\x04next");
    fs::write(&path, module).with_context(|| format!("writing {}", path.display()))?;
    let started = Instant::now();
    loop {
        let now = list()?;
        let line = hash(&now).context("template is not in the list")?;
        let version = line.split_whitespace().nth(3).unwrap_or_default().to_owned();
        if !version.is_empty() && !before.contains(&version) {
            say::line(&format!("   hot reload: {line}"));
            return Ok(());
        }
        ensure!(started.elapsed() < ANSWERS_WITHIN, "the new file of template was not loaded");
        thread::sleep(Duration::from_millis(500));
    }
}

/// A host that is ended with this value, if it still runs.
struct Host(Child);

impl Drop for Host {
    fn drop(&mut self) {
        // It has ended by itself if all went well.
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}
