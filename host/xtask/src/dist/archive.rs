//! The archives: the same files give the same bytes on any machine and at any time.

use crate::command;
use anyhow::Context;
use std::fs;
use std::path::{Path, PathBuf};

/// The time of all files in an archive, 1 January 2026.
const TIME: &str = "--mtime=@1767225600";

/// Packs `names` of a folder into FOLDER/NAME.tar.gz, in a folder of that name, and returns its path.
pub(super) fn pack(folder: &Path, name: &str, names: &[String]) -> anyhow::Result<PathBuf> {
    let archive = folder.join(format!("{name}.tar.gz"));
    if archive.exists() {
        fs::remove_file(&archive).with_context(|| format!("removing {}", archive.display()))?;
    }
    let plain = folder.join(format!("{name}.tar"));
    let mut tar = command::new("tar", folder);
    tar.args(["--create", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=u+rw,go+r,go-w", TIME]);
    tar.arg(format!("--transform=s,^,{name}/,")).arg("--file").arg(&plain).args(names);
    command::run(&mut tar, "tar")?;
    // Without its name and time; -f in place of a question.
    command::run(command::new("gzip", folder).args(["--no-name", "--force", "--best"]).arg(&plain), "gzip")?;
    Ok(archive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_same_files_make_the_same_archive_at_another_time() {
        let folder = std::env::temp_dir().join(format!("polytrader-archive-{}", std::process::id()));
        fs::create_dir_all(folder.join("sub")).unwrap();
        let write = || {
            fs::write(folder.join("b"), "two").unwrap();
            fs::write(folder.join("sub/a"), "one").unwrap();
        };
        let names = ["sub".to_owned(), "b".to_owned()];
        write();
        let first = fs::read(pack(&folder, "it", &names).unwrap()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        write();
        let archive = pack(&folder, "it", &names).unwrap();
        let second = fs::read(&archive).unwrap();
        let list = command::read(command::new("tar", &folder).arg("--list").arg("--file").arg(&archive)).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert!(first == second && list.contains("it/sub/a\n") && list.contains("it/b\n"), "{list}");
    }
}
