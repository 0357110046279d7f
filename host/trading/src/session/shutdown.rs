//! The shutdown of a session: no open orders, and the ledger compared with the account at the venue.

use crate::engine_thread::Counts;
use crate::listed_orders::cancel_listed;
use crate::orders::execution_client::ExecutionClient;
use alerts::{Alert, Severity};
use control::Control;
use control::clock;
use control::{Latest, View};
use engine::{BotState, Summary};
use model::Usd;
use model::input::{AccountView, Command, Mode};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Time that cancels may take.
const CANCELS_WITHIN: Duration = Duration::from_secs(15);
/// Time that the last fills may take to arrive.
const FILLS_WITHIN: Duration = Duration::from_secs(8);
/// The longest stop with a venue that responds: orders are cancelled twice, here and as the venue lists them, then come
/// the last fills and the database.
pub const STOPS_WITHIN: Duration =
    CANCELS_WITHIN.saturating_mul(2).saturating_add(FILLS_WITHIN).saturating_add(STORED_WITHIN);
/// The time that the database may take, twice: for the last emergency stop or release, and for the last rows.
const STORED_WITHIN: Duration = Duration::from_secs(20);
/// The polling interval.
const LOOK: Duration = Duration::from_millis(100);

/// The findings of the shutdown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// Orders that the venue lists as open, external ones excluded; `None` if it did not answer.
    open: Option<usize>,
    /// True if cash and shares are equal in the ledger and at the venue, to the millionth.
    equal: bool,
    /// True if the database has the last emergency stop or release, if there was one.
    halt_stored: bool,
}

impl End {
    /// Returns this with `halt_stored` set: true if the last emergency stop or release is stored.
    pub(super) const fn with_halt(self, halt_stored: bool) -> Self {
        Self { halt_stored, ..self }
    }

    /// Returns the alert for operators; `None` if all is in order.
    pub(crate) fn alert(&self) -> Option<Alert> {
        let detail = match self.open {
            _ if !self.equal => "the ledger differs from the account at the venue".to_owned(),
            Some(0) => return None,
            Some(open) => format!("{open} orders are still open at the venue"),
            None => "the venue did not say whether orders are open".to_owned(),
        };
        Some(Alert::new(clock::now(), Severity::Critical, "end_not_clean", "the session did not end cleanly", &detail))
    }
}

/// The last line of `run --json`.
#[derive(Debug, Serialize)]
pub struct Outcome {
    mode: &'static str,
    uptime_s: u64,
    events: u64,
    intents: u64,
    orders: u64,
    fills: u64,
    refusals: u64,
    realised_usd: serde_json::Number,
    unrealised_usd: serde_json::Number,
    fees_usd: serde_json::Number,
    /// The number listed by the venue itself.
    open_orders_at_exit: Option<usize>,
    ledger_matches_exchange: bool,
    #[serde(skip)]
    halt_stored: bool,
}

impl Outcome {
    pub(crate) fn new(mode: Mode, uptime: Duration, summary: &Summary, counts: &Counts, end: End) -> Self {
        Self {
            mode: mode.as_str(),
            uptime_s: uptime.as_secs(),
            events: counts.events,
            intents: counts.intents,
            orders: counts.orders,
            fills: counts.fills,
            refusals: counts.refusals,
            realised_usd: number(summary.realised),
            unrealised_usd: number(summary.unrealised),
            fees_usd: number(summary.fees),
            open_orders_at_exit: end.open,
            ledger_matches_exchange: end.equal,
            halt_stored: end.halt_stored,
        }
    }

    /// Returns true if nothing is left for an operator to check.
    pub const fn is_clean(&self) -> bool {
        matches!(self.open_orders_at_exit, Some(0)) && self.ledger_matches_exchange && self.halt_stored
    }
}

/// The outcome as text for operators.
impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { mode, uptime_s, events, intents, orders, fills, refusals, .. } = self;
        writeln!(
            f,
            "ran {uptime_s} s in {mode} mode: {events} events, {intents} intents, {refusals} refused, {orders} orders, {fills} fills"
        )?;
        let Self { realised_usd, unrealised_usd, fees_usd, .. } = self;
        writeln!(f, "profit: {realised_usd} dollars realised, {unrealised_usd} unrealised, {fees_usd} paid in fees")?;
        match self.open_orders_at_exit {
            Some(open) => write!(f, "at the venue: {open} open orders")?,
            None => f.write_str("at the venue: not known whether orders are open")?,
        }
        f.write_str(if self.ledger_matches_exchange {
            "; the ledger agrees with the account"
        } else {
            "; the ledger DIFFERS from the account, or could not be compared"
        })?;
        f.write_str(if self.halt_stored {
            ""
        } else {
            "; the emergency stop is NOT stored: the next start does not find it"
        })
    }
}

/// Returns an amount as a JSON number with all its decimals.
fn number(amount: Usd) -> serde_json::Number {
    amount.to_string().parse().unwrap_or_else(|_| 0.into())
}

/// Stops the bot and waits until the stopped engine knows of no open order of ours.
pub(crate) async fn stop(control: &Control, latest: &Latest) {
    if let Err(error) = control.command(Command::Stop).await {
        tracing::error!(%error, "engine refused the stop command");
    }
    let (started, stopped_at) = (Instant::now(), clock::now());
    while started.elapsed() < CANCELS_WITHIN {
        // A view from before the stop proves nothing: the bot may have been started, and orders approved, since.
        let stopped = |view: &View| view.at > stopped_at && view.summary.state == BotState::Stopped && view.ours == 0;
        if latest.get().as_deref().is_some_and(stopped) {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    tracing::warn!("cancels not confirmed in time; checking open orders at the venue");
}

/// Cancels our open orders as listed by the venue, reads the account, and compares it with the ledger.
pub(crate) async fn check(access: &ExecutionClient, latest: &Latest) -> End {
    let open = cancel_listed(access, CANCELS_WITHIN).await;
    let started = Instant::now();
    loop {
        let whole = access.whole().await;
        let ours = latest.get();
        let equal = matches!((&whole, &ours), (Ok(theirs), Some(ours)) if is_equal(ours, theirs));
        if equal || started.elapsed() > FILLS_WITHIN {
            if !equal {
                tracing::error!(
                    difference = difference(ours.as_deref(), whole),
                    "ledger differs from the venue's account"
                );
            }
            return End { open, equal, halt_stored: true };
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn is_equal(ours: &View, theirs: &AccountView) -> bool {
    let same = ours.positions.iter().all(|held| theirs.shares.contains(held));
    same && ours.positions.len() == theirs.shares.len() && ours.summary.cash == theirs.cash
}

fn difference(ours: Option<&View>, theirs: Result<AccountView, String>) -> String {
    let ours = ours.map(|view| format!("cash {}, shares {:?}", view.summary.cash, view.positions));
    let theirs = theirs.map(|view| format!("cash {}, shares {:?}", view.cash, view.shares));
    format!("here {}; there {}", ours.unwrap_or_else(|| "unknown".to_owned()), theirs.unwrap_or_else(|error| error))
}
