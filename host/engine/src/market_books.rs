//! The books of one market: their levels, their freshness, and the states last sent to strategies.

use model::{BookPair, BookView, DEPTH_MAX, Depth, Level, LevelChange, MarketState, NoteKind, Price, Time, Usd, Wants};

/// The time that a book may be crossed before it is suspect and a new snapshot is requested.
const CROSSED_MAX_MICROS: u64 = 2_000_000;
/// The time after which an unanswered request for a snapshot is repeated.
const SNAPSHOT_RETRY_MICROS: u64 = 5_000_000;

/// Error: the book of a token cannot be trusted any more; request a snapshot from the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BookLost;

/// The freshness of one token's book, and facts about the token.
#[derive(Debug, Clone, Copy, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct TokenState {
    /// True if a snapshot arrived since the last loss of the channel.
    pub(crate) known: bool,
    /// True if the venue's last message about the grid could not be parsed.
    pub(crate) grid_unread: bool,
    /// The last proof of life.
    pub(crate) alive: Time,
    /// The last price traded at.
    pub(crate) last_trade: Option<Price>,
    /// Payout per share in micro-dollars, once the outcome is known.
    pub(crate) pays: Option<u32>,
    /// The best bid when the book was last fresh.
    pub(crate) last_bid: Option<Price>,
    /// The last state sent to strategies.
    pub(crate) last_notified: LastNotified,
    crossed_since: Option<Time>,
    /// The last request for a snapshot.
    pub(crate) asked: Time,
}

impl TokenState {
    /// Returns the payout per share, once it is known.
    pub(crate) fn payout(&self) -> Option<Usd> {
        self.pays.map(|micros| Usd(micros.into()))
    }

    /// Returns true if a snapshot must be requested: the book is crossed for too long, and no answer to the last request
    /// is due.
    pub(crate) fn is_suspect(&self, now: Time) -> bool {
        let crossed = self.crossed_since.is_some_and(|since| now.since(since) > CROSSED_MAX_MICROS);
        crossed && now.since(self.asked) > SNAPSHOT_RETRY_MICROS
    }

    /// Notes that the book was confirmed, and changed from level `rank` of a side on.
    #[inline]
    fn record_change(&mut self, book: BookView<'_>, rank: Option<usize>, now: Time) {
        self.alive = now;
        if book.is_crossed() {
            self.crossed_since.get_or_insert(now);
            return;
        }
        self.crossed_since = None;
        if rank == Some(0) {
            self.last_bid = book.best_bid().map(|level| level.price);
        }
    }
}

/// The state of a token's market as last sent to strategies; initially blind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct LastNotified(pub(crate) MarketState);

impl Default for LastNotified {
    fn default() -> Self {
        Self(MarketState::Blind)
    }
}

/// The books of a market's two tokens. One market's row is what a checkpoint saves at once.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct MarketBooks {
    tokens: [TokenState; 2],
    books: BookPair,
}

impl MarketBooks {
    /// Returns a token's book and its freshness.
    #[inline]
    pub(crate) const fn token(&self, outcome: u32) -> TokenView<'_> {
        let [first, second] = &self.tokens;
        TokenView { state: if outcome == 0 { first } else { second }, book: self.books.get(outcome) }
    }

    pub(crate) const fn state_mut(&mut self, outcome: u32) -> &mut TokenState {
        of_mut(&mut self.tokens, outcome)
    }

    /// Replaces a token's book with a snapshot. Returns 0 if its best levels changed, otherwise 1.
    ///
    /// # Errors
    /// If the book is too large; it is lost then.
    pub(crate) fn replace(
        &mut self,
        outcome: u32,
        bids: &[Level],
        asks: &[Level],
        now: Time,
    ) -> Result<usize, BookLost> {
        let before = self.token(outcome).top();
        if self.books.replace(outcome, bids, asks).is_err() {
            self.lose(outcome);
            return Err(BookLost);
        }
        // The level that changed is not determined beyond the best one.
        let rank = usize::from(before == self.token(outcome).top());
        self.state_mut(outcome).known = true;
        self.record_change(outcome, Some(rank), now);
        Ok(rank)
    }

    /// Sets a level of one token's book. Returns the number of better levels of its side if the book changed. A change
    /// before the first snapshot is ignored; the snapshot will contain it.
    ///
    /// # Errors
    /// If the book is too large; it is lost then.
    pub(crate) fn set_level(&mut self, change: &LevelChange, now: Time) -> Result<Option<usize>, BookLost> {
        let outcome = change.token.outcome();
        if !self.token(outcome).state.known {
            return Ok(None);
        }
        let Ok(rank) = self.books.set(outcome, change.side, change.price, change.size) else {
            self.lose(outcome);
            return Err(BookLost);
        };
        self.record_change(outcome, rank, now);
        Ok(rank)
    }

    /// Sets a level of a token's book, and the mirrored level of the other token's, like [`MarketBooks::set_level`] for
    /// each; `None` if the books are not known, or do not mirror each other.
    #[inline]
    pub(crate) fn set_both(&mut self, change: &LevelChange, now: Time) -> Option<Result<Option<usize>, BookLost>> {
        if !self.tokens.iter().all(|state| state.known) {
            return None;
        }
        let set = self.books.set_both(change.token.outcome(), change.side, change.price, change.size)?;
        let Ok(rank) = set else {
            [0, 1].into_iter().for_each(|outcome| self.lose(outcome));
            return Some(Err(BookLost));
        };
        [0, 1].into_iter().for_each(|outcome| self.record_change(outcome, rank, now));
        Some(Ok(rank))
    }

    /// Returns true if a book is crossed, or was when it changed last.
    #[inline]
    pub(crate) const fn is_crossed(&self) -> bool {
        let [first, second] = &self.tokens;
        first.crossed_since.is_some() || second.crossed_since.is_some()
    }

    /// Drops a token's book until the next snapshot.
    pub(crate) fn lose(&mut self, outcome: u32) {
        self.books.clear(outcome);
        let state = self.state_mut(outcome);
        (state.known, state.crossed_since) = (false, None);
    }

    #[inline]
    fn record_change(&mut self, outcome: u32, rank: Option<usize>, now: Time) {
        of_mut(&mut self.tokens, outcome).record_change(self.books.get(outcome), rank, now);
    }
}

const fn of_mut(tokens: &mut [TokenState; 2], outcome: u32) -> &mut TokenState {
    let [first, second] = tokens;
    if outcome == 0 { first } else { second }
}

/// One token's book and its freshness.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenView<'a> {
    pub(crate) state: &'a TokenState,
    pub(crate) book: BookView<'a>,
}

impl TokenView<'_> {
    /// Returns true if prices of this book can be trusted now.
    pub(crate) fn is_fresh(&self, now: Time, stale_after: u64) -> bool {
        let state = self.state;
        state.known && !state.grid_unread && now.since(state.alive) <= stale_after && !self.book.is_crossed()
    }

    fn top(&self) -> (Option<Level>, Option<Level>) {
        (self.book.best_bid(), self.book.best_ask())
    }

    /// Returns the note of the best levels.
    #[inline]
    pub(crate) fn top_note(&self) -> NoteKind {
        NoteKind::Top { bid: self.book.best_bid(), ask: self.book.best_ask() }
    }

    /// Returns the depth for a listener that wants one when the book changed from level `rank` of a side on. The depth
    /// created for the last listener is reused for the next one that wants the same number of levels.
    pub(crate) fn depth(&self, rank: usize, wants: &Wants, made: &mut Option<(u8, Depth)>) -> Option<NoteKind> {
        let levels = wants.depth.min(DEPTH_MAX);
        if rank >= usize::from(levels) {
            return None;
        }
        if made.as_ref().is_none_or(|(made, _)| *made != levels) {
            *made = Some((levels, Depth::of(self.book, levels)));
        }
        made.as_ref().map(|(_, depth)| NoteKind::Depth(depth.clone()))
    }

    /// Returns the state shown to strategies of a market that is not resolved.
    pub(crate) fn market_state(&self, paused: bool, now: Time, stale_after: u64) -> MarketState {
        match (self.is_fresh(now, stale_after), paused) {
            (false, _) => MarketState::Blind,
            (true, true) => MarketState::Paused,
            (true, false) => MarketState::Open,
        }
    }
}
