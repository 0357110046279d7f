//! Data that only this user, or only this machine, can decrypt (DPAPI).

use crate::check;
use std::io;
use std::ptr::{null, null_mut};
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, CRYPTPROTECT_LOCAL_MACHINE, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData, CryptUnprotectData,
};

/// The accounts that can decrypt data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This user of this machine.
    User,
    /// Every account of this machine. The file with the data needs an access list that keeps it from others.
    Machine,
}

/// Encrypts data for these accounts.
///
/// # Errors
/// If the system refuses.
pub fn protect(data: &[u8], scope: Scope) -> io::Result<Vec<u8>> {
    let flags = match scope {
        Scope::User => CRYPTPROTECT_UI_FORBIDDEN,
        Scope::Machine => CRYPTPROTECT_UI_FORBIDDEN | CRYPTPROTECT_LOCAL_MACHINE,
    };
    let (input, mut output) = (blob(data)?, CRYPT_INTEGER_BLOB::default());
    // SAFETY: the input is not written to, the output is a local structure, and nothing else is passed.
    check(unsafe { CryptProtectData(&raw const input, null(), null(), null(), null(), flags, &raw mut output) })?;
    Ok(taken(&output))
}

/// Decrypts data that [`protect`] returned, for one of its accounts.
///
/// # Errors
/// If the data is of another user or machine, or damaged.
pub fn unprotect(data: &[u8]) -> io::Result<Vec<u8>> {
    let (input, mut output) = (blob(data)?, CRYPT_INTEGER_BLOB::default());
    // SAFETY: as in `protect`.
    check(unsafe {
        CryptUnprotectData(
            &raw const input,
            null_mut(),
            null(),
            null(),
            null(),
            CRYPTPROTECT_UI_FORBIDDEN,
            &raw mut output,
        )
    })?;
    Ok(taken(&output))
}

fn blob(data: &[u8]) -> io::Result<CRYPT_INTEGER_BLOB> {
    let length = u32::try_from(data.len()).map_err(|_too_long| io::ErrorKind::InvalidInput)?;
    Ok(CRYPT_INTEGER_BLOB { cbData: length, pbData: data.as_ptr().cast_mut() })
}

/// Copies what a call has allocated, overwrites it, and frees it.
fn taken(output: &CRYPT_INTEGER_BLOB) -> Vec<u8> {
    let length = usize::try_from(output.cbData).unwrap_or(0);
    if output.pbData.is_null() {
        return Vec::new();
    }
    // SAFETY: the call that filled the structure allocated this many bytes, which nothing else uses, and documents
    // LocalFree for them.
    unsafe {
        let data = std::slice::from_raw_parts(output.pbData, length).to_vec();
        for at in 0..length {
            output.pbData.add(at).write_volatile(0);
        }
        let _freed = LocalFree(output.pbData.cast());
        data
    }
}
