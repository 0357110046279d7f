//! `polytrader status`: the status of a host, on a page that is redrawn every second on a terminal, as one page or as
//! JSON otherwise. The exit code is for scripts. Start reading in [`run`].

mod fleet;
mod look;
mod page;
mod screen;

use crate::cli::StatusArgs;
use crate::commands::logs;
use crate::console::println;
use look::{Look, Part};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

/// Lines shown of each log of an unhealthy part.
const TAIL_LINES: usize = 20;

/// Runs `polytrader status`.
///
/// # Errors
/// If the file of hosts cannot be read, or the terminal fails.
pub(crate) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.all {
        return fleet::run(file, args.host.json);
    }
    let folder = args.host.data_dir.clone();
    let draws = std::io::stdout().is_terminal() && !args.once && !args.host.json && !args.tail_on_failure;
    if draws {
        return screen::run(move || Look::of_folder(&folder));
    }
    let look = Look::of_folder(&folder);
    if args.host.json {
        println(&look.json().to_string());
    } else {
        page::lines(&look).iter().for_each(|line| println(&line.text));
    }
    if args.tail_on_failure && !look.is_healthy() {
        tails(&folder, &look.parts(), args.host.json);
    }
    Ok(look.exit_code())
}

/// Prints the last log lines of these parts; to standard error if the output is JSON.
fn tails(data_dir: &Path, parts: &[Part], json: bool) {
    let print = |line: &str| if json { crate::console::eprintln(line) } else { println(line) };
    let found = logs::files(data_dir).unwrap_or_default();
    let of_parts = |log: &&logs::LogFile| parts.iter().any(|part| log.name.starts_with(part.prefix()));
    let mut shown = 0usize;
    for log in found.iter().filter(of_parts) {
        match logs::tail(&log.path, TAIL_LINES) {
            Ok(lines) if lines.is_empty() => {}
            Ok(lines) => {
                print(&format!("\n==> {} <==", log.path.display()));
                lines.iter().for_each(|line| print(line));
                shown = shown.saturating_add(1);
            }
            Err(error) => print(&format!("\n{}: {error}", log.path.display())),
        }
    }
    if shown == 0 {
        print(&format!("\nno log of the unhealthy parts in {}", logs::folder(data_dir).display()));
    }
}
