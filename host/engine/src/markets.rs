//! The table of markets: books, their freshness, and their listeners.

use crate::price_jumps::MidPrices;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use model::event::{MarketEvent, MarketEventKind};
use model::{
    Book, CheckpointTable, ConditionId, DEPTH_MAX, Depth, Level, Market, MarketIx, MarketState, NoteKind, Price,
    Shared, StaleCheckpoint, StrategyId, Time, TokenIx, Usd, Wants,
};

/// The most markets of one session.
pub const MARKETS_MAX: usize = 5_000;
/// The time that a book may be crossed before it is suspect and a new snapshot is requested.
const CROSSED_MAX_MICROS: u64 = 2_000_000;
/// The time after which an unanswered request for a snapshot is repeated.
const SNAPSHOT_RETRY_MICROS: u64 = 5_000_000;

/// One token's book and its freshness.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct TokenState {
    pub(crate) book: Book,
    /// True if a snapshot arrived since the last loss of the channel.
    pub(crate) known: bool,
    /// True if the venue's last message about the grid could not be parsed.
    grid_unread: bool,
    /// The last proof of life.
    pub(crate) alive: Time,
    /// The last price traded at.
    pub(crate) last_trade: Option<Price>,
    /// Payout per share in micro-dollars, once the outcome is known.
    pub(crate) pays: Option<u32>,
    /// The best bid when the book was last fresh.
    pub(crate) last_bid: Option<Price>,
    /// The last state sent to strategies.
    last_notified: LastNotified,
    crossed_since: Option<Time>,
    asked: Time,
}

impl TokenState {
    /// Returns true if prices of this book can be trusted now.
    pub(crate) fn is_fresh(&self, now: Time, stale_after: u64) -> bool {
        self.known && !self.grid_unread && now.since(self.alive) <= stale_after && !self.book.is_crossed()
    }

    fn top(&self) -> (Option<Level>, Option<Level>) {
        (self.book.best_bid(), self.book.best_ask())
    }
}

/// The state of a token's market as last sent to strategies; initially blind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct LastNotified(MarketState);

impl Default for LastNotified {
    fn default() -> Self {
        Self(MarketState::Blind)
    }
}

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
    tokens: CheckpointTable<TokenState>,
}

/// A checkpoint of both tables.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    entries: model::Checkpoint,
    tokens: model::Checkpoint,
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
        self.tokens.push(TokenState::default());
        self.tokens.push(TokenState::default());
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

    pub(crate) fn token(&self, token: TokenIx) -> Option<&TokenState> {
        self.tokens.get(token.index())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (MarketIx, &MarketEntry)> {
        (0u32..).map(MarketIx).zip(self.entries.iter())
    }

    /// Returns the numbers of all markets.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = MarketIx> + use<> {
        (0u32..).map(MarketIx).take(self.entries.len())
    }

    /// Returns a market with its first token, if it is unresolved and a strategy trades it.
    pub(crate) fn watched(&self, market: MarketIx) -> Option<(&MarketEntry, &TokenState)> {
        let entry = self.get(market).filter(|entry| !entry.listeners.is_empty() && !entry.resolved)?;
        Some((entry, self.token(market.token(0))?))
    }

    pub(crate) fn checkpoint(&mut self) -> Checkpoint {
        Checkpoint { entries: self.entries.checkpoint(), tokens: self.tokens.checkpoint() }
    }

    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), StaleCheckpoint> {
        self.entries.restore(checkpoint.entries)?;
        self.tokens.restore(checkpoint.tokens)
    }

    pub(crate) fn forget_checkpoint(&mut self) {
        self.entries.forget_checkpoint();
        self.tokens.forget_checkpoint();
    }

    /// Returns the state shown to strategies, pauses apart.
    pub(crate) fn state(&self, token: TokenIx, now: Time, stale_after: u64) -> MarketState {
        match (self.of_token(token), self.token(token)) {
            (Some(entry), _) if entry.resolved => MarketState::Resolved,
            (Some(_), Some(state)) if state.is_fresh(now, stale_after) => MarketState::Open,
            _ => MarketState::Blind,
        }
    }

    /// Applies a market event to its book.
    pub(crate) fn apply(&mut self, event: &MarketEvent, now: Time) -> Applied {
        let Some(state) = self.tokens.get_mut(event.token.index()) else { return Applied::Unknown };
        let rank = match &event.kind {
            MarketEventKind::Level { side, price, size } => {
                // A change before the first snapshot is ignored; the snapshot will contain it.
                if !state.known {
                    return Applied::Quiet;
                }
                let Ok(rank) = state.book.set(*side, *price, *size) else {
                    state.lose();
                    return Applied::Lost;
                };
                rank
            }
            MarketEventKind::Book { bids, asks } => {
                let before = state.top();
                if state.book.replace(bids, asks).is_err() {
                    state.lose();
                    return Applied::Lost;
                }
                state.known = true;
                // The level that changed is not determined beyond the best one.
                Some(usize::from(before == state.top()))
            }
            MarketEventKind::Trade { side, price, size } => {
                state.last_trade = Some(*price);
                state.alive = now;
                return Applied::Traded(NoteKind::Trade { side: *side, price: *price, size: *size });
            }
            MarketEventKind::TickSize { tick } => {
                // The grid only ever becomes finer (PROTOCOL 5.1). The book is dropped until the next snapshot.
                let Some(entry) = self.entries.get_mut(event.token.market().index()) else { return Applied::Unknown };
                entry.market.tick = entry.market.tick.min(*tick);
                state.grid_unread = false;
                state.lose();
                state.last_notified = LastNotified(MarketState::Blind);
                let (tick, state) = (entry.market.tick, MarketState::Blind);
                return Applied::Regridded(NoteKind::Status { tick, state, pays: None });
            }
            MarketEventKind::Unread { grid } => {
                state.grid_unread |= *grid;
                state.lose();
                // No snapshot is requested for a resolved market.
                let is_resolved = self.entries.get(event.token.market().index()).is_some_and(|entry| entry.resolved);
                return if is_resolved { Applied::Quiet } else { Applied::Lost };
            }
            MarketEventKind::Resolved { pays } => {
                let Some(entry) = self.entries.get_mut(event.token.market().index()) else { return Applied::Unknown };
                entry.resolved = true;
                state.pays = Some(u32::try_from(pays.micros()).unwrap_or(0).min(model::SCALE));
                state.alive = now;
                state.last_notified = LastNotified(MarketState::Resolved);
                let (tick, state, pays) = (entry.market.tick, MarketState::Resolved, state.payout());
                return Applied::State(NoteKind::Status { tick, state, pays });
            }
        };
        state.alive = now;
        state.record_crossing(now);
        let Some(rank) = rank else { return Applied::Quiet };
        if rank == 0 && !state.book.is_crossed() {
            state.last_bid = state.book.best_bid().map(|level| level.price);
        }
        Applied::Book(rank)
    }

    /// Returns the market states that differ from the last ones sent to strategies, and records them as sent. Markets
    /// in `paused` take no new risk.
    pub(crate) fn news(
        &mut self,
        paused: &BTreeSet<MarketIx>,
        now: Time,
        stale_after: u64,
    ) -> Vec<(TokenIx, NoteKind)> {
        let mut news = Vec::new();
        for market in self.numbers() {
            let Some((entry, _)) = self.watched(market) else { continue };
            let tick = entry.market.tick;
            for token in [market.token(0), market.token(1)] {
                let Some(known) = self.token(token) else { continue };
                let state = known.market_state(paused.contains(&market), now, stale_after);
                if known.last_notified != LastNotified(state)
                    && let Some(changed) = self.tokens.get_mut(token.index())
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
        if let Some(state) = self.tokens.get_mut(token.index())
            && state.known
        {
            state.alive = now;
        }
    }

    /// Drops all books: the channel that updated them is lost.
    pub(crate) fn lose_all(&mut self) {
        for place in 0..self.tokens.len() {
            if let Some(state) = self.tokens.get_mut(place) {
                state.lose();
            }
        }
    }

    /// Returns the tokens whose book must be requested now: crossed for too long, without an answer to the last
    /// request.
    pub(crate) fn suspects(&mut self, now: Time, out: &mut Vec<TokenIx>) {
        let known = out.len();
        out.extend((0u32..).map(TokenIx).zip(self.tokens.iter()).filter_map(|(token, state)| {
            let crossed = state.crossed_since.is_some_and(|since| now.since(since) > CROSSED_MAX_MICROS);
            (crossed && now.since(state.asked) > SNAPSHOT_RETRY_MICROS).then_some(token)
        }));
        for token in out.iter().skip(known) {
            if let Some(state) = self.tokens.get_mut(token.index()) {
                state.asked = now;
            }
        }
    }
}

impl TokenState {
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
            *made = Some((levels, Depth::of(&self.book, levels)));
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

    /// Returns the payout per share, once it is known.
    pub(crate) fn payout(&self) -> Option<Usd> {
        self.pays.map(|micros| Usd(micros.into()))
    }

    fn lose(&mut self) {
        self.book.clear();
        self.known = false;
        self.crossed_since = None;
    }

    fn record_crossing(&mut self, now: Time) {
        if self.book.is_crossed() {
            self.crossed_since.get_or_insert(now);
        } else {
            self.crossed_since = None;
        }
    }
}
