//! The table of markets: books, their freshness, and their listeners.

use crate::market_books::{BookLost, LastNotified, MarketBooks, TokenState, TokenView};
use crate::price_jumps::MidPrices;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use model::event::{MarketEvent, MarketEventKind};
use model::{
    CheckpointTable, ConditionId, LevelChange, Market, MarketIx, MarketState, NoteKind, Shared, StaleCheckpoint,
    StrategyId, Time, TokenIx, Wants,
};

/// The most markets of one session.
pub const MARKETS_MAX: usize = 5_000;

/// A strategy that receives events of a market.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Listener {
    pub(crate) strategy: StrategyId,
    pub(crate) wants: Wants,
}

/// One market.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct MarketEntry {
    pub(crate) market: Shared<Market>,
    /// True if the outcome is known.
    pub(crate) resolved: bool,
    /// Strategies that receive its events.
    pub(crate) listeners: Vec<Listener>,
    /// True if `stale_data` is tripped for it.
    pub(crate) stale: bool,
    /// Its recent mid prices.
    pub(crate) middles: MidPrices,
}

impl MarketEntry {
    /// Returns true if it is unresolved and a strategy trades it.
    pub(crate) const fn is_watched(&self) -> bool {
        !self.listeners.is_empty() && !self.resolved
    }

    /// Returns true if a strategy may see and trade this market.
    pub(crate) fn is_granted(&self, strategy: StrategyId) -> bool {
        self.listeners.iter().any(|listener| listener.strategy == strategy)
    }
}

/// The result of applying a market event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied {
    /// No change that a strategy would be notified of.
    Quiet,
    /// The book changed from this level of a side on; 0 is the best.
    Book(usize),
    /// A trade.
    Traded(NoteKind),
    /// The market's state changed; all listeners are notified.
    State(NoteKind),
    /// The book cannot be trusted; request a snapshot from the venue.
    Lost,
    /// The same because of a new grid; all listeners are notified.
    Regridded(NoteKind),
    /// The token is not in the table.
    Unknown,
}

/// All markets of the session.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Markets {
    entries: CheckpointTable<MarketEntry>,
    books: CheckpointTable<MarketBooks>,
    /// False if no book is crossed.
    crossed: bool,
}

/// A checkpoint of both tables.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    entries: model::Checkpoint,
    books: model::Checkpoint,
    crossed: bool,
}

impl Markets {
    /// Adds a market; returns `None` if the table is full.
    pub(crate) fn add(&mut self, market: Market) -> Option<MarketIx> {
        if self.entries.len() >= MARKETS_MAX {
            return None;
        }
        let index = u32::try_from(self.entries.len()).ok().map(MarketIx)?;
        self.entries.push(MarketEntry {
            market: Shared::new(market),
            resolved: false,
            listeners: Vec::new(),
            stale: false,
            middles: MidPrices::default(),
        });
        self.books.push(MarketBooks::default());
        Some(index)
    }

    /// Returns true if a market is in the table.
    pub(crate) fn has(&self, condition: &ConditionId) -> bool {
        self.entries.iter().any(|entry| entry.market.condition == *condition)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, market: MarketIx) -> Option<&MarketEntry> {
        self.entries.get(market.index())
    }

    pub(crate) fn get_mut(&mut self, market: MarketIx) -> Option<&mut MarketEntry> {
        self.entries.get_mut(market.index())
    }

    pub(crate) fn of_token(&self, token: TokenIx) -> Option<&MarketEntry> {
        self.get(token.market())
    }

    /// Returns a token's book and its freshness.
    #[inline]
    pub(crate) fn token(&self, token: TokenIx) -> Option<TokenView<'_>> {
        self.books.get(token.market().index()).map(|books| books.token(token.outcome()))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (MarketIx, &MarketEntry)> {
        (0u32..).map(MarketIx).zip(self.entries.iter())
    }

    /// Returns true if a strategy hears of a change of a token's book from level `rank` of a side on.
    #[inline]
    pub(crate) fn is_shown(&self, token: TokenIx, rank: usize) -> bool {
        self.of_token(token).is_some_and(|entry| entry.listeners.iter().any(|listener| listener.wants.shows(rank)))
    }

    /// Returns the numbers of all markets.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = MarketIx> + use<> {
        (0u32..).map(MarketIx).take(self.entries.len())
    }

    /// Returns the markets that are to be watched as time passes: unresolved ones that a strategy trades, and ones that
    /// are marked as stale.
    pub(crate) fn watched_now(&self) -> Vec<MarketIx> {
        self.iter().filter(|(_, entry)| entry.is_watched() || entry.stale).map(|(market, _)| market).collect()
    }

    /// Returns a market with its first token, if it is unresolved and a strategy trades it.
    pub(crate) fn watched(&self, market: MarketIx) -> Option<(&MarketEntry, TokenView<'_>)> {
        let entry = self.get(market).filter(|entry| entry.is_watched())?;
        Some((entry, self.token(market.token(0))?))
    }

    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        Checkpoint { entries: self.entries.checkpoint(), books: self.books.checkpoint(), crossed: self.crossed }
    }

    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), StaleCheckpoint> {
        self.entries.restore(checkpoint.entries)?;
        self.books.restore(checkpoint.books)?;
        self.crossed = checkpoint.crossed;
        Ok(())
    }

    pub(crate) fn forget_checkpoint(&mut self) {
        self.entries.forget_checkpoint();
        self.books.forget_checkpoint();
    }

    /// Returns the state shown to strategies, pauses apart.
    pub(crate) fn state(&self, token: TokenIx, now: Time, stale_after: u64) -> MarketState {
        match (self.of_token(token), self.token(token)) {
            (Some(entry), _) if entry.resolved => MarketState::Resolved,
            (Some(_), Some(token)) if token.is_fresh(now, stale_after) => MarketState::Open,
            _ => MarketState::Blind,
        }
    }

    /// Applies a market event to its book.
    pub(crate) fn apply(&mut self, event: &MarketEvent, now: Time) -> Applied {
        if let Some(change) = event.level() {
            return match self.set_level(&change, now) {
                Ok(Some(rank)) => Applied::Book(rank),
                Ok(None) => Applied::Quiet,
                Err(BookLost) => Applied::Lost,
            };
        }
        let (market, outcome) = (event.token.market().index(), event.token.outcome());
        if let MarketEventKind::Book { bids, asks } = &event.kind {
            let rank = self.change(event.token.market(), |books| books.replace(outcome, bids, asks, now));
            return rank.map_or(Applied::Unknown, |rank| rank.map_or(Applied::Lost, Applied::Book));
        }
        let Some(books) = self.books.get_mut(market) else { return Applied::Unknown };
        match &event.kind {
            // Handled above.
            MarketEventKind::Level { .. } | MarketEventKind::Book { .. } => Applied::Quiet,
            MarketEventKind::Trade { side, price, size } => {
                let state = books.state_mut(outcome);
                (state.last_trade, state.alive) = (Some(*price), now);
                Applied::Traded(NoteKind::Trade { side: *side, price: *price, size: *size })
            }
            MarketEventKind::TickSize { tick } => {
                // The grid only ever becomes finer (PROTOCOL 5.1). The book is dropped until the next snapshot.
                let Some(entry) = self.entries.get_mut(market) else { return Applied::Unknown };
                entry.market.tick = entry.market.tick.min(*tick);
                books.lose(outcome);
                let state = books.state_mut(outcome);
                state.grid_unread = false;
                state.last_notified = LastNotified(MarketState::Blind);
                let (tick, state) = (entry.market.tick, MarketState::Blind);
                Applied::Regridded(NoteKind::Status { tick, state, pays: None })
            }
            MarketEventKind::Unread { grid } => {
                books.lose(outcome);
                books.state_mut(outcome).grid_unread |= *grid;
                // No snapshot is requested for a resolved market.
                let is_resolved = self.entries.get(market).is_some_and(|entry| entry.resolved);
                if is_resolved { Applied::Quiet } else { Applied::Lost }
            }
            MarketEventKind::Resolved { pays } => {
                let Some(entry) = self.entries.get_mut(market) else { return Applied::Unknown };
                entry.resolved = true;
                let state = books.state_mut(outcome);
                state.pays = Some(u32::try_from(pays.micros()).unwrap_or(0).min(model::SCALE));
                state.alive = now;
                state.last_notified = LastNotified(MarketState::Resolved);
                let (tick, state, pays) = (entry.market.tick, MarketState::Resolved, state.payout());
                Applied::State(NoteKind::Status { tick, state, pays })
            }
        }
    }

    /// Applies a change of one token's book. Returns the number of better levels of its side if the book changed.
    ///
    /// # Errors
    /// If the book cannot be trusted any more.
    pub(crate) fn set_level(&mut self, change: &LevelChange, now: Time) -> Result<Option<usize>, BookLost> {
        self.change(change.token.market(), |books| books.set_level(change, now)).unwrap_or(Ok(None))
    }

    /// Applies a change of both tokens' books at once, if they mirror each other; `None` if they do not. Returns the
    /// number of better levels of the changed sides, which is the same, if the books changed.
    #[inline]
    pub(crate) fn set_both(&mut self, change: &LevelChange, now: Time) -> Option<Result<Option<usize>, BookLost>> {
        self.change(change.token.market(), |books| books.set_both(change, now)).flatten()
    }

    /// Changes levels of a market's books, and notes whether a book is crossed; `None` if there is no such market.
    #[inline]
    fn change<T>(&mut self, market: MarketIx, change: impl FnOnce(&mut MarketBooks) -> T) -> Option<T> {
        let books = self.books.get_mut(market.index())?;
        let changed = change(books);
        self.crossed |= books.is_crossed();
        Some(changed)
    }

    /// Returns the market states that differ from the last ones sent to strategies, and records them as sent. Markets
    /// in `paused` take no new risk.
    pub(crate) fn news(
        &mut self,
        watched: &[MarketIx],
        paused: &BTreeSet<MarketIx>,
        now: Time,
        stale_after: u64,
    ) -> Vec<(TokenIx, NoteKind)> {
        let mut news = Vec::new();
        for market in watched.iter().copied() {
            let Some((entry, _)) = self.watched(market) else { continue };
            let tick = entry.market.tick;
            for token in [market.token(0), market.token(1)] {
                let Some(known) = self.token(token) else { continue };
                let state = known.market_state(paused.contains(&market), now, stale_after);
                if known.state.last_notified != LastNotified(state)
                    && let Some(changed) = self.state_mut(token)
                {
                    changed.last_notified = LastNotified(state);
                    news.push((token, NoteKind::Status { tick, state, pays: None }));
                }
            }
        }
        news
    }

    /// Applies a proof of life without a change of the book.
    pub(crate) fn alive(&mut self, token: TokenIx, now: Time) {
        if let Some(state) = self.state_mut(token)
            && state.known
        {
            state.alive = now;
        }
    }

    /// Drops all books: the channel that updated them is lost.
    pub(crate) fn lose_all(&mut self) {
        for place in 0..self.books.len() {
            if let Some(books) = self.books.get_mut(place) {
                [0, 1].into_iter().for_each(|outcome| books.lose(outcome));
            }
        }
    }

    /// Returns the tokens whose book must be requested now: crossed for too long, without an answer to the last
    /// request.
    pub(crate) fn suspects(&mut self, now: Time, out: &mut Vec<TokenIx>) {
        if !self.crossed {
            return;
        }
        let known = out.len();
        self.crossed = self.books.iter().any(MarketBooks::is_crossed);
        let tokens = self.numbers().flat_map(|market| [market.token(0), market.token(1)]);
        out.extend(tokens.filter(|token| self.token(*token).is_some_and(|token| token.state.is_suspect(now))));
        for token in out.iter().skip(known) {
            if let Some(state) = self.state_mut(*token) {
                state.asked = now;
            }
        }
    }

    fn state_mut(&mut self, token: TokenIx) -> Option<&mut TokenState> {
        self.books.get_mut(token.market().index()).map(|books| books.state_mut(token.outcome()))
    }
}

#[cfg(test)]
mod tests;
