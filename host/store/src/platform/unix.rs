//! Linux, and other systems like it.

use super::NameError;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes a new file readable by its owner only.
pub(crate) fn make_private(options: &mut OpenOptions) {
    options.mode(0o600);
}

/// New files are private from the start.
pub(crate) fn keep_private(_: &Path) {}

/// Creates a folder for its owner only.
pub(crate) fn create_folder(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Removes other users' permissions on a file or folder. If that is not possible, for example on a read-only volume, it
/// stays as it is and a warning is logged.
pub(crate) fn close_to_others(path: &Path) {
    let Ok(about) = fs::symlink_metadata(path) else { return };
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o077 == 0 || !(about.is_dir() || about.is_file()) {
        return;
    }
    if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(mode & !0o077)) {
        tracing::warn!(path = %path.display(), mode = format!("{mode:04o}"), %error, "open to others; closing failed");
    }
}

pub(crate) fn free_space(dir: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Returns the machine's name; empty if it has none.
pub(crate) fn machine_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default()
}

/// Returns a description of the scope of [`take_name`].
pub(crate) fn place_of_names() -> Option<String> {
    let machine = fs::read_to_string("/etc/machine-id").ok()?;
    let network = fs::read_link("/proc/self/ns/net").ok()?;
    Some(format!("{} {}", machine.trim(), network.display()))
}

/// A name that this process holds.
#[derive(Debug)]
pub(crate) struct HeldName {
    #[cfg(target_os = "linux")]
    _socket: std::os::unix::net::UnixListener,
    #[cfg(not(target_os = "linux"))]
    _file: File,
}

/// Takes a name that one process of the machine can hold.
#[cfg(target_os = "linux")]
pub(crate) fn take_name(name: &str) -> Result<HeldName, NameError> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let address = SocketAddr::from_abstract_name(name).map_err(NameError::System)?;
    match UnixListener::bind_addr(&address) {
        Ok(socket) => Ok(HeldName { _socket: socket }),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(NameError::Taken { holder: holder(&address) }),
        Err(error) => Err(NameError::System(error)),
    }
}

/// Describes the process that listens at `address`.
#[cfg(target_os = "linux")]
fn holder(address: &std::os::unix::net::SocketAddr) -> String {
    let connected = std::os::unix::net::UnixStream::connect_addr(address);
    let Ok(peer) = connected.and_then(|socket| Ok(rustix::net::sockopt::socket_peercred(&socket)?)) else {
        return "a process that does not answer".to_owned();
    };
    let pid = peer.pid.as_raw_nonzero();
    let folder = fs::read(format!("/proc/{pid}/cmdline")).ok().and_then(|line| data_folder(&line));
    let folder = folder.map_or_else(String::new, |folder| format!(" in the data folder {folder}"));
    format!("process {pid} of user {}{folder}", peer.uid.as_raw())
}

/// Returns the data folder named on a command line.
#[cfg(target_os = "linux")]
pub(crate) fn data_folder(line: &[u8]) -> Option<String> {
    let mut arguments = line.split(|&byte| byte == 0).map(String::from_utf8_lossy);
    while let Some(argument) = arguments.next() {
        if argument == "--data-dir" {
            return arguments.next().map(|folder| folder.escape_debug().to_string());
        }
        if let Some(folder) = argument.strip_prefix("--data-dir=") {
            return Some(folder.escape_debug().to_string());
        }
    }
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn take_name(name: &str) -> Result<HeldName, NameError> {
    let path = std::env::temp_dir().join(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = files::open_with(&mut options, &path, files::Links::Refuse).map_err(NameError::System)?;
    match file.try_lock() {
        Ok(()) => Ok(HeldName { _file: file }),
        Err(fs::TryLockError::WouldBlock) => Err(NameError::Taken { holder: "another process".to_owned() }),
        Err(fs::TryLockError::Error(error)) => Err(NameError::System(error)),
    }
}
