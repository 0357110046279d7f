//! `polytrader strategy build`: builds a project to WebAssembly, and can install it into a folder watched by a host.

use super::toolchain::{TARGET, Toolchain};
use crate::cli::BuildArgs;
use crate::console::{eprintln, println};
use anyhow::{Context, bail, ensure};
use model::hex;
use sandbox::{Sandbox, Settings};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

/// Runs `polytrader strategy build`.
///
/// # Errors
/// If there is no toolchain, the project does not build, or the result is not a valid strategy.
pub(crate) fn run(args: &BuildArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.dir.join("Cargo.toml").is_file(), "{} is not a project: it has no Cargo.toml", args.dir.display());
    let toolchain = Toolchain::find(&args.dir)?;
    let mut cargo = toolchain.cargo(&args.dir);
    cargo.args(["build", "--release", "--target", TARGET]).args(toolchain.more());
    if args.offline {
        cargo.arg("--offline");
    }
    // Cargo reports on standard error; standard output is for the result.
    cargo.stdin(Stdio::null()).stdout(Stdio::null());
    let status = cargo.status().context("starting cargo")?;
    ensure!(status.success(), "cargo could not build {}: {status}", args.dir.display());
    let Project { name, module } = project(&toolchain, args)?;
    let bytes = files::read(&module, files::Links::Follow, super::FILE_MAX)
        .with_context(|| format!("reading {}", module.display()))?;
    let sandbox = Sandbox::of_own_program(Settings::default(), None)?;
    let loaded =
        sandbox.load(&bytes).with_context(|| format!("{} was built, but is not a valid strategy", module.display()))?;
    let place = match &args.into {
        Some(folder) => drop_into(folder, &name, &bytes, &args.dir)?,
        None => module,
    };
    let hash = hex::encode(&loaded.hash());
    if args.json {
        println(&json!({ "name": name, "module": place, "bytes": bytes.len(), "sha256": hash }).to_string());
    } else {
        println(&format!("{} ({} bytes, sha256 {hash})", place.display(), bytes.len()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Properties of a project, from cargo's metadata.
#[derive(Debug, PartialEq, Eq)]
struct Project {
    /// The name that the strategy trades under.
    name: String,
    /// The module file written by a build.
    module: PathBuf,
}

fn project(toolchain: &Toolchain, args: &BuildArgs) -> anyhow::Result<Project> {
    let mut cargo = toolchain.cargo(&args.dir);
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).stdin(Stdio::null());
    let output = cargo.output().context("starting cargo")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    read_metadata(&serde_json::from_slice(&output.stdout).context("reading cargo's metadata")?)
}

fn read_metadata(metadata: &Value) -> anyhow::Result<Project> {
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let targets = list(metadata, "packages").into_iter().flat_map(|package| list(&package, "targets"));
    let modules = targets.filter(|target| list(target, "kind").contains(&Value::from("cdylib")));
    let names: Vec<String> =
        modules.filter_map(|target| target.get("name")?.as_str().map(|name| name.replace('-', "_"))).collect();
    let target = metadata
        .get("target_directory")
        .and_then(Value::as_str)
        .context("expected `target_directory` in cargo's metadata")?;
    let [name] = names.as_slice() else {
        bail!("expected one library of crate-type \"cdylib\", found {}", names.len())
    };
    let module = Path::new(target).join(TARGET).join("release").join(format!("{name}.wasm"));
    Ok(Project { name: name.clone(), module })
}

/// Installs a module atomically into a folder that a host may be watching, and its parameters file unless one exists
/// there.
fn drop_into(folder: &Path, name: &str, bytes: &[u8], project: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("creating the folder {}", folder.display()))?;
    let file = format!("{name}.toml");
    let (ours, theirs) = (project.join(&file), folder.join(&file));
    if ours.is_file() && !theirs.exists() {
        // Before the module, which the host may start at once.
        fs::copy(&ours, &theirs).with_context(|| format!("writing {}", theirs.display()))?;
        eprintln(&format!("{}: edit this file to change the parameters", theirs.display()));
    }
    let (place, new) = (folder.join(format!("{name}.wasm")), folder.join(format!(".{name}.new")));
    fs::write(&new, bytes).with_context(|| format!("writing {}", new.display()))?;
    fs::rename(&new, &place).with_context(|| format!("replacing {}", place.display()))?;
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_the_one_library_that_cargo_makes_for_hosts() {
        let metadata = |targets: &str| {
            let text = format!(r#"{{"target_directory": "/t", "packages": [{{"targets": [{targets}]}}]}}"#);
            read_metadata(&serde_json::from_str(&text).unwrap())
        };
        let lib = r#"{"name": "my-own", "kind": ["cdylib", "rlib"]}, {"name": "it", "kind": ["test"]}"#;
        let module = PathBuf::from("/t/wasm32-unknown-unknown/release/my_own.wasm");
        assert_eq!(metadata(lib).unwrap(), Project { name: "my_own".to_owned(), module });
        for bad in [r#"{"name": "lib", "kind": ["lib"]}"#, &format!("{lib}, {lib}")] {
            let error = metadata(bad).unwrap_err().to_string();
            assert!(error.starts_with("expected one library"), "{error}");
        }
    }

    #[test]
    fn a_module_is_dropped_whole_and_parameters_that_are_there_stay() {
        let folder = std::env::temp_dir().join(format!("polytrader-drop-{}", std::process::id()));
        let (project, into) = (folder.join("project"), folder.join("into"));
        fs::create_dir_all(&project).unwrap();
        fs::write(project.join("mine.toml"), "ours").unwrap();
        let place = drop_into(&into, "mine", b"one", &project).unwrap();
        assert_eq!(
            (fs::read(&place).unwrap(), fs::read(into.join("mine.toml")).unwrap()),
            (b"one".to_vec(), b"ours".to_vec())
        );
        fs::write(into.join("mine.toml"), "theirs").unwrap();
        drop_into(&into, "mine", b"two", &project).unwrap();
        assert_eq!(
            (fs::read(&place).unwrap(), fs::read(into.join("mine.toml")).unwrap()),
            (b"two".to_vec(), b"theirs".to_vec())
        );
        assert_eq!(fs::read_dir(&into).unwrap().count(), 2, "no temporary files are left");
        fs::remove_dir_all(folder).unwrap();
    }
}
