//! Rows of a sweep on disk: one line each, with a checksum, synced before the row counts. A process that is killed loses
//! at most the trials in progress; the next one continues from the rows that are there.

use super::job::TrialRow;
use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The file with the rows.
const ROWS: &str = "trials.jsonl";
/// The file with the plan.
const PLAN: &str = "sweep.json";
/// Most bytes of a plan.
const PLAN_MAX: u64 = 16 * 1024 * 1024;
/// The file that a running sweep locks.
const LOCK: &str = "lock";
/// Most bytes of the file with the rows.
const BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// The rows of a sweep.
#[derive(Debug)]
pub struct Results {
    path: PathBuf,
    file: File,
    rows: BTreeMap<String, TrialRow>,
    damage: Damage,
    /// Locked while this value lives.
    _lock: File,
}

/// Lines that were not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Damage {
    /// Number of lines whose checksum or content is wrong. Their trials run again.
    pub lines: u64,
    /// The first of them, from 1.
    pub first: Option<u64>,
    /// Bytes of a last line that was not finished.
    pub torn: u64,
}

impl Results {
    /// Opens the folder of a sweep, and creates it if it does not exist. `plan` is the sweep's plan as text.
    ///
    /// # Errors
    /// If the folder belongs to another plan or another process, or cannot be read or written.
    pub fn open(folder: &Path, plan: &str) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let lock = lock(folder)?;
        keep_plan(folder, plan)?;
        let path = folder.join(ROWS);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).with_context(|| format!("opening {}", path.display()))?;
        let length = file.metadata().with_context(|| format!("reading {}", path.display()))?.len();
        ensure!(length <= BYTES_MAX, "{} has {length} bytes, expected at most {BYTES_MAX}", path.display());
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(|| format!("reading {}", path.display()))?;
        let (rows, damage) = read(&text);
        if damage.torn > 0 {
            // The next row begins on a line of its own.
            file.set_len(length.saturating_sub(damage.torn)).with_context(|| format!("writing {}", path.display()))?;
        }
        file.seek(SeekFrom::End(0)).with_context(|| format!("reading {}", path.display()))?;
        sync_folder(folder)?;
        Ok(Self { path, file, rows, damage, _lock: lock })
    }

    /// Returns the row of a job.
    pub fn row(&self, job: &str) -> Option<&TrialRow> {
        self.rows.get(job)
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns true if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the rows, sorted by job.
    pub fn rows(&self) -> impl Iterator<Item = &TrialRow> {
        self.rows.values()
    }

    /// Returns the lines that could not be read at the start.
    pub const fn damage(&self) -> &Damage {
        &self.damage
    }

    /// Stores a row durably. A second row of a job changes nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn add(&mut self, row: TrialRow) -> anyhow::Result<()> {
        if self.rows.contains_key(&row.job) {
            return Ok(());
        }
        let text = serde_json::to_string(&row).context("writing a row as JSON")?;
        let line = format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()));
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        written.with_context(|| format!("writing {}; the rows before it stay readable", self.path.display()))?;
        self.rows.insert(row.job.clone(), row);
        Ok(())
    }
}

fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = options.open(&path).with_context(|| format!("opening {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => bail!("{} belongs to a sweep that is running", folder.display()),
        Err(fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

/// Writes the plan, or compares it with the one that is there.
fn keep_plan(folder: &Path, plan: &str) -> anyhow::Result<()> {
    let path = folder.join(PLAN);
    match files::read_text(&path, files::Links::Refuse, PLAN_MAX) {
        Ok(known) => {
            ensure!(
                known == plan,
                "{} holds the trials of another sweep, expected the same file, module and tapes: choose another folder",
                folder.display()
            );
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let new = folder.join(format!("{PLAN}.new"));
            let write = || -> std::io::Result<()> {
                let mut file = File::create(&new)?;
                file.write_all(plan.as_bytes())?;
                file.sync_all()?;
                fs::rename(&new, &path)
            };
            write().with_context(|| format!("writing {}", path.display()))?;
            sync_folder(folder)
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    files::sync_folder(folder).with_context(|| format!("syncing {}", folder.display()))
}

/// Reads lines. A line without its end is torn; another line that is wrong is counted and left out.
fn read(text: &[u8]) -> (BTreeMap<String, TrialRow>, Damage) {
    let (mut rows, mut damage) = (BTreeMap::new(), Damage::default());
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place.saturating_add(1));
    damage.torn = u64::try_from(text.len().saturating_sub(end)).unwrap_or(u64::MAX);
    let whole = text.get(..end).unwrap_or_default();
    for (line, number) in whole.split_inclusive(|byte| *byte == b'\n').zip(1..) {
        match row(line) {
            Some(row) => {
                rows.entry(row.job.clone()).or_insert(row);
            }
            None => {
                damage.lines = damage.lines.saturating_add(1);
                damage.first = damage.first.or(Some(number));
            }
        }
    }
    (rows, damage)
}

fn row(line: &[u8]) -> Option<TrialRow> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (sum, text) = line.split_once(' ')?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    (crc32fast::hash(text.as_bytes()) == sum).then(|| serde_json::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code may fail loudly")]

    use super::*;
    use crate::run::Totals;
    use crate::sweep::job::tests::{group, job};
    use crate::sweep::job::{SCHEMA, TrialEnd};
    use testkit::Scratch;

    fn row(size: i64) -> TrialRow {
        let job = job(size);
        TrialRow {
            schema: SCHEMA,
            job: job.hash(),
            parameters: job.parameters,
            end: TrialEnd::Complete,
            totals: Totals::default(),
            figures: [("brier".to_owned(), 0.123_456_789)].into(),
            groups: vec![group("a", 1, size)],
            digest: "d".to_owned(),
        }
    }

    #[test]
    fn rows_survive_a_torn_and_a_damaged_line() {
        let scratch = Scratch::new("sweep-results");
        let mut results = Results::open(&scratch, "plan").unwrap();
        (1..=3).for_each(|size| results.add(row(size)).unwrap());
        results.add(row(2)).unwrap();
        assert_eq!(results.len(), 3);
        drop(results);
        let path = scratch.join(ROWS);
        let mut text = fs::read(&path).unwrap();
        let second = text.iter().position(|byte| *byte == b'\n').unwrap() + 30;
        text[second] ^= 1;
        text.extend_from_slice(b"00000000 {\"schema\":1");
        fs::write(&path, &text).unwrap();
        let mut results = Results::open(&scratch, "plan").unwrap();
        assert_eq!(results.damage(), &Damage { lines: 1, first: Some(2), torn: 20 });
        assert_eq!((results.row(&row(1).job), results.row(&row(2).job)), (Some(&row(1)), None));
        results.add(row(2)).unwrap();
        drop(results);
        let results = Results::open(&scratch, "plan").unwrap();
        assert_eq!((results.len(), results.row(&row(2).job), results.damage().torn), (3, Some(&row(2)), 0));
    }

    #[test]
    fn a_folder_belongs_to_one_plan_and_one_process() {
        let scratch = Scratch::new("sweep-lock");
        let first = Results::open(&scratch, "plan").unwrap();
        let busy = Results::open(&scratch, "plan").unwrap_err().to_string();
        assert!(busy.ends_with("belongs to a sweep that is running"), "{busy}");
        drop(first);
        let other = Results::open(&scratch, "another").unwrap_err().to_string();
        assert!(other.contains("holds the trials of another sweep"), "{other}");
        assert!(Results::open(&scratch, "plan").unwrap().is_empty());
    }
}
