//! Entity tags of the configuration: they name the version that a client has seen.

use config::ConfigEntry;
use model::hex;
use sha2::{Digest, Sha256};

/// The length of a tag in characters.
const CHARS: usize = 16;

/// Returns the tag of a configuration, with its quotation marks.
pub(crate) fn tag_of(entries: &[ConfigEntry]) -> String {
    let mut digest = Sha256::new();
    for entry in entries {
        digest.update(format!("{}={}\n", entry.key, entry.value));
    }
    let tag: String = hex::encode(&digest.finalize()).chars().take(CHARS).collect();
    format!("\"{tag}\"")
}

/// Returns true if a list of tags contains this one; `*` contains all.
pub(crate) fn names(list: &str, tag: &str) -> bool {
    list.split(',').map(str::trim).any(|named| named == "*" || named == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_its_tags_and_a_star_all() {
        assert!(names("\"ab\"", "\"ab\"") && names("\"x\", \"ab\"", "\"ab\"") && names("*", "\"ab\""));
        // A weak tag names an equivalent version, which is not sufficient for a change.
        assert!(!names("W/\"ab\"", "\"ab\"") && !names("ab", "\"ab\"") && !names("", "\"ab\""));
    }
}
