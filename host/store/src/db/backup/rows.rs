//! Rows as text, in the format of `PostgreSQL`'s `COPY`, and sums over them that do not depend on their order.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The text that stands for the absence of a value.
const NULL: &str = "\\N";

/// The rows of a table: how many, and a sum over their contents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSum {
    /// The number of rows.
    pub rows: u64,
    /// The SHA-256 sums of all rows, combined by exclusive or: rows have no order, and no two are equal.
    pub sum: String,
}

impl fmt::Display for TableSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of sum {}", self.rows, self.sum.get(..16).unwrap_or(&self.sum))
    }
}

/// Adds rows up.
#[derive(Debug, Default)]
pub(super) struct Summing {
    rows: u64,
    sum: [u8; 32],
}

impl Summing {
    /// Adds a row, without the end of its line.
    pub(super) fn add(&mut self, line: &[u8]) {
        self.rows = self.rows.saturating_add(1);
        let of_row: [u8; 32] = Sha256::digest(line).into();
        self.sum.iter_mut().zip(of_row).for_each(|(sum, byte)| *sum ^= byte);
    }

    pub(super) fn finish(&self) -> TableSum {
        TableSum { rows: self.rows, sum: model::hex::encode(&self.sum) }
    }
}

/// Adds the lines up that come in pieces of any length.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) summing: Summing,
    rest: Vec<u8>,
}

impl Lines {
    pub(super) fn add(&mut self, piece: &[u8]) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            match part.strip_suffix(b"\n") {
                Some(line) if self.rest.is_empty() => self.summing.add(line),
                Some(line) => {
                    self.rest.extend_from_slice(line);
                    self.summing.add(&self.rest);
                    self.rest.clear();
                }
                None => self.rest.extend_from_slice(part),
            }
        }
    }
}

/// Appends a value to a line.
pub(super) fn push(line: &mut Vec<u8>, value: Option<&str>) {
    let Some(value) = value else { return line.extend_from_slice(NULL.as_bytes()) };
    for byte in value.bytes() {
        let escaped = match byte {
            b'\\' => b'\\',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            11 => b'v',
            12 => b'f',
            _ => {
                line.push(byte);
                continue;
            }
        };
        line.extend([b'\\', escaped]);
    }
}

/// Puts a name into quotation marks, as both databases read it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns the names of columns for a statement.
pub(super) fn list(columns: &[String]) -> String {
    columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_depends_on_each_row_and_not_on_their_order_or_pieces() {
        let sum = |pieces: &[&str]| {
            let mut lines = Lines::default();
            pieces.iter().for_each(|piece| lines.add(piece.as_bytes()));
            lines.summing.finish()
        };
        let all = sum(&["a\t1\nb\t2\n"]);
        assert_eq!(all.rows, 2);
        assert_eq!(all, sum(&["b\t", "2\na", "\t1", "\n"]));
        assert_ne!(all, sum(&["a\t1\nb\t3\n"]));
        assert_ne!(all.sum, sum(&["a\t1\n"]).sum);
    }

    #[test]
    fn values_are_written_as_copy_reads_them() {
        let mut line = Vec::new();
        push(&mut line, None);
        push(&mut line, Some("a\tb\\N\r\n\u{8}\u{b}\u{c}é"));
        assert_eq!(String::from_utf8(line).unwrap_or_default(), "\\Na\\tb\\\\N\\r\\n\\b\\v\\fé");
        assert_eq!(list(&["a".to_owned(), "b\"c".to_owned()]), "\"a\", \"b\"\"c\"");
    }
}
