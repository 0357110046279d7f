//! Memory and processor time of the program's processes, read from /proc.

use anyhow::{Context, ensure};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Milliseconds in a unit of processor time: Linux reports hundredths of a second on every architecture.
const TICK_MILLIS: u64 = 10;

/// The program's three processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Family {
    /// The parent process, which is the signer.
    pub(super) signer: Use,
    /// The host.
    pub(super) host: Use,
    /// The local exchange.
    pub(super) exchange: Use,
}

/// Resource use of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// Resident memory, in kibibytes.
    pub(super) resident: u64,
    /// Processor time since the process started.
    pub(super) cpu: Duration,
}

impl Family {
    /// Reads the signer's process and its children.
    pub(super) fn of(signer: u32) -> anyhow::Result<Self> {
        let mut family = Self { signer: of(signer)?, ..Self::default() };
        let list = format!("/proc/{signer}/task/{signer}/children");
        let children = fs::read_to_string(&list).with_context(|| format!("reading {list}"))?;
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            match job(child).as_deref() {
                Some("host") => family.host = of(child)?,
                Some("exchange") => family.exchange = of(child)?,
                _ => {}
            }
        }
        ensure!(family.host.resident > 0 && family.exchange.resident > 0, "the host or the exchange has exited");
        Ok(family)
    }
}

/// Returns the first argument of a process.
fn job(process: u32) -> Option<String> {
    let line = fs::read_to_string(format!("/proc/{process}/cmdline")).ok()?;
    line.split('\0').nth(1).map(ToOwned::to_owned)
}

fn of(process: u32) -> anyhow::Result<Use> {
    let read = |name: &str| {
        let path = format!("/proc/{process}/{name}");
        fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    };
    let resident = resident(&read("status")?).context("/proc reports no VmRSS")?;
    let cpu = cpu(&read("stat")?).context("/proc reports no processor time")?;
    Ok(Use { resident, cpu })
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Parses the user and system time of a process: the 14th and 15th field. The second field is a name in brackets that
/// may contain blanks.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, after) = stat.rsplit_once(") ")?;
    let mut fields = after.split(' ').skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()?.checked_add(fields.next()?.parse().ok()?)?;
    Some(Duration::from_millis(ticks.checked_mul(TICK_MILLIS)?))
}

/// Returns the total size of a folder's files, in bytes; files that disappear meanwhile are not counted.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_time_are_read_as_linux_writes_them() {
        assert_eq!(resident("Name:\tx\nVmHWM:\t   99 kB\nVmRSS:\t  104348 kB\nThreads:\t5\n"), Some(104_348));
        assert_eq!(resident("Name:\tx\n"), None);
        let stat = "7 (poly (x) trader) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 5 0 100 1 2 3";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        assert_eq!(cpu("7 (x"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_process_uses_something() {
        let used = of(std::process::id()).unwrap();
        assert!(used.resident > 1_000, "{used:?}");
        assert!(job(std::process::id()).is_none_or(|argument| argument != "host"));
    }
}
