//! Processes.

use crate::{check, owned, size_of};
use std::io;
use std::os::windows::io::AsRawHandle;
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, OpenProcess, PROCESS_TERMINATE, SetThreadPriority,
    THREAD_PRIORITY_BELOW_NORMAL, TerminateProcess,
};

/// The exit code of a process that [`kill`] has ended: 128 plus SIGKILL, as shells report it elsewhere.
const KILLED: u32 = 137;

/// Returns the id of the process that started this one, if the system still lists this process. The parent may have
/// ended, and its id may belong to another process.
pub fn parent_id() -> Option<u32> {
    let this = std::process::id();
    // SAFETY: no pointers are passed.
    let list = owned(unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) }).ok()?;
    let mut entry = PROCESSENTRY32W { dwSize: size_of::<PROCESSENTRY32W>(), ..Default::default() };
    // SAFETY: the snapshot is open, and the pointer is to a local structure that carries its own size.
    let mut more = unsafe { Process32FirstW(list.as_raw_handle(), &raw mut entry) };
    while more != 0 {
        if entry.th32ProcessID == this {
            return Some(entry.th32ParentProcessID);
        }
        // SAFETY: as above.
        more = unsafe { Process32NextW(list.as_raw_handle(), &raw mut entry) };
    }
    None
}

/// Returns true if this process runs in the session of services, where no person is logged on. Console programs there are
/// notified of every log-off on the machine, which does not concern them.
pub fn is_of_service() -> bool {
    let mut session = u32::MAX;
    // SAFETY: the pointer is to a local number.
    let known = unsafe { ProcessIdToSessionId(std::process::id(), &raw mut session) } != 0;
    known && session == 0
}

/// Ends a process at once.
///
/// # Errors
/// If there is no such process, or this user may not end it.
pub fn kill(process: u32) -> io::Result<()> {
    // SAFETY: no pointers are passed.
    let handle = owned(unsafe { OpenProcess(PROCESS_TERMINATE, 0, process) })?;
    // SAFETY: the handle is open.
    check(unsafe { TerminateProcess(handle.as_raw_handle(), KILLED) })
}

/// Sets the calling thread's priority to the one below normal.
///
/// # Errors
/// If the system refuses.
pub fn lower_thread_priority() -> io::Result<()> {
    // SAFETY: the pseudo handle of this thread is always valid.
    check(unsafe { SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL) })
}

/// Memory of this process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    /// The part that is in the machine's memory now.
    pub now: u64,
    /// The largest such part so far.
    pub peak: u64,
}

/// Returns the memory of this process.
///
/// # Errors
/// If the system refuses.
pub fn resident() -> io::Result<Resident> {
    let mut counters = PROCESS_MEMORY_COUNTERS { cb: size_of::<PROCESS_MEMORY_COUNTERS>(), ..Default::default() };
    let size = counters.cb;
    // SAFETY: the pseudo handle of this process is always valid; the pointer is to a local structure of this size.
    check(unsafe { K32GetProcessMemoryInfo(GetCurrentProcess(), &raw mut counters, size) })?;
    let bytes = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Ok(Resident { now: bytes(counters.WorkingSetSize), peak: bytes(counters.PeakWorkingSetSize) })
}
