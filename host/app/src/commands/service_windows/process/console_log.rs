//! The console of a host that is a service: `DIR\logs\service_console.log`. It has messages of the signer and of a start
//! that failed, besides what the host's own logs have.

use anyhow::Context;
use std::fs::{self, File};
use std::io::{self, PipeReader, Read, Write};
use std::os::windows::io::OwnedHandle;
use std::path::{Path, PathBuf};

const NAME: &str = "service_console.log";
/// The file of before, when the current one had become too large.
const PREVIOUS: &str = "service_console.previous.log";
/// The bytes at which a new file is begun.
const BYTES_MAX: u64 = 1024 * 1024;
/// Bytes of one read.
const CHUNK: usize = 4_096;

/// Sends the standard outputs of this process and its child processes to a file in `folder`.
///
/// # Errors
/// If the system refuses a pipe or a thread.
pub(super) fn redirect(folder: &Path) -> anyhow::Result<()> {
    let (reader, writer) = io::pipe().context("making a pipe for the console")?;
    let mut log = Log { folder: folder.to_owned(), file: None, bytes: 0 };
    let copy = move || log.copy(reader);
    std::thread::Builder::new().name("console log".to_owned()).spawn(copy).context("starting a thread")?;
    win32::console::redirect_output(OwnedHandle::from(writer)).context("redirecting the console")
}

struct Log {
    folder: PathBuf,
    file: Option<File>,
    bytes: u64,
}

impl Log {
    /// Copies until all writers have ended. What cannot be written is lost: no writer must wait for a disk.
    fn copy(&mut self, mut reader: PipeReader) {
        let mut chunk = [0; CHUNK];
        while let Ok(count) = reader.read(&mut chunk) {
            if count == 0 {
                return;
            }
            if self.write(chunk.get(..count).unwrap_or_default()).is_err() {
                self.file = None;
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.join(NAME);
        if self.bytes >= BYTES_MAX {
            self.file = None;
            fs::rename(&path, self.folder.join(PREVIOUS))?;
        }
        if self.file.is_none() {
            let file = store::private_file::open(&path, |options| options.append(true).create(true))?;
            self.bytes = file.metadata()?.len();
            self.file = Some(file);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        file.write_all(bytes)
    }
}
