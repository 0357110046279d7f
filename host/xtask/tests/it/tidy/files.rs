//! Rules over all files together.

use crate::source::File;

/// Returns the Rust files that no `mod` line declares: code that is never compiled.
pub(super) fn unreached(files: &[File]) -> Vec<String> {
    let rust = files.iter().filter(|file| file.is_rust() && !is_root(&file.path));
    rust.filter(|file| !declared(file, files)).map(|file| file.path.clone()).collect()
}

/// Returns true if cargo finds this file without a `mod` line.
fn is_root(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let (name, folder) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    matches!(name, "lib.rs" | "main.rs" | "build.rs")
        || matches!(folder, "tests" | "benches" | "examples" | "compile_fail")
}

/// Returns true if the file's parent module declares it.
fn declared(file: &File, files: &[File]) -> bool {
    let Some((folder, name)) = file.path.rsplit_once('/') else { return false };
    let stem = name.trim_end_matches(".rs");
    let parents = [format!("{folder}.rs"), format!("{folder}/lib.rs"), format!("{folder}/main.rs")];
    files.iter().filter(|other| parents.contains(&other.path)).any(|parent| declares(&parent.text, stem))
}

fn declares(text: &str, stem: &str) -> bool {
    let wanted = format!("mod {stem};");
    text.lines().map(str::trim).any(|line| line == wanted || line.ends_with(&format!(" {wanted}")))
}

/// Returns the migrations that exist for only one of the two databases.
pub(super) fn lone_migrations(files: &[File]) -> Vec<String> {
    let of = |kind: &str| -> Vec<String> {
        let folder = format!("migrations/{kind}/");
        files.iter().filter_map(|file| file.path.strip_prefix(&folder)).map(str::to_owned).collect()
    };
    let (sqlite, postgres) = (of("sqlite"), of("postgres"));
    let lone = |names: &[String], others: &[String]| -> Vec<String> {
        names.iter().filter(|name| !others.contains(name)).cloned().collect()
    };
    if sqlite.is_empty() && postgres.is_empty() {
        return vec!["there are no migrations".to_owned()];
    }
    [lone(&sqlite, &postgres), lone(&postgres, &sqlite)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_mod_line_is_found() {
        let lib = File::new("host/a/src/lib.rs", "//! A.\npub mod b;\n");
        let b = File::new("host/a/src/b.rs", "mod c;\n");
        let c = File::new("host/a/src/b/c.rs", "");
        let dead = File::new("host/a/src/b/d.rs", "");
        assert_eq!(unreached(&[lib, b, c, dead]), ["host/a/src/b/d.rs"]);
    }

    #[test]
    fn a_migration_of_one_database_only_is_found() {
        let both = ["migrations/sqlite/1.sql", "migrations/postgres/1.sql", "migrations/postgres/2.sql"];
        let files: Vec<File> = both.iter().map(|path| File::new(path, "")).collect();
        assert_eq!(lone_migrations(&files), ["2.sql"]);
        assert_eq!(lone_migrations(&[]), ["there are no migrations"]);
    }
}
