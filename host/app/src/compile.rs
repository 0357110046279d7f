//! `polytrader compile`, which this program starts for itself: a strategy's module comes in, native code goes out. And the sandboxes
//! that compile that way.

use anyhow::Context;
use sandbox::{Cache, Compiler, Program, Sandbox, Settings};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The folder of native code in a data folder.
const FOLDER: &str = "native";

/// Runs `polytrader compile`.
///
/// # Errors
/// If nobody asks or nobody hears the answer.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    sandbox::work(std::io::stdin().lock(), std::io::stdout().lock()).context("compiling for another process")?;
    Ok(ExitCode::SUCCESS)
}

/// Returns a sandbox that compiles in processes of their own, and keeps what came of it in this data folder, if there is one.
///
/// # Errors
/// If the machine cannot run it.
pub(crate) fn sandbox(settings: Settings, data_dir: Option<&Path>) -> anyhow::Result<Sandbox> {
    let program = Program::new(this_program()?, vec!["compile".to_owned()]);
    let cache = data_dir.and_then(|dir| match Cache::open(dir.join(FOLDER)) {
        Ok(cache) => Some(cache),
        Err(error) => {
            tracing::warn!(%error, "native code is not kept: strategies are compiled at each start");
            None
        }
    });
    Ok(Sandbox::new(settings, Compiler::Process { program, cache })?)
}

/// Returns where this program is. What lies under its name may be another version by now, whose native code is of no use here.
fn this_program() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe().context("finding this program")
}
