//! The API's types. Money, prices and shares are whole millionths (`_micro_usd`, `_micros`), times are Unix
//! milliseconds. `dashboard/src/generated` is generated from them by `cargo test -p readmodel`, which fails if the
//! committed files differ.
#![expect(missing_docs, reason = "most field names are self-explanatory")]

mod alerts;
mod claims;
mod health;
mod history;
mod locks;
mod notes;
mod positions;
mod states;
mod strategies;
mod tokens;
mod whole;

pub use alerts::{AcknowledgeBody, AlertView, SeverityView};
pub use claims::{ClaimBody, ClaimKindView, ClaimRunView, ClaimStateView, ClaimView};
pub use health::{
    AlertsView, ConnectionView, DatabaseView, FolderWatchView, HealthStatusView, HealthView, LeftOutView,
    RecordsStatusView, RecordsView, WaitView,
};
pub use history::{AuditView, PastOrderView, PastRefusalView};
pub use locks::{LockBody, LockView, LockedView, ReloadOutcomeView, ReloadedView};
pub use notes::{ActionNote, NoteBody};
pub use positions::{AssignBody, OwnerView};
pub use states::{
    BotStateView, ConfigSourceView, MarketStateView, ModeView, OrderKindView, OrderStateView, RestrictionLevelView,
    RoleView, SettlementView, SideView,
};
pub use strategies::{
    ArmBody, BudgetBody, BudgetView, ParametersBody, ParametersView, SkippedFileView, StrategyStateView,
    StrategyVersionView, StrategyView, VersionBody,
};
pub use tokens::{ApiTokenView, LoginLinkView, NewTokenView, TokenBody};

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// Everything shown on the page, as of `seq`. Updates with a larger `seq` are sent on the stream.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct Snapshot {
    /// The last update included in this snapshot.
    #[ts(type = "number")]
    pub seq: u64,
    pub bot: BotView,
    pub pnl: PnlView,
    /// Oldest first, at most 1,440 points.
    pub history: Vec<PnlPoint>,
    pub positions: Vec<PositionView>,
    /// Orders that are not over.
    pub orders: Vec<OrderView>,
    /// Newest first, at most 100.
    pub trades: Vec<TradeView>,
    /// Newest first, at most 50.
    pub refusals: Vec<RefusalView>,
    pub strategies: Vec<StrategyView>,
    /// Files in the strategies folder that are not loaded, by name.
    pub skipped_files: Vec<SkippedFileView>,
    pub breakers: Vec<BreakerView>,
    pub markets: Vec<MarketView>,
}

/// The state of the bot.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct BotView {
    pub state: BotStateView,
    pub restriction: RestrictionLevelView,
    /// The reason of the restriction; empty if there is none.
    pub reason: String,
    pub mode: ModeView,
    #[ts(type = "number")]
    pub session: u64,
    #[ts(type = "number")]
    pub started_at_ms: u64,
    /// True if the market channel is up.
    pub market_channel_up: bool,
    /// True if the user channel is up.
    pub user_channel_up: bool,
    /// Market events since the start.
    #[ts(type = "number")]
    pub events: u64,
    /// Restrictions set by operators.
    pub restrictions: Vec<RestrictionView>,
    /// The names of decisions that are in effect and late on their way into the database; the host retries until they
    /// are stored. Empty while all are stored in time.
    pub unstored: Vec<String>,
}

/// The answer to requests that restrict the host, such as `POST /v1/admin/emergency-stop`: the restriction is in
/// effect.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct StoppedView {
    #[serde(flatten)]
    pub bot: BotView,
    /// True if it is stored, with its audit row. If not, the host retries until it is.
    pub durable: bool,
}

/// The answer to requests that cancel or disable: the request is in effect, and cancels are being sent.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct DurableView {
    /// True if it is stored, with its audit row. If not, the host retries until it is.
    pub durable: bool,
}

/// The answer to `PUT /v1/config/{key}`: the limit now in effect.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct ChangedView {
    #[serde(flatten)]
    pub entry: ConfigView,
    /// True if it is stored, with its audit row. If not, the host retries until it is; a raised limit is always stored.
    pub durable: bool,
}

/// A restriction set by an operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS, ToSchema)]
pub struct RestrictionView {
    /// `session`, `market:SLUG` or `strategy:NAME`.
    pub scope: String,
    pub restriction: RestrictionLevelView,
}

/// The account's current amounts.
#[derive(Debug, Clone, Default, Serialize, TS, ToSchema)]
pub struct PnlView {
    #[ts(type = "number")]
    pub at_ms: u64,
    /// All cash, reserved or not.
    #[ts(type = "number")]
    pub cash_micro_usd: i64,
    /// Cash reserved by open orders.
    #[ts(type = "number")]
    pub reserved_micro_usd: i64,
    /// Positions at the last bid.
    #[ts(type = "number")]
    pub positions_micro_usd: i64,
    /// Cash and positions.
    #[ts(type = "number")]
    pub portfolio_micro_usd: i64,
    /// Over all sessions on the account, without fees.
    #[ts(type = "number")]
    pub realised_micro_usd: i64,
    /// Positions at the last bid less their cost.
    #[ts(type = "number")]
    pub unrealised_micro_usd: i64,
    /// Over all sessions on the account.
    #[ts(type = "number")]
    pub fees_micro_usd: i64,
    /// Realised and unrealised P&L less fees: the next point of the plot.
    #[ts(type = "number")]
    pub profit_micro_usd: i64,
    /// Since 00:00 UTC, as measured by the daily loss limit.
    #[ts(type = "number")]
    pub today_micro_usd: i64,
}

/// One point of the P&L plot.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct PnlPoint {
    #[ts(type = "number")]
    pub at_ms: u64,
    /// Realised and unrealised P&L less fees, over all sessions on the account.
    #[ts(type = "number")]
    pub profit_micro_usd: i64,
}

/// Shares of one outcome token.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct PositionView {
    /// The token's id at the venue, a decimal.
    pub token: String,
    /// The market's slug.
    pub market: String,
    pub question: String,
    pub outcome: String,
    /// Micro-shares; zero on the stream means that the position is closed.
    #[ts(type = "number")]
    pub size_micros: u64,
    #[ts(type = "number")]
    pub cost_micro_usd: i64,
    /// The last bid; `null` while the book is blind or has no bid.
    #[ts(type = "number | null")]
    pub bid_micro_usd: Option<u32>,
    /// The payout per share, once the market is resolved.
    #[ts(type = "number | null")]
    pub pays_micro_usd: Option<u32>,
    #[ts(type = "number")]
    pub value_micro_usd: i64,
    #[ts(type = "number")]
    pub realised_micro_usd: i64,
    #[ts(type = "number")]
    pub unrealised_micro_usd: i64,
    /// The owners; empty for a moment after the first fill.
    pub owners: Vec<OwnerView>,
}

/// One order.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct OrderView {
    #[ts(type = "number")]
    pub id: u64,
    /// The order's id at the venue, known before it is sent; empty until it is signed.
    pub venue_id: String,
    /// The strategy's name, or `host`.
    pub strategy: String,
    pub token: String,
    pub market: String,
    pub outcome: String,
    pub side: SideView,
    pub kind: OrderKindView,
    #[ts(type = "number")]
    pub price_micro_usd: u32,
    #[ts(type = "number")]
    pub size_micros: u64,
    #[ts(type = "number")]
    pub filled_micros: u64,
    pub state: OrderStateView,
    /// True if the order is final; an `unknown` order is not, because it may rest at the venue.
    pub is_over: bool,
    /// The strategy's reason, then the venue's message.
    pub reason: String,
    #[ts(type = "number")]
    pub created_at_ms: u64,
    #[ts(type = "number")]
    pub updated_at_ms: u64,
}

/// One fill of one of our orders.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct TradeView {
    /// The venue's trade id, its part, and our order: a trade between two of our orders has two rows.
    pub id: String,
    #[ts(type = "number")]
    pub order: u64,
    #[ts(type = "number")]
    pub at_ms: u64,
    pub strategy: String,
    pub token: String,
    pub market: String,
    pub outcome: String,
    pub side: SideView,
    #[ts(type = "number")]
    pub price_micro_usd: u32,
    #[ts(type = "number")]
    pub size_micros: u64,
    #[ts(type = "number")]
    pub cost_micro_usd: i64,
    #[ts(type = "number")]
    pub fee_micro_usd: i64,
    pub maker: bool,
    pub settlement: SettlementView,
}

/// An intent that the host refused, or equal ones within a minute: of the same strategy, rule and outcome.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct RefusalView {
    /// The time; of several, the first.
    #[ts(type = "number")]
    pub at_ms: u64,
    /// The time of the last one, which the following fields describe.
    #[ts(type = "number")]
    pub last_at_ms: u64,
    /// The number of refusals.
    #[ts(type = "number")]
    pub count: u64,
    pub strategy: String,
    pub rule: String,
    pub market: String,
    pub outcome: String,
    /// The value that was refused, in the rule's unit.
    #[ts(type = "number")]
    pub value: i64,
    #[ts(type = "number")]
    pub limit: i64,
    /// The refusal as a sentence.
    pub text: String,
}

impl RefusalView {
    /// Returns the sentence of a refusal by `rule`.
    pub fn sentence(rule: &str, value: i64, limit: i64) -> String {
        engine::refusal_sentence(rule, value, limit)
    }
}

/// A circuit breaker.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct BreakerView {
    /// The name used in `POST /v1/admin/circuit-breakers/{name}/reset`.
    pub name: String,
    pub tripped: bool,
    /// The reason, with numbers; empty while closed.
    pub reason: String,
    /// The markets concerned, unless it is the whole session.
    pub markets: Vec<String>,
    /// The strategies concerned, unless it is the whole session.
    pub strategies: Vec<String>,
    #[ts(type = "number | null")]
    pub since_ms: Option<u64>,
}

/// A watched market. Streamed at most twice a second per market.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct MarketView {
    pub slug: String,
    pub question: String,
    pub condition: String,
    pub state: MarketStateView,
    #[ts(type = "number")]
    pub tick_micro_usd: u32,
    pub tokens: Vec<TokenView>,
}

/// The top of one outcome's book.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct TokenView {
    pub token: String,
    pub outcome: String,
    #[ts(type = "number | null")]
    pub bid_micro_usd: Option<u32>,
    #[ts(type = "number | null")]
    pub ask_micro_usd: Option<u32>,
    #[ts(type = "number | null")]
    pub last_micro_usd: Option<u32>,
}

/// One message of `GET /v1/stream`, the `data` of an SSE event named `update`; its `id` is `seq`. An SSE event named
/// `reset` means that the requested updates are no longer kept: fetch the snapshot again.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct StreamMessage {
    /// Increases by one from message to message.
    #[ts(type = "number")]
    pub seq: u64,
    pub update: Update,
}

/// One change. A view replaces the one with the same key.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum Update {
    Bot(BotView),
    /// Once a second; the page adds a point to the plot.
    Pnl(PnlView),
    /// Key `token`.
    Position(PositionView),
    /// Key `id`.
    Order(OrderView),
    /// Key `id`.
    Trade(TradeView),
    Refusal(RefusalView),
    /// Key `name`.
    Strategy(Box<StrategyView>),
    /// The full list.
    SkippedFiles(Vec<SkippedFileView>),
    /// Key `name`.
    Breaker(BreakerView),
    /// Key `condition`.
    Market(MarketView),
}

/// An order with its whole history, from the database.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct OrderHistoryView {
    pub order: OrderView,
    /// Oldest first.
    pub events: Vec<OrderEventView>,
    /// Oldest first.
    pub fills: Vec<TradeView>,
}

/// One state of an order.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct OrderEventView {
    /// The journal's sequence number of the input that caused it.
    #[ts(type = "number")]
    pub seq: u64,
    pub state: OrderStateView,
    #[ts(type = "number")]
    pub filled_micros: u64,
    pub reason: String,
    #[ts(type = "number")]
    pub at_ms: u64,
}

/// An open order as listed by the venue itself.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct VenueOrderView {
    pub venue_id: String,
    pub token: String,
    pub side: SideView,
    #[ts(type = "number")]
    pub price_micro_usd: u32,
    #[ts(type = "number")]
    pub size_micros: u64,
    #[ts(type = "number")]
    pub filled_micros: u64,
}

/// One key of the configuration.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct ConfigView {
    pub value: String,
    pub default: String,
    /// The description, with unit and range.
    pub description: String,
    pub source: ConfigSourceView,
    /// True if `PUT /v1/config/{key}` changes it while the host runs.
    pub live: bool,
    /// The key's group: `risk` contains the runbook's keys.
    pub group: String,
}

/// The current login: `GET /v1/session`.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct SessionView {
    pub name: String,
    pub role: RoleView,
}

/// The body of `POST /v1/session`, which exchanges a token for a cookie.
#[derive(Clone, Deserialize, TS, ToSchema)]
pub struct Login {
    pub token: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

/// The body of `POST /v1/admin/emergency-stop` (optional there) and of its release (required there).
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub struct ReasonBody {
    pub reason: String,
}

/// The body of `PUT /v1/admin/restrictions`.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub struct RestrictionBody {
    /// `session`, `market:SLUG` or `strategy:NAME`.
    #[schema(pattern = "^(session$|market:|strategy:)")]
    pub scope: String,
    /// `none`, `reduce_only` or `cancel_only`.
    #[schema(pattern = "^(none|reduce_only|cancel_only)$")]
    pub restriction: String,
}

/// The body of `POST /v1/admin/transfers`.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub struct TransferBody {
    /// `deposit`, `withdrawal`, `reward`, `rebate`, `gas`, `split`, `merge`, `redeem` or `convert`.
    pub kind: String,
    /// Dollars with at most six decimals: the amount moved, or paid for redeemed or converted shares. Not for `split`
    /// and `merge`.
    #[serde(default)]
    pub amount_usd: String,
    /// The market's slug, for `split` and `merge`.
    #[serde(default)]
    pub market: String,
    /// The token's id at the venue, for `redeem` and `convert`.
    #[serde(default)]
    pub token: String,
    /// Shares or pairs, with at most six decimals, for `split`, `merge`, `redeem` and `convert`.
    #[serde(default)]
    pub shares: String,
    /// The transaction, or the reason.
    pub reason: String,
}

/// The body of `PUT /v1/config/{key}`.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub struct SettingBody {
    /// A number or a text, as in the configuration file.
    #[ts(type = "number | string")]
    pub value: serde_json::Value,
    /// The user on whose behalf the request is made, as claimed by the caller; the token identifies the caller.
    #[serde(default)]
    pub user: String,
}

/// A problem document (RFC 9457), `application/problem+json`.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
}
