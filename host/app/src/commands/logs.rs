//! `polytrader logs`: prints the last lines of the host's log files, and follows them. Works with and without a running
//! host.

use crate::cli::LogsArgs;
use crate::console::println;
use crate::platform::file_id;
use anyhow::{Context, bail};
use files::Links;
use serde_json::json;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The most bytes at the end of a log that are searched for its last lines.
const TAIL_MAX: u64 = 8 * 1024 * 1024;
/// The most bytes of one read of a followed log, and of one line.
const CHUNK: usize = 64 * 1024;
/// Poll interval of a followed log.
const POLL_EVERY: Duration = Duration::from_millis(250);
/// The most log files of a folder.
const FILES_MAX: usize = 1_000;

/// A log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    /// Its name without `.log`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// Returns the folder of a host's logs.
pub(crate) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("logs")
}

/// Returns the current log files of a host, by name.
///
/// # Errors
/// If the folder cannot be read.
pub(crate) fn files(data_dir: &Path) -> io::Result<Vec<LogFile>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder(data_dir))?.take(FILES_MAX) {
        let path = entry?.path();
        let is_log = path.extension().is_some_and(|extension| extension == "log");
        if let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(|_| is_log) {
            found.push(LogFile { name: name.to_owned(), path: path.clone() });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// Returns the last lines of a log.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn tail(path: &Path, lines: usize) -> io::Result<Vec<String>> {
    let mut file = files::open(path, Links::Refuse)?;
    Ok(last_lines(&mut file, lines)?.0)
}

/// Returns the last complete lines of a log, and the offset after them.
fn last_lines(file: &mut File, lines: usize) -> io::Result<(Vec<String>, u64)> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_MAX).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
    let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default());
    let all: Vec<&str> = text.lines().collect();
    // If only a part of the file was read, its first line may be incomplete.
    let skip = all.len().saturating_sub(lines).max(usize::from(start > 0));
    let place = start.saturating_add(u64::try_from(whole).unwrap_or(u64::MAX));
    Ok((all.into_iter().skip(skip).map(str::to_owned).collect(), place))
}

/// Runs `polytrader logs`.
///
/// # Errors
/// If there is no log, or none with the given name.
pub(crate) fn run(args: &LogsArgs) -> anyhow::Result<ExitCode> {
    let data_dir = &args.host.data_dir;
    let found = match files(data_dir) {
        Ok(found) if !found.is_empty() => found,
        _ => bail!(
            "no log files in {}; the host of this data folder has not written any yet, or --data-dir is wrong",
            folder(data_dir).display()
        ),
    };
    let wanted = wanted(&found, &args.names)?;
    let printer = Printer { is_json: args.host.json, names: wanted.len() > 1 };
    let lines = usize::try_from(args.lines).unwrap_or(usize::MAX);
    let mut followed = Vec::with_capacity(wanted.len());
    for log in wanted {
        let mut file =
            files::open(&log.path, Links::Refuse).with_context(|| format!("opening {}", log.path.display()))?;
        let (last, place) = last_lines(&mut file, lines).with_context(|| format!("reading {}", log.path.display()))?;
        last.iter().for_each(|line| printer.print(&log.name, line));
        followed.push(Followed { log, file, place, rest: Vec::new() });
    }
    if args.follow {
        follow(&mut followed, &printer);
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints added lines until Ctrl-C, or until the reader of a pipe ends.
fn follow(followed: &mut [Followed], printer: &Printer) -> ! {
    loop {
        for one in &mut *followed {
            one.print_added(printer);
        }
        std::thread::sleep(POLL_EVERY);
    }
}

fn wanted(found: &[LogFile], names: &[String]) -> anyhow::Result<Vec<LogFile>> {
    if names.is_empty() {
        return Ok(found.to_vec());
    }
    let known = || found.iter().map(|log| log.name.as_str()).collect::<Vec<_>>().join(", ");
    let of = |name: &String| {
        let log = found.iter().find(|log| log.name == name.trim_end_matches(".log")).cloned();
        log.with_context(|| format!("there is no log `{name}`; there are {}", known()))
    };
    names.iter().map(of).collect()
}

struct Printer {
    is_json: bool,
    names: bool,
}

impl Printer {
    fn print(&self, name: &str, line: &str) {
        match (self.is_json, self.names) {
            (true, _) => println(&json!({ "log": name, "line": line }).to_string()),
            (false, true) => println(&format!("{name}: {line}")),
            (false, false) => println(line),
        }
    }
}

/// A log whose new lines are printed.
struct Followed {
    log: LogFile,
    file: File,
    place: u64,
    /// The beginning of an incomplete line.
    rest: Vec<u8>,
}

impl Followed {
    fn print_added(&mut self, printer: &Printer) {
        while let Ok(added) = self.read() {
            if added.is_empty() {
                break;
            }
            self.print_lines(&added, printer);
        }
        if self.has_moved() {
            self.reopen();
        }
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut added = vec![0; CHUNK];
        self.file.seek(SeekFrom::Start(self.place))?;
        let read = self.file.read(&mut added)?;
        added.truncate(read);
        self.place = self.place.saturating_add(u64::try_from(read).unwrap_or(0));
        Ok(added)
    }

    fn print_lines(&mut self, added: &[u8], printer: &Printer) {
        for part in added.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") || self.rest.len() >= CHUNK {
                let line = std::mem::take(&mut self.rest);
                printer.print(&self.log.name, String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            }
        }
    }

    /// Returns true if the name belongs to another file now, or the file was truncated.
    fn has_moved(&self) -> bool {
        let (here, named) = (self.file.metadata(), std::fs::symlink_metadata(&self.log.path));
        match (here, named) {
            (Ok(here), Ok(named)) => !is_same(&here, &named) || here.len() < self.place,
            // It was rotated, and the next file does not exist yet.
            _ => false,
        }
    }

    fn reopen(&mut self) {
        if let Ok(file) = files::open(&self.log.path, Links::Refuse) {
            (self.file, self.place) = (file, 0);
            self.rest.clear();
        }
    }
}

fn is_same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    file_id(one) == file_id(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::Scratch;

    #[test]
    fn the_last_whole_lines_are_found() -> io::Result<()> {
        let dir = Scratch::new("logs-tail");
        let path = dir.join("a.log");
        std::fs::write(&path, "one\ntwo\nthree\nfo")?;
        assert_eq!(tail(&path, 2)?, ["two", "three"]);
        assert_eq!(tail(&path, 9)?, ["one", "two", "three"]);
        assert_eq!(tail(&path, 0)?, Vec::<String>::new());
        std::fs::write(&path, "")?;
        assert_eq!(tail(&path, 9)?, Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn a_name_that_is_not_there_is_refused_with_those_that_are() -> io::Result<()> {
        let dir = Scratch::new("logs-names");
        std::fs::create_dir(folder(&dir))?;
        for name in ["worker_stderr.log", "api_stdout.log", "notes.txt"] {
            std::fs::write(folder(&dir).join(name), "x\n")?;
        }
        let found = files(&dir)?;
        let names: Vec<&str> = found.iter().map(|log| log.name.as_str()).collect();
        assert_eq!(names, ["api_stdout", "worker_stderr"]);
        assert_eq!(wanted(&found, &["api_stdout.log".to_owned()]).map(|logs| logs.len()).ok(), Some(1));
        let error = wanted(&found, &["ui".to_owned()]).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some("there is no log `ui`; there are api_stdout, worker_stderr"));
        Ok(())
    }
}
