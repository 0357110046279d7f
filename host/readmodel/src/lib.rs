//! What people see of the trading: one state, fed by the engine's thread, read by the API. Every change has a number and goes
//! to the stream; the last few thousand are kept, so that a page that was away for a moment loses nothing.

mod account;
mod input;
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
    BotView, ConnectionView, LeftOutView, PnlPoint, PnlView, PositionView, RecordsView, SkippedFileView, Snapshot,
    StrategyView, Update,
};
use engine::{Gain, Record};
use model::input::{Channel, Restriction, Scope};
use model::{Market, OrderId, StrategyId, Time, TokenIx, VenueOrderId};
use parking_lot::{Mutex, MutexGuard};
use published::Published;
use state::State;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stream::Stream;

/// How long market events waited for the engine from the moment they were received, in the last whole second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventWait {
    /// On average, in microseconds.
    pub mean_micros: u64,
    /// At worst, in microseconds.
    pub worst_micros: u64,
}

/// The picture. A cheap handle.
#[derive(Debug, Clone)]
pub struct Picture {
    shared: Arc<Mutex<(State, Stream)>>,
    /// The connections of the market channel: figures for a look, too fast for the stream.
    connections: Arc<Mutex<Vec<ConnectionView>>>,
    /// How the venue's records of the account are read; none where there is no such account.
    records: Arc<Mutex<Option<RecordsView>>>,
    /// What of the venue's words was not understood.
    left_out: Arc<Mutex<Vec<LeftOutView>>>,
    event_wait: Arc<Mutex<EventWait>>,
    event_waits: Arc<WaitHistogram>,
    /// Whether events of the file system wake the watcher of the strategies folder.
    folder_events: Arc<AtomicBool>,
    published: Arc<Published>,
}

impl Picture {
    /// Returns the picture of a session in which nothing has happened yet.
    pub fn new(begin: &Begin) -> Self {
        let shared = Arc::new(Mutex::new((State::new(begin), Stream::new())));
        Self {
            shared,
            connections: Arc::default(),
            records: Arc::default(),
            left_out: Arc::default(),
            event_wait: Arc::default(),
            event_waits: Arc::default(),
            folder_events: Arc::default(),
            published: Arc::default(),
        }
    }

    /// Returns the slug or the name of a scope; empty for the session.
    pub fn scope_name(&self, scope: Scope) -> String {
        self.lock().0.scope_name(scope)
    }

    /// Returns the condition of the market of that slug, and whether its outcomes exclude those of others.
    pub fn condition(&self, slug: &str) -> Option<(model::ConditionId, bool)> {
        self.lock().0.condition(slug)
    }

    /// Returns how many markets are shown.
    pub fn market_count(&self) -> u32 {
        self.lock().0.market_count()
    }

    /// Adds a market; markets come in the order of their numbers.
    pub fn market(&self, market: &Market) {
        self.change(|state| state.add_market(market));
    }

    /// Takes a fact of the engine, and returns what it changed.
    pub fn record(&self, at: Time, record: &Record) -> Option<Update> {
        let mut changed = None;
        self.change(|state| {
            changed = state.record(at, record);
            changed.clone()
        });
        changed
    }

    /// Notes an order's id at the venue. It is shown with the order's next change.
    pub fn venue_id(&self, order: OrderId, venue: VenueOrderId) {
        self.change(|state| state.venue_id(order, venue));
    }

    /// Shows the account.
    pub fn account(&self, pnl: PnlView, events: u64, positions: Vec<PositionView>) {
        let held: Vec<String> = positions.iter().map(|position| position.token.clone()).collect();
        for position in positions {
            self.change(|state| state.value_position(position));
        }
        // At most one a second, which is often enough for what happens without a trade.
        self.change(|state| state.gone(&held));
        self.change(|state| Some(state.pnl(pnl)));
        self.change(|state| state.events(events));
    }

    /// Shows what strategies gained; of one that is not shown itself nothing is.
    pub fn gains(&self, gains: impl Iterator<Item = (StrategyId, Gain)>) {
        for (strategy, gain) in gains {
            self.change(|state| state.gain(strategy, &gain));
        }
    }

    /// Shows what operators restricted.
    pub fn restrictions(&self, now: impl Iterator<Item = (Scope, Restriction)>) {
        self.change(|state| state.restrictions(now));
    }

    /// Shows a market's top. At most twice a second for each market; a change that comes too soon waits for the next call.
    pub fn top(&self, at: Time, token: TokenIx, top: &Top) {
        self.change(|state| state.top(at, token, top));
    }

    /// Returns a token's best bid and ask in micro-dollars, as last shown.
    pub fn best(&self, token: TokenIx) -> Option<(Option<u32>, Option<u32>)> {
        self.lock().0.best(token)
    }

    /// Shows how the connections of the market channel fare.
    pub fn set_connections(&self, connections: Vec<ConnectionView>) {
        *self.connections.lock() = connections;
    }

    /// Returns how the connections of the market channel fare.
    pub fn connections(&self) -> Vec<ConnectionView> {
        self.connections.lock().clone()
    }

    /// Shows what of the venue's words was not understood.
    pub fn set_left_out(&self, left_out: Vec<LeftOutView>) {
        *self.left_out.lock() = left_out;
    }

    /// Returns what of the venue's words was not understood.
    pub fn left_out(&self) -> Vec<LeftOutView> {
        self.left_out.lock().clone()
    }

    /// Shows how the venue's records of the account are read.
    pub fn set_records(&self, records: RecordsView) {
        *self.records.lock() = Some(records);
    }

    /// Returns how the venue's records of the account are read, if they are.
    pub fn records(&self) -> Option<RecordsView> {
        self.records.lock().clone()
    }

    /// Shows how long market events waited for the engine in the last second.
    pub fn set_event_wait(&self, wait: EventWait) {
        *self.event_wait.lock() = wait;
    }

    /// Returns how long market events waited for the engine in the last second.
    pub fn event_wait(&self) -> EventWait {
        *self.event_wait.lock()
    }

    /// Returns the counts of how long market events waited for the engine since the start.
    pub fn event_waits(&self) -> &WaitHistogram {
        &self.event_waits
    }

    /// Shows whether events of the file system wake the watcher of the strategies folder.
    pub fn set_folder_events(&self, events: bool) {
        self.folder_events.store(events, Ordering::Relaxed);
    }

    /// Returns whether events of the file system wake the watcher of the strategies folder; without them it scans.
    pub fn folder_events(&self) -> bool {
        self.folder_events.load(Ordering::Relaxed)
    }

    /// Shows which decisions hold and are not stored yet; none if all are.
    pub fn show_unstored(&self, unstored: Unstored, names: Vec<String>) {
        self.change(|state| state.unstored(unstored, names));
    }

    /// Shows why the emergency stop that is in force was made; nothing changes if none is.
    pub fn show_halt_reason(&self, reason: &str) {
        self.change(|state| state.halt_reason(reason));
    }

    /// Shows a channel.
    pub fn channel(&self, channel: Channel, up: bool) {
        self.change(|state| Some(state.channel(channel, up)));
    }

    /// Adds a strategy, or replaces it.
    pub fn strategy(&self, id: StrategyId, view: StrategyView) {
        self.change(|state| Some(state.set_strategy(id, view)));
    }

    /// Changes what is shown of a strategy.
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

    /// Returns everything. Its rows are copied after the lock is released.
    pub fn snapshot(&self) -> Snapshot {
        let shown = {
            let guard = self.lock();
            guard.0.shown(guard.1.seq())
        };
        shown.into()
    }

    /// Returns everything as JSON, made for all readers of a moment together; none if it cannot be written. Changes after its `seq` are on
    /// the stream.
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

    /// Returns the plot's points.
    pub fn history(&self) -> Vec<PnlPoint> {
        self.lock().0.history()
    }

    /// Follows the stream from after `seq`; none if what came next is gone.
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
        // Each change is whole before the lock is released.
        self.shared.lock()
    }
}
