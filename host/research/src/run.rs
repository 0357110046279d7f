//! The data of a finished run: its description and its rows. Backtests write it; reports, comparisons and sweeps read it.

mod files;
pub mod folders;
#[cfg(test)]
pub(crate) mod sample;
mod tables;
#[cfg(test)]
mod tests;

pub use files::{DESCRIPTION, SCHEMA, load, load_description, save};

use model::{OrderState, Price, RequestTier, Side, Size, Time, Usd};
use serde::{Deserialize, Serialize};

/// Everything that a run leaves behind.
#[derive(Debug, Clone, PartialEq)]
pub struct RunData {
    /// `run.json`.
    pub description: RunDescription,
    /// `markets.parquet`, by market number.
    pub markets: Vec<MarketRow>,
    /// `orders.parquet`, in the order of approval; refused placements included.
    pub orders: Vec<OrderRow>,
    /// `fills.parquet`, in the order of matching.
    pub fills: Vec<FillRow>,
    /// `equity.parquet`, one row each minute and one at the end.
    pub equity: Vec<EquityRow>,
    /// `tops.parquet`: the top of each traded market's first token, at most one row a second and market.
    pub tops: Vec<TopRow>,
}

/// Description of a run: strategies, tapes, models, and the totals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunDescription {
    /// Version of this description.
    pub schema: u32,
    /// The run's id, unique in its folder.
    pub id: String,
    /// The origin of the rows.
    pub kind: RunKind,
    /// Version of the program.
    pub program: String,
    /// Time of the start on the wall clock.
    pub started_at: Time,
    /// The end: complete, interrupted or failed.
    pub end: RunEnd,
    /// The strategies.
    pub strategies: Vec<StrategyDescription>,
    /// The tapes.
    pub tapes: Vec<TapeDescription>,
    /// Fill model: `pessimistic`, `queue` or `optimistic`.
    pub fill: FillModel,
    /// Feed latency in microseconds.
    pub feed_latency_us: u64,
    /// Order latency in microseconds, one way.
    pub order_latency_us: u64,
    /// The tier that limits the rates of orders and cancels.
    #[serde(default)]
    pub request_tier: RequestTier,
    /// Seed of the run.
    pub seed: u64,
    /// Fee source as given on the command line.
    pub fees: String,
    /// Session limits, as the configuration names them.
    pub limits: serde_json::Value,
    /// Cash at the start.
    pub cash: Usd,
    /// First and last time of the events.
    pub span: (Time, Time),
    /// Totals with the chosen fill model.
    pub totals: Totals,
    /// Totals of the same run with the other fill models, for the bounds in the report.
    pub bounds: Vec<(FillModel, Totals)>,
    /// Refused intents by rule.
    pub refusals: Vec<(String, u64)>,
    /// Number of times that a guard closed a position or a breaker stopped trading, by its name.
    #[serde(default)]
    pub stops: Vec<(String, u64)>,
    /// Merged pairs and converted baskets, at most 10,000 rows.
    #[serde(default)]
    pub transfers: Vec<TransferRow>,
    /// Sentences that a reader must know, most important first (`books are invented`, assumptions, second use of the
    /// holdout).
    pub warnings: Vec<String>,
    /// Digest of all decisions: equal digests mean equal runs.
    pub digest: String,
}

/// The origin of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// A backtest on a tape.
    Backtest,
    /// A job of a sweep.
    Sweep,
    /// A paper or live session.
    Session,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// All events were processed.
    Complete,
    /// Stopped by the user; everything up to this time is in the rows.
    Interrupted(Time),
    /// A strategy failed; everything up to this time is in the rows.
    Failed(Time, String),
}

/// A fill model, see RESEARCH 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillModel {
    /// Fills that hurt are given, fills that help are withheld until nothing else explains the data.
    Pessimistic,
    /// Orders move forward by trades, and by cancels in proportion to the depth ahead and behind.
    Queue,
    /// Orders fill when the price is touched.
    Optimistic,
}

/// A strategy of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyDescription {
    /// Its name, as in live trading.
    pub name: String,
    /// SHA-256 of the module, lower-case hex.
    pub module: String,
    /// Parameters, a JSON object as text.
    pub parameters: String,
    /// Number of its warm-up events, if `lookahead` found one.
    pub warm_up: Option<u64>,
}

/// A tape of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeDescription {
    /// Path as given.
    pub path: String,
    /// SHA-256 of the uncompressed records, lower-case hex.
    pub hash: String,
    /// First and last receive time (venue time where none was recorded).
    pub span: (Time, Time),
    /// Number of events.
    pub events: u64,
    /// True if the books were invented from prices.
    pub invented: bool,
    /// Data quality: kind and count (`gap`, `crossed`, `mirror_differs`, `unsorted`, ...).
    pub quality: Vec<(String, u64)>,
    /// Rule by which its markets were chosen.
    pub selection: String,
}

/// Totals of a run. Money is in micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Events processed.
    pub events: u64,
    /// Intents of all strategies.
    pub intents: u64,
    /// Approved orders.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Refused intents.
    pub refusals: u64,
    /// Realised profit after fees.
    pub realised: Usd,
    /// Fees paid.
    pub fees: Usd,
    /// Maker rebates; not part of any profit.
    pub rebates: Usd,
    /// Liquidity rewards; not part of any profit.
    pub rewards: Usd,
    /// Profit with open positions at the bid with size.
    pub profit_at_bid: Usd,
    /// Profit with open positions at zero.
    pub profit_at_zero: Usd,
    /// Profit with open positions at their outcome; unresolved ones at the bid.
    pub profit_at_outcome: Usd,
    /// Traded dollars.
    pub turnover: Usd,
    /// Largest fall of the equity from its peak.
    pub drawdown: Usd,
}

/// Shares that became dollars without a trade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferRow {
    /// The time.
    pub at: Time,
    /// `merge` (of pairs; the row names the first token) or `convert`.
    pub kind: String,
    /// Market number.
    pub market: u32,
    /// Outcome, 0 or 1.
    pub outcome: u8,
    /// Shares, or pairs.
    pub size: Size,
    /// Dollars received.
    pub dollars: Usd,
}

/// A market of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketRow {
    /// Its number in the run.
    pub market: u32,
    /// Condition id, lower-case hex with 0x.
    pub condition: String,
    /// Both token ids, decimal.
    pub tokens: [String; 2],
    /// Slug. Never a key.
    pub slug: String,
    /// Question; text from outside.
    pub question: String,
    /// Outcome names; text from outside.
    pub outcomes: [String; 2],
    /// Event group: the negative-risk event, or the condition itself.
    pub group: String,
    /// Listing time.
    pub listed_at: Time,
    /// Announced end, as listed.
    pub ends_at: Option<Time>,
    /// Payout per share of the first token, if resolved.
    pub pays: Option<Usd>,
    /// Time of the payout.
    pub resolved_at: Option<Time>,
    /// True if a strategy traded in it.
    pub traded: bool,
    /// Fee rate in millionths.
    pub fee_rate_micros: u32,
}

/// An order, in its final state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// Order number; 0 for a refused intent.
    pub order: u64,
    /// Number of its strategy in [`RunDescription::strategies`].
    pub strategy: u32,
    /// Market number.
    pub market: u32,
    /// Outcome, 0 or 1.
    pub outcome: u8,
    /// Buy or sell.
    pub side: Side,
    /// Limit.
    pub price: Price,
    /// Shares; for FOK and FAK buys the shares of the dollars at the limit.
    pub size: Size,
    /// Kind as in the API: `GTC`, `GTC_POST_ONLY`, `GTD`, `FOK`, `FAK`.
    pub kind: String,
    /// The strategy's tag.
    pub tag: u64,
    /// The strategy's reason; text from outside.
    pub reason: String,
    /// The strategy's fair value of a share of the token, if it gave one.
    pub fair: Option<Price>,
    /// Time of approval.
    pub placed_at: Time,
    /// Time of the final state.
    pub ended_at: Option<Time>,
    /// Final state.
    pub state: OrderState,
    /// Shares matched.
    pub filled: Size,
    /// Depth ahead at its arrival, in shares, if it rested.
    pub ahead: Option<Size>,
}

/// A fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillRow {
    /// Order number.
    pub order: u64,
    /// Number of its strategy.
    pub strategy: u32,
    /// Market number.
    pub market: u32,
    /// Outcome, 0 or 1.
    pub outcome: u8,
    /// Buy or sell.
    pub side: Side,
    /// Price paid or received.
    pub price: Price,
    /// Shares.
    pub size: Size,
    /// Fee.
    pub fee: Usd,
    /// True if our order rested.
    pub maker: bool,
    /// The strategy's tag.
    pub tag: u64,
    /// Venue time of the match.
    pub at: Time,
    /// Realised profit of this fill, after its fee.
    pub realised: Usd,
    /// Mid price of the token at the match, and 1, 5, 30 and 60 s later; `None` where a side was empty or unknown.
    pub mids: [Option<Price>; 5],
}

/// The account at a moment. Money is in micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EquityRow {
    /// The moment.
    pub at: Time,
    /// Cash.
    pub cash: Usd,
    /// Value of positions at the bid with size.
    pub positions: Usd,
    /// Cash locked by open orders.
    pub locked: Usd,
    /// Worst-case loss of positions and open orders, as the gate counts it.
    pub exposure: Usd,
    /// Realised profit after fees so far.
    pub realised: Usd,
    /// Fees so far.
    pub fees: Usd,
}

/// The top of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopRow {
    /// Time of receipt.
    pub at: Time,
    /// Market number.
    pub market: u32,
    /// Best bid of the first token.
    pub bid: Option<Price>,
    /// Best ask of the first token.
    pub ask: Option<Price>,
}
