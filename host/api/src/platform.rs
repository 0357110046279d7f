//! The calls that differ between systems.

/// Returns the id of the process that started this one; 0 if the system does not say.
#[cfg(unix)]
pub(crate) fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}

/// Returns the id of the process that started this one; 0 if the system does not say.
#[cfg(windows)]
pub(crate) fn parent_id() -> u32 {
    win32::process::parent_id().unwrap_or(0)
}

/// Returns the resident memory of this process in bytes, on systems that provide it in this file.
#[cfg(unix)]
pub(crate) fn resident_bytes() -> Option<u64> {
    use files::Links;
    /// Maximum number of bytes read from the status file.
    const STATUS_MAX: u64 = 64 * 1024;
    let status = files::read_text(std::path::Path::new("/proc/self/status"), Links::Refuse, STATUS_MAX).ok()?;
    resident_kilobytes(&status).map(|kilobytes| kilobytes.saturating_mul(1_024))
}

#[cfg(unix)]
fn resident_kilobytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Returns the resident memory of this process in bytes.
#[cfg(windows)]
pub(crate) fn resident_bytes() -> Option<u64> {
    win32::process::resident().ok().map(|memory| memory.now)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_resident_memory_is_read_from_the_status_file() {
        assert_eq!(resident_kilobytes("VmPeak:\t  9 kB\nVmRSS:\t   1234 kB\n"), Some(1_234));
        for odd in ["", "VmRSS:", "VmRSS:\tmany kB"] {
            assert_eq!(resident_kilobytes(odd), None, "{odd}");
        }
    }
}
