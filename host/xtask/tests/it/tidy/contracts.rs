//! Checks that the text of a strategy contract changes only together with its version.

use crate::source::File;
use sha2::{Digest, Sha256};

/// A contract and the hash of its text under that version.
struct Agreed {
    path: &'static str,
    version: &'static str,
    /// SHA-256 of the text.
    sum: &'static str,
}

const AGREED: [Agreed; 2] = [
    Agreed {
        path: "sdk/wit/strategy.wit",
        version: "0.2.0",
        sum: "835dba1ec45ef4887c931284edfa65cb3b4e8c96f9eedabbd3c766e8722db6c5",
    },
    Agreed {
        path: "sdk/wit/since-0.1.0/strategy.wit",
        version: "0.1.0",
        sum: "1a1ac979338153e5c9547f4cbbfd19e360632b73761e91bad84c2e2c552d7dd5",
    },
];

/// Returns the contracts whose text is not the one recorded for their version.
pub(super) fn changed(files: &[File]) -> Vec<String> {
    let contracts = files.iter().filter(|file| file.path.starts_with("sdk/wit/") && file.path.ends_with(".wit"));
    let mut breaches: Vec<String> = contracts.filter_map(breach).collect();
    let missing = AGREED.iter().filter(|agreed| !files.iter().any(|file| file.path == agreed.path));
    breaches
        .extend(missing.map(|agreed| format!("{} is gone; files of {} cannot be built", agreed.path, agreed.version)));
    breaches
}

fn breach(file: &File) -> Option<String> {
    let Some(agreed) = AGREED.iter().find(|agreed| agreed.path == file.path) else {
        return Some(format!("{} is not in the table of contracts", file.path));
    };
    if !file.text.contains(&format!("package polytrader:strategy@{};", agreed.version)) {
        return Some(format!("{} has another version than {}", file.path, agreed.version));
    }
    let sum: String = Sha256::digest(&file.text).iter().map(|byte| format!("{byte:02x}")).collect();
    (sum != agreed.sum).then(|| {
        let (path, version) = (agreed.path, agreed.version);
        format!("{path} changed. If {version} was released, the new text needs a new version and the old one stays as since-{version}; if not, its sum is {sum}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_a_new_file_and_a_missing_one_are_found() {
        let files = crate::source::all();
        let mut changed_files: Vec<File> =
            files.iter().filter(|file| file.path.starts_with("sdk/wit/")).cloned().collect();
        assert_eq!(changed(&changed_files), Vec::<String>::new());
        changed_files[0].text.push_str("// more\n");
        assert!(changed(&changed_files)[0].contains("needs a new version"));
        changed_files[0].text = changed_files[0].text.replace("strategy@0.", "strategy@7.");
        assert!(changed(&changed_files)[0].contains("has another version"));
        changed_files[0].path = "sdk/wit/since-7/strategy.wit".into();
        let found = changed(&changed_files);
        assert!(found[0].contains("not in the table") && found[1].contains("is gone"), "{found:?}");
    }
}
