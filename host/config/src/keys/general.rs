//! The keys apart from those of alerts.

use super::{Key, Kind, key};
use ::alerts::Severity;

const CENT: i64 = 10_000;
const MILLION: i64 = 1_000_000_000_000;

pub(super) const GENERAL: [Key; 92] = [
    key(
        "portfolio_trade_pct",
        Kind::Percent(1, 10_000),
        "5",
        "Maximum cost of one order, in percent of the portfolio.",
    ),
    key(
        "max_market_usd",
        Kind::Usd(CENT, MILLION),
        "100",
        "Maximum possible loss in one market, if all open orders fill.",
    ),
    key("daily_loss_limit_usd", Kind::Usd(CENT, MILLION), "25", "Loss since 00:00 UTC at which trading stops."),
    key(
        "take_profit_pct",
        Kind::Percent(1, 1_000_000),
        "8",
        "Gain relative to cost at which the host closes a position.",
    ),
    key("stop_loss_pct", Kind::Percent(1, 10_000), "5", "Loss relative to cost at which the host closes a position."),
    key("max_open_positions", Kind::Count(1, 10_000), "5", "Maximum number of markets with positions or open bids."),
    key("max_order_usd", Kind::Usd(CENT, MILLION), "100", "Maximum cost of one order, regardless of the portfolio."),
    key(
        "max_order_shares",
        Kind::Count(1, 1_000_000_000),
        "500",
        "Maximum number of shares per order; catches a size in the wrong unit.",
    ),
    key(
        "max_event_usd",
        Kind::Usd(CENT, MILLION),
        "200",
        "Maximum possible loss in one event with mutually exclusive markets, if all open orders fill.",
    ),
    key(
        "max_gross_pct",
        Kind::Percent(1, 1_000_000),
        "50",
        "Maximum total cost of positions and bids, in percent of the portfolio.",
    ),
    key(
        "max_resting_pct",
        Kind::Percent(1, 1_000_000),
        "40",
        "Maximum total cost of bids that could all fill, in percent of the portfolio.",
    ),
    key("cash_reserve_pct", Kind::Percent(0, 10_000), "10", "Cash to keep free, in percent of the portfolio."),
    key(
        "max_strategy_pct",
        Kind::Percent(1, 1_000_000),
        "20",
        "Maximum total cost of one strategy's positions and bids, in percent of the portfolio.",
    ),
    key(
        "max_strategy_loss_usd",
        Kind::Usd(CENT, MILLION),
        "20",
        "Loss of one strategy since 00:00 UTC, including fees, at which it stops.",
    ),
    key(
        "max_losing_trips",
        Kind::Count(1, 10_000),
        "5",
        "Consecutive losing round trips of one strategy after which it pauses for an hour.",
    ),
    key(
        "max_jump_usd",
        Kind::Usd(1_000, 1_000_000),
        "0.1",
        "Maximum move of the mid price within 10 seconds, in dollars per share; beyond it quotes are pulled for a \
         minute.",
    ),
    key(
        "min_edge_usd",
        Kind::Usd(0, 1_000_000),
        "0.005",
        "Minimum edge of an order over the fair value stated by its strategy, in dollars per share after the fee.",
    ),
    key(
        "probation_s",
        Kind::Count(0, 31_536_000),
        "86400",
        "Time in seconds for which a new module is limited to a tenth of max_order_usd; live mode only.",
    ),
    key("exit_orphans", Kind::Flag, "false", "Let the guards close positions of a removed or disabled strategy."),
    key(
        "max_drawdown_pct",
        Kind::Percent(1, 10_000),
        "10",
        "Drawdown from the portfolio's peak at which trading stops, in percent of the peak.",
    ),
    key(
        "price_collar_pct",
        Kind::Percent(1, 1_000_000),
        "15",
        "Maximum distance of an order's price beyond the mid price, in percent of it; at least 5 cents.",
    ),
    key(
        "max_slippage_ticks",
        Kind::Count(0, 1_000),
        "2",
        "Maximum number of ticks that an order may reach beyond the best opposite price.",
    ),
    key(
        "max_depth_pct",
        Kind::Percent(1, 1_000_000),
        "10",
        "Maximum part of the visible depth within that reach that one order may take, in percent.",
    ),
    key("max_open_orders", Kind::Count(1, 10_000), "100", "Maximum number of open orders."),
    key("max_market_orders", Kind::Count(1, 10_000), "10", "Maximum number of open orders in one market."),
    key("max_orders_per_minute", Kind::Count(1, 100_000), "600", "Maximum number of orders placed in any 60 seconds."),
    key(
        "max_strategy_orders_per_minute",
        Kind::Count(1, 100_000),
        "300",
        "Maximum number of orders placed by one strategy in any 60 seconds.",
    ),
    key(
        "max_repeats",
        Kind::Count(1, 10_000),
        "5",
        "Maximum number of identical orders of one strategy within 10 seconds; one more disables it. Standing quotes \
         do not count.",
    ),
    key(
        "max_fills_per_minute",
        Kind::Count(1, 10_000),
        "10",
        "Maximum number of fills of one strategy on one side of a market within 60 seconds; one more disables it.",
    ),
    key(
        "min_time_to_end_s",
        Kind::Count(0, 31_536_000),
        "7200",
        "No new risk is taken in a market that ends within this many seconds.",
    ),
    key(
        "stale_after_s",
        Kind::Count(1, 3_600),
        "60",
        "Time in seconds for which a book is trusted after its last update or confirmation.",
    ),
    key(
        "signer.max_order_usd",
        Kind::Usd(CENT, MILLION),
        "1000",
        "Maximum value of one order that the signer signs; a SELL counts one dollar per share. In live mode the \
         keystore's signer limits apply, and these can only lower them.",
    ),
    key(
        "signer.max_minute_usd",
        Kind::Usd(CENT, MILLION),
        "10000",
        "Maximum total value of orders signed in any 60 seconds.",
    ),
    key(
        "signer.max_day_usd",
        Kind::Usd(CENT, 1_000 * MILLION),
        "100000",
        "Maximum total value of orders signed on one UTC day.",
    ),
    key(
        "signer.max_orders_per_minute",
        Kind::Count(1, 100_000),
        "300",
        "Maximum number of orders signed in any 60 seconds.",
    ),
    key(
        "signer.max_batches_per_minute",
        Kind::Count(0, 1_000),
        "0",
        "Maximum number of wallet batches (redeem, merge, split, approve) signed in any 60 seconds; 0 signs none.",
    ),
    key("markets_max", Kind::Count(1, 1_000), "20", "Maximum number of markets subscribed at once."),
    key(
        "markets.tags",
        Kind::Numbers,
        "",
        "Select only markets with one of these tag ids of the catalog; all if empty.",
    ),
    key(
        "markets.slugs",
        Kind::Words,
        "",
        "Select only markets whose slug begins with one of these words, such as btc-updown-5m-; all if empty.",
    ),
    key(
        "markets.min_liquidity_usd",
        Kind::Usd(0, 1_000 * MILLION),
        "0",
        "Select only markets with at least this much liquidity in the book.",
    ),
    key(
        "markets.ends_after_minutes",
        Kind::Count(0, 10_000_000),
        "0",
        "Select only markets that end at least this many minutes from now; 0 for all.",
    ),
    key(
        "markets.ends_within_minutes",
        Kind::Count(0, 10_000_000),
        "0",
        "Select only markets that end within this many minutes; 0 for all.",
    ),
    key(
        "markets.negative_risk",
        Kind::Choice(&["any", "only", "never"]),
        "any",
        "Select markets of negative-risk events (several mutually exclusive outcomes): any, only these, or never \
         these.",
    ),
    key(
        "markets.connections",
        Kind::Count(1, 4),
        "2",
        "Number of redundant market data connections; the first copy of each message is used, so one may fail.",
    ),
    key("markets.look_every_s", Kind::Count(1, 86_400), "30", "Interval of market discovery, in seconds."),
    key("api.listen", Kind::Listen, "127.0.0.1:8000", "Listen address of the REST API; port 0 picks a free port."),
    key(
        "dashboard.listen",
        Kind::Listen,
        "127.0.0.1:3000",
        "Listen address of the dashboard; port 0 picks a free port.",
    ),
    key(
        "api.allow_remote",
        Kind::Flag,
        "false",
        "Allow the API and the dashboard to listen on addresses that other machines can reach.",
    ),
    key(
        "api.trusted_proxies",
        Kind::Addresses,
        "",
        "The IP addresses of proxies whose X-Forwarded-For, X-Forwarded-Proto and Forwarded headers are trusted, in addition \
         to proxies on this machine.",
    ),
    key(
        "strategies_dir",
        Kind::Folder,
        "",
        "The folder with the strategies' .wasm files: absolute, below ~/ or relative to the data directory; \
         `strategies` in the data directory if empty.",
    ),
    key(
        "reload.live",
        Kind::Choice(&["arm", "auto"]),
        "arm",
        "Live mode: a new version of a strategy trades only after an operator arms it (arm), or at once if a version \
         of the strategy was armed before (auto).",
    ),
    key(
        "promotion.data_days_max",
        Kind::Count(0, 3_650),
        "30",
        "`strategy arm --from RUN`: the most days since the last event that the run's backtest has seen; 0 for any. Off \
         in demo mode.",
    ),
    key(
        "promotion.paper_hours_min",
        Kind::Count(0, 8_760),
        "24",
        "`strategy arm --from RUN`: the least hours that the version ran on paper; 0 for none. Off in demo mode.",
    ),
    key(
        "promotion.required",
        Kind::Flag,
        "false",
        "Refuse to arm a version without a backtest (`strategy arm --from RUN`). Off in demo mode.",
    ),
    key(
        "reload.keep_versions",
        Kind::Count(2, 500),
        "20",
        "Number of versions of each strategy kept for rollback. Others are deleted once no journal in the data \
         directory refers to them.",
    ),
    key(
        "database_url",
        Kind::Database,
        "",
        "The database: sqlite:FILE (absolute, below ~/ or relative to the data directory) or \
         postgres://USER@HOST/NAME; a file in the data directory if empty. A server on another machine must offer \
         TLS; sslmode=verify-full and sslrootcert=FILE verify its identity.",
    ),
    key(
        "database.allow_plaintext",
        Kind::Flag,
        "false",
        "Allow the password and the data to be sent without TLS to a database server on another machine.",
    ),
    key(
        "database.wait_s",
        Kind::Count(0, 3_600),
        "60",
        "Time in seconds that a start waits for a database that is locked, restarting or unreachable.",
    ),
    key(
        "venue.clob_url",
        Kind::Url(&["https://", "http://"]),
        "https://clob.polymarket.com",
        "The venue's REST address; not used in demo mode.",
    ),
    key(
        "venue.ws_url",
        Kind::Url(&["wss://", "ws://"]),
        "wss://ws-subscriptions-clob.polymarket.com",
        "The venue's WebSocket address; not used in demo mode.",
    ),
    key(
        "venue.gamma_url",
        Kind::Url(&["https://", "http://"]),
        "https://gamma-api.polymarket.com",
        "The address of the venue's market catalog; not used in demo mode.",
    ),
    key(
        "venue.data_url",
        Kind::Url(&["https://", "http://"]),
        "https://data-api.polymarket.com",
        "The address of the venue's Data API (account activity); not used in demo mode.",
    ),
    key(
        "venue.relayer_url",
        Kind::Url(&["https://", "http://"]),
        "https://relayer-v2.polymarket.com",
        "The address of the venue's relayer, which submits batches signed for a deposit wallet; not used in demo mode.",
    ),
    key(
        "claims.execute",
        Kind::Choice(&["off", "relayer"]),
        "off",
        "Send redemptions and merges requested by operators to the relayer. Requires POLYTRADER_RELAYER_KEY and \
         POLYTRADER_RELAYER_KEY_ADDRESS in the environment, and signer limits that allow batches.",
    ),
    key(
        "claims.automatic",
        Kind::Flag,
        "false",
        "Redeem shares of resolved markets automatically; requires claims.execute.",
    ),
    key(
        "alerts.webhook",
        Kind::Webhook,
        "",
        "Webhook URL for alerts: Slack, Discord or your own server. If empty, alerts are sent over the other channels only.",
    ),
    key("alerts.level", Kind::Choice(&Severity::WORDS), "warning", "Minimum severity of alerts that are sent."),
    key(
        "live.enabled",
        Kind::Flag,
        "false",
        "Enable `--mode live`, which trades real money. Can only be set in the configuration file.",
    ),
    key(
        "live.without_heartbeat",
        Kind::Flag,
        "false",
        "Allow `--mode live` with venue.heartbeat = false, in which case nothing cancels open orders if this machine \
         dies. Can only be set in the configuration file.",
    ),
    key("paper.cash_usd", Kind::Usd(CENT, MILLION), "1000", "Initial cash of a new paper account."),
    key(
        "paper.latency_ms",
        Kind::Count(0, 10_000),
        "50",
        "One-way latency of requests to the paper venue and of its responses, in milliseconds.",
    ),
    key(
        "venue.site_url",
        Kind::Url(&["https://", "http://"]),
        "https://polymarket.com",
        "The venue's website, which `doctor` queries to check that trading is allowed from this location.",
    ),
    key(
        "venue.heartbeat",
        Kind::Flag,
        "true",
        "Send heartbeats, so that the venue cancels all orders ten seconds after they stop.",
    ),
    key(
        "journal.keep_days",
        Kind::Count(1, 36_500),
        "365",
        "Retention of journal files that no start needs any more, in days.",
    ),
    key(
        "journal.max_mb",
        Kind::Count(256, 100_000_000),
        "20000",
        "Maximum size of the journal in megabytes; above it, the oldest files that no start needs any more are \
         deleted.",
    ),
    key(
        "record.enabled",
        Kind::Flag,
        "true",
        "Record the market channel as tapes in DIR/tapes, for backtests. The recorder never delays a frame.",
    ),
    key(
        "record.max_mb",
        Kind::Count(16, 100_000_000),
        "10000",
        "Maximum size of the session's tapes in megabytes; above it, the oldest are deleted.",
    ),
    key("record.keep_days", Kind::Count(1, 36_500), "30", "Retention of the session's tapes, in days."),
    key(
        "record.disk_free_min_mb",
        Kind::Count(16, 10_000_000),
        "2048",
        "Free space on the data directory's disk, in megabytes, below which recording stops; trading goes on.",
    ),
    key(
        "database.refusals_max_mb",
        Kind::Count(1, 1_000_000),
        "256",
        "Maximum size of refusals in the database in megabytes; above it, the oldest are deleted.",
    ),
    key(
        "database.order_events_max_mb",
        Kind::Count(1, 1_000_000),
        "1024",
        "Maximum size of order states in the database in megabytes; above it, the oldest are deleted. Orders, fills \
         and the audit log are kept.",
    ),
    key(
        "log.strategies_max_mb_per_day",
        Kind::Count(1, 1_000_000),
        "1000",
        "Maximum log output of all strategies together per UTC day, in megabytes; lines beyond it are only counted.",
    ),
    key(
        "disk.reserve_mb",
        Kind::Count(16, 10_000_000),
        "1024",
        "Free space on the data directory's disk, in megabytes, below which the host only reduces positions and \
         raises an alert.",
    ),
    key("logs.format", Kind::Choice(&["text", "json"]), "text", "Format of log lines, on the console and in DIR/logs."),
    key(
        "logs.max_mb",
        Kind::Count(1, 10_000),
        "50",
        "Size of a file of DIR/logs, in megabytes, at which it is compressed and moved to logs/archive.",
    ),
    key(
        "logs.keep_days",
        Kind::Count(1, 36_500),
        "30",
        "Retention of files of logs/archive, in days; a current file moves there each day.",
    ),
    key(
        "database.keep_days",
        Kind::Count(1, 36_500),
        "365",
        "Retention of refusals and order events in the database, in days.",
    ),
    key(
        "backups.keep_days",
        Kind::Count(1, 36_500),
        "30",
        "Retention of database backups, in days; the newest is always kept.",
    ),
    key(
        "start.state",
        Kind::Choice(&["fresh", "same"]),
        "fresh",
        "The bot's state after a start: fresh (live starts STOPPED, the other modes RUNNING), or the same as at the end of \
         the last session.",
    ),
    key("account.signature_type", Kind::Count(0, 3), "0", "The venue's code for the wallet type; 0 is a plain key."),
    key("account.funder", Kind::Account, "", "The account that holds the funds; the signer's own address if empty."),
    key("chain_id", Kind::Count(1, 1_000_000_000_000), "137", "Chain id for order signatures; 137 is Polygon."),
];
