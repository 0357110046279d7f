//! The console, and the standard outputs in its place.

use crate::check;
use std::io;
use std::os::windows::io::{IntoRawHandle, OwnedHandle};
use windows_sys::Win32::System::Console::{
    STD_ERROR_HANDLE, STD_OUTPUT_HANDLE, SetConsoleCP, SetConsoleOutputCP, SetStdHandle,
};

/// The number of UTF-8 among the code pages.
const UTF_8: u32 = 65_001;

/// Makes the console of this process, if it has one, read and show UTF-8.
pub fn use_utf8() {
    // SAFETY: no pointers are passed. Without a console the calls fail, which changes nothing.
    let _without_console = unsafe { SetConsoleOutputCP(UTF_8) | SetConsoleCP(UTF_8) };
}

/// Makes a handle the standard output and the standard error of this process, and of the child processes that it starts
/// from now on.
///
/// # Errors
/// If the system refuses, which it does not.
pub fn redirect_output(handle: OwnedHandle) -> io::Result<()> {
    let handle = handle.into_raw_handle();
    for output in [STD_OUTPUT_HANDLE, STD_ERROR_HANDLE] {
        // SAFETY: the handle is open, and it stays open until the process ends, because its owner has released it.
        check(unsafe { SetStdHandle(output, handle) })?;
    }
    Ok(())
}
