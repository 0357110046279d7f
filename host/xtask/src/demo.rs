//! One command on a fresh machine: builds everything, then trades on a local Polymarket with play money.

use crate::repo::Repo;
use crate::{command, node, say, test, wasm};
use anyhow::Context;
use std::env;
use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitCode, Stdio};

/// Builds what is needed and replaces this process with `polytrader run --mode demo`.
pub(crate) fn run(repo: &Repo, args: &[OsString]) -> anyhow::Result<ExitCode> {
    node::build_all(repo)?;
    wasm::build(repo)?;
    say::doing("host (the first build takes some minutes)");
    test::build_binary(repo)?;
    say::doing("demo: open the login link below; Ctrl-C ends it and cancels every order");
    // Relative paths given by the user are relative to the working directory.
    let here = env::current_dir().context("finding the current folder")?;
    let mut polytrader = command::new(repo.binary("debug"), &here);
    polytrader.arg("run").stdin(Stdio::inherit());
    let strategies = repo.strategies();
    let data = repo.root.join("data/demo");
    let defaults =
        [("--mode", OsStr::new("demo")), ("--strategies", strategies.as_os_str()), ("--data-dir", data.as_os_str())];
    for (flag, value) in defaults {
        if !gives(args, flag) {
            polytrader.arg(flag).arg(value);
        }
    }
    become_child(polytrader.args(args))
}

/// Returns true if the user gives this flag, so that the default must not be added.
fn gives(args: &[OsString], flag: &str) -> bool {
    args.iter()
        .filter_map(|arg| arg.to_str())
        .any(|arg| arg.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
}

/// Replaces this process with the host: only the host receives Ctrl-C, and its exit code is the command's.
#[cfg(unix)]
fn become_child(command: &mut Command) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).with_context(|| format!("starting {}", command.get_program().display()))
}

/// Waits for the host where a process cannot be replaced. Ctrl-C ends xtask at once and the host in its own time.
#[cfg(not(unix))]
fn become_child(command: &mut Command) -> anyhow::Result<ExitCode> {
    let status = command.status().with_context(|| format!("starting {}", command.get_program().display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_of_the_user_replaces_ours() {
        let args = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        assert!(gives(&args("--speed 4 --data-dir here"), "--data-dir"));
        assert!(gives(&args("--data-dir=here"), "--data-dir"));
        assert!(!gives(&args("--data-dirs here"), "--data-dir"));
        assert!(!gives(&args("--recording data"), "--data-dir"));
    }
}
