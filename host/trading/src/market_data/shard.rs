//! One part of the tokens, on several connections that bring the same, and which of them are up.

use model::{MarketIx, Time, TokenIx};
use parking_lot::{Mutex, MutexGuard};
use polymarket::Feed;
use polymarket::feed::{Brought, Merge, Share, Verdict};

/// The connections of one part of the tokens.
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

    /// Notes that a connection is up.
    pub(crate) fn rise(&self, line: usize) {
        if let Some(up) = self.state().up.get_mut(line) {
            *up = true;
        }
    }

    /// Notes that a connection is lost. Returns the markets that none follows any more, and one to ask for their books.
    pub(crate) fn fall(&self, line: usize, at: Time) -> Option<(&Feed, Vec<MarketIx>)> {
        let mut state = self.state();
        if let Some(up) = state.up.get_mut(line) {
            *up = false;
        }
        let left = state.merge.lose(line, at);
        let other = state.up.iter().position(|up| *up)?;
        Some((self.lines.get(other)?, left)).filter(|(_, left)| !left.is_empty())
    }

    /// Says whether one connection at least is up.
    pub(crate) fn is_up(&self) -> bool {
        self.state().up.contains(&true)
    }

    /// Looks at what a connection brought, one after the other, while no other connection does.
    pub(crate) fn merge<T>(&self, line: usize, look: impl FnOnce(&mut dyn FnMut(Brought) -> Verdict) -> T) -> T {
        let mut state = self.state();
        look(&mut |brought| state.merge.take(line, brought))
    }

    /// Returns the connection to ask for a book that somebody lacks.
    pub(crate) fn want(&self, token: TokenIx) -> Option<&Feed> {
        let line = self.state().merge.want(token);
        self.lines.get(line)
    }

    /// Makes all connections anew, which brings every book.
    pub(crate) fn reconnect(&self) {
        self.state().merge.begin_anew();
        self.lines.iter().for_each(Feed::reconnect);
    }

    /// Forgets a market.
    pub(crate) fn leave(&self, market: MarketIx) {
        self.state().merge.leave(market);
    }

    /// Returns whether each connection is up, and what it brought.
    pub(crate) fn shares(&self) -> Vec<(bool, Share)> {
        let state = self.state();
        state.up.iter().copied().zip(state.merge.shares().iter().copied()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}
