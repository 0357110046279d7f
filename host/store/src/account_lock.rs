//! One engine per account on one machine, whatever data folders, users or temporary folders are used.
//!
//! The lock is a name that the kernel keeps, so there is no file to remove or to create first: on Linux a socket in the
//! abstract namespace, on Windows a mutex in the global one. It is derived from the key, so that a program without the
//! key cannot take it.

use crate::platform::{self, NameError};
use sha2::{Digest, Sha256};
use std::io;
use thiserror::Error;

/// The reason why an account cannot be locked.
#[derive(Debug, Error)]
pub enum AccountLockError {
    /// Another process of this machine trades on it.
    #[error("another run trades on the account {account}: {holder}; stop it first")]
    Taken {
        /// The account's address.
        account: String,
        /// The process that holds it, as far as the system reports it.
        holder: String,
    },
    /// The system refused.
    #[error("taking the account {account} for this run")]
    System {
        /// The account's address.
        account: String,
        /// The cause.
        source: io::Error,
    },
}

/// The environment variable that passes the lock's name to the host. Unlike an argument, it is not readable by other
/// users.
pub const VARIABLE: &str = "POLYTRADER_ACCOUNT_LOCK";

/// Returns a description of the scope of [`AccountLock`]: this machine and its network namespace. `None` if the system
/// does not provide it.
pub fn place_of_lock() -> Option<String> {
    platform::place_of_names()
}

/// Held for the duration of a run; the system releases it when the process ends, for whatever reason.
#[derive(Debug)]
pub struct AccountLock {
    _name: platform::HeldName,
}

impl AccountLock {
    /// Returns the name of the lock of `account`, derived from a secret that only the key yields.
    pub fn name(account: &str, secret: &[u8; 32]) -> String {
        let digest = Sha256::new().chain_update(secret).chain_update(account.to_ascii_lowercase()).finalize();
        format!("polytrader-{}", model::hex::encode(&digest))
    }

    /// Locks `account` under the name returned by [`AccountLock::name`].
    ///
    /// # Errors
    /// If another process of this machine holds it, or the system refuses.
    pub fn acquire(account: &str, name: &str) -> Result<Self, AccountLockError> {
        take(account, name)
    }

    /// Locks `account` for the host, which may outlive the process that locked `name` while it cancels its orders.
    ///
    /// # Errors
    /// If the host of another run holds it, or the system refuses.
    pub fn acquire_for_host(account: &str, name: &str) -> Result<Self, AccountLockError> {
        take(account, &format!("{name}-host"))
    }
}

fn take(account: &str, name: &str) -> Result<AccountLock, AccountLockError> {
    match platform::take_name(name) {
        Ok(name) => Ok(AccountLock { _name: name }),
        Err(NameError::Taken { holder }) => Err(AccountLockError::Taken { account: account.to_owned(), holder }),
        Err(NameError::System(source)) => Err(AccountLockError::System { account: account.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An account for this test alone.
    fn account(test: &str) -> String {
        format!("0x{test}{:034x}", std::process::id())
    }

    fn take_with(account: &str, key: u8) -> Result<AccountLock, AccountLockError> {
        AccountLock::acquire(account, &AccountLock::name(account, &[key; 32]))
    }

    #[test]
    fn a_host_that_outlives_its_parent_keeps_the_account() {
        let account = account("abcd03");
        let name = AccountLock::name(&account, &[7; 32]);
        let parent = AccountLock::acquire(&account, &name).unwrap();
        let host = AccountLock::acquire_for_host(&account, &name).unwrap();
        drop(parent);
        let _next_parent = AccountLock::acquire(&account, &name).unwrap();
        assert!(AccountLock::acquire_for_host(&account, &name).is_err());
        drop(host);
        AccountLock::acquire_for_host(&account, &name).unwrap();
    }

    #[test]
    fn an_account_is_taken_once_and_the_second_error_names_the_holder() {
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
        use crate::platform::data_folder;
        assert_eq!(data_folder(b"polytrader\0run\0--data-dir\0/srv/a\0--json\0").as_deref(), Some("/srv/a"));
        assert_eq!(data_folder(b"polytrader\0--data-dir=/b\x1b[2J\0").as_deref(), Some("/b\\u{1b}[2J"));
        assert_eq!(data_folder(b"polytrader\0run\0--data-dir").as_deref(), None);
    }
}
