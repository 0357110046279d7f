//! The key as the bot that this replaces was given it: `POLYMARKET_PRIVATE_KEY` in the environment, or in a `.env` file here or in
//! `backend/`. Other lines of such a file are nobody's business here.

use anyhow::{Context, ensure};
use std::path::Path;
use zeroize::Zeroizing;

const VARIABLE: &str = "POLYMARKET_PRIVATE_KEY";
const FILES: [&str; 2] = [".env", "backend/.env"];
/// The largest file that is read.
const FILE_MAX: u64 = 256 * 1024;

/// Returns the key's text and where it was found.
///
/// # Errors
/// If a file is there and cannot be read.
pub(super) fn private_key() -> anyhow::Result<Option<(Zeroizing<String>, String)>> {
    if let Ok(text) = std::env::var(VARIABLE) {
        return Ok(Some((Zeroizing::new(text), format!("the environment ({VARIABLE})"))));
    }
    for file in FILES {
        if let Some(text) = in_file(Path::new(file))? {
            return Ok(Some((text, file.to_owned())));
        }
    }
    Ok(None)
}

fn in_file(path: &Path) -> anyhow::Result<Option<Zeroizing<String>>> {
    let size = match std::fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    ensure!(size <= FILE_MAX, "{} has {size} bytes, more than {FILE_MAX}", path.display());
    let text = Zeroizing::new(std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?);
    Ok(find(&text))
}

fn find(text: &str) -> Option<Zeroizing<String>> {
    let lines = text.lines().map(|line| line.trim().trim_start_matches("export ").trim_start());
    let value = lines.filter_map(|line| line.split_once('=')).find(|(name, _)| name.trim() == VARIABLE)?.1;
    let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    (!value.is_empty()).then(|| Zeroizing::new(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_among_other_lines_and_nothing_else_is() {
        let found = |text: &str| find(text).map(|key| key.to_string());
        let file = "# secrets\nOPENAI_API_KEY=sk-1\nexport POLYMARKET_PRIVATE_KEY=\"0xabc\" # main\nX=1\n";
        assert_eq!(found(file).as_deref(), Some("0xabc"));
        assert_eq!(found("POLYMARKET_PRIVATE_KEY = 0xdef").as_deref(), Some("0xdef"));
        assert_eq!(found("POLYMARKET_PRIVATE_KEY=\nNOT_POLYMARKET_PRIVATE_KEY=1"), None);
    }
}
