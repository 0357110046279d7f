//! `polytrader completions` and `polytrader man`: generated from the definition of the command line.

use crate::cli::{CompletionsArgs, ManArgs};
use crate::console::println;
use anyhow::Context;
use std::io::Write;
use std::process::ExitCode;

/// Runs `polytrader completions`: writes the script for a shell to standard output.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn completions(args: &CompletionsArgs, mut command: clap::Command) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "polytrader", &mut script);
    // Written unchanged, because a shell reads it; `println` would escape control characters.
    let mut out = std::io::stdout().lock();
    out.write_all(&script).and_then(|()| out.flush()).context("writing the script")?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `polytrader man`: writes a page for each command into a folder.
///
/// # Errors
/// If the folder or a page cannot be written.
pub(crate) fn man(args: &ManArgs, command: clap::Command) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    clap_mangen::generate_to(command, folder).with_context(|| format!("writing pages into {}", folder.display()))?;
    if args.json {
        println(&serde_json::json!({ "folder": folder, "first": folder.join("polytrader.1") }).to_string());
        return Ok(ExitCode::SUCCESS);
    }
    println(&format!(
        "the pages are in {}; `man -l {}` shows one",
        folder.display(),
        folder.join("polytrader.1").display()
    ));
    Ok(ExitCode::SUCCESS)
}
