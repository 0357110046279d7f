//! The machine: memory, disks, its name.

use crate::{check, size_of, wide};
use std::io;
use std::path::Path;
use std::ptr::null_mut;
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;
use windows_sys::Win32::System::Registry::{HKEY_LOCAL_MACHINE, RRF_RT_REG_SZ, RegGetValueW};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};

/// The machine's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it.
    pub total: u64,
    /// The part that programs can still take without anything being moved to the disk.
    pub available: u64,
}

/// Returns the machine's memory.
///
/// # Errors
/// If the system refuses.
pub fn memory() -> io::Result<Memory> {
    let mut status = MEMORYSTATUSEX { dwLength: size_of::<MEMORYSTATUSEX>(), ..Default::default() };
    // SAFETY: the pointer is to a local structure that carries its own size.
    check(unsafe { GlobalMemoryStatusEx(&raw mut status) })?;
    Ok(Memory { total: status.ullTotalPhys, available: status.ullAvailPhys })
}

/// Returns the bytes that are free for this user on the disk of a folder.
///
/// # Errors
/// If the folder does not exist.
pub fn free_space(folder: &Path) -> io::Result<u64> {
    let name = wide(folder);
    let mut free = 0;
    // SAFETY: the name ends with a zero, and the pointer is to a local number.
    check(unsafe { GetDiskFreeSpaceExW(name.as_ptr(), &raw mut free, null_mut(), null_mut()) })?;
    Ok(free)
}

/// Returns the identifier that the installation of Windows drew for this machine, and that no other machine has unless
/// its disk was cloned.
///
/// # Errors
/// If it cannot be read.
pub fn id() -> io::Result<String> {
    let (key, value) = (wide("SOFTWARE\\Microsoft\\Cryptography"), wide("MachineGuid"));
    let mut text = [0u16; 64];
    let mut bytes = size_of::<[u16; 64]>();
    // SAFETY: the names end with a zero, and the buffer has as many bytes as the call is given.
    let failed = unsafe {
        RegGetValueW(
            HKEY_LOCAL_MACHINE,
            key.as_ptr(),
            value.as_ptr(),
            RRF_RT_REG_SZ,
            null_mut(),
            text.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(i32::try_from(failed).unwrap_or(i32::MAX)));
    }
    let characters: Vec<u16> = text.iter().copied().take_while(|&character| character != 0).collect();
    Ok(String::from_utf16_lossy(&characters))
}
