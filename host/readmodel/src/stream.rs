//! The ordered stream of changes: the last few thousand are kept, and new ones are sent to all followers.

use crate::views::{StreamMessage, Update};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::broadcast;

/// The most messages that are kept for followers that reconnect.
const KEPT_MAX: usize = 4_096;
/// The most messages that wait for one follower; a follower that lags further starts over.
const LAG_MAX: usize = 1_024;

/// One change as it is sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its number.
    pub seq: u64,
    /// A [`StreamMessage`] as JSON, serialised once for all followers.
    pub json: Arc<str>,
}

/// The messages for a follower: those it missed, then the live ones.
#[derive(Debug)]
pub struct Follow {
    /// The messages since it disconnected, oldest first.
    pub missed: Vec<Message>,
    /// The messages from now on.
    pub live: broadcast::Receiver<Message>,
}

#[derive(Debug)]
pub(super) struct Stream {
    seq: u64,
    kept: VecDeque<Message>,
    live: broadcast::Sender<Message>,
}

impl Stream {
    pub(super) fn new() -> Self {
        Self { seq: 0, kept: VecDeque::new(), live: broadcast::channel(LAG_MAX).0 }
    }

    pub(super) const fn seq(&self) -> u64 {
        self.seq
    }

    pub(super) fn push(&mut self, update: Update) {
        self.seq = self.seq.saturating_add(1);
        // These types always serialise; a failure would leave a gap in `seq`, and pages would fetch the snapshot again.
        let Ok(json) = serde_json::to_string(&StreamMessage { seq: self.seq, update }) else { return };
        let message = Message { seq: self.seq, json: json.into() };
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(message.clone());
        // An error means that there are no followers.
        drop(self.live.send(message));
    }

    pub(super) fn follow(&self, seq: u64) -> Option<Follow> {
        let oldest = self.kept.front().map_or(self.seq.saturating_add(1), |message| message.seq);
        if seq > self.seq || seq.saturating_add(1) < oldest {
            return None;
        }
        let missed = self.kept.iter().filter(|message| message.seq > seq).cloned().collect();
        Some(Follow { missed, live: self.live.subscribe() })
    }
}
