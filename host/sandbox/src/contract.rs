//! Which version of the contract a file speaks, read from its sections before anything of it is compiled or run.

use crate::fault::{LoadError, words};

/// A version of the contract that this host speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// `polytrader:strategy@0.1`.
    V0_1,
    /// `polytrader:strategy@0.2`, the one that is documented.
    V0_2,
}

impl Contract {
    /// Returns the version as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1",
            Self::V0_2 => "0.2",
        }
    }

    fn of(version: &str) -> Option<Self> {
        let (line, _patch) = version.rsplit_once('.')?;
        [Self::V0_1, Self::V0_2].into_iter().find(|known| known.as_str() == line)
    }
}

/// How the contract's types are named in a file, before their version.
const NAME: &[u8] = b"polytrader:strategy/types@";
/// Where they are named: among what a component imports, and in what a compiler writes into a core module for its encoder.
const IMPORTS: u8 = 10;
const CUSTOM: u8 = 0;
const CUSTOM_NAME: &[u8] = b"component-type";
/// The longest version that is read.
const VERSION_MAX: usize = 32;

/// Returns the contract that a file speaks. One that names none is held to the newest, which says what is wrong with it.
///
/// # Errors
/// [`LoadError::Version`] if it is one that this host does not speak.
pub(crate) fn spoken(bytes: &[u8]) -> Result<Contract, LoadError> {
    let Some(version) = version(bytes) else { return Ok(Contract::V0_2) };
    Contract::of(&version).ok_or(LoadError::Version { got: version })
}

/// Says whether an import of a component carries the contract's types and nothing else.
pub(crate) fn is_types(import: &str) -> bool {
    import.as_bytes().starts_with(NAME)
}

fn version(bytes: &[u8]) -> Option<String> {
    // Four bytes say that it is WebAssembly, four which kind.
    let mut rest = bytes.get(8..)?;
    while let Some((&id, after)) = rest.split_first() {
        let (size, after) = leb(after)?;
        let (section, after) = after.split_at_checked(size)?;
        let named = match id {
            IMPORTS => true,
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

/// Reads the version after the first place at which the contract's types are named.
fn find(section: &[u8]) -> Option<String> {
    let place = section.windows(NAME.len()).position(|window| window == NAME)?;
    let after = section.get(place.checked_add(NAME.len())?..)?;
    let part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
    let version: String = after.iter().take(VERSION_MAX).take_while(part).map(|byte| char::from(*byte)).collect();
    Some(words(&version))
}

/// Reads a number of at most 32 bits in LEB128 and returns it with what follows.
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

    /// A file with one section.
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
            assert_eq!(spoken(&file(IMPORTS, &named(version))), Ok(contract), "{version}");
        }
        for version in ["0.3.0", "0.20.0", "1.2.0", "0.2", "", "2"] {
            let error = spoken(&file(IMPORTS, &named(version))).unwrap_err();
            assert_eq!(error, LoadError::Version { got: version.into() });
        }
        let error = spoken(&file(IMPORTS, &named("0.3.0"))).unwrap_err().to_string();
        assert_eq!(error, "the file speaks polytrader:strategy@0.3.0; this host speaks 0.2 and 0.1");
    }

    #[test]
    fn only_what_a_component_imports_and_a_compilers_word_count() {
        let custom = [b"\x0ecomponent-type".to_vec(), named("0.3.0")].concat();
        assert!(spoken(&file(CUSTOM, &custom)).is_err());
        let other = [b"\x04name".to_vec(), named("0.3.0")].concat();
        assert_eq!(spoken(&file(CUSTOM, &other)), Ok(Contract::V0_2));
        assert_eq!(spoken(&file(11, &named("0.3.0"))), Ok(Contract::V0_2));
    }

    #[test]
    fn no_bytes_are_too_bad() {
        let whole = file(IMPORTS, &named("0.3.0"));
        for end in 0..whole.len() {
            assert_eq!(spoken(&whole[..end]), Ok(Contract::V0_2), "{end}");
        }
        assert_eq!(spoken(&[0xff; 64]), Ok(Contract::V0_2));
    }
}
