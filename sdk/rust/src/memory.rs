//! State that outlives an instance: bytes with a version, for [`Strategy::save`](crate::Strategy::save) and
//! [`Session::restored`](crate::Session::restored).
//!
//! ```
//! use polytrader_sdk::memory::{Reader, Writer};
//!
//! // save: version 2 of this strategy's state.
//! let bytes = Writer::new(2).u64(7).i64(-3).text("wait").finish();
//!
//! // new: what an older version wrote can be read as well, as its number says.
//! let mut state = Reader::new(&bytes, 2).unwrap();
//! assert_eq!((state.version(), state.u64(), state.i64(), state.text()), (2, Ok(7), Ok(-3), Ok("wait".to_owned())));
//! assert!(state.end().is_ok());
//!
//! assert!(Reader::new(&bytes, 1).unwrap_err().contains("version 2"));
//! ```
//!
//! What is torn, spoiled or of a newer version is refused as a text for people; a strategy starts afresh then, or does not start.

/// What every state begins with.
const MAGIC: [u8; 4] = *b"pts1";
/// Bytes of the sum at the end.
const SUM: usize = 4;

/// Writes state.
#[derive(Debug)]
#[must_use]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins a state of this version of the strategy's own.
    pub fn new(version: u16) -> Self {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(version.to_be_bytes());
        Self { bytes }
    }

    /// Adds a number.
    pub fn u64(mut self, value: u64) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// Adds a number.
    pub fn u32(mut self, value: u32) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// Adds a number with a sign.
    pub fn i64(mut self, value: i64) -> Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// Adds a yes or a no.
    pub fn bool(mut self, value: bool) -> Self {
        self.bytes.push(value.into());
        self
    }

    /// Adds a text; what is longer than 4 GB is cut, and no host takes it.
    pub fn text(mut self, value: &str) -> Self {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(value.bytes().take(usize::try_from(length).unwrap_or(usize::MAX)));
        self
    }

    /// Adds a list: its length, and each item by `write`.
    pub fn list<T>(self, items: impl ExactSizeIterator<Item = T>, write: impl FnMut(Self, T) -> Self) -> Self {
        let length = u32::try_from(items.len()).unwrap_or(u32::MAX);
        items.take(usize::try_from(length).unwrap_or(usize::MAX)).fold(self.u32(length), write)
    }

    /// Returns the bytes.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let sum = sum(&self.bytes);
        self.bytes.extend(sum.to_be_bytes());
        self.bytes
    }
}

/// Reads state in the order in which it was written.
#[derive(Debug)]
pub struct Reader<'a> {
    version: u16,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Opens a state of a version up to `newest`.
    ///
    /// # Errors
    /// If it is none, is damaged, or is newer.
    pub fn new(bytes: &'a [u8], newest: u16) -> Result<Self, String> {
        let spoiled = || format!("{} bytes are no state of a strategy", bytes.len());
        let (body, written) = bytes.split_last_chunk::<SUM>().ok_or_else(spoiled)?;
        let (magic, body_after) = body.split_first_chunk::<4>().ok_or_else(spoiled)?;
        let (version, rest) = body_after.split_first_chunk::<2>().ok_or_else(spoiled)?;
        if *magic != MAGIC || u32::from_be_bytes(*written) != sum(body) {
            return Err(spoiled());
        }
        let version = u16::from_be_bytes(*version);
        if version > newest {
            return Err(format!("the state is of version {version}; expected at most {newest}"));
        }
        Ok(Self { version, rest })
    }

    /// Returns the version that wrote it.
    #[must_use]
    pub const fn version(&self) -> u16 {
        self.version
    }

    /// Reads a number.
    ///
    /// # Errors
    /// If the state has ended, as with everything that is read.
    pub fn u64(&mut self) -> Result<u64, String> {
        self.take().map(u64::from_be_bytes)
    }

    /// Reads a number.
    ///
    /// # Errors
    /// If the state has ended.
    pub fn u32(&mut self) -> Result<u32, String> {
        self.take().map(u32::from_be_bytes)
    }

    /// Reads a number with a sign.
    ///
    /// # Errors
    /// If the state has ended.
    pub fn i64(&mut self) -> Result<i64, String> {
        self.take().map(i64::from_be_bytes)
    }

    /// Reads a yes or a no.
    ///
    /// # Errors
    /// If the state has ended, or it is neither.
    pub fn bool(&mut self) -> Result<bool, String> {
        match self.take()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(format!("the state has {other} where 0 or 1 was expected")),
        }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// If the state has ended, or it is no UTF-8.
    pub fn text(&mut self) -> Result<String, String> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        let (text, rest) = self.rest.split_at_checked(length).ok_or_else(ended)?;
        self.rest = rest;
        String::from_utf8(text.to_vec()).map_err(|error| format!("the state has a text that is none: {error}"))
    }

    /// Reads a list, each item by `read`.
    ///
    /// # Errors
    /// If the state has ended, or what `read` says.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, String>) -> Result<Vec<T>, String> {
        let length = self.u32()?;
        // No room is made before the items are there: a length may lie.
        let mut items = Vec::new();
        for _ in 0..length {
            if self.rest.is_empty() {
                return Err(ended());
            }
            items.push(read(self)?);
        }
        Ok(items)
    }

    /// Makes sure that nothing is left.
    ///
    /// # Errors
    /// If something is.
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

/// FNV-1a: it tells chance apart, not malice. The host keeps what it was given.
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
