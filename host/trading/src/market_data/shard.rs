//! One group of tokens, subscribed to on several redundant connections, and the state of these connections.

use model::{MarketIx, Time, TokenIx};
use parking_lot::{Mutex, MutexGuard};
use polymarket::Feed;
use polymarket::feed::{Brought, Merge, Share, Verdict};

/// The connections of one group of tokens.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) lines: Vec<Feed>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    merge: Merge,
    up: Vec<bool>,
}

impl Shard {
    pub(crate) fn new(lines: Vec<Feed>) -> Self {
        let state = State { merge: Merge::new(lines.len()), up: vec![false; lines.len()] };
        Self { lines, state: Mutex::new(state) }
    }

    /// Marks a connection as up.
    pub(crate) fn rise(&self, line: usize) {
        if let Some(up) = self.state().up.get_mut(line) {
            *up = true;
        }
    }

    /// Marks a connection as lost. Returns the markets that no connection follows any more, and a connection to request
    /// their books on.
    pub(crate) fn fall(&self, line: usize, at: Time) -> Option<(&Feed, Vec<MarketIx>)> {
        let mut state = self.state();
        if let Some(up) = state.up.get_mut(line) {
            *up = false;
        }
        let left = state.merge.lose(line, at);
        let other = state.up.iter().position(|up| *up)?;
        Some((self.lines.get(other)?, left)).filter(|(_, left)| !left.is_empty())
    }

    /// Returns true if at least one connection is up.
    pub(crate) fn is_up(&self) -> bool {
        self.state().up.contains(&true)
    }

    /// Merges what a connection received, one item at a time, while no other connection is merged.
    pub(crate) fn merge<T>(&self, line: usize, look: impl FnOnce(&mut dyn FnMut(Brought) -> Verdict) -> T) -> T {
        let mut state = self.state();
        look(&mut |brought| state.merge.judge(line, brought))
    }

    /// Returns the connection on which to request a book that is missing.
    pub(crate) fn want(&self, token: TokenIx) -> Option<&Feed> {
        let line = self.state().merge.want(token);
        self.lines.get(line)
    }

    /// Reconnects all connections, which delivers every book again.
    pub(crate) fn reconnect(&self) {
        self.state().merge.begin_anew();
        self.lines.iter().for_each(Feed::reconnect);
    }

    /// Removes a market.
    pub(crate) fn leave(&self, market: MarketIx) {
        self.state().merge.leave(market);
    }

    /// Returns, for each connection, whether it is up and what it delivered.
    pub(crate) fn shares(&self) -> Vec<(bool, Share)> {
        let state = self.state();
        state.up.iter().copied().zip(state.merge.shares().iter().copied()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
