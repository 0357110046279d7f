//! Permission check of the strategies folder for live trading.

use crate::platform;
use anyhow::{Context, ensure};
use std::path::Path;

/// Rejects a folder that other users can change, and creates a missing one.
///
/// # Errors
/// Names the problem and the remedy.
pub(super) fn must_be_ours(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("creating the strategies folder {}", dir.display()))?;
    let shown = dir.display();
    let meta =
        std::fs::symlink_metadata(dir).with_context(|| format!("reading metadata of the strategies folder {shown}"))?;
    ensure!(meta.is_dir(), "the strategies folder {shown} is a link; live mode needs the path of the folder itself");
    platform::must_be_ours(dir, &meta)
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_folder_that_others_can_change_is_refused_and_so_is_a_link_to_one() {
        let dir = std::env::temp_dir().join(format!("polytrader-ours-{}", std::process::id()));
        must_be_ours(&dir).unwrap();
        let refused = |mode| {
            std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(mode)).unwrap();
            must_be_ours(&dir).err().map(|error| error.to_string())
        };
        assert!(refused(0o775).unwrap().contains("(mode 775)"));
        assert!(refused(0o757).unwrap().contains("chmod go-w"));
        assert_eq!(refused(0o755), None);
        let link = dir.with_extension("link");
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        assert!(must_be_ours(&link).unwrap_err().to_string().contains("is a link"));
        std::fs::remove_file(link).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
