//! The API's types. Money, prices and shares are whole millionths (`_micro_usd`, `_micros`), times are Unix milliseconds.
//! `dashboard/src/generated` is made from them by `cargo test -p app`, which fails when the committed files differ.

use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// Everything the page shows, as of `seq`. Updates with a larger `seq` come on the stream.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct Snapshot {
    /// The last update that is part of this snapshot.
    #[ts(type = "number")]
    pub(crate) seq: u64,
    pub(crate) bot: BotView,
    pub(crate) pnl: PnlView,
    /// Oldest first, at most 1,440 points.
    pub(crate) history: Vec<PnlPoint>,
    pub(crate) positions: Vec<PositionView>,
    /// Orders that are not over.
    pub(crate) orders: Vec<OrderView>,
    /// Newest first, at most 100.
    pub(crate) trades: Vec<TradeView>,
    /// Newest first, at most 50.
    pub(crate) refusals: Vec<RefusalView>,
    pub(crate) strategies: Vec<StrategyView>,
    pub(crate) breakers: Vec<BreakerView>,
    pub(crate) markets: Vec<MarketView>,
}

/// The state of the bot.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct BotView {
    /// `STOPPED`, `RUNNING` or `PAUSED`.
    pub(crate) state: String,
    /// `none`, `reduce_only`, `cancel_only` or `halted`.
    pub(crate) restriction: String,
    /// Why, if something restricts it; empty otherwise.
    pub(crate) reason: String,
    /// `demo`, `paper` or `live`.
    pub(crate) mode: String,
    #[ts(type = "number")]
    pub(crate) session: u64,
    #[ts(type = "number")]
    pub(crate) started_at_ms: u64,
    /// Whether the market channel is up.
    pub(crate) market_channel_up: bool,
    /// Whether the user channel is up.
    pub(crate) user_channel_up: bool,
    /// Market events since the start.
    #[ts(type = "number")]
    pub(crate) events: u64,
}

/// Money now.
#[derive(Debug, Clone, Default, Serialize, TS, ToSchema)]
pub(crate) struct PnlView {
    #[ts(type = "number")]
    pub(crate) at_ms: u64,
    /// All cash, reserved or not.
    #[ts(type = "number")]
    pub(crate) cash_micro_usd: i64,
    /// Cash that open orders could take.
    #[ts(type = "number")]
    pub(crate) reserved_micro_usd: i64,
    /// Positions at the last bid.
    #[ts(type = "number")]
    pub(crate) positions_micro_usd: i64,
    /// Cash and positions.
    #[ts(type = "number")]
    pub(crate) portfolio_micro_usd: i64,
    /// Since the session began, fees apart.
    #[ts(type = "number")]
    pub(crate) realised_micro_usd: i64,
    /// Positions at the last bid less their cost.
    #[ts(type = "number")]
    pub(crate) unrealised_micro_usd: i64,
    #[ts(type = "number")]
    pub(crate) fees_micro_usd: i64,
    /// Since 00:00 UTC, as the daily loss limit counts it.
    #[ts(type = "number")]
    pub(crate) today_micro_usd: i64,
}

/// One point of the profit plot.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct PnlPoint {
    #[ts(type = "number")]
    pub(crate) at_ms: u64,
    /// Realised and unrealised profit less fees, since the session began.
    #[ts(type = "number")]
    pub(crate) profit_micro_usd: i64,
}

/// Shares of one outcome token.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct PositionView {
    /// The token's id at the venue, a decimal.
    pub(crate) token: String,
    /// The market's slug.
    pub(crate) market: String,
    pub(crate) question: String,
    pub(crate) outcome: String,
    /// Micro-shares; zero on the stream means that the position is closed.
    #[ts(type = "number")]
    pub(crate) size_micros: u64,
    #[ts(type = "number")]
    pub(crate) cost_micro_usd: i64,
    /// The last bid; none while the book is blind or has no bid.
    #[ts(type = "number | null")]
    pub(crate) bid_micro_usd: Option<u32>,
    #[ts(type = "number")]
    pub(crate) value_micro_usd: i64,
    #[ts(type = "number")]
    pub(crate) realised_micro_usd: i64,
    #[ts(type = "number")]
    pub(crate) unrealised_micro_usd: i64,
}

/// One order.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct OrderView {
    #[ts(type = "number")]
    pub(crate) id: u64,
    /// The order's id at the venue, known before it is sent; empty until it is signed.
    pub(crate) venue_id: String,
    /// The strategy's name, or `host`.
    pub(crate) strategy: String,
    pub(crate) token: String,
    pub(crate) market: String,
    pub(crate) outcome: String,
    /// `BUY` or `SELL`.
    pub(crate) side: String,
    /// `GTC`, `FAK` or `FOK`.
    pub(crate) kind: String,
    #[ts(type = "number")]
    pub(crate) price_micro_usd: u32,
    #[ts(type = "number")]
    pub(crate) size_micros: u64,
    #[ts(type = "number")]
    pub(crate) filled_micros: u64,
    /// `pending`, `live`, `partly_filled`, `filled`, `cancelled`, `refused` or `unknown`.
    pub(crate) state: String,
    /// The strategy's reason, then the venue's words.
    pub(crate) reason: String,
    #[ts(type = "number")]
    pub(crate) created_at_ms: u64,
    #[ts(type = "number")]
    pub(crate) updated_at_ms: u64,
}

/// One fill of one of our orders.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct TradeView {
    /// The venue's trade id and the part of it.
    pub(crate) id: String,
    #[ts(type = "number")]
    pub(crate) order: u64,
    #[ts(type = "number")]
    pub(crate) at_ms: u64,
    pub(crate) strategy: String,
    pub(crate) token: String,
    pub(crate) market: String,
    pub(crate) outcome: String,
    pub(crate) side: String,
    #[ts(type = "number")]
    pub(crate) price_micro_usd: u32,
    #[ts(type = "number")]
    pub(crate) size_micros: u64,
    #[ts(type = "number")]
    pub(crate) cost_micro_usd: i64,
    #[ts(type = "number")]
    pub(crate) fee_micro_usd: i64,
    pub(crate) maker: bool,
    /// `matched`, `mined`, `confirmed`, `retrying` or `failed`.
    pub(crate) settlement: String,
}

/// An intent that the host refused.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct RefusalView {
    #[ts(type = "number")]
    pub(crate) at_ms: u64,
    pub(crate) strategy: String,
    pub(crate) rule: String,
    pub(crate) market: String,
    pub(crate) outcome: String,
    /// In the rule's unit.
    #[ts(type = "number")]
    pub(crate) value: i64,
    #[ts(type = "number")]
    pub(crate) limit: i64,
    /// The verdict as a sentence.
    pub(crate) text: String,
}

/// A strategy and what it has done since it was loaded.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct StrategyView {
    /// The file's stem.
    pub(crate) name: String,
    /// `running`, `failed` or `removed`.
    pub(crate) state: String,
    /// Why it failed; empty otherwise.
    pub(crate) error: String,
    /// SHA-256 of the module, hexadecimal.
    pub(crate) hash: String,
    /// The version that its manifest states.
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) instance: u32,
    pub(crate) markets: u32,
    #[ts(type = "number")]
    pub(crate) events: u64,
    #[ts(type = "number")]
    pub(crate) intents: u64,
    #[ts(type = "number")]
    pub(crate) orders: u64,
    #[ts(type = "number")]
    pub(crate) fills: u64,
    #[ts(type = "number")]
    pub(crate) refusals: u64,
    /// Fuel of the last call.
    #[ts(type = "number")]
    pub(crate) fuel: u64,
    /// Its last log line.
    pub(crate) log: String,
    #[ts(type = "number")]
    pub(crate) loaded_at_ms: u64,
}

/// A circuit breaker.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct BreakerView {
    /// As in `POST /v1/admin/circuit-breakers/{name}/reset`.
    pub(crate) name: String,
    pub(crate) tripped: bool,
    /// Why, with numbers; empty while closed.
    pub(crate) reason: String,
    /// The markets concerned, if it is not the whole session.
    pub(crate) markets: Vec<String>,
    #[ts(type = "number | null")]
    pub(crate) since_ms: Option<u64>,
}

/// A market that is watched. On the stream at most twice a second for each market.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct MarketView {
    pub(crate) slug: String,
    pub(crate) question: String,
    pub(crate) condition: String,
    /// `open`, `blind` or `resolved`.
    pub(crate) state: String,
    #[ts(type = "number")]
    pub(crate) tick_micro_usd: u32,
    pub(crate) tokens: Vec<TokenView>,
}

/// One outcome's top of book.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct TokenView {
    pub(crate) token: String,
    pub(crate) outcome: String,
    #[ts(type = "number | null")]
    pub(crate) bid_micro_usd: Option<u32>,
    #[ts(type = "number | null")]
    pub(crate) ask_micro_usd: Option<u32>,
    #[ts(type = "number | null")]
    pub(crate) last_micro_usd: Option<u32>,
}

/// One message of `GET /v1/stream`, the `data` of an SSE event named `update`; its `id` is `seq`. An SSE event named
/// `reset` means that the updates asked for are gone: fetch the snapshot again.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct StreamMessage {
    /// Rises by one from message to message.
    #[ts(type = "number")]
    pub(crate) seq: u64,
    pub(crate) update: Update,
}

/// One change. Views replace those of the same key.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub(crate) enum Update {
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
    Strategy(StrategyView),
    /// Key `name`.
    Breaker(BreakerView),
    /// Key `condition`.
    Market(MarketView),
}

/// Who is logged in: `GET /v1/session`.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct SessionView {
    pub(crate) name: String,
    /// `viewer`, `trader` or `admin`.
    pub(crate) role: String,
}

/// `POST /v1/session`: a token becomes a cookie.
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub(crate) struct Login {
    pub(crate) token: String,
}

/// The body of `POST /v1/admin/emergency-stop` (optional there) and of its release (required there).
#[derive(Debug, Clone, Deserialize, TS, ToSchema)]
pub(crate) struct ReasonBody {
    pub(crate) reason: String,
}

/// A problem document (RFC 9457), `application/problem+json`.
#[derive(Debug, Clone, Serialize, TS, ToSchema)]
pub(crate) struct Problem {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) title: String,
    pub(crate) status: u16,
    pub(crate) detail: String,
}
