//! The table of markets: books, their freshness, and who listens.

use crate::jumps::Middles;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use model::event::{MarketEvent, MarketEventKind};
use model::{
    Book, ConditionId, DEPTH_MAX, Depth, Level, Market, MarketIx, MarketState, NoteKind, Price, StrategyId, Time,
    TokenIx, Usd, Wants,
};

/// The most markets of one session.
pub const MARKETS_MAX: usize = 5_000;
/// How long a book may be crossed before it is suspect and the venue is asked again.
const CROSSED_MAX_MICROS: u64 = 2_000_000;
/// How long an unanswered request for a snapshot stands before it is repeated.
const SNAPSHOT_RETRY_MICROS: u64 = 5_000_000;

/// One token's book and what is known of its age.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct TokenState {
    pub(crate) book: Book,
    /// Whether a snapshot was seen since the last loss of the channel.
    pub(crate) known: bool,
    /// Whether the venue last said something of the grid that was not understood.
    grid_unread: bool,
    /// The last proof of life.
    pub(crate) alive: Time,
    /// The last price traded at.
    pub(crate) last_trade: Option<Price>,
    /// What a share pays, once the outcome is known, in micro-dollars.
    pub(crate) pays: Option<u32>,
    /// The best bid when the book was last fresh.
    pub(crate) last_bid: Option<Price>,
    /// The state that strategies were last told.
    told: Told,
    crossed_since: Option<Time>,
    asked: Time,
}

impl TokenState {
    /// Says whether prices of this book can be trusted now.
    pub(crate) fn is_fresh(&self, now: Time, stale_after: u64) -> bool {
        self.known && !self.grid_unread && now.since(self.alive) <= stale_after && !self.book.is_crossed()
    }

    fn top(&self) -> (Option<Level>, Option<Level>) {
        (self.book.best_bid(), self.book.best_ask())
    }
}

/// The state of a token's market as strategies were told it; at first they know of no book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Told(MarketState);

impl Default for Told {
    fn default() -> Self {
        Self(MarketState::Blind)
    }
}

/// A strategy that hears about a market.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct Listener {
    pub(crate) strategy: StrategyId,
    pub(crate) wants: Wants,
}

/// One market.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct MarketEntry {
    pub(crate) market: Market,
    /// Whether the outcome is known.
    pub(crate) resolved: bool,
    /// Strategies that hear about it.
    pub(crate) listeners: Vec<Listener>,
    /// Whether `stale_data` is tripped for it.
    pub(crate) stale: bool,
    /// Where its price was lately.
    pub(crate) middles: Middles,
}

impl MarketEntry {
    /// Says whether a strategy may see and trade this market.
    pub(crate) fn is_granted(&self, strategy: StrategyId) -> bool {
        self.listeners.iter().any(|listener| listener.strategy == strategy)
    }
}

/// What became of a market event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Applied {
    /// Nothing that a strategy would hear.
    Quiet,
    /// The book changed from this level of a side on; 0 is the best.
    Book(usize),
    /// A trade.
    Traded(NoteKind),
    /// The market's state changed, which everybody hears.
    State(NoteKind),
    /// The book cannot be trusted; ask the venue for a snapshot.
    Lost,
    /// So is it because of a new grid, which everybody hears.
    Regridded(NoteKind),
    /// The token is not in the table.
    Unknown,
}

/// All markets of the session.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Markets {
    entries: Vec<MarketEntry>,
    tokens: Vec<TokenState>,
}

impl Markets {
    /// Adds a market; `None` if the table is full.
    pub(crate) fn add(&mut self, market: Market) -> Option<MarketIx> {
        if self.entries.len() >= MARKETS_MAX {
            return None;
        }
        let index = u32::try_from(self.entries.len()).ok().map(MarketIx)?;
        self.entries.push(MarketEntry {
            market,
            resolved: false,
            listeners: Vec::new(),
            stale: false,
            middles: Middles::default(),
        });
        self.tokens.push(TokenState::default());
        self.tokens.push(TokenState::default());
        Some(index)
    }

    /// Says whether a market is in the table.
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

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (MarketIx, &mut MarketEntry)> {
        (0u32..).map(MarketIx).zip(self.entries.iter_mut())
    }

    /// Returns the markets that a strategy trades and that are not resolved, each with its first token.
    pub(crate) fn watched_mut(&mut self) -> impl Iterator<Item = (MarketIx, &mut MarketEntry, &TokenState)> {
        let watched =
            |(_, entry, _): &(MarketIx, &mut MarketEntry, &TokenState)| !entry.listeners.is_empty() && !entry.resolved;
        let markets = (0u32..).map(MarketIx).zip(self.entries.iter_mut());
        let pairs = markets.zip(self.tokens.iter().step_by(2));
        pairs.map(|((market, entry), yes)| (market, entry, yes)).filter(watched)
    }

    /// Returns the state that strategies see.
    pub(crate) fn state(&self, token: TokenIx, now: Time, stale_after: u64) -> MarketState {
        match (self.of_token(token), self.token(token)) {
            (Some(entry), _) if entry.resolved => MarketState::Resolved,
            (Some(_), Some(state)) if state.is_fresh(now, stale_after) => MarketState::Open,
            _ => MarketState::Blind,
        }
    }

    /// Applies a market event to its book.
    pub(crate) fn apply(&mut self, event: &MarketEvent, now: Time) -> Applied {
        let (Some(entry), Some(state)) =
            (self.entries.get_mut(event.token.market().index()), self.tokens.get_mut(event.token.index()))
        else {
            return Applied::Unknown;
        };
        let before = state.top();
        let rank = match &event.kind {
            MarketEventKind::Level { side, price, size } => {
                // Before the first snapshot a change means nothing; the snapshot will have it.
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
                if state.book.replace(bids, asks).is_err() {
                    state.lose();
                    return Applied::Lost;
                }
                state.known = true;
                // What else differs is not looked for.
                Some(usize::from(before == state.top()))
            }
            MarketEventKind::Trade { side, price, size } => {
                state.last_trade = Some(*price);
                state.alive = now;
                return Applied::Traded(NoteKind::Trade { side: *side, price: *price, size: *size });
            }
            MarketEventKind::TickSize { tick } => {
                // The grid only ever becomes finer (PROTOCOL 5.1). The book is dropped until the next snapshot.
                entry.market.tick = entry.market.tick.min(*tick);
                state.grid_unread = false;
                state.lose();
                state.told = Told(MarketState::Blind);
                let (tick, state) = (entry.market.tick, MarketState::Blind);
                return Applied::Regridded(NoteKind::Status { tick, state, pays: None });
            }
            MarketEventKind::Unread { grid } => {
                state.grid_unread |= *grid;
                state.lose();
                // Of a market that is over no book is asked for.
                return if entry.resolved { Applied::Quiet } else { Applied::Lost };
            }
            MarketEventKind::Resolved { pays } => {
                entry.resolved = true;
                state.pays = Some(u32::try_from(pays.micros()).unwrap_or(0).min(model::SCALE));
                state.alive = now;
                state.told = Told(MarketState::Resolved);
                let (tick, state, pays) = (entry.market.tick, MarketState::Resolved, state.payout());
                return Applied::State(NoteKind::Status { tick, state, pays });
            }
        };
        state.alive = now;
        state.note_crossing(now);
        let Some(rank) = rank else { return Applied::Quiet };
        if rank == 0 && !state.book.is_crossed() {
            state.last_bid = state.book.best_bid().map(|level| level.price);
        }
        Applied::Book(rank)
    }

    /// Returns what strategies are to be told of markets whose state is not what they were told last, and takes it as told. Markets in
    /// `paused` take no new risk.
    pub(crate) fn news(
        &mut self,
        paused: &BTreeSet<MarketIx>,
        now: Time,
        stale_after: u64,
    ) -> Vec<(TokenIx, NoteKind)> {
        let mut news = Vec::new();
        let pairs = (0u32..).map(MarketIx).zip(&self.entries).zip(self.tokens.chunks_exact_mut(2));
        for ((market, entry), pair) in pairs {
            if entry.listeners.is_empty() || entry.resolved {
                continue;
            }
            for (token, outcome) in pair.iter_mut().zip(0u32..) {
                let state = token.market_state(paused.contains(&market), now, stale_after);
                if token.told != Told(state) {
                    token.told = Told(state);
                    news.push((market.token(outcome), NoteKind::Status { tick: entry.market.tick, state, pays: None }));
                }
            }
        }
        news
    }

    /// Takes a proof of life that changed nothing.
    pub(crate) fn alive(&mut self, token: TokenIx, now: Time) {
        if let Some(state) = self.tokens.get_mut(token.index())
            && state.known
        {
            state.alive = now;
        }
    }

    /// Forgets all books: the channel that kept them is lost.
    pub(crate) fn lose_all(&mut self) {
        self.tokens.iter_mut().for_each(TokenState::lose);
    }

    /// Returns the tokens whose book the venue must be asked for now: crossed for too long, or asked for in vain.
    pub(crate) fn suspects(&mut self, now: Time, out: &mut Vec<TokenIx>) {
        for (token, state) in (0u32..).map(TokenIx).zip(self.tokens.iter_mut()) {
            let crossed = state.crossed_since.is_some_and(|since| now.since(since) > CROSSED_MAX_MICROS);
            if crossed && now.since(state.asked) > SNAPSHOT_RETRY_MICROS {
                state.asked = now;
                out.push(token);
            }
        }
    }
}

impl TokenState {
    /// Returns what a listener hears when the book changed from level `rank` of a side on. Depth that was made for the last listener
    /// serves the next one that wants as much.
    pub(crate) fn changes(&self, rank: usize, wants: &Wants, made: &mut Option<(u8, Depth)>) -> [Option<NoteKind>; 2] {
        let top =
            (rank == 0 && wants.tops).then(|| NoteKind::Top { bid: self.book.best_bid(), ask: self.book.best_ask() });
        let levels = wants.depth.min(DEPTH_MAX);
        if rank >= usize::from(levels) {
            return [top, None];
        }
        if made.as_ref().is_none_or(|(made, _)| *made != levels) {
            *made = Some((levels, Depth::of(&self.book, levels)));
        }
        [top, made.as_ref().map(|(_, depth)| NoteKind::Depth(depth.clone()))]
    }

    /// Returns the state that strategies are told of a market that is not resolved.
    pub(crate) fn market_state(&self, paused: bool, now: Time, stale_after: u64) -> MarketState {
        match (self.is_fresh(now, stale_after), paused) {
            (false, _) => MarketState::Blind,
            (true, true) => MarketState::Paused,
            (true, false) => MarketState::Open,
        }
    }

    /// Returns what a share pays, once that is known.
    pub(crate) fn payout(&self) -> Option<Usd> {
        self.pays.map(|micros| Usd(micros.into()))
    }

    fn lose(&mut self) {
        self.book.clear();
        self.known = false;
        self.crossed_since = None;
    }

    fn note_crossing(&mut self, now: Time) {
        if self.book.is_crossed() {
            self.crossed_since.get_or_insert(now);
        } else {
            self.crossed_since = None;
        }
    }
}
