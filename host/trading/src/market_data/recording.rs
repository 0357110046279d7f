//! The session's own recording of the market channel: a tape for backtests. It never delays a frame, and a failure of it
//! never concerns trading.

use crate::market_terms;
use control::clock;
use engine::EngineEvent;
use model::input::Settlement;
use model::{Market, OrderState, Size, Time, TokenId};
use parking_lot::Mutex;
use polymarket::client::Catalog;
use std::path::Path;
use std::time::Instant;
use tape::record::{Cause, Origin};
use tape::recorder::Limits;
use tape::{Manifest, Record, Recorder, RecorderThread, Stamp, TapeError};
use tokio::sync::mpsc;

/// A recording in progress.
#[derive(Debug)]
pub(crate) struct Recording {
    recorder: Recorder,
    thread: Mutex<Option<RecorderThread>>,
    started: Instant,
    /// Time of the last frame, in microseconds.
    last_us: Mutex<u64>,
    /// Markets whose terms are to be read from the catalog, with their listing times.
    listed: mpsc::Sender<(Vec<Market>, Option<u64>)>,
}

/// Maximum lists of markets that wait for the catalog.
const LISTED_MAX: usize = 256;

impl Recording {
    /// Starts recording to the folder `tapes` of the data folder.
    ///
    /// # Errors
    /// If the folder or the tape cannot be created.
    pub(crate) fn start(
        data_dir: &Path,
        settings: &config::Record,
        selection: String,
        catalog: Catalog,
    ) -> Result<Self, TapeError> {
        let mut manifest = Manifest::new(&store::build_id::build_name(), "recorded");
        manifest.selection = selection;
        manifest.selected_us = Some(clock::wall().0);
        let limits = Limits {
            total_bytes: settings.max_bytes,
            keep_days: settings.keep_days,
            free_min: settings.free_min,
            free: store::free_space,
            now: || clock::now().0,
        };
        let (recorder, thread) = Recorder::start(&data_dir.join("tapes"), "session", manifest, limits)?;
        let (thread, last_us) = (Mutex::new(Some(thread)), Mutex::new(0));
        let (listed, mut waiting) = mpsc::channel::<(Vec<Market>, Option<u64>)>(LISTED_MAX);
        let described = recorder.clone();
        tokio::spawn(async move {
            while let Some((markets, listed_us)) = waiting.recv().await {
                let addition = market_terms::described(&catalog, &markets, listed_us).await;
                described.describe(addition);
            }
        });
        Ok(Self { recorder, thread, started: Instant::now(), last_us, listed })
    }

    fn stamp(&self, at: Time) -> Stamp {
        let steady = u64::try_from(self.started.elapsed().as_micros()).ok();
        Stamp { at_us: at.0, received: true, steady_us: steady }
    }

    /// Records a frame that at least one event was taken from.
    pub(crate) fn frame(&self, at: Time, connection: usize, bytes: &[u8]) {
        *self.last_us.lock() = at.0;
        let (stamp, connection) = (self.stamp(at), u16::try_from(connection).unwrap_or(u16::MAX));
        self.recorder.record(Record::Frame { stamp, connection, origin: Origin::Feed, bytes: bytes.to_vec() });
    }

    /// Marks that no connection carries these markets any more.
    pub(crate) fn lost(&self, markets: Vec<model::ConditionId>) {
        let (stamp, since_us) = (self.stamp(clock::now()), *self.last_us.lock());
        self.recorder.record(Record::Gap { stamp, cause: Cause::Disconnected, since_us, markets });
    }

    /// Describes markets; those that were not there at the start are listed now.
    pub(crate) fn list(&self, markets: &[Market], is_new: bool) {
        let listed_us = is_new.then(|| clock::now().0);
        if !self.recorder.describe(market_terms::entries(markets, listed_us)) {
            tracing::warn!(markets = markets.len(), "the recorder is too busy; these markets are not in the tape");
        } else if self.listed.try_send((markets.to_vec(), listed_us)).is_err() {
            tracing::warn!(
                markets = markets.len(),
                "too many markets wait for the catalog; the tape lacks their terms"
            );
        }
    }

    /// Marks own orders and fills, which are taken out of the tape before a backtest.
    pub(crate) fn own(&self, at: Time, record: &EngineEvent, token_of: impl Fn(model::TokenIx) -> Option<TokenId>) {
        match record {
            EngineEvent::Order { order, state, filled, .. }
                if order.kind.rests() && !matches!(state, OrderState::Pending | OrderState::Unknown) =>
            {
                let Some(token) = token_of(order.token) else { return };
                let rests = matches!(state, OrderState::Live | OrderState::PartlyFilled);
                let open = if rests { order.size.saturating_sub(*filled) } else { Size::ZERO };
                let mut id = [0; 32];
                if let Some(place) = id.last_chunk_mut() {
                    *place = order.id.0.to_be_bytes();
                }
                let (stamp, side, price) = (self.stamp(at), order.side, order.price);
                self.recorder.record(Record::OwnOrder { stamp, token, side, price, open, order: id });
            }
            EngineEvent::Fill { token, side, price, size, maker, settlement: Settlement::Matched, .. } => {
                let Some(token) = token_of(*token) else { return };
                let (stamp, side, price, size, maker) = (self.stamp(at), *side, *price, *size, *maker);
                self.recorder.record(Record::OwnFill { stamp, token, side, price, size, maker });
            }
            _ => {}
        }
    }

    /// Marks the end and closes the tape.
    pub(crate) fn close(&self) {
        let Some(thread) = self.thread.lock().take() else { return };
        let (stamp, since_us) = (self.stamp(clock::now()), *self.last_us.lock());
        self.recorder.record(Record::Gap { stamp, cause: Cause::Stopped, since_us, markets: Vec::new() });
        thread.close();
        let state = self.recorder.state();
        match state.stopped {
            Some(reason) => tracing::warn!(reason, "the recording stopped early"),
            None => tracing::info!(tape = %state.path.display(), state.records, state.dropped, "recording closed"),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.close();
    }
}
