//! `polytrader compile`, started by this program itself: reads a strategy's module and writes native code.

use anyhow::Context;
use std::process::ExitCode;

/// Runs `polytrader compile`.
///
/// # Errors
/// If the module cannot be read or the native code cannot be written.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    sandbox::work(std::io::stdin().lock(), std::io::stdout().lock()).context("compiling for another process")?;
    Ok(ExitCode::SUCCESS)
}
