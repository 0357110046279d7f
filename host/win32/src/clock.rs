//! The clock that is never set.

use std::sync::LazyLock;
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};

/// Ticks per second, fixed when the machine starts.
static FREQUENCY: LazyLock<u128> = LazyLock::new(|| {
    let mut ticks = 0;
    // SAFETY: the pointer is to a local number of the type that the call writes.
    let _always_succeeds = unsafe { QueryPerformanceFrequency(&raw mut ticks) };
    u128::try_from(ticks).unwrap_or(1).max(1)
});

/// Returns the microseconds since the machine started, including time asleep: the performance counter, which all
/// processes share and which cannot be set.
pub fn since_boot_micros() -> u64 {
    let mut ticks = 0;
    // SAFETY: the pointer is to a local number of the type that the call writes.
    let _always_succeeds = unsafe { QueryPerformanceCounter(&raw mut ticks) };
    let micros = u128::try_from(ticks).unwrap_or(0).saturating_mul(1_000_000).checked_div(*FREQUENCY);
    u64::try_from(micros.unwrap_or(0)).unwrap_or(u64::MAX)
}
