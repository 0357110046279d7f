//! Files with a missing or damaged end, from a killed recorder or a full disk. Complete lines are read, and the damage
//! is reported.

use flate2::bufread::GzDecoder;
use std::cell::RefCell;
use std::io::{self, BufRead, ErrorKind, Read};
use std::rc::Rc;

/// Bytes read at once.
const PART: usize = 64 * 1024;
/// Maximum bytes of an incomplete line; a longer one cannot be a line of a recording.
const LINE_MAX: usize = 1024 * 1024;

/// The reason why a file ended early, once it is known.
#[derive(Debug, Clone, Default)]
pub struct Damage(Rc<RefCell<Option<String>>>);

impl Damage {
    /// Returns the reason why the file ended early; `None` if it did not.
    pub fn reason(&self) -> Option<String> {
        self.0.borrow_mut().take()
    }
}

/// Yields the complete lines of a file up to its damage. A line cut off by the damage could look complete but have
/// another value, so it is dropped.
pub(super) struct WholeLines<R> {
    inner: R,
    /// Bytes read so far; `given` to `whole` are complete lines.
    held: Vec<u8>,
    given: usize,
    whole: usize,
    is_over: bool,
    damage: Damage,
}

impl<R: Read> WholeLines<R> {
    pub(super) fn new(inner: R) -> (Self, Damage) {
        let damage = Damage::default();
        let lines = Self { inner, held: Vec::new(), given: 0, whole: 0, is_over: false, damage: damage.clone() };
        (lines, damage)
    }

    /// Reads until there is a complete line, or the end.
    fn fill(&mut self) -> io::Result<()> {
        self.held.drain(..self.given);
        (self.given, self.whole) = (0, 0);
        let mut part = [0; PART];
        while self.whole == 0 && !self.is_over {
            let from = self.held.len();
            match self.inner.read(&mut part) {
                Ok(0) => {
                    self.is_over = true;
                    self.whole = from;
                }
                Ok(length) => {
                    self.held.extend_from_slice(part.get(..length).unwrap_or_default());
                    let end = self.held.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
                    self.whole = if end == 0 && self.held.len() > LINE_MAX { self.held.len() } else { end };
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for WholeLines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.whole && !self.is_over {
            let begun = !self.held.is_empty() || self.given > 0;
            match self.fill() {
                // A file that never was of this kind is not a damaged one.
                Err(error) if is_damage(&error) && (begun || !self.held.is_empty()) => {
                    self.is_over = true;
                    self.held.clear();
                    (self.given, self.whole) = (0, 0);
                    *self.damage.0.borrow_mut() = Some(error.to_string());
                }
                filled => filled?,
            }
        }
        let ready = self.held.get(self.given..self.whole).unwrap_or_default();
        let length = ready.len().min(out.len());
        for (to, from) in out.iter_mut().zip(ready) {
            *to = *from;
        }
        self.given = self.given.saturating_add(length);
        Ok(length)
    }
}

/// Decompresses the members of a gzip file, one after the other. Trailing zeros, as some tools and damaged disks leave
/// them, are ignored.
pub(super) struct Members<R> {
    now: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { now: Some(GzDecoder::new(inner)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.now else { return Ok(0) };
            let length = member.read(out)?;
            if length > 0 || out.is_empty() {
                return Ok(length);
            }
            let Some(member) = self.now.take() else { return Ok(0) };
            let mut rest = member.into_inner();
            skip_zeros(&mut rest)?;
            if !rest.fill_buf()?.is_empty() {
                self.now = Some(GzDecoder::new(rest));
            }
        }
    }
}

fn skip_zeros(bytes: &mut impl BufRead) -> io::Result<()> {
    loop {
        let part = bytes.fill_buf()?;
        let zeros = part.iter().take_while(|byte| **byte == 0).count();
        if zeros == 0 {
            return Ok(());
        }
        bytes.consume(zeros);
    }
}

/// Returns true if the error is a decoder's, as opposed to an I/O error.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::InvalidInput)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "test code may fail loudly")]

    use super::super::reader::read_file;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    const ROWS: usize = 5_000;

    /// A recording of many rows, which differ so that they do not compress to nearly nothing.
    fn recording() -> Vec<u8> {
        let mut text = "market_slug,asset_id,event_type,price,side,size,hash,timestamp\n".to_owned();
        let mut draw: u64 = 7;
        for row in 0..ROWS {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (token, price, size) = (11 * (1 + row % 2), 1 + draw % 99, draw >> 20);
            text += &format!("game,{token},book,0.{price:02},ask,{size},{draw:x},{}\n", 1_795_424_400_000 + row);
        }
        text.into_bytes()
    }

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn frames(bytes: &[u8], name: &str) -> (usize, u64, String) {
        let dir = testkit::Scratch::new("damaged");
        std::fs::write(dir.join(name), bytes).unwrap();
        let read = read_file(&dir.join(name)).unwrap();
        (read.frames.len(), read.torn_lines, read.ends_early)
    }

    #[test]
    fn a_packed_recording_that_was_cut_off_plays_to_its_last_whole_line() {
        let whole = packed(&recording());
        assert_eq!(frames(&whole, "a.csv.gz"), (ROWS, 0, String::new()));
        let cut = &whole[..whole.len() * 3 / 4];
        let (count, torn, why) = frames(cut, "a.csv.gz");
        assert!((ROWS / 2..ROWS).contains(&count) && torn == 0 && !why.is_empty(), "{count} {torn} {why}");
        // Only the checksum and the length are missing.
        let (count, torn, why) = frames(&whole[..whole.len() - 8], "a.csv.gz");
        assert!((count, torn) == (ROWS, 0) && !why.is_empty(), "{count} {torn} {why}");
        // A wrong checksum, with all lines present.
        let mut wrong = whole.clone();
        let at = wrong.len() - 8;
        wrong[at] ^= 1;
        let (count, _, why) = frames(&wrong, "a.csv.gz");
        assert!(count == ROWS && !why.is_empty(), "{count} {why}");
    }

    #[test]
    fn zeros_behind_it_and_a_second_member_do_no_harm() {
        let text = recording();
        let padded = [packed(&text), vec![0; 100]].concat();
        assert_eq!(frames(&padded, "a.csv.gz"), (ROWS, 0, String::new()));
        let half = text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        let two = [packed(&text[..half]), vec![0; 7], packed(&text[half..])].concat();
        assert_eq!(frames(&two, "a.csv.gz"), (ROWS, 0, String::new()));
        // Trailing bytes that are not gzip count as damage.
        let (count, _, why) = frames(&[packed(&text), b"rubbish of some length".to_vec()].concat(), "a.csv.gz");
        assert!(count == ROWS && !why.is_empty(), "{count} {why}");
    }

    #[test]
    fn a_file_that_is_not_gzip_is_refused_and_so_is_utf_16() {
        let dir = testkit::Scratch::new("no-gzip");
        std::fs::write(dir.join("a.csv.gz"), recording()).unwrap();
        assert!(read_file(&dir.join("a.csv.gz")).is_err());
        let text = String::from_utf8(recording()).unwrap();
        let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(dir.join("a.csv"), wide).unwrap();
        assert!(read_file(&dir.join("a.csv")).unwrap_err().to_string().contains("UTF-16"));
        // A UTF-8 byte order mark loses nothing, plain or compressed.
        let marked = format!("\u{feff}{text}").into_bytes();
        assert_eq!(frames(&marked, "a.csv"), (ROWS, 0, String::new()));
        assert_eq!(frames(&packed(&marked), "a.csv.gz"), (ROWS, 0, String::new()));
    }
}
