//! The research tutorial as a reader follows it: every command of `docs/research.md`, in order, in one folder.

use crate::process::{Folder, not_run, strategies};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Fence of the blocks that are executed; others are examples of output or of files.
const FENCE: &str = "```sh";

#[test]
fn every_command_of_the_research_tutorial_runs() {
    let Some(strategies) = strategies("the research tutorial") else { return };
    if Command::new("bash").arg("--version").output().is_err() {
        return not_run("the research tutorial", "bash");
    }
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/research.md")).unwrap();
    let blocks = blocks(&page);
    assert!(blocks.len() >= 7, "only {} blocks of commands in docs/research.md", blocks.len());
    let folder = Folder::new("tutorial");
    std::fs::create_dir_all(folder.0.join("target")).unwrap();
    std::os::unix::fs::symlink(&strategies, folder.0.join("target/strategies")).unwrap();
    std::os::unix::fs::symlink(repository().join("docs"), folder.0.join("docs")).unwrap();
    let script = folder.0.join("tutorial.sh");
    std::fs::write(&script, text(&blocks)).unwrap();
    let path = format!("{}:{}", program_folder().display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.arg(&script).current_dir(&folder.0).env("PATH", path).env("HOME", &folder.0).env_remove("XDG_DATA_HOME");
    let output = bash.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n--- output ---\n{out}\n--- errors ---\n{err}", output.status);
    eprintln!("{} blocks of commands ran", blocks.len());
}

fn repository() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).canonicalize().unwrap()
}

fn program_folder() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_polytrader")).parent().unwrap().to_owned()
}

/// Returns the line number and the text of each executed block.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in page.lines().enumerate() {
        match (&mut open, line.trim_end()) {
            (None, FENCE) => open = Some((number + 2, String::new())),
            (Some(_), "```") => blocks.extend(open.take()),
            (Some((_, text)), line) => writeln!(text, "{line}").unwrap(),
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "a block of docs/research.md is not closed");
    blocks
}

/// Joins the blocks to one script, which ends at the first failure and names its block.
fn text(blocks: &[(usize, String)]) -> String {
    let mut script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n".to_owned();
    for (line, text) in blocks {
        writeln!(script, "echo '== docs/research.md, line {line}' | tee /dev/stderr\n{text}").unwrap();
    }
    script
}

#[test]
fn blocks_are_found_with_their_lines() {
    let page = "a\n```sh\none\ntwo\n```\n```text\nnot\n```\n```sh\nthree\n```\n";
    assert_eq!(blocks(page), [(3, "one\ntwo\n".to_owned()), (10, "three\n".to_owned())]);
    let run = |script: String| Command::new("bash").args(["-c", &script]).output().unwrap();
    let failed = run(text(&blocks("```sh\nfalse\n```\n```sh\ntrue\n```\n")));
    assert!(!failed.status.success(), "a failing block fails the tutorial");
}
