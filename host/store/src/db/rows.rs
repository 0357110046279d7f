//! The rows, as plain values. Money and prices are micro-dollars, shares micro-shares, times Unix milliseconds.

use super::{AccountScope, MoveRow};
use model::{Budget, Usd};
use sqlx::FromRow;

/// A row of a session, for [`super::DbWriter::write`]. Writing the same row again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DbWrite {
    /// A session began.
    Session(SessionRow),
    /// An order changed; adds to its history too. `seq` is the journal's number of the input that changed it.
    Order {
        /// The journal's sequence number.
        seq: u64,
        /// The order as it is now.
        order: OrderRow,
    },
    /// Shares were matched or settled further.
    Fill(FillRow),
    /// A position changed.
    Position(PositionRow),
    /// Shares were added or removed without a trade.
    Move(MoveRow),
    /// An intent was refused, or more intents in the same way. A row with the same place is replaced.
    Refusal(RefusalRow),
    /// A breaker tripped or closed.
    Breaker(BreakerRow),
    /// A module was loaded in a mode by an account; the time it was first seen there is kept.
    Strategy(AccountScope, StrategyRow),
}

/// One run of the host on one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Its number: the start in microseconds.
    pub session: u64,
    /// `demo`, `paper` or `live`.
    pub mode: &'static str,
    /// The funder's address.
    pub account: String,
    /// The time it began.
    pub started_at_ms: u64,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OrderRow {
    /// The session.
    #[sqlx(try_from = "i64")]
    pub session: u64,
    /// Our number, rising within the session.
    #[sqlx(try_from = "i64")]
    pub id: u64,
    /// The venue's id; empty until the order is signed. An empty one does not overwrite a known one.
    pub venue_id: String,
    /// The strategy's name, or `host`.
    pub strategy: String,
    /// The token's id at the venue, a decimal.
    pub token: String,
    /// The market's slug.
    pub market: String,
    /// The outcome.
    pub outcome: String,
    /// `BUY` or `SELL`.
    pub side: String,
    /// `GTC`, `FAK` or `FOK`.
    pub kind: String,
    /// The limit price.
    #[sqlx(try_from = "i64")]
    pub price_micro_usd: u32,
    /// Shares ordered.
    #[sqlx(try_from = "i64")]
    pub size_micros: u64,
    /// Shares matched.
    #[sqlx(try_from = "i64")]
    pub filled_micros: u64,
    /// The text of `model::OrderState`.
    pub state: String,
    /// The reason for this state.
    pub reason: String,
    /// The time it was approved.
    #[sqlx(try_from = "i64")]
    pub created_at_ms: u64,
    /// The time of the last change.
    #[sqlx(try_from = "i64")]
    pub updated_at_ms: u64,
}

/// One state of an order.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OrderEventRow {
    /// The journal's sequence number of the input that caused it.
    #[sqlx(try_from = "i64")]
    pub seq: u64,
    /// The state.
    pub state: String,
    /// Shares matched by then.
    #[sqlx(try_from = "i64")]
    pub filled_micros: u64,
    /// The reason.
    pub reason: String,
    /// The time.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
}

/// An order with its whole history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderHistory {
    /// The order as it is now.
    pub order: OrderRow,
    /// Oldest first, at most [`super::reads::EVENTS_MAX`].
    pub events: Vec<OrderEventRow>,
    /// Oldest first, at most [`super::reads::EVENTS_MAX`].
    pub fills: Vec<FillRow>,
}

/// A part of a trade that filled one of our orders.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct FillRow {
    /// The session.
    #[sqlx(try_from = "i64")]
    pub session: u64,
    /// The venue's trade id, the part of it, and our order.
    pub id: String,
    /// Our number of the order.
    #[sqlx(try_from = "i64")]
    pub order_id: u64,
    /// The time it was matched.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
    /// The strategy's name, or `host`.
    pub strategy: String,
    /// The token's id at the venue, a decimal.
    pub token: String,
    /// The market's slug.
    pub market: String,
    /// The outcome.
    pub outcome: String,
    /// `BUY` or `SELL`.
    pub side: String,
    /// Our price.
    #[sqlx(try_from = "i64")]
    pub price_micro_usd: u32,
    /// The shares.
    #[sqlx(try_from = "i64")]
    pub size_micros: u64,
    /// The money that moved, without fees.
    pub cost_micro_usd: i64,
    /// The fee.
    pub fee_micro_usd: i64,
    /// 1 if our order rested, else 0.
    pub maker: i64,
    /// `matched`, `mined`, `confirmed`, `retrying` or `failed`.
    pub settlement: String,
}

/// Shares of one token.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PositionRow {
    /// The session.
    #[sqlx(try_from = "i64")]
    pub session: u64,
    /// The token's id at the venue, a decimal.
    pub token: String,
    /// The market's slug.
    pub market: String,
    /// The outcome.
    pub outcome: String,
    /// Shares owned.
    #[sqlx(try_from = "i64")]
    pub size_micros: u64,
    /// The cost, without fees.
    pub cost_micro_usd: i64,
    /// P&L realised on this token, without fees.
    pub realised_micro_usd: i64,
    /// The time of the last change.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
}

/// An intent that was refused.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct RefusalRow {
    /// The session.
    #[sqlx(try_from = "i64")]
    pub session: u64,
    /// The journal's sequence number of the intents.
    #[sqlx(try_from = "i64")]
    pub seq: u64,
    /// Its place among the refusals of that input, from 0.
    #[sqlx(try_from = "i64")]
    pub place: u32,
    /// The time; of several, the first.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
    /// The strategy that requested it.
    pub strategy: String,
    /// The rule's name.
    pub rule: String,
    /// The market's slug, if it was about one.
    pub market: String,
    /// The outcome, if it was about one.
    pub outcome: String,
    /// The value that was refused, in the rule's unit; of several, the last.
    pub value: i64,
    /// The limit; of several, the last.
    pub allowed: i64,
    /// The number of equal refusals in this row.
    #[sqlx(try_from = "i64")]
    pub count: u64,
    /// The time of the last one.
    #[sqlx(try_from = "i64")]
    pub last_at_ms: u64,
}

/// A breaker that tripped or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerRow {
    /// The session.
    pub session: u64,
    /// The journal's sequence number of the input that caused it.
    pub seq: u64,
    /// The breaker's name.
    pub name: String,
    /// The market's slug, or `strategy NUMBER`; empty for the whole session.
    pub market: String,
    /// True if it is tripped now.
    pub tripped: bool,
    /// The reason, with numbers.
    pub reason: String,
    /// The time.
    pub at_ms: u64,
}

/// A module that was loaded under a name.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct StrategyRow {
    /// SHA-256 of the module, hexadecimal.
    pub hash: String,
    /// The file's stem.
    pub name: String,
    /// The version stated in its manifest.
    pub version: String,
    /// The time it was first loaded.
    #[sqlx(try_from = "i64")]
    pub first_seen_ms: u64,
    /// The file from which it was last read.
    pub source: String,
    /// That file's size.
    #[sqlx(try_from = "i64")]
    pub bytes: u64,
    /// The time it was last loaded.
    #[sqlx(try_from = "i64")]
    pub loaded_at_ms: u64,
}

/// An operator's decision about a strategy.
#[derive(Debug, Clone, PartialEq, Eq, Default, FromRow)]
pub struct DecisionRow {
    /// The file's stem.
    pub name: String,
    /// 1 if it must not run, else 0.
    pub disabled: i64,
    /// The hash of the version that runs in place of the file's; empty if the file's does.
    pub pinned: String,
    /// The hash of the file when that was chosen. A different file ends it.
    pub over_file: String,
    /// The hash of the version that may trade real money; empty if none may.
    pub armed: String,
    /// The capital limit of its arming; `None` leaves the session's limit.
    pub armed_capital_micro_usd: Option<i64>,
    /// The daily loss limit of its arming.
    pub armed_daily_loss_micro_usd: Option<i64>,
    /// The limit of placements per minute of its arming.
    pub armed_orders_per_minute: Option<i64>,
    /// The name of the operator's token.
    pub who: String,
    /// The time.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
}

impl DecisionRow {
    /// Returns the budget of its arming. An order rate that is out of range allows none.
    pub fn armed_budget(&self) -> Budget {
        Budget {
            capital: self.armed_capital_micro_usd.map(Usd),
            daily_loss: self.armed_daily_loss_micro_usd.map(Usd),
            orders_per_minute: self.armed_orders_per_minute.map(|orders| u32::try_from(orders).unwrap_or(0)),
        }
    }

    /// Returns the row with another budget.
    #[must_use]
    pub fn with_armed_budget(self, budget: Budget) -> Self {
        Self {
            armed_capital_micro_usd: budget.capital.map(Usd::micros),
            armed_daily_loss_micro_usd: budget.daily_loss.map(Usd::micros),
            armed_orders_per_minute: budget.orders_per_minute.map(i64::from),
            ..self
        }
    }
}

/// A bearer token; the token itself is not stored.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TokenRow {
    /// Its name.
    pub name: String,
    /// `viewer`, `trader` or `admin`.
    pub role: String,
    /// SHA-256, hexadecimal.
    pub hash: String,
    /// The time it was created.
    #[sqlx(try_from = "i64")]
    pub created_at_ms: u64,
    /// Its expiry, in milliseconds; `None` if it does not expire.
    pub expires_at_ms: Option<i64>,
    /// The data folder whose `admin.token` it is; empty if an operator created it.
    pub folder: String,
}

/// An action of an operator.
#[derive(Debug, Clone, PartialEq, Eq, Default, FromRow)]
pub struct AuditRow {
    /// The time.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
    /// The token's name.
    pub who: String,
    /// The token's role at that time; empty if no token was needed.
    pub role: String,
    /// The origin of the request: an address, and the proxy's after it; empty if there was no connection.
    pub origin: String,
    /// Method and path, or a name of the action.
    pub action: String,
    /// Its reason or parameters.
    pub detail: String,
    /// The value before; empty if the action does not change a single value.
    #[sqlx(rename = "old_value")]
    pub old: String,
    /// The value after.
    #[sqlx(rename = "new_value")]
    pub new: String,
    /// The user that the request claimed to come from; empty if it named none.
    pub claimed_user: String,
    /// `ok`, or the reason why it was not done.
    pub outcome: String,
}

/// An audit entry with its number.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct AuditEntry {
    /// Its number, rising.
    #[sqlx(try_from = "i64")]
    pub id: u64,
    /// The entry.
    #[sqlx(flatten)]
    pub row: AuditRow,
    /// The hash of the entry and of all entries before it; empty if it is older than the chain.
    pub hash: String,
}

/// A limit that an operator set while the host ran.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SettingRow {
    /// The key.
    pub name: String,
    /// The value as it was entered.
    pub value: String,
    /// The name of the operator's token.
    pub who: String,
    /// The time.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
}

/// An emergency stop that has not been released.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Halt {
    /// The reason.
    pub reason: String,
    /// The time.
    #[sqlx(try_from = "i64")]
    pub at_ms: u64,
}
