//! Linux, and other systems like it.

use super::Limits;
use std::fs::{self, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// Niceness of the compiler process, so that it yields to the trading host.
const NICE: i32 = 5;
/// Niceness of a strategy's thread: after the engine and the feeds, before the API and the page.
#[cfg(target_os = "linux")]
const STRATEGY_NICE: i32 = 3;

/// Lets the threads that trade go before the calling thread, which runs a strategy. Only on Linux is the priority that of
/// a thread.
pub(crate) fn yield_to_trading() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, STRATEGY_NICE) {
        tracing::debug!(%error, "lowering a strategy's priority failed");
    }
}

/// Makes a new file readable by its owner only.
pub(crate) fn make_private(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// Creates a folder for its owner only, and restricts an existing one.
pub(crate) fn make_private_folder(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(dir)?;
    let meta = fs::symlink_metadata(dir)?;
    if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() {
        let text = format!("{} is not a folder owned by this user", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Returns true if only this user can read or write a file.
pub(crate) fn is_private(_: &Path, meta: &Metadata) -> bool {
    meta.mode() & 0o077 == 0 && meta.uid() == rustix::process::geteuid().as_raw()
}

/// Returns a file's inode and change time: they also differ for a copy that keeps length and modification time.
pub(crate) fn identity(meta: &Metadata) -> (u64, i64, i64) {
    (meta.ino(), meta.ctime(), meta.ctime_nsec())
}

/// Returns the limit of address space of this process, in bytes.
pub(crate) fn address_space_max() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::As).current
}

/// Returns a path that opens the running program, whatever has its original name by now.
pub(crate) fn running_program() -> Option<PathBuf> {
    let running = Path::new("/proc/self/exe");
    running.exists().then(|| running.to_owned())
}

/// Removes everything that a child process would get from this one besides its pipes: environment and working folder.
pub(crate) fn isolate(command: &mut Command) {
    command.env_clear().current_dir("/");
}

/// Limits the processor time, memory and file output of this process.
pub(crate) fn limit_this_process(limits: Limits) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, nice, setrlimit};
    let set = |resource, most: u64, hard: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(hard) });
    set(Resource::As, limits.memory, limits.memory)?;
    // One more second until the hard limit, which cannot be caught.
    set(Resource::Cpu, limits.processor_s, limits.processor_s.saturating_add(1))?;
    set(Resource::Core, 0, 0)?;
    set(Resource::Fsize, 0, 0)?;
    nice(NICE)?;
    Ok(())
}

/// Returns true if a process was ended at its limit of processor time.
pub(crate) fn ended_at_processor_limit(status: ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(rustix::process::Signal::XCPU.as_raw())
}
