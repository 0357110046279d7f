//! What strategies saved, kept from one session to the next: a file for each in the data folder, apart by mode and account.

use model::input::{Blob, Mode};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The most bytes of a state; the sandbox takes no more than a half of it.
const STATE_MAX: u64 = 2 * 1024 * 1024;
/// What a file begins with.
const MAGIC: &[u8; 8] = b"PTSTATE1";

/// The files of an account. A cheap handle.
#[derive(Debug, Clone)]
pub struct SavedStates {
    dir: PathBuf,
}

impl SavedStates {
    /// Returns those of an account, `account` being its address. A demo's account is new each time, so those before it are forgotten.
    pub fn new(data_dir: &Path, mode: Mode, account: &str) -> Self {
        let all = data_dir.join("states").join(mode.as_str());
        let dir = all.join(account.to_ascii_lowercase());
        if mode == Mode::Demo
            && !dir.exists()
            && let Err(error) = std::fs::remove_dir_all(&all)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %all.display(), "states of earlier demos stay behind");
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.state"))
    }

    /// Keeps a state in place of the one before. What cannot be kept costs a restart of the host, not the strategy.
    pub fn keep(&self, name: &str, state: &[u8]) {
        let kept = std::fs::create_dir_all(&self.dir).and_then(|()| {
            let sum: [u8; 32] = Sha256::digest(state).into();
            crate::private_file::replace(&self.path(name), &[MAGIC, sum.as_slice(), state].concat())
        });
        if let Err(error) = kept {
            tracing::error!(%error, name, "a strategy's state is not kept: it would not outlive a restart");
        }
    }

    /// Returns what a strategy saved last; none if that is nothing, or damaged.
    pub fn get(&self, name: &str) -> Option<Blob> {
        let path = self.path(name);
        let bytes = match files::read(&path, files::Links::Refuse, STATE_MAX) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            read => read.map_err(|error| error.to_string()),
        };
        match bytes.and_then(|bytes| decode(&bytes)) {
            Ok(state) => Some(Blob(state)),
            Err(error) => {
                tracing::error!(error, path = %path.display(), "a strategy's state is damaged; it starts from nothing");
                None
            }
        }
    }
}

fn decode(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as one")?;
    let (sum, state) = rest.split_at_checked(32).ok_or("it ends too early")?;
    if Sha256::digest(state).as_slice() == sum {
        Ok(state.to_vec())
    } else {
        Err("its checksum does not fit".to_owned())
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
        states.keep("one", b"state");
        states.keep("empty", b"");
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
    fn a_new_demo_forgets_the_states_of_those_before_it_and_of_nobody_else() {
        let dir = std::env::temp_dir().join(format!("polytrader-states-demo-{}", std::process::id()));
        let [first, paper] = [Mode::Demo, Mode::Paper].map(|mode| SavedStates::new(&dir, mode, "0x1"));
        first.keep("one", b"state");
        paper.keep("one", b"state");
        assert!(SavedStates::new(&dir, Mode::Demo, "0x1").get("one").is_some(), "the same account goes on");
        assert_eq!(SavedStates::new(&dir, Mode::Demo, "0x2").get("one"), None);
        assert!(first.get("one").is_none() && paper.get("one").is_some());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
