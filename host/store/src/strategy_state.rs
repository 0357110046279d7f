//! Saved strategy states, kept from one session to the next: one file per strategy in the data folder, separate by mode
//! and account.

use model::input::{Blob, Mode};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The most bytes of a state; the sandbox accepts at most half of that.
const STATE_MAX: u64 = 2 * 1024 * 1024;
/// The first bytes of a file.
const MAGIC: &[u8; 8] = b"PTSTATE1";

/// The state files of an account. A cheap handle.
#[derive(Debug, Clone)]
pub struct SavedStates {
    dir: PathBuf,
}

impl SavedStates {
    /// Returns the states of the account with this address. A demo's account is new each time, so the states of earlier
    /// demos are removed.
    pub fn new(data_dir: &Path, mode: Mode, account: &str) -> Self {
        let all = data_dir.join("states").join(mode.as_str());
        let dir = all.join(account.to_ascii_lowercase());
        if mode == Mode::Demo
            && !dir.exists()
            && let Err(error) = std::fs::remove_dir_all(&all)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %all.display(), "removing the states of earlier demos failed");
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.state"))
    }

    /// Stores a state in place of the last one. A failure affects only a restart of the host, not the strategy.
    pub fn store(&self, name: &str, state: &[u8]) {
        let kept = std::fs::create_dir_all(&self.dir).and_then(|()| {
            let sum: [u8; 32] = Sha256::digest(state).into();
            crate::private_file::replace(&self.path(name), &[MAGIC, sum.as_slice(), state].concat())
        });
        if let Err(error) = kept {
            tracing::error!(%error, name, "storing a strategy's state failed; a restart would lose it");
        }
    }

    /// Returns the last saved state of a strategy; `None` if there is none, or it is damaged.
    pub fn get(&self, name: &str) -> Option<Blob> {
        let path = self.path(name);
        let bytes = match files::read(&path, files::Links::Refuse, STATE_MAX) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            read => read.map_err(|error| error.to_string()),
        };
        match bytes.and_then(|bytes| decode(&bytes)) {
            Ok(state) => Some(Blob(state)),
            Err(error) => {
                tracing::error!(error, path = %path.display(), "a strategy's state is damaged; it starts without one");
                None
            }
        }
    }
}

fn decode(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("expected a state file")?;
    let (sum, state) = rest.split_at_checked(32).ok_or("it is truncated")?;
    if Sha256::digest(state).as_slice() == sum {
        Ok(state.to_vec())
    } else {
        Err("its checksum does not match".to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code may fail loudly")]

    use super::*;

    #[test]
    fn a_state_comes_back_to_its_own_account_and_a_damaged_one_does_not() {
        let dir = std::env::temp_dir().join(format!("polytrader-states-{}", std::process::id()));
        let states = SavedStates::new(&dir, Mode::Paper, "0xAB");
        assert_eq!(states.get("one"), None);
        states.store("one", b"state");
        states.store("empty", b"");
        assert_eq!(states.get("one"), Some(Blob(b"state".to_vec())));
        assert_eq!(states.get("empty"), Some(Blob(Vec::new())));
        assert_eq!(SavedStates::new(&dir, Mode::Paper, "0xcd").get("one"), None);
        assert_eq!(SavedStates::new(&dir, Mode::Live, "0xAB").get("one"), None);
        let whole = std::fs::read(states.path("one")).unwrap();
        for damaged in [&whole[..10], &whole[..whole.len() - 1], &[&whole[..], b"x"].concat(), b"PTSTATE2"] {
            std::fs::write(states.path("one"), damaged).unwrap();
            assert_eq!(states.get("one"), None);
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_new_demo_removes_the_states_of_earlier_demos_only() {
        let dir = std::env::temp_dir().join(format!("polytrader-states-demo-{}", std::process::id()));
        let [first, paper] = [Mode::Demo, Mode::Paper].map(|mode| SavedStates::new(&dir, mode, "0x1"));
        first.store("one", b"state");
        paper.store("one", b"state");
        assert!(SavedStates::new(&dir, Mode::Demo, "0x1").get("one").is_some(), "the same account keeps its state");
        assert_eq!(SavedStates::new(&dir, Mode::Demo, "0x2").get("one"), None);
        assert!(first.get("one").is_none() && paper.get("one").is_some());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
