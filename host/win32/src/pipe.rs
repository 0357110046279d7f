//! Pipes between a process and its child.

use crate::check;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr::{null_mut, without_provenance_mut};
use windows_sys::Win32::Foundation::{CloseHandle, DUPLICATE_SAME_ACCESS, DuplicateHandle, HANDLE};
use windows_sys::Win32::Storage::FileSystem::{FILE_TYPE_PIPE, GetFileType};
use windows_sys::Win32::System::Console::{GetStdHandle, STD_INPUT_HANDLE, SetStdHandle};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

/// Takes the pipe that this process got as its standard input, and leaves none in its place, so that no child process
/// inherits it. Returns `None` if the standard input is not a pipe.
///
/// # Errors
/// If the system refuses.
pub fn take_stdin() -> io::Result<Option<OwnedHandle>> {
    // SAFETY: no pointers are passed.
    let given = unsafe { GetStdHandle(STD_INPUT_HANDLE) };
    if given.is_null() || !is_pipe(given) {
        return Ok(None);
    }
    // The duplicate is not inherited by child processes; the standard input itself is.
    let taken = io::stdin().as_handle().try_clone_to_owned()?;
    // SAFETY: no pointers are passed; the standard input reads as empty from now on.
    check(unsafe { SetStdHandle(STD_INPUT_HANDLE, null_mut()) })?;
    // SAFETY: the handle is open, and nothing refers to it any more: the standard library asks for it at each use.
    check(unsafe { CloseHandle(given) })?;
    Ok(Some(taken))
}

/// Gives a duplicate of a handle to another process, whose own child processes do not inherit it. Returns its number
/// there.
///
/// # Errors
/// If the process has ended.
#[expect(clippy::not_unsafe_ptr_arg_deref, reason = "a handle is a number that the system checks, not an address")]
pub fn give(handle: BorrowedHandle<'_>, process: RawHandle) -> io::Result<u64> {
    let mut there: HANDLE = null_mut();
    // SAFETY: both handles are open; the number that is written is of the other process and not used here.
    check(unsafe {
        DuplicateHandle(
            GetCurrentProcess(),
            handle.as_raw_handle(),
            process,
            &raw mut there,
            0,
            0,
            DUPLICATE_SAME_ACCESS,
        )
    })?;
    Ok(u64::try_from(there.addr()).unwrap_or(u64::MAX))
}

/// Takes a handle that another process [gave](give) to this one. Returns `None` if the number is not that of a pipe.
///
/// # Errors
/// If the number is not a handle's.
pub fn adopt(number: u64) -> io::Result<Option<OwnedHandle>> {
    let number = usize::try_from(number).map_err(|_too_large| io::ErrorKind::InvalidInput)?;
    let handle = without_provenance_mut(number);
    if !is_pipe(handle) {
        return Ok(None);
    }
    // SAFETY: the parent process made this handle for this process and gave its number to no other, so nothing else
    // closes it. The number came from the standard input, which only the parent writes; it is a pipe's.
    Ok(Some(unsafe { OwnedHandle::from_raw_handle(handle) }))
}

fn is_pipe(handle: HANDLE) -> bool {
    // SAFETY: no pointers are passed; a number that is not a handle's gives an error.
    unsafe { GetFileType(handle) == FILE_TYPE_PIPE }
}
