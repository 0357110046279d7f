//! The read model: the operators' view of trading, one state fed by the engine thread and read by the API. Every change
//! is numbered and sent to the stream; the last few thousand are kept, so that a page that reconnects soon loses
//! nothing.

mod account;
mod input;
pub mod paths;
mod published;
mod state;
mod stream;
#[cfg(test)]
mod tests;
pub mod views;
mod waits;

pub use input::{Begin, Top, Unstored};
pub use stream::{Follow, Message};
pub use waits::{WAIT_BOUNDS_MICROS, WaitCounts, WaitHistogram};

use crate::views::{
    BotView, ConnectionView, LeftOutView, LockView, PnlPoint, PnlView, PositionView, RecordsView, SkippedFileView,
    Snapshot, StrategyView, Update,
};
use engine::{EngineEvent, StrategyPnl};
use model::input::{Channel, Restriction, Scope};
use model::{Market, MarketIx, OrderId, StrategyId, Time, TokenIx, VenueOrderId};
use parking_lot::{Mutex, MutexGuard};
use paths::Paths;
use published::Published;
use state::State;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stream::Stream;

/// Time that market events waited for the engine after they were received, in the last full second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventWait {
    /// On average, in microseconds.
    pub mean_micros: u64,
    /// At worst, in microseconds.
    pub worst_micros: u64,
}

/// The read model. A cheap handle.
#[derive(Debug, Clone)]
pub struct ReadModel {
    shared: Arc<Mutex<(State, Stream)>>,
    /// The connections of the market channel; their figures change too fast for the stream.
    connections: Arc<Mutex<Vec<ConnectionView>>>,
    /// The state of account activity reads from the data API; `None` without an account at the venue.
    records: Arc<Mutex<Option<RecordsView>>>,
    /// The locked markets.
    locks: Arc<Mutex<Vec<LockView>>>,
    /// Venue data that could not be parsed.
    left_out: Arc<Mutex<Vec<LeftOutView>>>,
    event_wait: Arc<Mutex<EventWait>>,
    event_waits: Arc<WaitHistogram>,
    /// True if file system events wake the watcher of the strategies folder.
    folder_events: Arc<AtomicBool>,
    published: Arc<Published>,
    paths: Paths,
}

impl ReadModel {
    /// Returns the read model of a session without any events yet.
    pub fn new(begin: &Begin) -> Self {
        let shared = Arc::new(Mutex::new((State::new(begin), Stream::new())));
        Self {
            shared,
            connections: Arc::default(),
            records: Arc::default(),
            locks: Arc::default(),
            left_out: Arc::default(),
            event_wait: Arc::default(),
            event_waits: Arc::default(),
            folder_events: Arc::default(),
            published: Arc::default(),
            paths: Paths::default(),
        }
    }

    /// Returns the slug or the name of a scope; empty for the session.
    pub fn scope_name(&self, scope: Scope) -> String {
        self.lock().0.scope_name(scope)
    }

    /// Returns the condition of the market with that slug, and whether it is a negative-risk market.
    pub fn condition(&self, slug: &str) -> Option<(model::ConditionId, bool)> {
        self.lock().0.condition(slug)
    }

    /// Returns the number of markets.
    pub fn market_count(&self) -> u32 {
        self.lock().0.market_count()
    }

    /// Adds a market; markets are added in the order of their numbers.
    pub fn market(&self, market: &Market) {
        self.change(|state| state.add_market(market));
    }

    /// Applies an engine record, and returns the resulting change.
    pub fn record(&self, at: Time, record: &EngineEvent) -> Option<Update> {
        let mut changed = None;
        self.change(|state| {
            changed = state.record(at, record);
            changed.clone()
        });
        changed
    }

    /// Records an order's venue id. It is shown with the order's next change.
    pub fn venue_id(&self, order: OrderId, venue: VenueOrderId) {
        self.change(|state| state.venue_id(order, venue));
    }

    /// Updates the account.
    pub fn account(&self, pnl: PnlView, events: u64, positions: Vec<PositionView>) {
        let held: Vec<String> = positions.iter().map(|position| position.token.clone()).collect();
        for position in positions {
            self.change(|state| state.value_position(position));
        }
        // At most one per second, which is enough for positions that disappear without a trade.
        self.change(|state| state.gone(&held));
        self.change(|state| Some(state.pnl(pnl)));
        self.change(|state| state.events(events));
    }

    /// Updates the P&L of strategies; strategies that are not shown are skipped.
    pub fn gains(&self, gains: impl Iterator<Item = (StrategyId, StrategyPnl)>) {
        for (strategy, gain) in gains {
            self.change(|state| state.gain(strategy, &gain));
        }
    }

    /// Updates the operators' restrictions.
    pub fn restrictions(&self, now: impl Iterator<Item = (Scope, Restriction)>) {
        self.change(|state| state.restrictions(now));
    }

    /// Sets the locked markets, each with the end of its lock.
    pub fn set_locks(&self, now: impl Iterator<Item = (MarketIx, Time)>) {
        let named = |(market, until): (MarketIx, Time)| LockView {
            market: self.scope_name(Scope::Market(market)),
            until_ms: until.millis(),
        };
        let locks: Vec<LockView> = now.map(named).collect();
        *self.locks.lock() = locks;
    }

    /// Returns the locked markets, each with the end of its lock.
    pub fn locks(&self) -> Vec<LockView> {
        self.locks.lock().clone()
    }

    /// Shows a lock before the next update from the engine; `None` removes it.
    pub fn show_lock(&self, market: &str, until_ms: Option<u64>) {
        let mut locks = self.locks.lock();
        locks.retain(|lock| lock.market != market);
        locks.extend(until_ms.map(|until_ms| LockView { market: market.to_owned(), until_ms }));
    }

    /// Updates the top of a market's book. Streamed at most twice a second per market; an earlier change waits for the
    /// next call.
    pub fn top(&self, at: Time, token: TokenIx, top: &Top) {
        self.change(|state| state.top(at, token, top));
    }

    /// Returns a token's best bid and ask in micro-dollars, as last shown.
    pub fn best(&self, token: TokenIx) -> Option<(Option<u32>, Option<u32>)> {
        self.lock().0.best(token)
    }

    /// Updates the figures of the market channel's connections.
    pub fn set_connections(&self, connections: Vec<ConnectionView>) {
        *self.connections.lock() = connections;
    }

    /// Returns the figures of the market channel's connections.
    pub fn connections(&self) -> Vec<ConnectionView> {
        self.connections.lock().clone()
    }

    /// Updates the venue data that could not be parsed.
    pub fn set_left_out(&self, left_out: Vec<LeftOutView>) {
        *self.left_out.lock() = left_out;
    }

    /// Returns the venue data that could not be parsed.
    pub fn left_out(&self) -> Vec<LeftOutView> {
        self.left_out.lock().clone()
    }

    /// Updates the state of account activity reads.
    pub fn set_records(&self, records: RecordsView) {
        *self.records.lock() = Some(records);
    }

    /// Returns the state of account activity reads, if there are any.
    pub fn records(&self) -> Option<RecordsView> {
        self.records.lock().clone()
    }

    /// Updates the time that market events waited for the engine in the last second.
    pub fn set_event_wait(&self, wait: EventWait) {
        *self.event_wait.lock() = wait;
    }

    /// Returns the time that market events waited for the engine in the last second.
    pub fn event_wait(&self) -> EventWait {
        *self.event_wait.lock()
    }

    /// Returns the histogram of the time that market events waited for the engine since the start.
    pub fn event_waits(&self) -> &WaitHistogram {
        &self.event_waits
    }

    /// Returns the latency figures of each path.
    pub const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// Sets whether file system events wake the watcher of the strategies folder.
    pub fn set_folder_events(&self, events: bool) {
        self.folder_events.store(events, Ordering::Relaxed);
    }

    /// Returns true if file system events wake the watcher of the strategies folder; otherwise it only scans.
    pub fn folder_events(&self) -> bool {
        self.folder_events.load(Ordering::Relaxed)
    }

    /// Updates the decisions that are in effect but not stored yet; empty if all are stored.
    pub fn show_unstored(&self, unstored: Unstored, names: Vec<String>) {
        self.change(|state| state.unstored(unstored, names));
    }

    /// Updates the reason of the emergency stop in force; no change if there is none.
    pub fn show_halt_reason(&self, reason: &str) {
        self.change(|state| state.halt_reason(reason));
    }

    /// Updates the state of a channel.
    pub fn channel(&self, channel: Channel, up: bool) {
        self.change(|state| Some(state.channel(channel, up)));
    }

    /// Adds a strategy, or replaces it.
    pub fn strategy(&self, id: StrategyId, view: StrategyView) {
        self.change(|state| Some(state.set_strategy(id, view)));
    }

    /// Edits a strategy's view; the change is streamed if `tell` is true.
    pub fn edit_strategy(&self, id: StrategyId, tell: bool, edit: impl FnOnce(&mut StrategyView)) {
        self.change(|state| state.edit_strategy(id, edit).filter(|_| tell));
    }

    /// Replaces the list of files in the strategies folder that are not loaded.
    pub fn skipped_files(&self, files: Vec<SkippedFileView>) {
        self.change(|state| Some(state.set_skipped_files(files)));
    }

    /// Returns a strategy's name.
    pub fn strategy_name(&self, id: StrategyId) -> String {
        self.lock().0.strategy_name(id)
    }

    /// Returns the number of a token by its id at the venue.
    pub fn token(&self, id: &str) -> Option<TokenIx> {
        self.lock().0.token_of(id)
    }

    /// Returns the scope of `session`, `market:SLUG` or `strategy:NAME`.
    pub fn scope(&self, text: &str) -> Option<Scope> {
        match text.split_once(':') {
            None if text == "session" => Some(Scope::Session),
            Some(("market", slug)) => self.lock().0.market_of(slug).map(Scope::Market),
            Some(("strategy", name)) => self.lock().0.strategy_of(name).map(Scope::Strategy),
            _ => None,
        }
    }

    /// Returns the full snapshot. Its rows are copied after the lock is released.
    pub fn snapshot(&self) -> Snapshot {
        let shown = {
            let guard = self.lock();
            guard.0.shown(guard.1.seq())
        };
        shown.into()
    }

    /// Returns the full snapshot as JSON, shared by all readers within a short time; `None` if it cannot be serialised.
    /// Changes after its `seq` are on the stream.
    pub fn snapshot_json(&self) -> Option<Arc<[u8]>> {
        self.published.get(|| serde_json::to_vec(&self.snapshot()).ok().map(Arc::from))
    }

    /// Returns the number of the newest change.
    pub fn seq(&self) -> u64 {
        self.lock().1.seq()
    }

    /// Returns the state of the bot.
    pub fn bot(&self) -> BotView {
        self.lock().0.bot()
    }

    /// Returns the points of the P&L plot.
    pub fn history(&self) -> Vec<PnlPoint> {
        self.lock().0.history()
    }

    /// Follows the stream from after `seq`; `None` if the changes after it are no longer kept.
    pub fn follow(&self, seq: u64) -> Option<Follow> {
        self.lock().1.follow(seq)
    }

    fn change(&self, change: impl FnOnce(&mut State) -> Option<Update>) {
        let mut guard = self.lock();
        let (state, stream) = &mut *guard;
        if let Some(update) = change(state) {
            stream.push(update);
        }
    }

    fn lock(&self) -> MutexGuard<'_, (State, Stream)> {
        // Each change is complete before the lock is released.
        self.shared.lock()
    }
}
