//! An account's keys besides the one that trades: keys that only read, and keys that name a builder.

use super::{ApiKey, Keys};
use model::Time;
use order::Address;

/// The most of each kind, those that are over included.
const KEYS_MAX: usize = 50;

/// What an account made, oldest first.
#[derive(Debug)]
pub(crate) struct Others {
    root: [u8; 32],
    address: Address,
    made: u64,
    readonly: Vec<String>,
    /// The key, when it was made, and when it ended.
    builders: Vec<(ApiKey, Time, Option<Time>)>,
    /// Keys of the relayer, and when they were made.
    relayer: Vec<(String, Time)>,
}

impl Others {
    pub(super) const fn new(root: [u8; 32], address: Address) -> Self {
        Self { root, address, made: 0, readonly: Vec::new(), builders: Vec::new(), relayer: Vec::new() }
    }

    pub(super) const fn address(&self) -> Address {
        self.address
    }

    /// Returns a key that nobody has; keys for trading count from zero, these from the other end.
    fn fresh(&mut self) -> ApiKey {
        self.made = self.made.saturating_add(1);
        Keys::new(self.root).derive(self.address, u64::MAX.saturating_sub(self.made))
    }

    /// Makes a key that only reads and returns its id; none if there are too many.
    pub(crate) fn add_readonly(&mut self) -> Option<String> {
        if self.readonly.len() >= KEYS_MAX {
            return None;
        }
        let id = self.fresh().id;
        self.readonly.push(id.clone());
        Some(id)
    }

    /// Returns the ids of the keys that only read.
    pub(crate) fn readonly(&self) -> &[String] {
        &self.readonly
    }

    /// Ends a key that only reads; false if there is none of this id.
    pub(crate) fn drop_readonly(&mut self, id: &str) -> bool {
        let before = self.readonly.len();
        self.readonly.retain(|key| key != id);
        self.readonly.len() < before
    }

    /// Makes a builder's key; none if there are too many.
    pub(crate) fn add_builder(&mut self, now: Time) -> Option<ApiKey> {
        if self.builders.len() >= KEYS_MAX {
            return None;
        }
        let key = self.fresh();
        self.builders.push((key.clone(), now, None));
        Some(key)
    }

    /// Returns the builder's keys.
    pub(crate) fn builders(&self) -> &[(ApiKey, Time, Option<Time>)] {
        &self.builders
    }

    /// Makes a key of the relayer and returns its id; none if there are too many.
    pub(crate) fn add_relayer(&mut self, now: Time) -> Option<String> {
        if self.relayer.len() >= KEYS_MAX {
            return None;
        }
        let id = self.fresh().id;
        self.relayer.push((id.clone(), now));
        Some(id)
    }

    /// Returns the keys of the relayer.
    pub(crate) fn relayer(&self) -> &[(String, Time)] {
        &self.relayer
    }

    /// Ends all builder's keys.
    pub(crate) fn revoke_builders(&mut self, now: Time) {
        for (_, _, revoked) in &mut self.builders {
            revoked.get_or_insert(now);
        }
    }
}
