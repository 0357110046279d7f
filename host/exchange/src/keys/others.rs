//! Non-trading keys of an account: read-only keys, builder keys and relayer keys.

use super::{ApiKey, Keys};
use model::Time;
use order::Address;

/// Maximum keys of each kind, revoked ones included.
const KEYS_MAX: usize = 50;

/// The keys of an account, oldest first.
#[derive(Debug)]
pub(crate) struct Others {
    root: [u8; 32],
    address: Address,
    made: u64,
    readonly: Vec<String>,
    /// The key, its creation time, and its revocation time.
    builders: Vec<(ApiKey, Time, Option<Time>)>,
    /// Relayer keys, and their creation times.
    relayer: Vec<(String, Time)>,
}

impl Others {
    pub(super) const fn new(root: [u8; 32], address: Address) -> Self {
        Self { root, address, made: 0, readonly: Vec::new(), builders: Vec::new(), relayer: Vec::new() }
    }

    pub(super) const fn address(&self) -> Address {
        self.address
    }

    /// Returns an unused key; trading keys count up from zero, these down from the maximum.
    fn fresh(&mut self) -> ApiKey {
        self.made = self.made.saturating_add(1);
        Keys::new(self.root).derive(self.address, u64::MAX.saturating_sub(self.made))
    }

    /// Creates a read-only key and returns its id; `None` if there are too many.
    pub(crate) fn add_readonly(&mut self) -> Option<String> {
        if self.readonly.len() >= KEYS_MAX {
            return None;
        }
        let id = self.fresh().id;
        self.readonly.push(id.clone());
        Some(id)
    }

    /// Returns the ids of the read-only keys.
    pub(crate) fn readonly(&self) -> &[String] {
        &self.readonly
    }

    /// Deletes a read-only key; false if there is none with this id.
    pub(crate) fn drop_readonly(&mut self, id: &str) -> bool {
        let before = self.readonly.len();
        self.readonly.retain(|key| key != id);
        self.readonly.len() < before
    }

    /// Creates a builder key; `None` if there are too many.
    pub(crate) fn add_builder(&mut self, now: Time) -> Option<ApiKey> {
        if self.builders.len() >= KEYS_MAX {
            return None;
        }
        let key = self.fresh();
        self.builders.push((key.clone(), now, None));
        Some(key)
    }

    /// Returns the builder keys.
    pub(crate) fn builders(&self) -> &[(ApiKey, Time, Option<Time>)] {
        &self.builders
    }

    /// Creates a relayer key and returns its id; `None` if there are too many.
    pub(crate) fn add_relayer(&mut self, now: Time) -> Option<String> {
        if self.relayer.len() >= KEYS_MAX {
            return None;
        }
        let id = self.fresh().id;
        self.relayer.push((id.clone(), now));
        Some(id)
    }

    /// Returns the relayer keys.
    pub(crate) fn relayer(&self) -> &[(String, Time)] {
        &self.relayer
    }

    /// Revokes all builder keys.
    pub(crate) fn revoke_builders(&mut self, now: Time) {
        for (_, _, revoked) in &mut self.builders {
            revoked.get_or_insert(now);
        }
    }
}
