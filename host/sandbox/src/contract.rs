//! Detection of the contract version of a file, from its sections, before any of it is compiled or run.

use crate::check::Kind;
use crate::fault::{LoadError, sanitize};

/// A version of the contract that this host supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// `polytrader:strategy@0.1`.
    V0_1,
    /// `polytrader:strategy@0.2`, the documented version.
    V0_2,
}

impl Contract {
    /// Returns the version as text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1",
            Self::V0_2 => "0.2",
        }
    }

    fn of(version: &str) -> Option<Self> {
        let (line, patch) = version.rsplit_once('.')?;
        if patch.is_empty() || !patch.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        [Self::V0_1, Self::V0_2].into_iter().find(|known| known.as_str() == line)
    }
}

/// The name of the contract's types in a file, up to the version.
const NAME: &[u8] = b"polytrader:strategy/types@";
/// Sections that contain the name: the imports of a component, and the custom section that a toolchain writes into a
/// core module for the component encoder.
const IMPORTS: u8 = 10;
const CUSTOM: u8 = 0;
const CUSTOM_NAME: &[u8] = b"component-type";
/// The longest version that is read.
const VERSION_MAX: usize = 32;

/// Returns the contract version of a file. A file without one is treated as the newest version, whose checks then
/// report the error.
///
/// # Errors
/// [`LoadError::Version`] if this host does not support the version.
pub(crate) fn spoken(kind: Kind, bytes: &[u8]) -> Result<Contract, LoadError> {
    let Some(version) = version(kind, bytes) else { return Ok(Contract::V0_2) };
    Contract::of(&version).ok_or(LoadError::Version { got: version })
}

/// Returns whether a component's import is the types interface of a supported contract version.
pub(crate) fn is_types(import: &str) -> bool {
    let version = import.as_bytes().strip_prefix(NAME).and_then(|version| std::str::from_utf8(version).ok());
    version.and_then(Contract::of).is_some()
}

/// Finds the version in the file's outermost sections. The cost is at most one pass over the file, whatever its
/// content.
fn version(kind: Kind, bytes: &[u8]) -> Option<String> {
    // Four magic bytes, then four bytes for the kind.
    let mut rest = bytes.get(8..)?;
    while let Some((&id, after)) = rest.split_first() {
        let (size, after) = leb(after)?;
        let (section, after) = after.split_at_checked(size)?;
        let named = match id {
            // In a core module this id is the code section.
            IMPORTS => kind == Kind::Component,
            CUSTOM => leb(section).is_some_and(|(_, name)| name.starts_with(CUSTOM_NAME)),
            _ => false,
        };
        if named && let Some(found) = find(section) {
            return Some(found);
        }
        rest = after;
    }
    None
}

/// Reads the version that follows the first occurrence of the types' name.
fn find(section: &[u8]) -> Option<String> {
    let place = section.windows(NAME.len()).position(|window| window == NAME)?;
    let after = section.get(place.checked_add(NAME.len())?..)?;
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
    let version: String = after.iter().take(VERSION_MAX).take_while(part).map(|byte| char::from(*byte)).collect();
    Some(sanitize(&version))
}

/// Reads a LEB128 number of at most 32 bits and returns it with the remaining bytes.
fn leb(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value: u64 = 0;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        let shift = u32::try_from(place).ok()?.checked_mul(7)?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, bytes.get(place.checked_add(1)?..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a file with one section.
    fn file(id: u8, section: &[u8]) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend([id, u8::try_from(section.len()).unwrap()]);
        bytes.extend(section);
        bytes
    }

    fn named(version: &str) -> Vec<u8> {
        [b"\x01\x00\x20polytrader:strategy/types@", version.as_bytes(), b"\x05\x00"].concat()
    }

    #[test]
    fn both_lines_are_spoken_and_others_are_named() {
        for (version, contract) in [("0.1.0", Contract::V0_1), ("0.2.0", Contract::V0_2), ("0.2.7", Contract::V0_2)] {
            assert_eq!(spoken(Kind::Component, &file(IMPORTS, &named(version))), Ok(contract), "{version}");
        }
        for version in ["0.3.0", "0.20.0", "1.2.0", "0.2", "", "2", "0.2.", "0.2.x", "0.2.1-rc"] {
            let error = spoken(Kind::Component, &file(IMPORTS, &named(version))).unwrap_err();
            assert_eq!(error, LoadError::Version { got: version.into() });
        }
        let error = spoken(Kind::Component, &file(IMPORTS, &named("0.3.0"))).unwrap_err().to_string();
        assert_eq!(error, "the module follows polytrader:strategy@0.3.0; this host supports 0.2 and 0.1");
    }

    #[test]
    fn only_what_a_component_imports_and_a_compilers_word_count() {
        let custom = [b"\x0ecomponent-type".to_vec(), named("0.3.0")].concat();
        assert!(spoken(Kind::Component, &file(CUSTOM, &custom)).is_err());
        let other = [b"\x04name".to_vec(), named("0.3.0")].concat();
        assert_eq!(spoken(Kind::Component, &file(CUSTOM, &other)), Ok(Contract::V0_2));
        assert!(spoken(Kind::Core, &file(CUSTOM, &custom)).is_err());
        assert_eq!(spoken(Kind::Core, &file(IMPORTS, &named("0.3.0"))), Ok(Contract::V0_2), "code");
        assert_eq!(spoken(Kind::Component, &file(11, &named("0.3.0"))), Ok(Contract::V0_2));
    }

    #[test]
    fn the_types_of_both_lines_may_be_imported_and_of_no_other() {
        for good in ["0.1.0", "0.2.0", "0.2.9"] {
            assert!(is_types(&format!("polytrader:strategy/types@{good}")), "{good}");
        }
        let name = "polytrader:strategy/types";
        for bad in ["@0.3.0", "@0.20.0", "@9.0.0", "@", "", "@0.2.", "@0.2.x", "@0.2.0/more", "@0.2.0 ", "-more@0.2.0"]
        {
            assert!(!is_types(&format!("{name}{bad}")), "{bad}");
        }
        assert!(!is_types("polytrader:strategy/clock@0.2.0") && !is_types(" polytrader:strategy/types@0.2.0"));
    }

    #[test]
    fn no_bytes_are_too_bad() {
        let whole = file(IMPORTS, &named("0.3.0"));
        for end in 0..whole.len() {
            assert_eq!(spoken(Kind::Component, &whole[..end]), Ok(Contract::V0_2), "{end}");
        }
        assert_eq!(spoken(Kind::Component, &[0xff; 64]), Ok(Contract::V0_2));
    }
}
