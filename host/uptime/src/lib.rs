//! The time since the machine started: a clock that cannot be set and that all processes share. It is not the time of
//! day, and its values mean nothing after the next start.

/// Returns the microseconds since boot, suspended time included where the system counts it.
#[cfg(unix)]
pub fn since_boot_micros() -> u64 {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let since = rustix::time::clock_gettime(id);
    let (seconds, nanos) = (u64::try_from(since.tv_sec).unwrap_or(0), u64::try_from(since.tv_nsec).unwrap_or(0));
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000)
}

#[cfg(windows)]
pub use win32::clock::since_boot_micros;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on() {
        let before = since_boot_micros();
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(since_boot_micros() > before);
    }
}
