//! Windows calls that the standard library does not have, with safe signatures. Empty on other systems. The crates that
//! need one call it from their own `platform` module, which chooses between the systems.
#![cfg(windows)]
#![expect(
    unsafe_code,
    reason = "every call of the Windows API is unsafe; this crate holds them all, and each says why it is sound"
)]

pub mod access;
pub mod clock;
pub mod console;
pub mod event;
pub mod job;
pub mod machine;
pub mod pipe;
pub mod process;
pub mod secret;

use std::ffi::OsStr;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::core::BOOL;

/// Returns a string as Windows calls take it: UTF-16 with a zero at its end.
fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

/// Returns the error of the last call if `done` says that it failed.
fn check(done: BOOL) -> io::Result<()> {
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Takes a handle that a call has returned and that belongs to the caller.
fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call that returned this open handle left it to its caller, which passes it on to nothing else.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Returns the size of a value as Windows calls take it.
fn size_of<T>() -> u32 {
    u32::try_from(std::mem::size_of::<T>()).unwrap_or(u32::MAX)
}
