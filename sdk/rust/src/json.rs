//! A small JSON parser for parameters: it never panics, has limits, and keeps numbers as text. Being small, it keeps
//! modules small.

/// The maximum length of the parameters, in bytes.
pub const TEXT_MAX: usize = 64 * 1024;
/// The maximum nesting of lists and objects.
pub const DEPTH_MAX: usize = 8;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as written.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object, in the order of the text. Keys are unique.
    Object(Vec<(String, Json)>),
}

/// Parses a text that is one JSON value.
///
/// ```
/// use polytrader_sdk::json::{Json, read};
/// assert_eq!(read("[0.10]"), Ok(Json::List(vec![Json::Number("0.10".into())])));
/// assert!(read("[0.10").unwrap_err().contains("byte 5"));
/// ```
///
/// # Errors
/// Names what was expected, and the byte offset.
pub fn read(text: &str) -> Result<Json, String> {
    if text.len() > TEXT_MAX {
        return Err(format!("{} bytes of JSON; expected at most {TEXT_MAX}", text.len()));
    }
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    if reader.at < text.len() { Err(reader.expected("the end")) } else { Ok(value) }
}

impl Json {
    /// Formats the value for messages: lists and objects by kind, everything else as JSON, cut at 60 characters.
    pub fn show(&self) -> String {
        const SHOWN_MAX: usize = 60;
        let text = match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => text.clone(),
            Self::Text(text) => format!("\"{text}\""),
            Self::List(_) => "a list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        };
        text.chars().take(SHOWN_MAX).collect()
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    fn expected(&self, what: &str) -> String {
        format!("invalid JSON: expected {what} at byte {}", self.at)
    }

    fn space(&mut self) {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at = self.at.saturating_add(self.rest().bytes().take_while(blank).count());
    }

    /// Skips `token` if the text continues with it, and returns whether it did.
    fn take(&mut self, token: &str) -> bool {
        let here = self.rest().starts_with(token);
        if here {
            self.at = self.at.saturating_add(token.len());
        }
        here
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        self.space();
        if depth > DEPTH_MAX {
            return Err(self.expected(&format!("at most {DEPTH_MAX} nested lists and objects")));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            _ if self.take("true") => Ok(Json::Bool(true)),
            _ if self.take("false") => Ok(Json::Bool(false)),
            _ if self.take("null") => Ok(Json::Null),
            _ => Err(self.expected("a value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        let mut pairs: Vec<(String, Json)> = Vec::new();
        self.series("{", "}", |reader| {
            reader.space();
            let key = reader.string()?;
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(format!("invalid JSON: duplicate key `{key}`"));
            }
            reader.space();
            if !reader.take(":") {
                return Err(reader.expected("`:`"));
            }
            let value = reader.value(depth.saturating_add(1))?;
            pairs.push((key, value));
            Ok(())
        })?;
        Ok(Json::Object(pairs))
    }

    fn list(&mut self, depth: usize) -> Result<Json, String> {
        let mut values = Vec::new();
        self.series("[", "]", |reader| {
            values.push(reader.value(depth.saturating_add(1))?);
            Ok(())
        })?;
        Ok(Json::List(values))
    }

    /// Reads comma-separated items between two brackets.
    fn series(
        &mut self,
        open: &str,
        close: &str,
        mut item: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.take(open);
        self.space();
        if self.take(close) {
            return Ok(());
        }
        loop {
            item(self)?;
            self.space();
            if self.take(close) {
                return Ok(());
            }
            if !self.take(",") {
                return Err(self.expected(&format!("`,` or `{close}`")));
            }
        }
    }

    fn digits(&mut self) -> Result<(), String> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at = self.at.saturating_add(count);
        if count == 0 { Err(self.expected("a digit")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<String, String> {
        let begin = self.at;
        self.take("-");
        let zero = self.peek() == Some(b'0');
        let whole = self.at;
        self.digits()?;
        if zero && self.at > whole.saturating_add(1) {
            return Err(format!("invalid JSON: a number begins with 0 at byte {whole}"));
        }
        if self.take(".") {
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            let _signed = self.take("+") || self.take("-");
            self.digits()?;
        }
        Ok(self.text.get(begin..self.at).unwrap_or_default().to_owned())
    }

    fn string(&mut self) -> Result<String, String> {
        if !self.take("\"") {
            return Err(self.expected("a string in quotes"));
        }
        let mut text = String::new();
        loop {
            let Some(letter) = self.rest().chars().next() else { return Err(self.expected("the end of a string")) };
            if u32::from(letter) < 0x20 {
                return Err(self.expected("a string without control characters"));
            }
            self.at = self.at.saturating_add(letter.len_utf8());
            match letter {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                _ => text.push(letter),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let plain = [
            ("\"", '"'),
            ("\\", '\\'),
            ("/", '/'),
            ("b", '\u{8}'),
            ("f", '\u{c}'),
            ("n", '\n'),
            ("r", '\r'),
            ("t", '\t'),
        ];
        for (written, letter) in plain {
            if self.take(written) {
                return Ok(letter);
            }
        }
        if !self.take("u") {
            return Err(self.expected("an escape"));
        }
        let first = self.hex()?;
        if (0xd800..0xdc00).contains(&first) {
            if !self.take("\\u") {
                return Err(self.expected("the second half of a pair"));
            }
            let second = self.hex()?;
            return pair(first, second).ok_or_else(|| self.expected("the second half of a pair"));
        }
        char::from_u32(first).ok_or_else(|| self.expected("the first half of a pair"))
    }

    fn hex(&mut self) -> Result<u32, String> {
        const DIGITS: usize = 4;
        let digits = self.rest().get(..DIGITS).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let value = value.ok_or_else(|| self.expected("four hexadecimal digits"))?;
        self.at = self.at.saturating_add(DIGITS);
        Ok(value)
    }
}

/// Returns the character of a surrogate pair.
fn pair(first: u32, second: u32) -> Option<char> {
    let (high, low) = (first.checked_sub(0xd800)?, second.checked_sub(0xdc00).filter(|low| *low < 0x400)?);
    char::from_u32((high << 10).checked_add(low)?.checked_add(0x1_0000)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    const GOOD: &str =
        r#" {"a": [1, -2.50, 3e4, 0], "b": {"c": true, "d": null}, "ü\n\u00e9\ud83d\ude00": "x\"y\\", "e": []} "#;

    #[test]
    fn every_kind_of_value_is_read() {
        let Json::Object(pairs) = read(GOOD).unwrap() else { unreachable!("an object") };
        let number = |text: &str| Json::Number(text.into());
        let (numbers, inner) = (["1", "-2.50", "3e4", "0"].map(number).to_vec(), &pairs.get(1).unwrap().1);
        assert_eq!(pairs.first().unwrap(), &("a".to_owned(), Json::List(numbers)));
        assert_eq!(inner, &Json::Object(vec![("c".into(), Json::Bool(true)), ("d".into(), Json::Null)]));
        assert_eq!(pairs.get(2).unwrap(), &("ü\né😀".to_owned(), Json::Text("x\"y\\".into())));
    }

    #[test]
    fn every_torn_text_is_refused_without_a_panic() {
        let whole = GOOD.trim_end();
        for end in (0..whole.len()).filter(|end| whole.is_char_boundary(*end)) {
            assert!(read(whole.get(..end).unwrap()).is_err(), "{end}");
        }
    }

    #[test]
    fn one_wrong_byte_anywhere_never_panics() {
        for place in 0..GOOD.len() {
            for wrong in [0, b'"', b'\\', b'{', b']', b',', b'9', b'u', 0x7f] {
                let mut bytes = GOOD.as_bytes().to_vec();
                *bytes.get_mut(place).unwrap() = wrong;
                let _read = std::str::from_utf8(&bytes).map(read);
            }
        }
    }

    #[test]
    fn invalid_json_is_rejected_with_its_offset() {
        for (text, says) in [
            ("", "a value at byte 0"),
            ("{\"a\" 1}", "`:` at byte 5"),
            ("[1 2]", "`,` or `]` at byte 3"),
            ("[1,]", "a value at byte 3"),
            ("01", "begins with 0"),
            ("1.", "a digit at byte 2"),
            ("+1", "a value"),
            ("NaN", "a value"),
            ("\"\u{1}\"", "control"),
            ("\"\\x\"", "an escape"),
            ("\"\\ud800\"", "second half"),
            ("\"\\ud800\\u0041\"", "second half"),
            ("\"\\udc00\"", "first half"),
            ("\"\\u12é4\"", "hexadecimal"),
            ("{} x", "the end at byte 3"),
            (r#"{"a": 1, "a": 2}"#, "duplicate key"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn depth_and_length_have_limits() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&deep(DEPTH_MAX.saturating_add(1))).is_ok());
        assert!(read(&deep(DEPTH_MAX.saturating_add(2))).unwrap_err().contains("at most 8"));
        assert!(read(&deep(30_000)).unwrap_err().contains("at most 8"));
        assert!(read(&" ".repeat(TEXT_MAX.saturating_add(1))).unwrap_err().contains("at most 65536"));
    }
}
