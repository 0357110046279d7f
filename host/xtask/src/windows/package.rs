//! PolyTrader.zip: the program, the strategies, and the scripts where the runbook has them.

use super::copy;
use crate::repo::Repo;
use crate::{command, say, system, wasm};
use anyhow::{Context, ensure};
use std::fs;
use std::path::{Path, PathBuf};

/// The folder in the archive.
const NAME: &str = "PolyTrader";
/// Texts of the repository that are shipped.
const TEXTS: [&str; 3] = ["README.md", "LICENSE-MIT", "LICENSE-APACHE"];
/// The scripts in the repository.
const SCRIPTS: &str = "host/ops/windows";

/// Packs the program and returns the archive.
pub(super) fn pack(repo: &Repo, program: &Path, modules: &[PathBuf], output: &Path) -> anyhow::Result<PathBuf> {
    say::doing("Windows: PolyTrader.zip");
    let folder = output.join("package");
    fresh(&folder)?;
    let root = folder.join(NAME);
    let (strategies, scripts) = (root.join("strategies"), root.join("ops").join("windows"));
    for folder in [&strategies, &scripts] {
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    }
    copy(program, &root)?;
    TEXTS.iter().try_for_each(|name| copy(&repo.root.join(name), &root))?;
    modules.iter().chain(&wasm::parameter_files(repo)?).try_for_each(|file| copy(file, &strategies))?;
    for file in self::scripts(&repo.root.join(SCRIPTS))? {
        // Batch files lie at the root, where an operator starts them.
        let is_batch = file.extension().is_some_and(|end| end == "bat");
        copy_with_crlf(&file, if is_batch { &root } else { &scripts })?;
    }
    if system::find("zip").is_none() {
        system::apt_install(&["zip"], "zip, which packs the program for Windows,")?;
    }
    let archive = output.join(format!("{NAME}.zip"));
    if archive.exists() {
        fs::remove_file(&archive).with_context(|| format!("removing {}", archive.display()))?;
    }
    let mut zip = command::new("zip", &folder);
    command::run(zip.args(["-q", "-X", "-r"]).arg(&archive).arg(NAME), "zip")?;
    say::line(&format!("   {}", archive.display()));
    Ok(archive)
}

/// Extracts the archive into a fresh folder, and returns the folder with the program.
pub(super) fn extract(archive: &Path, place: &Path) -> anyhow::Result<PathBuf> {
    if system::find("unzip").is_none() {
        system::apt_install(&["unzip"], "unzip, which extracts the package,")?;
    }
    fresh(place)?;
    let mut unzip = command::new("unzip", place);
    command::run(unzip.arg("-q").arg(archive), "unzip")?;
    let folder = place.join(NAME);
    let expected =
        ["start_services.bat", "stop_services.bat", "ops/windows/07_register_services.ps1", "polytrader.exe"];
    for name in expected {
        ensure!(folder.join(name).is_file(), "{} has no {name}", archive.display());
    }
    Ok(folder)
}

/// Makes an empty folder.
pub(super) fn fresh(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))
}

/// Returns the scripts of the repository.
fn scripts(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let what = || format!("reading {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(what)? {
        files.push(entry.with_context(what)?.path());
    }
    files.sort();
    Ok(files)
}

/// Copies a script with the line ends of Windows, which `cmd` needs.
fn copy_with_crlf(file: &Path, folder: &Path) -> anyhow::Result<()> {
    let name = file.file_name().with_context(|| format!("{} has no name", file.display()))?;
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let to = folder.join(name);
    fs::write(&to, text.replace('\n', "\r\n")).with_context(|| format!("writing {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words of PowerShell that decide or repeat something.
    const LOGIC: [&str; 12] =
        ["if", "else", "switch", "for", "foreach", "while", "do", "until", "try", "catch", "function", "param"];

    fn faults(name: &str, text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let count = text.lines().count();
        if count > 20 {
            faults.push(format!("{name} has {count} lines; at most 20"));
        }
        if !text.is_ascii() {
            faults.push(format!("{name} has a character that Windows PowerShell reads in another encoding"));
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let bare = line.split('\'').step_by(2).collect::<Vec<_>>().join(" ").to_ascii_lowercase();
            let found = bare.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| LOGIC.contains(word));
            faults.extend(found.map(|word| format!("{name} has logic: `{word}`")));
        }
        faults
    }

    fn all() -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(SCRIPTS);
        let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
        let files = scripts(&folder).unwrap();
        files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
    }

    #[test]
    fn powershell_files_are_short_and_have_no_logic_because_no_tool_here_parses_them() {
        let scripts = all();
        let steps = scripts.iter().filter(|(name, _)| name.ends_with(".ps1"));
        let faults: Vec<String> = steps.flat_map(|(name, text)| faults(name, text)).collect();
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(super::tests::faults("x.ps1", "if ($a) { b }\n").len(), 1);
        assert_eq!(super::tests::faults("x.ps1", &"a\n".repeat(21)).len(), 1);
        assert_eq!(super::tests::faults("x.ps1", "# if\nWrite-Output 'do it for me'\n").len(), 0);
    }

    #[test]
    fn each_script_of_the_runbook_is_there_and_the_nine_steps_call_one_script() {
        let scripts = all();
        let text = |name: &str| scripts.iter().find(|(found, _)| found == name).map(|(_, text)| text.as_str());
        let steps = [
            "00_preflight_check",
            "01_install_dependencies",
            "02_setup_repo",
            "03_setup_database",
            "04_setup_api",
            "05_setup_worker",
            "06_setup_dashboard",
            "07_register_services",
            "08_final_verification",
        ];
        for step in steps {
            let text = text(&format!("{step}.ps1")).unwrap();
            assert!(text.contains("& \"$PSScriptRoot\\install.ps1\" @args"), "{step}: {text}");
        }
        assert!(text("install.ps1").unwrap().contains("service install"));
        assert!(text("99_status_dashboard.ps1").unwrap().contains("--tail-on-failure"));
        for (name, verb) in [("start_services.bat", "start"), ("stop_services.bat", "stop")] {
            let text = text(name).unwrap();
            assert!(text.contains(&format!("\"%~dp0polytrader.exe\" service {verb} %*")), "{text}");
        }
    }
}
