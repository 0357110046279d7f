//! The daily summary of the account, sent over all alert channels once a day.

use crate::handles::Handles;
use alerts::{Alert, Minute, Severity};
use config::Config;
use control::clock;
use model::Usd;
use readmodel::views::{PnlView, Snapshot};
use std::time::Duration;

/// Interval at which the state is read; a summary at 00:00 has the last state before midnight.
const CHECK_EVERY: Duration = Duration::from_secs(20);
/// Maximum number of strategies in a summary.
const STRATEGIES_MAX: usize = 8;

/// The figures of a summary.
#[derive(Debug, Clone, Default)]
struct SummaryFigures {
    pnl: PnlView,
    positions: usize,
    open_orders: usize,
    tripped: Vec<String>,
    /// Orders, fills and refusals of all strategies since the start.
    counts: [u64; 3],
    /// Each strategy's name and gain of the day.
    strategies: Vec<(String, i64)>,
}

impl SummaryFigures {
    fn of(snapshot: &Snapshot) -> Self {
        let sum = |count: fn(&readmodel::views::StrategyView) -> u64| {
            snapshot.strategies.iter().map(count).fold(0, u64::saturating_add)
        };
        let tripped = snapshot.breakers.iter().filter(|breaker| breaker.tripped);
        Self {
            pnl: snapshot.pnl.clone(),
            positions: snapshot.positions.len(),
            open_orders: snapshot.orders.len(),
            tripped: tripped.map(|breaker| breaker.name.clone()).collect(),
            counts: [sum(|one| one.orders), sum(|one| one.fills), sum(|one| one.refusals)],
            strategies: snapshot.strategies.iter().map(|one| (one.name.clone(), one.today_micro_usd)).collect(),
        }
    }

    /// Returns the text; `since` has the counts of the last summary.
    fn text(&self, since: [u64; 3]) -> String {
        let pnl = &self.pnl;
        let [orders, fills, refusals] = [0, 1, 2].map(|place: usize| {
            let of = |counts: &[u64; 3]| counts.get(place).copied().unwrap_or_default();
            of(&self.counts).saturating_sub(of(&since))
        });
        let mut text = format!(
            "gain since 00:00 UTC {}, portfolio {}, cash {}, realised {}, unrealised {}, fees {}; {} positions, {} open orders; {orders} \
             orders, {fills} fills and {refusals} refusals since the last summary",
            Usd(pnl.today_micro_usd),
            Usd(pnl.portfolio_micro_usd),
            Usd(pnl.cash_micro_usd),
            Usd(pnl.realised_micro_usd),
            Usd(pnl.unrealised_micro_usd),
            Usd(pnl.fees_micro_usd),
            self.positions,
            self.open_orders,
        );
        for (name, gain) in self.strategies.iter().take(STRATEGIES_MAX) {
            text.push_str(&format!("; {name} {}", Usd(*gain)));
        }
        if !self.tripped.is_empty() {
            text.push_str(&format!("; tripped: {}", self.tripped.join(", ")));
        }
        text
    }
}

/// Starts the daily summary, if a time is configured.
pub(crate) fn start(handles: &Handles, config: &Config) {
    if let Some(minute) = config.alerts.summary_at {
        tokio::spawn(run(handles.clone(), minute));
    }
}

async fn run(handles: Handles, minute: Minute) {
    let mut day = minute.day(clock::now());
    let mut before = SummaryFigures::of(&handles.picture.snapshot());
    let mut since = before.counts;
    loop {
        tokio::time::sleep(CHECK_EVERY).await;
        let now = clock::now();
        // If the clock is set back, a day is not summarized twice.
        if minute.day(now) > day {
            day = minute.day(now);
            let alert = Alert::new(now, Severity::Info, "daily_summary", "daily summary", &before.text(since));
            handles.alerts.send_always(alert);
            since = before.counts;
        }
        before = SummaryFigures::of(&handles.picture.snapshot());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_has_the_days_gain_and_what_happened_since_the_last() {
        let figures = SummaryFigures {
            pnl: PnlView { today_micro_usd: -1_500_000, portfolio_micro_usd: 1_000_250_000, ..PnlView::default() },
            positions: 2,
            open_orders: 3,
            tripped: vec!["stale_data".to_owned()],
            counts: [10, 4, 7],
            strategies: vec![("quoter".to_owned(), 250_000)],
        };
        let text = figures.text([6, 4, 0]);
        for part in ["gain since 00:00 UTC -1.5,", "portfolio 1000.25,", "2 positions, 3 open orders;", "quoter 0.25"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("4 orders, 0 fills and 7 refusals since the last summary"), "{text}");
        assert!(text.ends_with("tripped: stale_data"), "{text}");
    }
}
