//! Several hosts on one page, read-only.

use super::look::Look;
use super::page;
use crate::commands::bot::text;
use crate::console::println;
use crate::exit;
use anyhow::{Context, bail, ensure};
use api::client::Remote;
use files::Links;
use model::Usd;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The most bytes of the file, and the most hosts in it.
const FILE_MAX: u64 = 256 * 1024;
const HOSTS_MAX: usize = 100;
/// The longest time that a host at an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hosts {
    host: Vec<Host>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Host {
    name: String,
    data_dir: Option<PathBuf>,
    address: Option<String>,
    token_file: Option<PathBuf>,
}

/// The way to reach a host.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Folder(PathBuf),
    Address(String, PathBuf),
}

impl Host {
    /// Returns the way to reach the host. Paths are relative to the folder of the file.
    fn place(&self, folder: &Path) -> anyhow::Result<Place> {
        match (&self.data_dir, &self.address, &self.token_file) {
            (Some(data_dir), None, None) => Ok(Place::Folder(folder.join(data_dir))),
            (None, Some(address), Some(token)) if address.starts_with("http://") || address.starts_with("https://") => {
                Ok(Place::Address(address.clone(), folder.join(token)))
            }
            (None, Some(address), Some(_)) => {
                bail!("the address of host `{}` is `{address}`; expected http:// or https://", self.name)
            }
            _ => bail!("host `{}` needs either data_dir, or address and token_file", self.name),
        }
    }
}

/// Prints one line per host of the file, and exits with the largest of their codes.
///
/// # Errors
/// If the file cannot be read, or is invalid.
pub(super) fn run(file: &Path, is_json: bool) -> anyhow::Result<ExitCode> {
    let text =
        files::read_text(file, Links::Follow, FILE_MAX).with_context(|| format!("reading {}", file.display()))?;
    let hosts = read(&text, file)?;
    let looks: Vec<Look> = std::thread::scope(|scope| {
        let look = |place| scope.spawn(move || look(place));
        let looking: Vec<_> = hosts.iter().map(|(_, place)| look(place)).collect();
        let lost = || Look::Down { code: exit::UNREACHABLE, why: "querying it failed".to_owned() };
        looking.into_iter().map(|one| one.join().unwrap_or_else(|_panicked| lost())).collect()
    });
    let code = looks.iter().map(Look::code).max().unwrap_or(0);
    let named = hosts.iter().map(|(name, _)| name).zip(&looks);
    if is_json {
        let rows: Vec<Value> = named.map(|(name, look)| json!({ "name": name, "host": look.json() })).collect();
        println(&Value::from(rows).to_string());
    } else {
        named.for_each(|(name, look)| println(&line(name, look)));
    }
    Ok(ExitCode::from(code))
}

fn read(text: &str, file: &Path) -> anyhow::Result<Vec<(String, Place)>> {
    let Hosts { host } = toml::from_str(text).with_context(|| format!("{} is not a list of hosts", file.display()))?;
    ensure!((1..=HOSTS_MAX).contains(&host.len()), "{} hosts; expected 1 to {HOSTS_MAX}", host.len());
    let folder = file.parent().unwrap_or(Path::new("."));
    host.into_iter().map(|host| Ok((host.name.clone(), host.place(folder)?))).collect()
}

fn look(place: &Place) -> Look {
    match place {
        Place::Folder(folder) => Look::of_folder(folder),
        Place::Address(address, token) => Look::of(|| Remote::at(address, token, PATIENCE)),
    }
}

fn line(name: &str, look: &Look) -> String {
    let Look::Up { snapshot, problems, .. } = look else {
        let why = page::lines(look).pop().map(|line| line.text).unwrap_or_default();
        return format!("{name:20} {:13} {why}", look.word());
    };
    let (bot, pnl) = (snapshot.get("bot").unwrap_or(&Value::Null), snapshot.get("pnl").unwrap_or(&Value::Null));
    let usd = |key: &str| Usd(pnl.get(key).and_then(Value::as_i64).unwrap_or(0));
    let problems: Vec<&str> = problems.iter().map(|problem| problem.text.as_str()).collect();
    format!(
        "{name:20} {:13} {:5} {:8} ${} total, ${} today  {}",
        look.word(),
        text(bot, "mode"),
        text(bot, "state"),
        usd("portfolio_micro_usd"),
        usd("today_micro_usd"),
        problems.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_folders_or_addresses_with_a_token() -> anyhow::Result<()> {
        let file = Path::new("/etc/fleet.toml");
        let good = "[[host]]\nname = \"a\"\ndata_dir = \"d\"\n[[host]]\nname = \"b\"\naddress = \"https://b:8000\"\ntoken_file = \"t\"\n";
        let read_both = read(good, file)?;
        let places: Vec<&Place> = read_both.iter().map(|(_, place)| place).collect();
        let (folder, address) =
            (Place::Folder("/etc/d".into()), Place::Address("https://b:8000".to_owned(), "/etc/t".into()));
        assert_eq!(places, [&folder, &address]);
        for (bad, words) in [
            ("", "is not a list of hosts"),
            ("host = []", "0 hosts; expected 1 to 100"),
            ("[[host]]\nname = \"a\"", "needs either data_dir"),
            ("[[host]]\nname = \"a\"\naddress = \"b:1\"\ntoken_file = \"t\"", "expected http:// or https://"),
            ("[[host]]\nname = \"a\"\ndata = \"d\"", "is not a list of hosts"),
        ] {
            let error = read(bad, file).err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(error.contains(words), "{bad}: {error}");
        }
        Ok(())
    }
}
