//! Limits of a process, as a job object.

use crate::{check, owned, size_of};
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::null;
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_ACTIVE_PROCESS,
    JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION, JOB_OBJECT_LIMIT_PRIORITY_CLASS, JOB_OBJECT_LIMIT_PROCESS_MEMORY,
    JOB_OBJECT_LIMIT_PROCESS_TIME, JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation,
    SetInformationJobObject,
};
use windows_sys::Win32::System::Threading::{BELOW_NORMAL_PRIORITY_CLASS, GetCurrentProcess};

/// The limits of one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory that the process may commit; an allocation above it fails.
    pub memory: u64,
    /// Processor time in user mode, in seconds; the process is ended above it.
    pub processor_s: u64,
}

/// Units of processor time in a second.
const UNITS: u64 = 10_000_000;

/// Limits this process until it ends: memory, processor time, no child processes, a low priority, and no dialog if it
/// crashes. The limits cannot be removed from within.
///
/// # Errors
/// If the system refuses.
pub fn limit_this_process(limits: Limits) -> io::Result<()> {
    // SAFETY: neither attributes nor a name are passed.
    let job = owned(unsafe { CreateJobObjectW(null(), null()) })?;
    let mut information = JOBOBJECT_EXTENDED_LIMIT_INFORMATION {
        ProcessMemoryLimit: usize::try_from(limits.memory).unwrap_or(usize::MAX),
        ..Default::default()
    };
    let basic = &mut information.BasicLimitInformation;
    basic.PerProcessUserTimeLimit = i64::try_from(limits.processor_s.saturating_mul(UNITS)).unwrap_or(i64::MAX);
    basic.ActiveProcessLimit = 1;
    basic.PriorityClass = BELOW_NORMAL_PRIORITY_CLASS;
    basic.LimitFlags = JOB_OBJECT_LIMIT_PROCESS_MEMORY
        | JOB_OBJECT_LIMIT_PROCESS_TIME
        | JOB_OBJECT_LIMIT_ACTIVE_PROCESS
        | JOB_OBJECT_LIMIT_PRIORITY_CLASS
        | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    let size = size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>();
    // SAFETY: the pointer is to a local structure of the kind and size that are passed with it.
    check(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const information).cast(),
            size,
        )
    })?;
    // SAFETY: the job is open, and the pseudo handle of this process is always valid.
    check(unsafe { AssignProcessToJobObject(job.as_raw_handle(), GetCurrentProcess()) })?;
    keep(job);
    Ok(())
}

/// Leaves the handle open: the job lives as long as its process.
fn keep(job: OwnedHandle) {
    std::mem::forget(job);
}
