//! `polytrader strategy new`: a project of its own, outside this repository, with the SDK's sources beside it. It needs nothing but
//! cargo, a WebAssembly target and the crates that the SDK's lock file pins.

use crate::cli::NewArgs;
use crate::console::say;
use anyhow::{Context, bail, ensure};
use include_dir::{Dir, include_dir};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// What the SDK is made of, as `polytrader-sdk/` beside the project's sources has it.
static RUST: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust/src");
static DERIVE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/derive/src");
static WIT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/wit");
const RUST_MANIFEST: &str = include_str!("../../../../../sdk/rust/Cargo.toml");
const DERIVE_MANIFEST: &str = include_str!("../../../../../sdk/derive/Cargo.toml");
const LOCK: &str = include_str!("../../../../../sdk/rust/Cargo.lock");
/// The strategy to copy.
const SOURCE: &str = include_str!("../../../../../strategies/template/src/lib.rs");
const TESTS: &str = include_str!("../../../../../strategies/template/tests/it/main.rs");
const PARAMETERS: &str = include_str!("../../../../../strategies/template/template.toml");
/// Its name, in the two ways in which its sources write it.
const OLD: [&str; 2] = ["template", "Template"];
/// Where the SDK is put.
const SDK: &str = "polytrader-sdk";
/// The longest name.
const NAME_MAX: usize = 64;
/// Names that cargo or the compiler keeps for itself, or that a dependency has.
const KEPT: [&str; 16] = [
    "alloc",
    "build",
    "core",
    "crate",
    "deps",
    "enum",
    "fn",
    "incremental",
    "main",
    "mod",
    "proc_macro",
    "self",
    "std",
    "struct",
    "super",
    "test",
];

/// Runs `polytrader strategy new`.
///
/// # Errors
/// If the name cannot be one, or there is something already.
pub(crate) fn run(args: &NewArgs) -> anyhow::Result<ExitCode> {
    check_name(&args.name)?;
    let folder = args.dir.clone().unwrap_or_else(|| Path::new(&args.name).to_owned());
    write(&args.name, &folder)?;
    let shown = folder.display();
    say(&format!("{shown}: a strategy that bids for a few shares, to change in src/lib.rs"));
    say(&format!("  cd {shown} && cargo test                             its tests, on a scripted market"));
    say(&format!(
        "  polytrader strategy build {shown} --into FOLDER      to WebAssembly, into a host's folder of strategies"
    ));
    Ok(ExitCode::SUCCESS)
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let good = name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(plain);
    ensure!(
        good && name.len() <= NAME_MAX,
        "`{name}` cannot be a strategy's name: write small letters, digits and `_`, a letter first, at most {NAME_MAX}"
    );
    ensure!(!KEPT.contains(&name), "`{name}` cannot be a strategy's name: the compiler keeps it");
    Ok(())
}

/// Writes the whole project into a folder that is not there or is empty.
fn write(name: &str, folder: &Path) -> anyhow::Result<()> {
    let empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    if !empty {
        bail!("{} is there and not empty", folder.display());
    }
    let renamed = |text: &str| text.replace(OLD[1], &camel(name)).replace(OLD[0], name);
    let files = [
        ("Cargo.toml", manifest(name)),
        ("Cargo.lock", LOCK.to_owned()),
        (".gitignore", "/target/\n".to_owned()),
        ("README.md", readme(name)),
        ("src/lib.rs", renamed(SOURCE)),
        ("tests/it/main.rs", renamed(TESTS)),
        (&format!("{name}.toml"), renamed(PARAMETERS)),
        ("polytrader-sdk/rust/Cargo.toml", RUST_MANIFEST.to_owned()),
        ("polytrader-sdk/derive/Cargo.toml", DERIVE_MANIFEST.to_owned()),
    ];
    for (file, text) in files {
        put(&folder.join(file), text.as_bytes())?;
    }
    for (dir, at) in [(&RUST, "rust/src"), (&DERIVE, "derive/src"), (&WIT, "wit")] {
        unpack(dir, &folder.join(SDK).join(at))?;
    }
    Ok(())
}

fn unpack(dir: &Dir<'_>, to: &Path) -> anyhow::Result<()> {
    for file in dir.files() {
        put(&to.join(file.path()), file.contents())?;
    }
    dir.dirs().try_for_each(|below| unpack(below, to))
}

fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("a file needs a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

/// `two_words` as `TwoWords`.
fn camel(name: &str) -> String {
    name.split('_')
        .flat_map(|word| word.chars().take(1).map(|first| first.to_ascii_uppercase()).chain(word.chars().skip(1)))
        .collect()
}

fn manifest(name: &str) -> String {
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
rust-version = "1.95"
publish = false

# The SDK beside it is a workspace of its own.
[workspace]
exclude = ["{SDK}"]

[lib]
# The first makes the module that the host loads, the second lets tests run natively.
crate-type = ["cdylib", "rlib"]

[dependencies]
polytrader-sdk = {{ path = "{SDK}/rust" }}

# Modules are read, checked and compiled at each start: small ones are quick.
[profile.release]
opt-level = 3
lto = true
codegen-units = 1
panic = "abort"
strip = "debuginfo"
"#
    )
}

fn readme(name: &str) -> String {
    format!(
        "# {name}

A trading strategy for PolyTrader. `src/lib.rs` is all of it; `{name}.toml` has its parameters and their defaults.

```sh
cargo test                                  # its tests, on a scripted market
polytrader strategy build --into FOLDER     # to WebAssembly, into the folder that a running host watches
polytrader strategy check {name}.wasm       # whether a host would take it
polytrader strategy test {name}.wasm        # what it does with made-up events, and what that costs
```

`polytrader-sdk/` is the SDK that this project was made with; `cargo doc --open -p polytrader-sdk` shows what there is.
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_crates_and_of_files() {
        for good in ["mine", "two_words", "a1"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "Mine", "two-words", "../x", "core", "a b", "_a", &"a".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        assert_eq!([camel("mine"), camel("two_words")], ["Mine", "TwoWords"]);
    }

    #[test]
    fn a_project_has_the_sdk_and_no_trace_of_the_template() {
        let folder = std::env::temp_dir().join(format!("polytrader-new-{}", std::process::id()));
        write("my_own", &folder).unwrap();
        let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
        for file in ["src/lib.rs", "tests/it/main.rs", "my_own.toml"] {
            let text = read(file).to_lowercase();
            assert!(!text.contains("template") && text.contains("my"), "{file}: {text}");
        }
        assert!(read("src/lib.rs").contains("export_strategy!(MyOwn)"));
        let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/wit/strategy.wit");
        assert_eq!(read("polytrader-sdk/wit/strategy.wit"), fs::read_to_string(wit).unwrap());
        for file in ["rust/src/lib.rs", "rust/src/harness/stage.rs", "derive/src/lib.rs", "rust/Cargo.toml"] {
            assert!(folder.join(SDK).join(file).is_file(), "{file}");
        }
        let again = write("my_own", &folder).unwrap_err();
        assert!(again.to_string().contains("is there and not empty"), "{again}");
        fs::remove_dir_all(folder).unwrap();
    }
}
