//! Every key that can be set: its kind with its range, its default, and what it does.

use alerts::Severity;

/// What values a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Money, a decimal number of dollars with at most six decimals; the range in micro-dollars.
    Usd(i64, i64),
    /// A decimal number of percent with at most two decimals; the range in basis points.
    Percent(i64, i64),
    /// A whole number.
    Count(i64, i64),
    /// `true` or `false`.
    Flag,
    /// An IP address and a port, such as `127.0.0.1:8000`.
    Listen,
    /// A web address that begins with one of these.
    Url(&'static [&'static str]),
    /// An account: `0x` and 40 hexadecimal digits, or nothing.
    Account,
    /// Whole numbers, commas between them.
    Numbers,
    /// Words, commas between them.
    Words,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A folder, or nothing.
    Folder,
    /// A database's address, or nothing.
    Database,
    /// A webhook's address, or nothing. It is a secret: it is never shown, and no flag takes it.
    Webhook,
}

impl Kind {
    /// Says whether a bare number of a file can be its value.
    pub(super) const fn takes_numbers(self) -> bool {
        matches!(self, Self::Usd(..) | Self::Percent(..) | Self::Count(..) | Self::Numbers)
    }
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the file and in flags.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds if nobody sets it.
    pub default: &'static str,
    /// What it does.
    pub description: &'static str,
}

impl Key {
    /// Returns the name of its variable in the environment.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

/// What our variables in the environment begin with.
pub const PREFIX: &str = "POLYTRADER_";

/// Variables of ours that are no keys: they tell tests and tools where things are, or the signer its secret.
pub const OTHER_VARIABLES: [&str; 12] = [
    "POLYTRADER_ACCOUNT_LOCK",
    "POLYTRADER_BIN",
    "POLYTRADER_DATA",
    "POLYTRADER_DEV_API",
    "POLYTRADER_DEV_MODE",
    "POLYTRADER_PRIVATE_KEY",
    "POLYTRADER_RELAYER_KEY",
    "POLYTRADER_RELAYER_KEY_ADDRESS",
    "POLYTRADER_SCREENSHOT",
    "POLYTRADER_SHARED",
    "POLYTRADER_SIGNER_TEST_ROLE",
    "POLYTRADER_STRATEGIES",
];

const CENT: i64 = 10_000;
const MILLION: i64 = 1_000_000_000_000;

const fn key(name: &'static str, kind: Kind, default: &'static str, description: &'static str) -> Key {
    Key { name, kind, default, description }
}

/// All keys, in the order in which people see them: the runbook's first.
pub const KEYS: [Key; 78] = [
    key(
        "portfolio_trade_pct",
        Kind::Percent(1, 10_000),
        "5",
        "The most one order may cost, in percent of the portfolio.",
    ),
    key(
        "max_market_usd",
        Kind::Usd(CENT, MILLION),
        "100",
        "The most that can be lost in one market, all open orders filled.",
    ),
    key("daily_loss_limit_usd", Kind::Usd(CENT, MILLION), "25", "The loss since 00:00 UTC at which trading stops."),
    key(
        "take_profit_pct",
        Kind::Percent(1, 1_000_000),
        "8",
        "The gain on its cost at which the host closes a position.",
    ),
    key("stop_loss_pct", Kind::Percent(1, 10_000), "5", "The loss on its cost at which the host closes a position."),
    key("max_open_positions", Kind::Count(1, 10_000), "5", "The most markets that are held or bid for."),
    key("max_order_usd", Kind::Usd(CENT, MILLION), "100", "The most one order may cost, whatever the portfolio."),
    key(
        "max_order_shares",
        Kind::Count(1, 1_000_000_000),
        "500",
        "The most shares of one order; catches a size in the wrong unit.",
    ),
    key(
        "max_event_usd",
        Kind::Usd(CENT, MILLION),
        "200",
        "The most that can be lost on one event whose markets exclude each other, all open orders filled.",
    ),
    key(
        "max_gross_pct",
        Kind::Percent(1, 1_000_000),
        "50",
        "The most that positions and bids may cost together, in percent of the portfolio.",
    ),
    key(
        "max_resting_pct",
        Kind::Percent(1, 1_000_000),
        "40",
        "The most that bids which could all fill may cost, in percent of the portfolio.",
    ),
    key("cash_reserve_pct", Kind::Percent(0, 10_000), "10", "The cash that stays free, in percent of the portfolio."),
    key(
        "max_strategy_pct",
        Kind::Percent(1, 1_000_000),
        "20",
        "The most that one strategy's positions and bids may cost, in percent of the portfolio.",
    ),
    key(
        "max_strategy_loss_usd",
        Kind::Usd(CENT, MILLION),
        "20",
        "The loss of one strategy since 00:00 UTC, fees counted, at which it stops.",
    ),
    key(
        "max_losing_trips",
        Kind::Count(1, 10_000),
        "5",
        "Losing round trips of one strategy running after which it rests for an hour.",
    ),
    key(
        "max_jump_usd",
        Kind::Usd(1_000, 1_000_000),
        "0.1",
        "How far the middle of a book may move within 10 seconds, in dollars a share; beyond it quotes are pulled for a minute.",
    ),
    key(
        "min_edge_usd",
        Kind::Usd(0, 1_000_000),
        "0.005",
        "By how much, in dollars a share and after the fee, an order must be better than the fair value that its strategy tells.",
    ),
    key(
        "probation_s",
        Kind::Count(0, 31_536_000),
        "86400",
        "How long a new module trades a tenth of max_order_usd, in seconds; live only.",
    ),
    key("exit_orphans", Kind::Flag, "false", "Whether the guards close what a removed or disabled strategy holds."),
    key(
        "max_drawdown_pct",
        Kind::Percent(1, 10_000),
        "10",
        "The fall from the portfolio's peak at which trading stops, in percent of the peak.",
    ),
    key(
        "price_collar_pct",
        Kind::Percent(1, 1_000_000),
        "15",
        "How far beyond the middle of the book an order may reach, in percent of it; 5 cents at the least.",
    ),
    key(
        "max_slippage_ticks",
        Kind::Count(0, 1_000),
        "2",
        "How many ticks beyond the best opposite price an order may reach.",
    ),
    key(
        "max_depth_pct",
        Kind::Percent(1, 1_000_000),
        "10",
        "The part of the visible depth within that reach which one order may take, in percent.",
    ),
    key("max_open_orders", Kind::Count(1, 10_000), "100", "The most orders that are not over."),
    key("max_market_orders", Kind::Count(1, 10_000), "10", "The most orders that are not over in one market."),
    key("max_orders_per_minute", Kind::Count(1, 100_000), "600", "The most orders placed in any 60 seconds."),
    key(
        "max_strategy_orders_per_minute",
        Kind::Count(1, 100_000),
        "300",
        "The most orders that one strategy places in any 60 seconds.",
    ),
    key(
        "max_repeats",
        Kind::Count(1, 10_000),
        "5",
        "Equal orders of one strategy within 10 seconds; one more disables it. Standing quotes do not count.",
    ),
    key(
        "max_fills_per_minute",
        Kind::Count(1, 10_000),
        "10",
        "Fills of one strategy on one side of a market within 60 seconds; one more disables it.",
    ),
    key(
        "min_time_to_end_s",
        Kind::Count(0, 31_536_000),
        "7200",
        "No new risk in a market that is due to end within this many seconds.",
    ),
    key("stale_after_s", Kind::Count(1, 3_600), "60", "How long a book is trusted after its last sign of life."),
    key(
        "signer.max_order_usd",
        Kind::Usd(CENT, MILLION),
        "1000",
        "The most one order is worth that the signer signs; a SELL counts a dollar a share. In live mode the keystore's signer limits \
         hold, and these lower them.",
    ),
    key(
        "signer.max_minute_usd",
        Kind::Usd(CENT, MILLION),
        "10000",
        "The most that the orders signed in any 60 seconds are worth.",
    ),
    key(
        "signer.max_day_usd",
        Kind::Usd(CENT, 1_000 * MILLION),
        "100000",
        "The most that the orders signed on one UTC day are worth.",
    ),
    key("signer.max_orders_per_minute", Kind::Count(1, 100_000), "300", "The most orders signed in any 60 seconds."),
    key(
        "signer.max_batches_per_minute",
        Kind::Count(0, 1_000),
        "0",
        "The most wallet batches (redeem, merge, split, approve) signed in any 60 seconds; 0 signs none.",
    ),
    key("markets_max", Kind::Count(1, 1_000), "20", "The most markets that are watched at once."),
    key(
        "markets.tags",
        Kind::Numbers,
        "",
        "Only markets with one of these tags, by the catalog's numbers; all if empty.",
    ),
    key(
        "markets.slugs",
        Kind::Words,
        "",
        "Only markets whose slug begins with one of these words, such as btc-updown-5m-; all if empty.",
    ),
    key("markets.min_liquidity_usd", Kind::Usd(0, 1_000 * MILLION), "0", "Only markets with this much in the book."),
    key(
        "markets.ends_after_minutes",
        Kind::Count(0, 10_000_000),
        "0",
        "Only markets that go on for so many minutes, at the least; 0 for all.",
    ),
    key(
        "markets.ends_within_minutes",
        Kind::Count(0, 10_000_000),
        "0",
        "Only markets that end within so many minutes; 0 for all.",
    ),
    key(
        "markets.negative_risk",
        Kind::Choice(&["any", "only", "never"]),
        "any",
        "Whether markets of events with several exclusive outcomes are wanted.",
    ),
    key(
        "markets.connections",
        Kind::Count(1, 4),
        "2",
        "The connections that bring the same market data; what comes first counts, and one may fail.",
    ),
    key("markets.look_every_s", Kind::Count(1, 86_400), "30", "How often new markets are looked for, in seconds."),
    key("api.listen", Kind::Listen, "127.0.0.1:8000", "Where the REST API is served; port 0 takes a free one."),
    key("dashboard.listen", Kind::Listen, "127.0.0.1:3000", "Where the dashboard is served; port 0 takes a free one."),
    key("api.allow_remote", Kind::Flag, "false", "Whether the API and the dashboard may be open to other machines."),
    key(
        "strategies_dir",
        Kind::Folder,
        "",
        "The folder of the strategies' .wasm files, absolute, below ~/ or relative to the data folder; `strategies` in the data folder if \
         empty.",
    ),
    key(
        "reload.live",
        Kind::Choice(&["arm", "auto"]),
        "arm",
        "With real money: whether a new version of a strategy trades when somebody armed it (arm), or at once if one version of it \
         was armed before (auto).",
    ),
    key(
        "reload.keep_versions",
        Kind::Count(2, 500),
        "20",
        "How many versions of each strategy are kept to go back to. Others go when no journal that is here names them.",
    ),
    key(
        "database_url",
        Kind::Database,
        "",
        "The database: sqlite:FILE, absolute, below ~/ or relative to the data folder, or postgres://USER@HOST/NAME; a file in the data \
         folder if empty. A server on another machine must offer TLS; sslmode=verify-full and sslrootcert=FILE check who it is.",
    ),
    key(
        "database.allow_plaintext",
        Kind::Flag,
        "false",
        "Whether the password and the rows may cross the network without TLS to a database server on another machine.",
    ),
    key(
        "database.wait_s",
        Kind::Count(0, 3_600),
        "60",
        "The seconds that a start waits for a database that is locked, restarts or is out of reach.",
    ),
    key(
        "venue.clob_url",
        Kind::Url(&["https://", "http://"]),
        "https://clob.polymarket.com",
        "The venue's REST address; the demo has its own.",
    ),
    key(
        "venue.ws_url",
        Kind::Url(&["wss://", "ws://"]),
        "wss://ws-subscriptions-clob.polymarket.com",
        "The venue's WebSocket address; the demo has its own.",
    ),
    key(
        "venue.gamma_url",
        Kind::Url(&["https://", "http://"]),
        "https://gamma-api.polymarket.com",
        "The address of the venue's catalog; the demo has its own.",
    ),
    key(
        "venue.data_url",
        Kind::Url(&["https://", "http://"]),
        "https://data-api.polymarket.com",
        "The address of the venue's public records of accounts; the demo has its own.",
    ),
    key(
        "venue.relayer_url",
        Kind::Url(&["https://", "http://"]),
        "https://relayer-v2.polymarket.com",
        "The address of the venue's relayer, which sends what a deposit wallet signed; the demo has its own.",
    ),
    key(
        "claims.execute",
        Kind::Choice(&["off", "relayer"]),
        "off",
        "Whether redemptions and merges that operators ask for go to the relayer; it wants POLYTRADER_RELAYER_KEY and \
         POLYTRADER_RELAYER_KEY_ADDRESS in the environment, and a signer that signs batches.",
    ),
    key(
        "claims.automatic",
        Kind::Flag,
        "false",
        "Whether shares of markets that have ended are redeemed without being asked for; needs claims.execute.",
    ),
    key(
        "alerts.webhook",
        Kind::Webhook,
        "",
        "Where alerts are posted: a webhook of Slack or Discord, or a server of yours. Nobody is told if empty.",
    ),
    key("alerts.level", Kind::Choice(&Severity::WORDS), "warning", "What matters less than this is not sent."),
    key(
        "live.enabled",
        Kind::Flag,
        "false",
        "Whether `--mode live` may trade real money. Only the line in the configuration file counts.",
    ),
    key(
        "live.without_heartbeat",
        Kind::Flag,
        "false",
        "Whether `--mode live` may trade with venue.heartbeat = false, where nothing cancels open orders if this machine dies. Only the line \
         in the configuration file counts.",
    ),
    key("paper.cash_usd", Kind::Usd(CENT, MILLION), "1000", "What a new account on paper begins with."),
    key(
        "paper.latency_ms",
        Kind::Count(0, 10_000),
        "50",
        "How long a request takes to the paper venue, and an answer back, in milliseconds.",
    ),
    key(
        "venue.site_url",
        Kind::Url(&["https://", "http://"]),
        "https://polymarket.com",
        "The venue's site, which `doctor` asks whether people may trade from here.",
    ),
    key(
        "venue.heartbeat",
        Kind::Flag,
        "true",
        "Whether the venue is to cancel everything ten seconds after this program has fallen silent.",
    ),
    key(
        "journal.keep_days",
        Kind::Count(1, 36_500),
        "365",
        "How many days files of the journal are kept that no start needs any more.",
    ),
    key(
        "journal.max_mb",
        Kind::Count(256, 100_000_000),
        "20000",
        "The most megabytes of the journal's files; above it the oldest go that no start needs any more.",
    ),
    key(
        "database.refusals_max_mb",
        Kind::Count(1, 1_000_000),
        "256",
        "The most megabytes of refusals in the database; above it the oldest go.",
    ),
    key(
        "database.order_events_max_mb",
        Kind::Count(1, 1_000_000),
        "1024",
        "The most megabytes of the states of orders in the database; above it the oldest go. Orders, fills and the audit \
         stay.",
    ),
    key(
        "log.strategies_max_mb_per_day",
        Kind::Count(1, 1_000_000),
        "1000",
        "The most megabytes that all strategies together may log in a UTC day; what is beyond it is counted.",
    ),
    key(
        "disk.reserve_mb",
        Kind::Count(16, 10_000_000),
        "1024",
        "The free megabytes of the data folder's disk below which the host only reduces positions and raises an alert.",
    ),
    key(
        "account.signature_type",
        Kind::Count(0, 3),
        "0",
        "The venue's number for the kind of account; 0 is a plain key.",
    ),
    key("account.funder", Kind::Account, "", "The account that holds the money; the signer's own address if empty."),
    key("chain_id", Kind::Count(1, 1_000_000_000_000), "137", "The chain that orders are signed for; 137 is Polygon."),
];
