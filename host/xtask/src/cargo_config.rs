//! Cargo's configuration files: the setting `build.target`, which makes cargo build into another folder. The variable
//! `CARGO_BUILD_TARGET` overrides it, but no value of either restores the default. So where it is set, the children
//! build for this machine by name, and their results are looked for in that target's folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The target by which cargo names this machine.
pub(crate) const THIS_MACHINE: &str = "host-tuple";

/// Returns true if a configuration file that applies in `folder` sets `build.target`.
pub(crate) fn sets_target(folder: &Path) -> bool {
    files(folder, home().as_deref()).iter().any(|file| fs::read_to_string(file).is_ok_and(|text| names_target(&text)))
}

/// Returns the configuration files that cargo reads for `folder`, in its order; the older name without an extension
/// precedes.
fn files(folder: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let homes = home.map(Path::to_path_buf);
    let folders = folder.ancestors().map(|ancestor| ancestor.join(".cargo")).chain(homes);
    let names = |folder: PathBuf| ["config", "config.toml"].map(|name| folder.join(name));
    folders.filter_map(|folder| names(folder).into_iter().find(|file| file.is_file())).collect()
}

fn home() -> Option<PathBuf> {
    let set = env::var_os("CARGO_HOME").filter(|home| !home.is_empty());
    set.map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

fn names_target(text: &str) -> bool {
    let table = text.parse::<toml::Table>().ok();
    table.is_some_and(|table| table.get("build").is_some_and(|build| build.get("target").is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    /// Builds the program `one` in a folder, asserts that it is where results are expected, and removes the folder.
    fn is_built_and_found(dir: &Path) {
        let mut cargo = command::new("cargo", dir);
        cargo.args(["build", "--quiet", "--offline", "--target-dir"]).arg(dir.join("target"));
        command::run(&mut cargo, "building a program").unwrap();
        let built = crate::repo::results(dir, &dir.join("target")).unwrap().join("debug/one");
        assert!(built.with_extension(env::consts::EXE_EXTENSION).is_file(), "{}", built.display());
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_target_is_found_in_each_spelling_and_place() {
        assert!(names_target("[build]\ntarget = \"x\"") && names_target("build.target = [\"x\"]"));
        assert!(
            !names_target("[build]\njobs = 1") && !names_target("[target.x]\nrunner = \"y\"") && !names_target("[[")
        );
        let dir = env::temp_dir().join(format!("polytrader-cargo-config-{}", std::process::id()));
        let (inner, home) = (dir.join("a/b"), dir.join("home"));
        for folder in [&inner, &dir.join(".cargo"), &dir.join("a/.cargo"), &home] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(dir.join("a/.cargo/config"), "").unwrap();
        fs::write(dir.join("a/.cargo/config.toml"), "build.target = \"x\"").unwrap();
        fs::write(home.join("config.toml"), "").unwrap();
        let found = |home: Option<&Path>| -> Vec<PathBuf> {
            files(&inner, home).into_iter().filter(|file| file.starts_with(&dir)).collect()
        };
        assert_eq!(found(Some(&home)), [dir.join("a/.cargo/config"), home.join("config.toml")]);
        assert!(!found(None).iter().any(|file| fs::read_to_string(file).is_ok_and(|text| names_target(&text))));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_configured_target_changes_neither_what_is_built_nor_where_it_is_found() {
        let dir = env::temp_dir().join(format!("polytrader-cargo-target-{}", std::process::id()));
        fs::create_dir_all(dir.join("src")).unwrap();
        fs::create_dir_all(dir.join(".cargo")).unwrap();
        fs::write(dir.join("Cargo.toml"), "[package]\nname = \"one\"\nedition = \"2024\"\n[workspace]\n").unwrap();
        fs::write(dir.join("src/main.rs"), "fn main() {}\n").unwrap();
        // A target that no machine of a user has, so that nothing could be built for it.
        fs::write(dir.join(".cargo/config.toml"), "[build]\ntarget = \"thumbv6m-none-eabi\"\n").unwrap();
        assert!(sets_target(&dir));
        is_built_and_found(&dir);
    }

    #[test]
    fn a_target_in_the_environment_changes_neither_as_well() {
        let dir = env::temp_dir().join(format!("polytrader-cargo-variable-{}", std::process::id()));
        if env::var_os("CARGO_BUILD_TARGET").is_none() {
            for test in [
                "a_target_in_the_environment_changes_neither_as_well",
                "a_configured_target_changes_neither_what_is_built_nor_where_it_is_found",
            ] {
                let mut again = std::process::Command::new(env::current_exe().unwrap());
                again.args(["--exact", &format!("cargo_config::tests::{test}")]);
                let output = again.env("CARGO_BUILD_TARGET", "thumbv6m-none-eabi").output().unwrap();
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success() && text.contains("1 passed"), "{text}");
            }
            return;
        }
        fs::create_dir_all(dir.join("src")).unwrap();
        fs::write(dir.join("Cargo.toml"), "[package]\nname = \"one\"\nedition = \"2024\"\n[workspace]\n").unwrap();
        fs::write(dir.join("src/main.rs"), "fn main() {}\n").unwrap();
        is_built_and_found(&dir);
    }

    #[test]
    fn xtask_itself_is_built_for_this_machine() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cargo/config.toml");
        let table: toml::Table = fs::read_to_string(file).unwrap().parse().unwrap();
        let alias = table["alias"]["xtask"].as_str().unwrap();
        // A target on the command line overrides those of the configuration and the environment.
        assert!(alias.contains(&format!("--target {THIS_MACHINE} ")), "{alias}");
        assert!(!table.contains_key("build"), "the configuration of this repository sets no target");
    }
}
