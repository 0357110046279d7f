//! A sandbox whose compiler is this program itself, started as `PROGRAM compile`.

use crate::cache::Cache;
use crate::compile::{Compiler, Program};
use crate::fault::LoadError;
use crate::module::Sandbox;
use crate::settings::Settings;
use std::path::{Path, PathBuf};

/// Name of the native code folder in a data folder.
const FOLDER: &str = "native";

/// Error: the sandbox cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum OwnProgramError {
    /// The path of this program cannot be determined.
    #[error("finding this program")]
    Program(#[from] std::io::Error),
    /// The machine cannot run strategies.
    #[error(transparent)]
    Sandbox(#[from] LoadError),
}

impl Sandbox {
    /// Returns a sandbox that compiles in child processes of this program (`PROGRAM compile`, which must call
    /// [`crate::work`]), and caches native code in the data folder, if one is given. If the cache cannot be opened,
    /// strategies are compiled at each start.
    ///
    /// # Errors
    /// If the path of this program cannot be determined, or the machine cannot run a sandbox.
    pub fn of_own_program(settings: Settings, data_dir: Option<&Path>) -> Result<Self, OwnProgramError> {
        let program = Program::new(this_program()?, vec!["compile".to_owned()]);
        let cache = data_dir.and_then(|dir| match Cache::open(dir.join(FOLDER)) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(%error, "opening the native code cache failed; strategies are compiled at each start");
                None
            }
        });
        Ok(Self::new(settings, Compiler::Process { program, cache })?)
    }
}

/// Returns the path of the running program. The file under its original name may be another version by now, whose
/// native code cannot be used.
fn this_program() -> Result<PathBuf, std::io::Error> {
    crate::platform::running_program().map_or_else(std::env::current_exe, Ok)
}
