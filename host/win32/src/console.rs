//! The console.

use windows_sys::Win32::System::Console::{SetConsoleCP, SetConsoleOutputCP};

/// The number of UTF-8 among the code pages.
const UTF_8: u32 = 65_001;

/// Makes the console of this process, if it has one, read and show UTF-8.
pub fn use_utf8() {
    // SAFETY: no pointers are passed. Without a console the calls fail, which changes nothing.
    let _without_console = unsafe { SetConsoleOutputCP(UTF_8) | SetConsoleCP(UTF_8) };
}
