//! The lines of the log: time (microseconds since the epoch), kind, id, worth in micro-dollars, and a code over the
//! line and the previous line's code. The first line of a file has the file's number and the last code of the previous
//! file.

use super::counter::Counter;
use super::{Entry, Signed, What, code};
use model::{Time, hex};
use order::Address;
use zeroize::Zeroizing;

/// The name of the kind in a file's first line.
const FIRST: &str = "log";

/// Returns a line without its code.
pub(super) fn line(now: Time, entry: Entry, worth: u64) -> String {
    let (what, id) = match entry {
        Entry::Order(id) => (What::Order, hex::encode_prefixed(&id)),
        Entry::Login(nonce) => (What::Login, nonce.to_string()),
        Entry::Batch(digest) => (What::Batch, hex::encode_prefixed(&digest)),
    };
    format!("{} {} {id} {worth}", now.0, what.as_str())
}

/// Returns the first line of a file without its code.
pub(super) fn head_line(now: Time, segment: u64, address: Address, follows: &[u8; 32]) -> String {
    format!("{} {FIRST} {segment} {address} {}", now.0, hex::encode(follows))
}

/// The verified content of a log file, with the part that is not counted yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// The code of its last whole line.
    pub(super) head: [u8; 32],
    /// The offset of that line's end.
    pub(super) length: u64,
    /// True if an incomplete line follows: the process was killed while it wrote, and returned no signature.
    pub(super) torn: bool,
    /// All logged signatures.
    pub(super) signed: Vec<Signed>,
    /// The number of signatures at the end that were logged after the counter was last written.
    pub(super) uncounted: usize,
    /// The last code of the previous file, according to the first line.
    pub(super) follows: [u8; 32],
}

/// Creates and checks the lines' codes.
#[derive(Debug)]
pub(super) struct Chain {
    secret: Zeroizing<[u8; 32]>,
}

impl Chain {
    pub(super) const fn new(secret: Zeroizing<[u8; 32]>) -> Self {
        Self { secret }
    }

    pub(super) const fn secret(&self) -> &Zeroizing<[u8; 32]> {
        &self.secret
    }

    /// Returns the complete line that follows a code, and its own code.
    pub(super) fn seal(&self, head: &[u8; 32], text: &str) -> (String, [u8; 32]) {
        let head = code(&self.secret, &[b"line", head, text.as_bytes()]);
        (format!("{text} {}\n", hex::encode(&head)), head)
    }

    /// Reads a whole file and checks every line; with a counter, also that the counter's end is one of the lines.
    pub(super) fn read(&self, bytes: &[u8], counter: Option<&Counter>) -> Option<Tail> {
        let end = bytes.iter().rposition(|byte| *byte == b'\n')?.checked_add(1)?;
        let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let follows = follows(text.lines().next()?)?;
        let mut tail =
            Tail { head: follows, length: 0, torn: end < bytes.len(), signed: Vec::new(), uncounted: 0, follows };
        let mut counted = counter.is_none();
        for line in text.split_inclusive('\n') {
            let (record, _) = line.trim_end().rsplit_once(' ')?;
            let (sealed, head) = self.seal(&tail.head, record);
            if sealed != line {
                return None;
            }
            if let Some(signed) = signed(record)? {
                tail.signed.push(signed);
                tail.uncounted = tail.uncounted.saturating_add(usize::from(counted && counter.is_some()));
            }
            (tail.head, tail.length) = (head, tail.length.checked_add(u64::try_from(line.len()).ok()?)?);
            counted |= counter.is_some_and(|counter| counter.length == tail.length && counter.head == tail.head);
        }
        counted.then_some(tail)
    }
}

/// Returns the last code of the previous file, according to a file's first line.
fn follows(line: &str) -> Option<[u8; 32]> {
    let mut words = line.split(' ').skip(1);
    words.next().filter(|word| *word == FIRST)?;
    hex::decode_array(words.nth(2)?)
}

/// Parses the signature of a line: `Some(None)` for the first line of a file; `None` if the line is invalid.
fn signed(record: &str) -> Option<Option<Signed>> {
    let mut words = record.split(' ');
    let (at, word) = (words.next()?, words.next()?);
    if word == FIRST {
        return Some(None);
    }
    let what = What::ALL.into_iter().find(|what| what.as_str() == word)?;
    let worth = record.rsplit(' ').next()?;
    Some(Some(Signed { at: Time(at.parse().ok()?), what, worth: worth.parse().ok()? }))
}
