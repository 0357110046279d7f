//! Windows.

use super::Limits;
use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use win32::access::{self, Access};
use win32::job;

/// The exit code of a process that its job ended at the limit of processor time (ERROR_NOT_ENOUGH_QUOTA).
const QUOTA: i32 = 1816;
/// The variables without which system libraries do not load.
const NEEDED: [&str; 2] = ["SystemRoot", "SystemDrive"];

/// Lets the threads that trade go before the calling thread, which runs a strategy.
pub(crate) fn yield_to_trading() {
    if let Err(error) = win32::process::lower_thread_priority() {
        tracing::debug!(%error, "lowering a strategy's priority failed");
    }
}

/// A new file has the access list of its folder, which [`make_private_folder`] has closed to others.
pub(crate) fn make_private(_: &mut OpenOptions) {}

/// Creates a folder for its owner only, and restricts an existing one.
pub(crate) fn make_private_folder(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    if !fs::symlink_metadata(dir)?.is_dir() {
        let text = format!("{} is not a folder", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    if access::is_open_to_others(dir, Access::Any)? { access::close_to_others(dir, true) } else { Ok(()) }
}

/// Returns true if only this user, the system and administrators can read or write a file.
pub(crate) fn is_private(path: &Path, _: &Metadata) -> bool {
    access::is_open_to_others(path, Access::Any).is_ok_and(|is_open| !is_open)
}

/// Returns when a file was created. The standard library does not return its number.
pub(crate) fn identity(meta: &Metadata) -> (u64, i64, i64) {
    (meta.creation_time(), 0, 0)
}

/// The system has no limit of address space.
pub(crate) const fn address_space_max() -> Option<u64> {
    None
}

/// The file of a running program keeps its name here, or is renamed with the program's knowledge.
pub(crate) const fn running_program() -> Option<PathBuf> {
    None
}

/// Removes everything that a child process would get from this one besides its pipes: environment and working folder.
pub(crate) fn isolate(command: &mut Command) {
    command.env_clear().current_dir("/");
    command.envs(NEEDED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
}

/// Limits the processor time and memory of this process, and keeps it from starting others.
pub(crate) fn limit_this_process(limits: Limits) -> io::Result<()> {
    job::limit_this_process(job::Limits { memory: limits.memory, processor_s: limits.processor_s })
}

/// Returns true if a process was ended at its limit of processor time.
pub(crate) fn ended_at_processor_limit(status: ExitStatus) -> bool {
    status.code() == Some(QUOTA)
}
