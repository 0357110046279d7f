//! Every command of this program in the documentation parses: its subcommand and flags exist, and its values are valid.

use super::super::Cli;
use clap::CommandFactory;
use std::path::{Path, PathBuf};

/// Fewer commands than this were not found for another reason than that they are gone.
const COMMANDS_MIN: usize = 40;

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut pages = vec![root.join("README.md")];
    let entries = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    pages
}

/// Returns the commands in the fenced blocks of a page, one per line, with continued lines joined.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```").skip(1).step_by(2);
    let lines = blocks.flat_map(|block| block.replace("\\\n", " ").lines().map(str::to_owned).collect::<Vec<_>>());
    let commands = lines.filter_map(|line| {
        let line = line.trim().trim_start_matches("$ ").trim_start_matches("sudo ");
        let line = line.strip_prefix("target/debug/").or_else(|| line.strip_prefix("./")).unwrap_or(line);
        line.starts_with("polytrader ").then(|| line.to_owned())
    });
    commands.collect()
}

/// Splits a command as a shell does, up to a comment, a pipe, a redirection or the next command. Quotes group words; a
/// substitution counts as one word.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut depth) = (Vec::new(), String::new(), None, 0_u32);
    let mut characters = command.chars().peekable();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(end), _) if character == end => quote = None,
            (None, '"' | '\'') => quote = Some(character),
            (None, '$') if characters.peek() == Some(&'(') => {
                characters.next();
                depth = depth.saturating_add(1);
            }
            (None, ')') if depth > 0 => depth = depth.saturating_sub(1),
            (None, '#' | '|' | '>' | ';' | '&') if depth == 0 && word.is_empty() => break,
            (None, ' ') if depth == 0 => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            _ => word.push(character),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

#[test]
fn every_command_of_the_documentation_parses() {
    let (mut count, mut wrong) = (0, Vec::new());
    for page in pages() {
        for command in commands(&std::fs::read_to_string(&page).unwrap()) {
            count += 1;
            if let Err(error) = Cli::command().try_get_matches_from(words(&command)) {
                let is_help = !error.use_stderr();
                if !is_help {
                    wrong.push(format!("{}: {command}\n  {}", page.display(), error.to_string().trim()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= COMMANDS_MIN, "only {count} commands were found");
}

#[test]
fn a_command_with_an_unknown_flag_is_found() {
    let page = "text\n```\npolytrader run --mode demo \\\n  --fro 30s   # comment\n```\npolytrader not in a block\n";
    assert_eq!(commands(page), ["polytrader run --mode demo    --fro 30s   # comment"]);
    assert_eq!(words(&commands(page)[0]), ["polytrader", "run", "--mode", "demo", "--fro", "30s"]);
    assert!(Cli::command().try_get_matches_from(words(&commands(page)[0])).is_err());
}
