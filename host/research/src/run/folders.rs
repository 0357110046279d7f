//! The folder of all runs: a folder for each run, a limit on the disk, and runs that are pinned.

use super::RunDescription;
use super::files::{DESCRIPTION, load_description};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use store::private_file;

/// Name of the folder of runs in a data folder.
pub const RUNS: &str = "runs";
/// Default limit on the disk in bytes.
pub const BYTES_MAX: u64 = 10 << 30;
/// An empty file of this name in a run's folder protects it.
const PINNED: &str = "pinned";
/// Most runs that are listed.
const RUNS_MAX: usize = 100_000;
/// A folder without `run.json` may belong to a run that is being written; from this age it does not.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// A run in the folder.
#[derive(Debug)]
pub struct Entry {
    /// Its id, the name of its folder.
    pub id: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// True if it is never deleted.
    pub pinned: bool,
    /// Its description, or the reason why there is none.
    pub description: Result<RunDescription, String>,
    /// Last change of its folder.
    changed: SystemTime,
}

impl Entry {
    /// Returns a time to sort by: the start of the run, else the last change of its folder, in microseconds since 1970.
    fn started_us(&self) -> u64 {
        let changed = || self.changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
        match &self.description {
            Ok(description) => description.started_at.0,
            Err(_) => u64::try_from(changed()).unwrap_or(u64::MAX),
        }
    }
}

/// Returns all runs, the newest first. A folder without a readable run has the reason in place of its description; a
/// missing folder has no runs.
///
/// # Errors
/// If the folder cannot be read.
pub fn list(runs: &Path) -> anyhow::Result<Vec<Entry>> {
    let entries = match fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("reading {}", runs.display())),
    };
    let mut found = Vec::new();
    for entry in entries.take(RUNS_MAX) {
        let entry = entry.with_context(|| format!("reading {}", runs.display()))?;
        let Ok(about) = fs::symlink_metadata(entry.path()) else { continue };
        let (true, Ok(id)) = (about.is_dir(), entry.file_name().into_string()) else { continue };
        found.push(Entry {
            id,
            bytes: bytes(&entry.path()),
            pinned: entry.path().join(PINNED).exists(),
            description: load_description(&entry.path()).map_err(|error| format!("{error:#}")),
            changed: about.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        });
    }
    found.sort_by(|one, other| other.started_us().cmp(&one.started_us()).then_with(|| one.id.cmp(&other.id)));
    Ok(found)
}

/// Returns the bytes of the files in a run's folder, which has no folders.
fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).fold(0, |sum, about| sum.saturating_add(about.len()))
}

/// Returns the folder of a run: that of this id in `runs`, or the one at this path.
///
/// # Errors
/// If there is neither; the message names both places.
pub fn find(runs: &Path, run: &str) -> anyhow::Result<PathBuf> {
    let by_id = is_id(run).then(|| runs.join(run)).filter(|folder| folder.join(DESCRIPTION).is_file());
    let by_path = || Some(PathBuf::from(run)).filter(|folder| folder.join(DESCRIPTION).is_file());
    by_id.or_else(by_path).with_context(|| {
        format!(
            "there is no run `{run}`: neither in {} nor a folder with a {DESCRIPTION} (`polytrader runs list`)",
            runs.display()
        )
    })
}

/// Returns true for a name of a folder that cannot lead to another place.
fn is_id(run: &str) -> bool {
    !run.is_empty() && !run.starts_with('.') && !run.contains(['/', '\\', '\0'])
}

/// Deletes a run.
///
/// # Errors
/// If there is no run of this id, if it is pinned, or if its files cannot be deleted.
pub fn delete(runs: &Path, id: &str) -> anyhow::Result<()> {
    let folder = existing(runs, id)?;
    ensure!(!folder.join(PINNED).exists(), "run {id} is pinned: `polytrader runs pin {id} --off` releases it");
    fs::remove_dir_all(&folder).with_context(|| format!("deleting {}", folder.display()))
}

/// Protects a run from being deleted, or no longer.
///
/// # Errors
/// If there is no run of this id, or if the mark cannot be written.
pub fn pin(runs: &Path, id: &str, pinned: bool) -> anyhow::Result<()> {
    let mark = existing(runs, id)?.join(PINNED);
    let named = || format!("changing {}", mark.display());
    if pinned {
        return private_file::replace(&mark, b"").with_context(named);
    }
    match fs::remove_file(&mark) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).with_context(named),
        _ => Ok(()),
    }
}

fn existing(runs: &Path, id: &str) -> anyhow::Result<PathBuf> {
    let folder = runs.join(id);
    let is_folder = fs::symlink_metadata(&folder).is_ok_and(|about| about.is_dir());
    if !is_id(id) || !is_folder {
        bail!("there is no run `{id}` in {} (`polytrader runs list`)", runs.display());
    }
    Ok(folder)
}

/// Deletes the oldest runs that are not pinned until all together have at most `bytes_max`, and returns their ids. `keep`
/// is not deleted, nor is a folder without a description that is younger than a day.
///
/// # Errors
/// If the folder cannot be read or a run cannot be deleted.
pub fn keep_within(runs: &Path, bytes_max: u64, keep: Option<&str>) -> anyhow::Result<Vec<String>> {
    let all = list(runs)?;
    let mut total: u64 = all.iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes));
    let mut deleted = Vec::new();
    for entry in all.into_iter().rev() {
        if total <= bytes_max {
            break;
        }
        let young = entry.changed.elapsed().is_ok_and(|age| age < ABANDONED_AFTER);
        let writing = entry.description.is_err() && young;
        if entry.pinned || writing || keep == Some(entry.id.as_str()) {
            continue;
        }
        delete(runs, &entry.id)?;
        total = total.saturating_sub(entry.bytes);
        deleted.push(entry.id);
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{sample, save};
    use model::Time;
    use testkit::Scratch;

    fn runs(name: &str) -> Scratch {
        let runs = Scratch::new(name);
        for (number, id) in (0..).zip(["a", "b", "c"]) {
            let mut data = sample::empty();
            data.description.id = id.to_owned();
            data.description.started_at = Time(number);
            save(&data, &runs.join(id)).unwrap();
        }
        runs
    }

    fn ids(runs: &Path) -> Vec<String> {
        list(runs).unwrap().into_iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn the_newest_run_is_first_and_a_damaged_one_costs_no_other() {
        let runs = runs("runs-list");
        fs::write(runs.join("b/run.json"), "{").unwrap();
        let all = list(&runs).unwrap();
        assert_eq!(ids(&runs), ["b", "c", "a"]);
        assert!(all[0].description.as_ref().unwrap_err().contains("run.json"));
        assert!(all[1].bytes > 1_000 && !all[1].pinned);
        assert!(list(&runs.join("missing")).unwrap().is_empty());
    }

    #[test]
    fn the_oldest_runs_go_and_pinned_ones_stay() {
        let runs = runs("runs-limit");
        pin(&runs, "a", true).unwrap();
        assert!(format!("{:#}", delete(&runs, "a").unwrap_err()).contains("is pinned"));
        assert_eq!(keep_within(&runs, u64::MAX, None).unwrap(), Vec::<String>::new());
        let each = list(&runs).unwrap()[0].bytes;
        assert_eq!(keep_within(&runs, 2 * each + each / 2, None).unwrap(), ["b"]);
        assert_eq!(keep_within(&runs, 0, Some("c")).unwrap(), Vec::<String>::new());
        pin(&runs, "a", false).unwrap();
        pin(&runs, "a", false).unwrap();
        fs::create_dir(runs.join("being-written")).unwrap();
        assert_eq!(keep_within(&runs, 0, None).unwrap(), ["a", "c"]);
        assert_eq!(ids(&runs), ["being-written"]);
    }

    #[test]
    fn a_run_is_found_by_id_or_path_and_no_id_leads_out_of_the_folder() {
        let runs = runs("runs-find");
        assert_eq!(find(&runs, "a").unwrap(), runs.join("a"));
        let path = runs.join("b").display().to_string();
        assert_eq!(find(Path::new("elsewhere"), &path).unwrap(), runs.join("b"));
        assert!(format!("{:#}", find(&runs, "z").unwrap_err()).contains("there is no run `z`"));
        for outside in ["..", "../x", "", ".", "a/../b", "a/"] {
            assert!(delete(&runs, outside).is_err(), "{outside}");
        }
        let link = runs.join("link");
        std::os::unix::fs::symlink(runs.join("a"), &link).unwrap();
        assert!(delete(&runs, "link").is_err());
        assert_eq!(ids(&runs).len(), 3);
    }
}
