//! A pull scanner over JSON bytes: no tree, no allocation, no recursion. It parses requested values strictly and skips
//! the others loosely: a skipped value is validated only for its brackets and quotes.

use super::ParseError;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = 0x2222_2222_2222_2222;
const ESCAPES: u64 = 0x5c5c_5c5c_5c5c_5c5c;

/// A position in the bytes of a frame. A copy is a bookmark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns the text between this position and a later one.
    pub(crate) fn until(&self, later: &Self) -> &'a [u8] {
        self.bytes.get(self.at..later.at).unwrap_or_default()
    }

    fn syntax(&self) -> ParseError {
        ParseError::Syntax { at: self.at }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    /// Returns the next byte that is not white space, without consuming it.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at).copied() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.advance(1),
                other => return other,
            }
        }
    }

    /// Consumes the next byte if it is `byte`.
    pub(crate) fn accept(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.advance(1);
        }
        found
    }

    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), ParseError> {
        if self.accept(byte) { Ok(()) } else { Err(self.syntax()) }
    }

    /// Checks that nothing follows.
    pub(crate) fn end(&mut self) -> Result<(), ParseError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.syntax()) }
    }

    /// Consumes a string and returns the text between its quotes, with escapes left as they are.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], ParseError> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            let Some(found) = quote_or_escape(self.rest()) else { return Err(self.syntax()) };
            self.advance(found);
            let byte = self.bytes.get(self.at);
            if byte == Some(&b'"') {
                let content = self.bytes.get(start..self.at).unwrap_or_default();
                self.advance(1);
                return Ok(content);
            }
            self.advance(2);
        }
    }

    /// Consumes a string, a number or a word, and returns its text; empty for null.
    pub(crate) fn scalar(&mut self) -> Result<&'a [u8], ParseError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(_) => {
                let word = self.literal()?;
                Ok(if word == b"null" { b"" } else { word })
            }
            None => Err(self.syntax()),
        }
    }

    fn literal(&mut self) -> Result<&'a [u8], ParseError> {
        let rest = self.rest();
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let length = rest.iter().position(|byte| !is_word(byte)).unwrap_or(rest.len());
        match rest.get(..length) {
            Some(word) if !word.is_empty() => {
                self.advance(length);
                Ok(word)
            }
            _ => Err(self.syntax()),
        }
    }

    /// Consumes any value and discards it.
    pub(crate) fn skip(&mut self) -> Result<(), ParseError> {
        let mut depth: usize = 0;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                }
                Some(b'{' | b'[') => {
                    self.advance(1);
                    depth = depth.saturating_add(1);
                    continue;
                }
                Some(b'}' | b']') if depth > 0 => {
                    self.advance(1);
                    depth = depth.saturating_sub(1);
                }
                Some(b',' | b':') if depth > 0 => {
                    self.advance(1);
                    continue;
                }
                Some(_) => {
                    self.literal()?;
                }
                None => return Err(self.syntax()),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Consumes an object; `entry` gets each key and must consume the value.
    pub(crate) fn object(
        &mut self,
        mut entry: impl FnMut(&mut Self, &'a [u8]) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        self.expect(b'{')?;
        if self.accept(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            entry(self, key)?;
            if !self.accept(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// Consumes an array; `item` must consume each value.
    pub(crate) fn array(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), ParseError>,
    ) -> Result<(), ParseError> {
        self.expect(b'[')?;
        if self.accept(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if !self.accept(b',') {
                return self.expect(b']');
            }
        }
    }
}

/// Returns the index of the first `"` or `\`. Checks eight bytes at a time: strings are most of a frame, and this loop
/// is most of the parser's time.
fn quote_or_escape(bytes: &[u8]) -> Option<usize> {
    let (chunks, tail) = bytes.as_chunks::<8>();
    let mut base: usize = 0;
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        // The lowest marked byte is exact; borrows can only produce false marks above it.
        let hits = zero_bytes(word ^ QUOTES) | zero_bytes(word ^ ESCAPES);
        if hits != 0 {
            let place = usize::try_from(hits.trailing_zeros() / 8).unwrap_or(0);
            return Some(base.saturating_add(place));
        }
        base = base.saturating_add(8);
    }
    let place = tail.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(base.saturating_add(place))
}

/// Marks the high bit of each byte that is zero.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strings_end_at_the_first_bare_quote() {
        let mut scanner = Scanner::new(br#" "a\"b\\" , "" "#);
        assert_eq!(scanner.string().unwrap(), br#"a\"b\\"#);
        assert!(scanner.accept(b','));
        assert_eq!(scanner.string().unwrap(), b"");
        assert!(scanner.end().is_ok());
        assert!(Scanner::new(br#""a\""#).string().is_err());
        assert!(Scanner::new(br#""a"#).string().is_err());
    }

    #[test]
    fn values_are_skipped_whole() {
        for text in [r#"{"a":[1,{"b":"]}"}],"c":null}"#, "12.5e-3", r#""x""#, "[]", "{}", "true"] {
            let padded = format!("{text} ,");
            let mut scanner = Scanner::new(padded.as_bytes());
            scanner.skip().unwrap();
            assert_eq!(scanner.peek(), Some(b','), "{text}");
        }
        for text in ["", "{", "[1", "]", ",", "\u{e9}"] {
            assert!(Scanner::new(text.as_bytes()).skip().is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_needs_no_stack() {
        let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
        let mut scanner = Scanner::new(deep.as_bytes());
        assert!(scanner.skip().is_ok());
        assert!(scanner.end().is_ok());
    }

    proptest! {
        #[test]
        fn the_fast_search_finds_what_the_slow_one_finds(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let slow = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(quote_or_escape(&bytes), slow);
        }

        #[test]
        fn the_fast_search_is_exact_among_near_misses(bytes in proptest::collection::vec(0x20u8..0x60, 0..64)) {
            let slow = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
            prop_assert_eq!(quote_or_escape(&bytes), slow);
        }
    }
}
