//! The ordered stream of changes: the last few thousand are kept, and new ones go to all who follow.

use crate::views::{StreamMessage, Update};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::broadcast;

/// Messages that are kept for those who come back.
const KEPT_MAX: usize = 4_096;
/// Messages that wait for one follower; one that lags more starts anew.
const LAG_MAX: usize = 1_024;

/// One change as it goes out.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its number.
    pub seq: u64,
    /// A [`StreamMessage`] as JSON, written once for all.
    pub json: Arc<str>,
}

/// What a follower gets: what it missed, then what comes.
#[derive(Debug)]
pub struct Follow {
    /// What came since it left, oldest first.
    pub missed: Vec<Message>,
    /// What comes from now on.
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
        // These types always make JSON; a message that did not would leave a gap, after which pages ask for all again.
        let Ok(json) = serde_json::to_string(&StreamMessage { seq: self.seq, update }) else { return };
        let message = Message { seq: self.seq, json: json.into() };
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(message.clone());
        // Nobody may be following.
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
