//! Names of strategies.

/// The maximum length of a name, in characters.
pub(super) const NAME_MAX: usize = 64;

/// Returns whether a name is valid for a strategy: 1 to 64 ASCII letters, digits, `-` and `_`.
pub fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_letters_digits_and_dashes_and_is_not_too_long() {
        assert!(is_name("quoter-2_b") && is_name(&"a".repeat(64)));
        for bad in ["", "two words", "../up", "a.b", "größe", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
