//! The full state at one moment, captured quickly and copied later.

use super::State;
use crate::views::{
    BotView, BreakerView, MarketView, OrderView, PnlPoint, PnlView, PositionView, RefusalView, SkippedFileView,
    Snapshot, StrategyView, TradeView,
};
use std::sync::Arc;

/// The full state at one moment.
pub(crate) struct Shown {
    seq: u64,
    bot: BotView,
    pnl: PnlView,
    history: Vec<PnlPoint>,
    positions: Vec<Arc<PositionView>>,
    pub(crate) orders: Vec<Arc<OrderView>>,
    trades: Vec<Arc<TradeView>>,
    refusals: Vec<Arc<RefusalView>>,
    strategies: Vec<Arc<StrategyView>>,
    skipped_files: Vec<SkippedFileView>,
    breakers: Vec<BreakerView>,
    markets: Vec<Arc<MarketView>>,
}

impl From<Shown> for Snapshot {
    fn from(shown: Shown) -> Self {
        Self {
            seq: shown.seq,
            bot: shown.bot,
            pnl: shown.pnl,
            history: shown.history,
            positions: own(shown.positions),
            orders: own(shown.orders),
            trades: own(shown.trades),
            refusals: own(shown.refusals),
            strategies: own(shown.strategies),
            skipped_files: shown.skipped_files,
            breakers: shown.breakers,
            markets: own(shown.markets),
        }
    }
}

/// Copies shared rows.
fn own<T: Clone>(rows: Vec<Arc<T>>) -> Vec<T> {
    rows.into_iter().map(Arc::unwrap_or_clone).collect()
}

impl State {
    /// Returns the full current state. Rows are shared, so that this takes little time however many there are.
    pub(crate) fn shown(&self, seq: u64) -> Shown {
        Shown {
            seq,
            bot: self.bot.clone(),
            pnl: self.pnl.clone(),
            history: self.history(),
            positions: self.positions.values().cloned().collect(),
            orders: self.orders.values().cloned().collect(),
            trades: self.trades.iter().cloned().collect(),
            refusals: self.refusals.iter().cloned().collect(),
            strategies: self.strategies.values().cloned().collect(),
            skipped_files: self.skipped_files.clone(),
            breakers: self.breakers.iter().map(|(breaker, state)| self.breaker_view(*breaker, state)).collect(),
            markets: self.markets.clone(),
        }
    }
}
