//! Credentials of the bot that this program replaces: `POLYMARKET_PRIVATE_KEY` and related names in the environment, or
//! in a `.env` file in the working directory or in `backend/`. Other lines of such a file are ignored.

use anyhow::Context;
use std::path::Path;
use zeroize::Zeroizing;

/// The private key.
pub(crate) const PRIVATE_KEY: &str = "POLYMARKET_PRIVATE_KEY";
/// The id of the API key. Its secret is derived together with it, so it does not need to be stored.
pub(crate) const API_KEY: &str = "POLYMARKET_API_KEY";
/// The wallet that holds the funds.
pub(crate) const FUNDER: &str = "POLYMARKET_FUNDER_ADDRESS";
/// The secret of the API key.
pub(crate) const API_SECRET: &str = "POLYMARKET_API_SECRET";
/// All four.
pub(crate) const OURS: [&str; 4] = [PRIVATE_KEY, API_KEY, API_SECRET, FUNDER];
const FILES: [&str; 2] = [".env", "backend/.env"];
/// Maximum size of a file.
const FILE_MAX: u64 = 256 * 1024;

/// A value and its source.
pub(crate) struct Found {
    /// The value.
    pub(crate) text: Zeroizing<String>,
    /// The file name, or the environment.
    pub(crate) place: String,
    /// Number of unknown names in that file.
    pub(crate) foreign: usize,
}

/// Reads one of the old bot's settings.
///
/// # Errors
/// If a file exists but cannot be read.
pub(crate) fn value(name: &str) -> anyhow::Result<Option<Found>> {
    // Empty counts as absent, as in a file.
    if let Some(text) = std::env::var(name).ok().filter(|text| !text.trim().is_empty()) {
        let place = format!("the environment ({name})");
        return Ok(Some(Found { text: Zeroizing::new(text), place, foreign: 0 }));
    }
    for file in FILES {
        let Some(whole) = read(Path::new(file))? else { continue };
        if let Some(text) = find(&whole, name) {
            return Ok(Some(Found { text, place: file.to_owned(), foreign: foreign(&whole) }));
        }
    }
    Ok(None)
}

pub(super) fn read(path: &Path) -> anyhow::Result<Option<Zeroizing<String>>> {
    match files::read_text(path, files::Links::Follow, FILE_MAX) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => read.map(|text| Some(Zeroizing::new(text))).with_context(|| format!("reading {}", path.display())),
    }
}

/// Returns the name-value pairs of a file.
fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("export ").trim_start());
    let lines = lines.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.trim(), value))
}

pub(super) fn foreign(text: &str) -> usize {
    settings(text).filter(|(name, _)| !OURS.contains(name)).count()
}

pub(super) fn find(text: &str, name: &str) -> Option<Zeroizing<String>> {
    let (_, value) = settings(text).find(|(found, _)| *found == name)?;
    let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| Zeroizing::new(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_among_other_lines_and_nothing_else_is() {
        let found = |text: &str| find(text, PRIVATE_KEY).map(|key| key.to_string());
        let file = "# secrets\nOPENAI_API_KEY=sk-1\nexport POLYMARKET_PRIVATE_KEY=\"0xabc\" # main\nX=1\n";
        assert_eq!(found(file).as_deref(), Some("0xabc"));
        assert_eq!(foreign(file), 2);
        assert_eq!(
            find("POLYMARKET_FUNDER_ADDRESS=0x12", FUNDER).map(|text| text.to_string()).as_deref(),
            Some("0x12")
        );
        assert_eq!(found("POLYMARKET_PRIVATE_KEY = 0xdef").as_deref(), Some("0xdef"));
        assert_eq!(found("POLYMARKET_PRIVATE_KEY=\nNOT_POLYMARKET_PRIVATE_KEY=1"), None);
    }
}
