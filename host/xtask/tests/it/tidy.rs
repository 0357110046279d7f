//! Tidiness rules, checked file by file.

mod contracts;
mod files;
mod language;
mod text;

use crate::source::{self, File};

/// A rule: returns the breaches in one file, as `line: description`.
type Rule = fn(&File) -> Vec<String>;

const RULES: [(&str, Rule); 11] = [
    ("a file has at most 500 lines", text::too_long),
    ("a module is not called mod.rs", text::mod_rs),
    ("nothing is left for later", text::left_for_later),
    ("no test is disabled", text::switched_off),
    ("a pure crate is no_std", text::not_pure),
    ("a file ends with one newline", text::bad_end),
    ("no path of a machine is named", text::machine_path),
    ("a crate starts with its purpose", text::without_doc),
    ("a lint is allowed only with a reason", text::allowed_without_reason),
    ("files are opened by the crate `files`", text::opened_by_name),
    ("texts are plain technical English (docs/glossary.md)", language::private),
];

#[test]
fn every_file_is_tidy() {
    let mut breaches = Vec::new();
    for file in source::all() {
        for (rule, check) in RULES {
            breaches.extend(check(&file).into_iter().map(|what| format!("{}:{what} ({rule})", file.path)));
        }
    }
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_rust_file_is_reached_by_a_module() {
    assert_eq!(files::unreached(&source::all()), Vec::<String>::new());
}

#[test]
fn contracts_change_with_their_versions() {
    assert_eq!(contracts::changed(&source::all()), Vec::<String>::new());
}

#[test]
fn both_databases_have_the_same_migrations() {
    assert_eq!(files::lone_migrations(&source::all()), Vec::<String>::new());
}
