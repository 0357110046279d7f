//! One engine for one account on one machine, whatever data folders, users or folders for temporary files are used.
//!
//! The lock is a socket in the kernel's table of abstract names, so that there is no file to remove or to make first. Its name is derived
//! from the key, so that a program which has no key cannot take it.

use sha2::{Digest, Sha256};
use std::io;
use thiserror::Error;

/// Why an account cannot be taken.
#[derive(Debug, Error)]
pub enum AccountLockError {
    /// Another process of this machine trades on it.
    #[error("another run trades on the account {account}: {holder}; stop it first")]
    Taken {
        /// The account's address.
        account: String,
        /// The process that has it, as far as the system tells.
        holder: String,
    },
    /// The system refuses.
    #[error("taking the account {account} for this run")]
    System {
        /// The account's address.
        account: String,
        /// Why.
        source: io::Error,
    },
}

/// The variable in the host's environment with the lock's name. Other users cannot read it, as they could an argument.
pub const VARIABLE: &str = "POLYTRADER_ACCOUNT_LOCK";

/// Returns a text for the part of the world in which [`AccountLock`] holds: this machine, and on it this network namespace.
/// None if the system does not tell.
pub fn place_of_lock() -> Option<String> {
    let machine = std::fs::read_to_string("/etc/machine-id").ok()?;
    let network = std::fs::read_link("/proc/self/ns/net").ok()?;
    Some(format!("{} {}", machine.trim(), network.display()))
}

/// Held for as long as a run lasts; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub struct AccountLock {
    #[cfg(target_os = "linux")]
    _socket: std::os::unix::net::UnixListener,
    #[cfg(not(target_os = "linux"))]
    _file: std::fs::File,
}

impl AccountLock {
    /// Returns the name of the lock of `account`, made of a secret that the key alone gives.
    pub fn name(account: &str, secret: &[u8; 32]) -> String {
        let digest = Sha256::new().chain_update(secret).chain_update(account.to_ascii_lowercase()).finalize();
        format!("polytrader-{}", model::hex::encode(&digest))
    }

    /// Takes `account` under the name that [`AccountLock::name`] gave.
    ///
    /// # Errors
    /// If another process of this machine has it, or the system refuses.
    pub fn take(account: &str, name: &str) -> Result<Self, AccountLockError> {
        take(account, name)
    }

    /// Takes `account` for the host, which may outlive the process that took `name` by the time it needs to cancel its orders.
    ///
    /// # Errors
    /// If the host of another run has it, or the system refuses.
    pub fn take_for_host(account: &str, name: &str) -> Result<Self, AccountLockError> {
        take(account, &format!("{name}-host"))
    }
}

#[cfg(target_os = "linux")]
fn take(account: &str, name: &str) -> Result<AccountLock, AccountLockError> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let failed = |source| AccountLockError::System { account: account.to_owned(), source };
    let address = SocketAddr::from_abstract_name(name).map_err(failed)?;
    match UnixListener::bind_addr(&address) {
        Ok(socket) => Ok(AccountLock { _socket: socket }),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(AccountLockError::Taken { account: account.to_owned(), holder: holder(&address) })
        }
        Err(error) => Err(failed(error)),
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
    let folder = std::fs::read(format!("/proc/{pid}/cmdline")).ok().and_then(|line| data_folder(&line));
    let folder = folder.map_or_else(String::new, |folder| format!(" in the data folder {folder}"));
    format!("process {pid} of user {}{folder}", peer.uid.as_raw())
}

/// Returns the data folder that a command line names.
#[cfg(target_os = "linux")]
fn data_folder(line: &[u8]) -> Option<String> {
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
fn take(account: &str, name: &str) -> Result<AccountLock, AccountLockError> {
    let failed = |source| AccountLockError::System { account: account.to_owned(), source };
    let path = std::env::temp_dir().join(name);
    let file = crate::private_file::open(&path, |options| options.write(true).create(true).truncate(false));
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(AccountLock { _file: file }),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(AccountLockError::Taken { account: account.to_owned(), holder: "another process".to_owned() })
        }
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An account of this test alone.
    fn account(test: &str) -> String {
        format!("0x{test}{:034x}", std::process::id())
    }

    fn take_with(account: &str, key: u8) -> Result<AccountLock, AccountLockError> {
        AccountLock::take(account, &AccountLock::name(account, &[key; 32]))
    }

    #[test]
    fn a_host_that_outlives_its_parent_keeps_the_account() {
        let account = account("abcd03");
        let name = AccountLock::name(&account, &[7; 32]);
        let parent = AccountLock::take(&account, &name).unwrap();
        let host = AccountLock::take_for_host(&account, &name).unwrap();
        drop(parent);
        let _next_parent = AccountLock::take(&account, &name).unwrap();
        assert!(AccountLock::take_for_host(&account, &name).is_err());
        drop(host);
        AccountLock::take_for_host(&account, &name).unwrap();
    }

    #[test]
    fn an_account_is_taken_once_and_the_second_is_told_by_whom() {
        let account = account("abcd01");
        let first = take_with(&account, 7).unwrap();
        let refused = take_with(&account.to_uppercase().replace('X', "x"), 7).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(refused.ends_with("; stop it first"), "{refused}");
        drop(first);
        take_with(&account, 7).unwrap();
    }

    #[test]
    fn a_program_without_the_key_cannot_take_the_account() {
        let account = account("abcd02");
        let _squatted = take_with(&account, 0).unwrap();
        take_with(&account, 7).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_command_line_names_its_data_folder() {
        assert_eq!(data_folder(b"polytrader\0run\0--data-dir\0/srv/a\0--json\0").as_deref(), Some("/srv/a"));
        assert_eq!(data_folder(b"polytrader\0--data-dir=/b\x1b[2J\0").as_deref(), Some("/b\\u{1b}[2J"));
        assert_eq!(data_folder(b"polytrader\0run\0--data-dir").as_deref(), None);
    }
}
