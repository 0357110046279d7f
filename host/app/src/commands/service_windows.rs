//! `polytrader service` on Windows.

use crate::cli::ServiceArgs;
use anyhow::bail;
use std::process::ExitCode;

/// Runs `polytrader service`.
///
/// # Errors
/// Always: services of Windows are not supported yet.
pub(crate) fn run(_: &ServiceArgs) -> anyhow::Result<ExitCode> {
    bail!("services of Windows are not supported yet; start `polytrader run` from a scheduled task (docs/windows.md)")
}
