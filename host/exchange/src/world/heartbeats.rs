//! Heartbeats (PROTOCOL 11): after the first one, a missing heartbeat cancels all open orders of the key.

use super::Inside;
use crate::keys::{Holder, uuid};
use model::Time;
use sha2::{Digest, Sha256};
use sim::AccountId;
use std::collections::BTreeMap;

/// Validity of a heartbeat, and the interval of the check.
const GOOD_FOR_MICROS: u64 = 10_000_000;
const LOOK_MICROS: u64 = 5_000_000;

/// One account's heartbeat.
#[derive(Debug, Clone)]
struct Beat {
    id: String,
    due: Time,
}

/// All accounts that have started sending heartbeats.
#[derive(Debug, Default)]
pub(super) struct Heartbeats {
    beats: BTreeMap<AccountId, Beat>,
    count: u64,
    looked: Time,
}

impl Inside {
    /// Accepts a heartbeat and returns the id of the next one. The first has no id.
    ///
    /// # Errors
    /// The expected id; the deadline then stands.
    pub(crate) fn heartbeat(&mut self, caller: &Holder, id: &str) -> Result<String, String> {
        if let Some(beat) = self.heartbeats.beats.get(&caller.account)
            && beat.id != id
        {
            return Err(beat.id.clone());
        }
        self.heartbeats.count = self.heartbeats.count.saturating_add(1);
        let seed = Sha256::new()
            .chain_update(b"heartbeat")
            .chain_update(&caller.key.id)
            .chain_update(self.heartbeats.count.to_be_bytes())
            .finalize();
        let next = uuid(&seed.into());
        let beat = Beat { id: next.clone(), due: self.now.plus_micros(GOOD_FOR_MICROS) };
        self.heartbeats.beats.insert(caller.account, beat);
        Ok(next)
    }

    /// Cancels the orders of accounts whose heartbeat is overdue. They may start again.
    pub(super) fn watch_heartbeats(&mut self) {
        if self.faults.patient || self.now.since(self.heartbeats.looked) < LOOK_MICROS {
            return;
        }
        self.heartbeats.looked = self.now;
        let now = self.now;
        let overdue: Vec<AccountId> =
            self.heartbeats.beats.iter().filter(|(_, beat)| now > beat.due).map(|(account, _)| *account).collect();
        for account in overdue {
            self.heartbeats.beats.remove(&account);
            let cancelled = self.venue.cancel_all(now, account);
            if !cancelled.is_empty() {
                tracing::warn!(account = account.0, orders = cancelled.len(), "heartbeat overdue; orders cancelled");
            }
            self.publish();
        }
    }
}
