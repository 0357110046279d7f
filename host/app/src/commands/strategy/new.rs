//! `polytrader strategy new`: creates a project outside this repository, with the SDK's sources included. It needs only
//! cargo, a WebAssembly target and the crates pinned by the SDK's lock file.

use crate::cli::NewArgs;
use crate::console::println;
use anyhow::{Context, bail, ensure};
use include_dir::{Dir, include_dir};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Sources of the SDK, written to `polytrader-sdk/` in the project.
static RUST: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/rust/src");
static DERIVE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/derive/src");
static WIT: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../sdk/wit");
const RUST_MANIFEST: &str = include_str!("../../../../../sdk/rust/Cargo.toml");
const DERIVE_MANIFEST: &str = include_str!("../../../../../sdk/derive/Cargo.toml");
const LOCK: &str = include_str!("../../../../../sdk/rust/Cargo.lock");
/// Sources of the template strategy.
const SOURCE: &str = include_str!("../../../../../strategies/template/src/lib.rs");
const TESTS: &str = include_str!("../../../../../strategies/template/tests/it/main.rs");
const PARAMETERS: &str = include_str!("../../../../../strategies/template/template.toml");
/// The template's name, in the two spellings used in its sources.
const OLD: [&str; 2] = ["template", "Template"];
/// Folder of the SDK in a project.
const SDK: &str = "polytrader-sdk";
/// Maximum length of a strategy's name.
const NAME_MAX: usize = 64;
/// Names reserved by cargo or the compiler, or used by a dependency.
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
/// If the name is invalid, or the folder is not empty.
pub(crate) fn run(args: &NewArgs) -> anyhow::Result<ExitCode> {
    check_name(&args.name)?;
    let folder = args.dir.clone().unwrap_or_else(|| Path::new(&args.name).to_owned());
    write(&args.name, &folder)?;
    if args.json {
        let files = |file: &str| folder.join(file);
        println(&serde_json::to_string(&json!({
            "name": args.name,
            "folder": folder,
            "source": files("src/lib.rs"),
            "parameters": files(&format!("{}.toml", args.name)),
        }))?);
        return Ok(ExitCode::SUCCESS);
    }
    let shown = folder.display();
    println(&format!("{shown}: a strategy that bids for a few shares; edit src/lib.rs"));
    println(&format!("  cd {shown} && cargo test                             run its tests on a scripted market"));
    println(&format!(
        "  polytrader strategy build {shown} --into FOLDER      build it into a host's strategies folder"
    ));
    Ok(ExitCode::SUCCESS)
}

fn check_name(name: &str) -> anyhow::Result<()> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let good = name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(plain);
    ensure!(
        good && name.len() <= NAME_MAX,
        "invalid strategy name `{name}`: expected lower-case letters, digits and `_`, a letter first, at most \
         {NAME_MAX}"
    );
    ensure!(!KEPT.contains(&name), "invalid strategy name `{name}`: the name is reserved");
    Ok(())
}

/// Writes the project into a folder that does not exist or is empty.
fn write(name: &str, folder: &Path) -> anyhow::Result<()> {
    let empty = fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    if !empty {
        bail!("{} exists and is not empty", folder.display());
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
        write_new(&folder.join(file), text.as_bytes())?;
    }
    for (dir, at) in [(&RUST, "rust/src"), (&DERIVE, "derive/src"), (&WIT, "wit")] {
        unpack(dir, &folder.join(SDK).join(at))?;
    }
    Ok(())
}

fn unpack(dir: &Dir<'_>, to: &Path) -> anyhow::Result<()> {
    for file in dir.files() {
        write_new(&to.join(file.path()), file.contents())?;
    }
    dir.dirs().try_for_each(|below| unpack(below, to))
}

fn write_new(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("the file path has no parent folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating the folder {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}

/// Converts `two_words` to `TwoWords`.
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

# The SDK in this folder is a separate workspace.
[workspace]
exclude = ["{SDK}"]

[lib]
# The first type builds the module for the host, the second lets tests run natively.
crate-type = ["cdylib", "rlib"]

[dependencies]
polytrader-sdk = {{ path = "{SDK}/rust" }}

# The host reads, checks and compiles a module at each start: small modules load faster.
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

A trading strategy for PolyTrader. `src/lib.rs` contains the strategy; `{name}.toml` contains its parameters and their defaults.

```sh
cargo test                                  # run its tests on a scripted market
polytrader strategy build --into FOLDER     # build it to WebAssembly, into the folder watched by a host
polytrader strategy check {name}.wasm       # check if a host would accept it
polytrader strategy test {name}.wasm        # run generated events through it, and print intents and cost
```

`polytrader-sdk/` is the SDK that this project was created with; `cargo doc --open -p polytrader-sdk` opens its documentation.
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
        assert!(again.to_string().contains("exists and is not empty"), "{again}");
        fs::remove_dir_all(folder).unwrap();
    }
}
