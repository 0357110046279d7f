//! State that survives an instance: versioned bytes for [`Strategy::save`](crate::Strategy::save) and
//! [`Session::restored`](crate::Session::restored).
//!
//! ```
//! use polytrader_sdk::memory::{Reader, Writer};
//!
//! // save: version 2 of this strategy's state.
//! let bytes = Writer::new(2).u64(7).i64(-3).text("wait").finish();
//!
//! // new: state of an older version can be read as well, depending on its version number.
//! let mut state = Reader::new(&bytes, 2).unwrap();
//! assert_eq!((state.version(), state.u64(), state.i64(), state.text()), (2, Ok(7), Ok(-3), Ok("wait".to_owned())));
//! assert!(state.end().is_ok());
//!
//! assert!(Reader::new(&bytes, 1).unwrap_err().contains("version 2"));
//! ```
//!
//! Truncated or corrupted state, or state of a newer version, is rejected with a readable error. The strategy then
//! starts without state, or does not start.

/// The first bytes of every state.
const MAGIC: [u8; 4] = *b"pts1";
/// Length of the checksum at the end, in bytes.
const SUM: usize = 4;

/// Writer of a strategy's state.
#[derive(Debug)]
#[must_use]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins a state with the strategy's own version number.
    pub fn new(version: u16) -> Self {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(version.to_be_bytes());
        Self { bytes }
    }

    /// Adds an unsigned 64-bit number.
    pub fn u64(mut self, value: u64) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// Adds an unsigned 32-bit number.
    pub fn u32(mut self, value: u32) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// Adds a signed 64-bit number.
    pub fn i64(mut self, value: i64) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// Adds a boolean.
    pub fn bool(mut self, value: bool) -> Self {
        self.bytes.push(value.into());
        self
    }

    /// Adds a string. It is cut at 4 GB; the host accepts no state of that size.
    pub fn text(mut self, value: &str) -> Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(value.bytes().take(usize::try_from(length).unwrap_or(usize::MAX)));
        self
    }

    /// Adds a list: its length, and each item with `write`.
    pub fn list<T>(self, items: impl ExactSizeIterator<Item = T>, write: impl FnMut(Self, T) -> Self) -> Self {
        let length = u32::try_from(items.len()).unwrap_or(u32::MAX);
        items.take(usize::try_from(length).unwrap_or(usize::MAX)).fold(self.u32(length), write)
    }

    /// Returns the bytes, with the checksum.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let sum = sum(&self.bytes);
        self.bytes.extend(sum.to_be_bytes());
        self.bytes
    }
}

/// Reader of a state, in the order in which it was written.
#[derive(Debug)]
pub struct Reader<'a> {
    version: u16,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Opens a state of a version up to `newest`.
    ///
    /// # Errors
    /// If the bytes are not a state, are damaged, or have a newer version.
    pub fn new(bytes: &'a [u8], newest: u16) -> Result<Self, String> {
        let spoiled = || format!("{} bytes are not the state of a strategy", bytes.len());
        let (body, written) = bytes.split_last_chunk::<SUM>().ok_or_else(spoiled)?;
        let (magic, body_after) = body.split_first_chunk::<4>().ok_or_else(spoiled)?;
        let (version, rest) = body_after.split_first_chunk::<2>().ok_or_else(spoiled)?;
        if *magic != MAGIC || u32::from_be_bytes(*written) != sum(body) {
            return Err(spoiled());
        }
        let version = u16::from_be_bytes(*version);
        if version > newest {
            return Err(format!("the state has version {version}; expected at most {newest}"));
        }
        Ok(Self { version, rest })
    }

    /// Returns the version of the state.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// Reads an unsigned 64-bit number.
    ///
    /// # Errors
    /// If the state has ended.
    pub fn u64(&mut self) -> Result<u64, String> {
        self.take().map(u64::from_be_bytes)
    }

    /// Reads an unsigned 32-bit number.
    ///
    /// # Errors
    /// If the state has ended.
    pub fn u32(&mut self) -> Result<u32, String> {
        self.take().map(u32::from_be_bytes)
    }

    /// Reads a signed 64-bit number.
    ///
    /// # Errors
    /// If the state has ended.
    pub fn i64(&mut self) -> Result<i64, String> {
        self.take().map(i64::from_be_bytes)
    }

    /// Reads a boolean.
    ///
    /// # Errors
    /// If the state has ended, or the byte is neither 0 nor 1.
    pub fn bool(&mut self) -> Result<bool, String> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(format!("the state has {other} where 0 or 1 was expected")),
        }
    }

    /// Reads a string.
    ///
    /// # Errors
    /// If the state has ended, or the string is not UTF-8.
    pub fn text(&mut self) -> Result<String, String> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        let (text, rest) = self.rest.split_at_checked(length).ok_or_else(ended)?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).map_err(|error| format!("the state has an invalid string: {error}"))
    }

    /// Reads a list, each item with `read`.
    ///
    /// # Errors
    /// If the state has ended, or `read` fails.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let length = self.u32()?;
        // Nothing is reserved for the items: the length may be wrong.
        let mut items = Vec::new();
        for _ in 0..length {
            if self.rest.is_empty() {
                return Err(ended());
            }
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Checks that the whole state has been read.
    ///
    /// # Errors
    /// If bytes are left.
    pub fn end(self) -> Result<(), String> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(format!("the state has {left} bytes too many")),
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or_else(ended)?;
        self.rest = rest;
        Ok(*taken)
    }
}

fn ended() -> String {
    "the state ends too early".to_owned()
}

/// FNV-1a. It detects accidental damage, not tampering; the host stores the state unchanged.
fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |sum: u32, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    fn written() -> Vec<u8> {
        let state = Writer::new(3).u64(u64::MAX).i64(i64::MIN).bool(true).text("äh");
        state.list([1_u32, 2, 3].into_iter(), Writer::u32).finish()
    }

    fn read(bytes: &[u8]) -> Result<(u64, i64, bool, String, Vec<u32>), String> {
        let mut state = Reader::new(bytes, 3)?;
        let read = (state.u64()?, state.i64()?, state.bool()?, state.text()?, state.list(Reader::u32)?);
        state.end()?;
        Ok(read)
    }

    #[test]
    fn what_was_written_is_read_again() {
        let expected = (u64::MAX, i64::MIN, true, "äh".to_owned(), vec![1, 2, 3]);
        assert_eq!(read(&written()), Ok(expected));
    }

    #[test]
    fn what_is_torn_or_spoiled_is_refused() {
        let whole = written();
        for end in 0..whole.len() {
            assert!(read(whole.get(..end).unwrap()).is_err(), "{end}");
        }
        for place in 0..whole.len() {
            let mut spoiled = whole.clone();
            *spoiled.get_mut(place).unwrap() ^= 1;
            assert!(read(&spoiled).is_err(), "{place}");
        }
    }

    #[test]
    fn reading_another_shape_than_was_written_is_an_error_and_never_a_panic() {
        let bytes = Writer::new(1).u32(u32::MAX).finish();
        let open = || Reader::new(&bytes, 1).unwrap();
        assert_eq!(open().u64().unwrap_err(), "the state ends too early");
        assert_eq!(open().text().unwrap_err(), "the state ends too early");
        assert_eq!(open().list(Reader::u32).unwrap_err(), "the state ends too early");
        assert!(open().bool().unwrap_err().contains("255"));
        assert_eq!(open().end().unwrap_err(), "the state has 4 bytes too many");
    }
}
