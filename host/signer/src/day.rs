//! What was signed today, in a file, so that a restart forgives nothing.

use model::Time;
use order::eip712::keccak;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// The day, its worth, and the first eight bytes of the Keccak hash of both.
const LENGTH: usize = 24;
/// One more than that, so that more is noticed.
const READ_MAX: u64 = 25;

/// The worth of all orders signed on one UTC day, in micro-dollars.
#[derive(Debug, Default)]
pub(crate) struct Day {
    day: u64,
    worth: u64,
    file: Option<File>,
}

impl Day {
    /// Takes up a counter's file, or begins one.
    ///
    /// # Errors
    /// If it cannot be opened, or is not what was written: then somebody wanted it forgotten.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut bytes = Vec::new();
        (&mut file).take(READ_MAX).read_to_end(&mut bytes)?;
        let (day, worth) = if bytes.is_empty() {
            (0, 0)
        } else {
            let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the signer's counter is damaged");
            decode(&bytes).ok_or_else(damaged)?
        };
        Ok(Self { day, worth, file: Some(file) })
    }

    /// Returns what was signed on the day of `now`. A clock that is set back forgives nothing.
    pub(crate) fn worth(&self, now: Time) -> u64 {
        if now.day() > self.day { 0 } else { self.worth }
    }

    /// Counts an order, on the disk before it is signed.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn note(&mut self, now: Time, worth: u64) -> io::Result<()> {
        self.worth = self.worth(now).saturating_add(worth);
        self.day = self.day.max(now.day());
        match &self.file {
            Some(file) => file.write_all_at(&encode(self.day, self.worth), 0),
            None => Ok(()),
        }
    }
}

fn encode(day: u64, worth: u64) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let (body, sum) = bytes.split_at_mut(16);
    for (place, field) in body.chunks_exact_mut(8).zip([day, worth]) {
        place.copy_from_slice(&field.to_be_bytes());
    }
    for (to, from) in sum.iter_mut().zip(keccak(body)) {
        *to = from;
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, u64)> {
    let (day, rest) = bytes.split_first_chunk()?;
    let (worth, _) = rest.split_first_chunk()?;
    let (day, worth) = (u64::from_be_bytes(*day), u64::from_be_bytes(*worth));
    (bytes == encode(day, worth)).then_some((day, worth))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_and_a_clock_set_back_forgive_nothing_and_midnight_does() {
        let path = std::env::temp_dir().join(format!("polytrader-signer-day-{}", std::process::id()));
        let _gone = std::fs::remove_file(&path);
        let noon = Time(20_000 * 86_400_000_000 + 43_200_000_000);
        let mut day = Day::open(&path).unwrap();
        day.note(noon, 5).unwrap();
        day.note(noon, 7).unwrap();
        let again = Day::open(&path).unwrap();
        assert_eq!((again.worth(noon), again.worth(Time(1))), (12, 12));
        assert_eq!(again.worth(noon.plus_millis(43_200_000)), 0);
        for damaged in [vec![1; 23], vec![0; 24], vec![1; 25]] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(Day::open(&path).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
        std::fs::remove_file(&path).unwrap();
    }
}
