//! The licences of others, with the texts that their packages bring. Equal texts stand once.

use super::parts::Part;
use anyhow::Context;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

/// The beginnings of names of files with a licence.
const NAMES: [&str; 5] = ["license", "licence", "copying", "notice", "copyright"];
/// The longest text.
const TEXT_MAX: u64 = 1024 * 1024;

/// Returns the text, and the packages that bring no licence's text.
pub(super) fn text(parts: &[Part]) -> anyhow::Result<(String, Vec<String>)> {
    let (mut by_text, mut without): (BTreeMap<String, Vec<String>>, _) = (BTreeMap::new(), Vec::new());
    let mut text = String::from("Packages of others that are compiled into polytrader.\n\n");
    for part in parts {
        let name = format!("{} {}", part.name, part.version);
        writeln!(text, "{name}: {}", part.licence).context("writing a licence")?;
        let texts = texts(part)?;
        if texts.is_empty() {
            without.push(name.clone());
        }
        texts.into_iter().for_each(|text| by_text.entry(text).or_default().push(name.clone()));
    }
    for (licence, names) in by_text {
        write!(text, "\n{}\n{}\n\n{}\n", "=".repeat(80), names.join(", "), licence.trim_end())
            .context("writing a licence")?;
    }
    Ok((text, without))
}

/// Returns the texts in a package's folder.
fn texts(part: &Part) -> anyhow::Result<Vec<String>> {
    let folder = fs::read_dir(&part.folder).with_context(|| format!("reading the folder of {}", part.name))?;
    let mut paths = Vec::new();
    for entry in folder {
        let path = entry.with_context(|| format!("reading the folder of {}", part.name))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let small = fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= TEXT_MAX);
        if small && NAMES.iter().any(|begin| name.starts_with(begin)) {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        fs::read(path)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .with_context(|| format!("reading {}", path.display()))
    };
    paths.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_stand_once_and_a_package_without_one_is_named() {
        let folder = std::env::temp_dir().join(format!("polytrader-licences-{}", std::process::id()));
        let part = |name: &str| Part {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            licence: "MIT".to_owned(),
            repository: String::new(),
            folder: folder.join(name),
            checksum: None,
        };
        for (name, file) in [("a", "LICENSE-MIT"), ("b", "license.txt"), ("c", "README.md")] {
            fs::create_dir_all(folder.join(name)).unwrap();
            fs::write(folder.join(name).join(file), "may be used\n").unwrap();
        }
        let (text, without) = text(&[part("a"), part("b"), part("c")]).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!((text.matches("may be used").count(), without), (1, vec!["c 1.0.0".to_owned()]));
        assert!(text.contains("c 1.0.0: MIT\n") && text.contains("a 1.0.0, b 1.0.0\n"), "{text}");
    }
}
