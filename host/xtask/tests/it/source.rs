//! The text files of the repository, read for the rules.

use std::fs;
use std::path::{Path, PathBuf};

/// A file: its path from the root, with `/` as separator, and its text.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// Returns a file for a rule's own test.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Returns true for Rust source.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Returns the last part of the path.
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// Folders of build output, installed packages and recorded data.
const SKIPPED: [&str; 8] =
    [".git", "target", "node_modules", "dist", "dist-report", "test-results", "data", "polytrader-data"];
/// Extensions of the text files that are checked.
const TEXTS: [&str; 20] = [
    "rs",
    "toml",
    "md",
    "ts",
    "tsx",
    "css",
    "html",
    "sql",
    "wit",
    "json",
    "lock",
    "yml",
    "yaml",
    "py",
    "js",
    "mjs",
    "gitignore",
    "npmrc",
    "sh",
    "stderr",
];

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
}

/// Reads every text file of the repository, sorted by path.
pub(crate) fn all() -> Vec<File> {
    let root = root();
    let mut files = Vec::new();
    read_folder(&root, &root, &mut files);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(files.len() > 50, "only {} files below {}: is this the repository?", files.len(), root.display());
    files
}

fn read_folder(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                read_folder(root, &path, files);
            }
        } else if TEXTS.iter().any(|kind| name.rsplit('.').next() == Some(kind)) {
            // Another process may remove a file between listing and reading; then there is nothing to check.
            let Ok(bytes) = fs::read(&path) else { continue };
            let text = String::from_utf8(bytes).unwrap_or_else(|_| panic!("{} is not UTF-8", path.display()));
            let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            files.push(File { path, text });
        }
    }
}
