//! Files whose end is missing or damaged: a recorder was killed, a disk was full. What is whole is read, and what is not is said.

use flate2::bufread::GzDecoder;
use std::cell::RefCell;
use std::io::{self, BufRead, ErrorKind, Read};
use std::rc::Rc;

/// Bytes that are read at once.
const PART: usize = 64 * 1024;
/// The longest line that is held back until its end is there; a longer one is no line of ours.
const LINE_MAX: usize = 1024 * 1024;

/// Why a file ended before its end, once that is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Damage(Rc<RefCell<Option<String>>>);

impl Damage {
    /// Returns why the file ended early; none if it did not.
    pub(super) fn take(&self) -> Option<String> {
        self.0.borrow_mut().take()
    }
}

/// Gives the whole lines of a file up to where it is damaged. A line that the damage cut off could look whole and say something else, so it
/// is left out.
pub(super) struct WholeLines<R> {
    inner: R,
    /// What was read, from `given` to `whole` in whole lines.
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

    /// Reads on until there is a whole line, or the end.
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
                // What was never a file of this kind is no damaged one.
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

/// Unpacks the members of a gzip file, one after the other. Zeros behind the last one, as some tools and torn disks leave them, are no part
/// of it.
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

/// What a decoder says of data, as opposed to what a disk says.
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

    /// A recording of many rows, which differ so that they do not pack into nothing.
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
        // A wrong checksum: the lines are there.
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
        // What is behind it and no gzip is damage.
        let (count, _, why) = frames(&[packed(&text), b"rubbish of some length".to_vec()].concat(), "a.csv.gz");
        assert!(count == ROWS && !why.is_empty(), "{count} {why}");
    }

    #[test]
    fn what_is_no_gzip_at_all_is_refused_and_so_is_utf_16() {
        let dir = testkit::Scratch::new("no-gzip");
        std::fs::write(dir.join("a.csv.gz"), recording()).unwrap();
        assert!(read_file(&dir.join("a.csv.gz")).is_err());
        let text = String::from_utf8(recording()).unwrap();
        let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        std::fs::write(dir.join("a.csv"), wide).unwrap();
        assert!(read_file(&dir.join("a.csv")).unwrap_err().to_string().contains("UTF-16"));
        // The mark of UTF-8 costs nothing, plain or packed.
        let marked = format!("\u{feff}{text}").into_bytes();
        assert_eq!(frames(&marked, "a.csv"), (ROWS, 0, String::new()));
        assert_eq!(frames(&packed(&marked), "a.csv.gz"), (ROWS, 0, String::new()));
    }
}
