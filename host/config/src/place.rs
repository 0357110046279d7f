//! Paths and database addresses in the configuration. Each spelling has one documented meaning, or is rejected with
//! advice: a shell expands `~` and `$HOME`, but a configuration file does not, and a folder with that name would be
//! created instead.

use anyhow::{Context, anyhow, bail, ensure};
use std::path::{Path, PathBuf};

/// Characters that never occur in file names here: they belong to URLs, home directories and variables.
#[cfg(not(windows))]
const FOREIGN: &[char] = &['~', '$', '?', ':'];
/// As elsewhere, but short names of Windows have a tilde: `C:\Users\ADMINI~1`.
#[cfg(windows)]
const FOREIGN: &[char] = &['$', '?', ':'];

/// The variable with the operator's home directory.
pub const HOME: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };
/// A folder that stands for a home directory that is not known yet.
pub(crate) const ROOT: &str = if cfg!(windows) { "C:\\" } else { "/" };
/// Paths that are accepted.
const EXAMPLES: &str = if cfg!(windows) { "C:\\PolyTrader or ~/polytrader" } else { "/srv/polytrader or ~/polytrader" };

/// Base directories of paths in the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base<'a> {
    /// The base of relative paths.
    pub(crate) data_dir: &'a Path,
    /// The operator's home directory, the base of `~/`.
    pub(crate) home: Option<&'a Path>,
}

impl Base<'_> {
    /// Resolves a path from the configuration.
    pub(crate) fn path(&self, text: &str) -> anyhow::Result<PathBuf> {
        // Joining an absolute path replaces the data directory.
        Ok(self.data_dir.join(path(text, self.home)?))
    }

    /// Resolves the database address into the format that `store` expects.
    pub(crate) fn database(&self, text: &str) -> anyhow::Result<String> {
        match database(text)? {
            Database::File(file) => Ok(format!("sqlite:{}", self.path(file)?.display())),
            Database::Server => Ok(text.to_owned()),
        }
    }
}

/// Parses a path, and replaces a leading `~/` by the home directory.
///
/// # Errors
/// If the text contains something that a shell would have expanded, or a character of URLs.
pub fn path(text: &str, home: Option<&Path>) -> anyhow::Result<PathBuf> {
    let below_home = if text == "~" { Some("") } else { text.strip_prefix("~/") };
    let rest = below_home.unwrap_or(text);
    ensure!(!rest.starts_with('~'), "`{text}`: home folders of other users are not resolved; write the full path");
    ensure!(
        !rest.contains('$'),
        "`{text}`: variables are not replaced in paths; write the full path, or begin it with ~/"
    );
    if let Some(foreign) = without_drive(rest).chars().find(|char| FOREIGN.contains(char) || char.is_control()) {
        bail!("`{text}`: a path may contain no {foreign:?} here; write a plain path such as {EXAMPLES}");
    }
    let Some(rest) = below_home else { return Ok(PathBuf::from(text)) };
    let home = home.filter(|home| home.is_absolute());
    let home = home.with_context(|| format!("`{text}`: {HOME} does not name a folder; write the full path"))?;
    Ok(home.join(rest.trim_start_matches('/')))
}

/// Returns a path without the letter of its drive, which has a colon.
fn without_drive(path: &str) -> &str {
    let is_drive = |letter: char| cfg!(windows) && letter.is_ascii_alphabetic();
    let rest = path.strip_prefix(is_drive).and_then(|rest| rest.strip_prefix(':'));
    rest.filter(|rest| rest.starts_with(['\\', '/'])).unwrap_or(path)
}

/// Type of a database address.
pub(crate) enum Database<'a> {
    /// SQLite, with its file.
    File(&'a str),
    /// PostgreSQL.
    Server,
}

/// Parses a database address. SQLite addresses have different meanings in other programs: three slashes stand for a
/// relative file or for one at the root.
pub(crate) fn database(text: &str) -> anyhow::Result<Database<'_>> {
    let write =
        "write sqlite:FILE, where FILE is absolute or relative to the data directory, or postgres://USER@HOST/NAME";
    let Some(rest) = text.strip_prefix("sqlite:") else {
        let server = ["postgres://", "postgresql://"]
            .into_iter()
            .any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
        ensure!(server, "{write}");
        return Ok(Database::Server);
    };
    ensure!(
        !rest.contains(":memory:") && !rest.contains("mode=memory"),
        "a restart would find nothing in memory; {write}"
    );
    ensure!(!rest.contains('?'), "SQLite's parameters are not supported; {write}");
    let file = rest.strip_prefix("//").unwrap_or(rest);
    ensure!(file.len() == rest.len() || !file.starts_with('/'), "three slashes are ambiguous; {write}");
    ensure!(!file.is_empty() && !file.ends_with('/'), "the file name is missing; {write}");
    // The home directory is known later; then only a missing one is an error.
    path(file, Some(Path::new(ROOT))).map_err(|error| anyhow!("{error}; {write}"))?;
    Ok(Database::File(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Base<'static> {
        Base { data_dir: Path::new("/data"), home: Some(Path::new("/people/me")) }
    }

    #[test]
    fn a_path_means_one_place_wherever_the_host_is_started() {
        for (text, place) in [
            ("~/strategies", "/people/me/strategies"),
            ("~", "/people/me"),
            ("~//x", "/people/me/x"),
            ("/srv/s", "/srv/s"),
            ("s", "/data/s"),
            ("./s/../t", "/data/./s/../t"),
            ("größe und mehr", "/data/größe und mehr"),
        ] {
            assert_eq!(base().path(text).unwrap(), Path::new(place), "{text}");
        }
    }

    #[test]
    fn a_path_that_a_shell_would_have_changed_or_of_an_address_is_refused_with_what_to_write() {
        for (text, reason) in [
            ("~you/s", "home folders of other users"),
            ("$HOME/s", "variables are not replaced"),
            ("/srv/${X}", "variables are not replaced"),
            ("~/$X", "variables are not replaced"),
            ("a~", "no '~'"),
            ("/srv/a?b", "no '?'"),
            ("file:///srv/a", "no ':'"),
            ("C:\\s", "no ':'"),
            ("a\nb", "no '\\n'"),
        ] {
            let error = base().path(text).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("write"), "{text}: {error}");
        }
        for home in [None, Some(Path::new("")), Some(Path::new("relative"))] {
            let error = path("~/s", home).unwrap_err().to_string();
            assert!(error.contains("HOME does not name a folder"), "{error}");
        }
    }

    #[test]
    fn an_address_of_a_database_means_one_place_or_is_refused_with_what_to_write() {
        for (text, address) in [
            ("sqlite:a.sqlite", "sqlite:/data/a.sqlite"),
            ("sqlite://a.sqlite", "sqlite:/data/a.sqlite"),
            ("sqlite://~/a.sqlite", "sqlite:/people/me/a.sqlite"),
            ("sqlite:/srv/a.sqlite", "sqlite:/srv/a.sqlite"),
            ("postgres://u@h/d?sslmode=require", "postgres://u@h/d?sslmode=require"),
            ("postgresql://u@h/d", "postgresql://u@h/d"),
        ] {
            assert_eq!(base().database(text).unwrap(), address, "{text}");
        }
        for (text, reason) in [
            ("sqlite::memory:", "nothing in memory"),
            ("sqlite://:memory:", "nothing in memory"),
            ("sqlite:file:a?mode=memory", "nothing in memory"),
            ("sqlite:a.sqlite?mode=rwc", "parameters are not supported"),
            ("sqlite:///srv/a.sqlite", "three slashes"),
            ("sqlite:////srv/a.sqlite", "three slashes"),
            ("sqlite:file:a", "no ':'"),
            ("sqlite:", "the file name is missing"),
            ("sqlite://", "the file name is missing"),
            ("sqlite:/srv/", "the file name is missing"),
            ("sqlite:$HOME/a", "variables are not replaced"),
            ("SQLITE:a.sqlite", "write sqlite:FILE"),
            ("sqlite3:a.sqlite", "write sqlite:FILE"),
            ("a.sqlite", "write sqlite:FILE"),
            ("postgres://", "write sqlite:FILE"),
            ("postgresql+psycopg2://u@h/d", "postgres://USER@HOST/NAME"),
            ("jdbc:postgresql://h/d", "postgres://USER@HOST/NAME"),
            ("host=h user=u", "postgres://USER@HOST/NAME"),
        ] {
            let error = base().database(text).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("write sqlite:FILE"), "{text}: {error}");
        }
    }
}
