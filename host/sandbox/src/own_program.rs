//! A sandbox whose compiler is this very program, started again as `PROGRAM compile`.

use crate::cache::Cache;
use crate::compile::{Compiler, Program};
use crate::fault::LoadError;
use crate::module::Sandbox;
use crate::settings::Settings;
use std::path::{Path, PathBuf};

/// The folder of native code in a data folder.
const FOLDER: &str = "native";

/// Why a sandbox cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum OwnProgramError {
    /// The system does not say which file this program is.
    #[error("finding this program")]
    Program(#[from] std::io::Error),
    /// The machine cannot run strategies.
    #[error(transparent)]
    Sandbox(#[from] LoadError),
}

impl Sandbox {
    /// Returns a sandbox that compiles in child processes of this program (`PROGRAM compile`, which must call [`crate::work`]), and keeps the
    /// native code in this data folder, if there is one. A folder that cannot be opened costs a compilation at each start, no more.
    ///
    /// # Errors
    /// If this program cannot be found, or the machine cannot run a sandbox.
    pub fn of_own_program(settings: Settings, data_dir: Option<&Path>) -> Result<Self, OwnProgramError> {
        let program = Program::new(this_program()?, vec!["compile".to_owned()]);
        let cache = data_dir.and_then(|dir| match Cache::open(dir.join(FOLDER)) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(%error, "native code is not kept: strategies are compiled at each start");
                None
            }
        });
        Ok(Self::new(settings, Compiler::Process { program, cache })?)
    }
}

/// Returns where this program is. What lies under its name may be another version by now, whose native code is of no use here.
fn this_program() -> Result<PathBuf, std::io::Error> {
    let running = Path::new("/proc/self/exe");
    if running.exists() {
        return Ok(running.to_owned());
    }
    std::env::current_exe()
}
