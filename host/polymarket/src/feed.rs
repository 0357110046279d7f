//! The venue's two channels (PROTOCOL 13 and 14): one task each that connects, subscribes, pings, detects silence and
//! reconnects. Frames are passed on unparsed with their receive time, through a bounded queue.

mod connection;
mod merge;
#[cfg(test)]
mod tests;

pub use merge::{Brought, Merge, Share, Verdict};

use crate::auth::Credentials;
use crate::tls;
use connection::Connection;
use model::{Time, TokenId};
use serde_json::json;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Maximum tokens per connection; beyond a few hundred the venue was seen to omit snapshots (PROTOCOL 13.1).
pub const ASSETS_MAX: usize = 200;
/// Maximum frames queued for the host. A host that lags further has lost its books, and the feed reconnects.
const QUEUE_MAX: usize = 4_096;
/// Maximum queued requests to a feed.
const REQUESTS_MAX: usize = 256;

/// Timeouts and intervals of a feed.
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// Limit for the connection and its handshakes.
    pub connect: Duration,
    /// Interval between two PINGs; the venue requires one every 10 s.
    pub ping: Duration,
    /// Time without any frame, PONG included, after which the connection counts as dead.
    pub silence: Duration,
    /// Waits before successive reconnects; the last one repeats.
    pub backoff: [Duration; 5],
    /// Uptime after which a lost connection restarts the backoff from its first wait.
    pub healthy: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            ping: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            backoff: [250, 500, 1_000, 2_000, 5_000].map(Duration::from_millis),
            healthy: Duration::from_secs(120),
        }
    }
}

/// Address, timing and clock of a feed.
#[derive(Debug, Clone)]
pub struct FeedConfig {
    /// The base address, such as `wss://ws-subscriptions-clob.polymarket.com`.
    pub address: String,
    /// Timeouts and intervals.
    pub timings: Timings,
    /// The host's clock, for receive times.
    pub now: fn() -> Time,
}

/// An event of a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// Connected, and the subscription was sent. Events missed meanwhile must be read by REST.
    Up,
    /// The connection is lost; the feed reconnects by itself.
    Down {
        /// The cause.
        reason: String,
    },
    /// A frame.
    Frame {
        /// Receive time.
        at: Time,
        /// Its text.
        text: Utf8Bytes,
    },
    /// The connection is alive: a PONG arrived.
    Alive {
        /// Receive time.
        at: Time,
    },
}

/// Reasons why a feed cannot start.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The address is invalid.
    #[error("`{0}` is not a WebSocket address; expected wss://HOST, or ws://HOST for this machine")]
    Address(String),
    /// The user channel sends secrets, which must not cross a network unencrypted.
    #[error("the user channel sends secrets, so `{0}` must be wss:// or on this machine")]
    Plain(String),
    /// There are more tokens than one connection allows.
    #[error("{got} tokens exceed the maximum of {ASSETS_MAX} per connection")]
    TooMany {
        /// Number of tokens.
        got: usize,
    },
    /// TLS is not available.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

/// The subscription of a feed.
#[derive(Debug, Clone)]
enum Subscription {
    Market(Vec<TokenId>),
    User(Box<Credentials>),
}

impl Subscription {
    /// Adds tokens.
    fn add(&mut self, tokens: &[TokenId]) {
        if let Self::Market(subscribed) = self {
            subscribed.extend(tokens.iter().filter(|token| !subscribed.contains(token)).copied().collect::<Vec<_>>());
        }
    }

    /// Removes tokens.
    fn remove(&mut self, tokens: &[TokenId]) {
        if let Self::Market(subscribed) = self {
            subscribed.retain(|token| !tokens.contains(token));
        }
    }

    /// Returns the first frame of a connection.
    fn frame(&self) -> String {
        match self {
            // Without the flag the venue does not report resolutions (PROTOCOL 13.1).
            Self::Market(tokens) => {
                json!({"type": "market", "assets_ids": texts(tokens), "custom_feature_enabled": true}).to_string()
            }
            Self::User(credentials) => {
                let (secret, passphrase) = (credentials.secret(), credentials.passphrase());
                let auth = json!({"apiKey": credentials.api_key(), "secret": secret, "passphrase": passphrase});
                json!({"type": "user", "auth": auth}).to_string()
            }
        }
    }
}

fn texts(tokens: &[TokenId]) -> Vec<String> {
    tokens.iter().map(ToString::to_string).collect()
}

/// A running channel. Dropping it ends the task.
#[derive(Debug)]
pub struct Feed {
    requests: mpsc::Sender<Request>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Request {
    Resnapshot(Vec<TokenId>),
    Subscribe(Vec<TokenId>),
    Unsubscribe(Vec<TokenId>),
    Reconnect,
}

impl Feed {
    /// Subscribes to the market channel of these tokens.
    ///
    /// # Errors
    /// If the address is invalid or there are more than [`ASSETS_MAX`] tokens. Losing the connection is not an error.
    pub fn market(config: FeedConfig, tokens: Vec<TokenId>) -> Result<(Self, mpsc::Receiver<FeedEvent>), FeedError> {
        if tokens.len() > ASSETS_MAX {
            return Err(FeedError::TooMany { got: tokens.len() });
        }
        Self::start(config, "/ws/market", Subscription::Market(tokens))
    }

    /// Subscribes to the user channel of this API key: all its markets.
    ///
    /// # Errors
    /// If the address is invalid or would send the key unencrypted.
    pub fn user(config: FeedConfig, credentials: Credentials) -> Result<(Self, mpsc::Receiver<FeedEvent>), FeedError> {
        let url = parse(&config.address)?;
        if !tls::is_private(&url, "wss", "ws") {
            return Err(FeedError::Plain(config.address));
        }
        Self::start(config, "/ws/user", Subscription::User(Box::new(credentials)))
    }

    /// Requests fresh books of these tokens by subscribing to them again. Dropped if the request queue is full: the
    /// host requests again while a book stays blind.
    pub fn resnapshot(&self, tokens: Vec<TokenId>) {
        self.request(Request::Resnapshot(tokens));
    }

    /// Adds these tokens to the subscription, now and after each reconnect; false if the request queue is full. The
    /// caller ensures that one connection has at most [`ASSETS_MAX`] tokens.
    pub fn subscribe(&self, tokens: Vec<TokenId>) -> bool {
        self.request(Request::Subscribe(tokens))
    }

    /// Removes these tokens from the subscription; false if the request queue is full.
    pub fn unsubscribe(&self, tokens: Vec<TokenId>) -> bool {
        self.request(Request::Unsubscribe(tokens))
    }

    /// Drops the connection and reconnects, which resends every book.
    pub fn reconnect(&self) {
        self.request(Request::Reconnect);
    }

    fn request(&self, request: Request) -> bool {
        let sent = self.requests.try_send(request);
        if let Err(error) = &sent {
            tracing::warn!(%error, "feed request dropped; its queue is full or closed");
        }
        sent.is_ok()
    }

    fn start(
        config: FeedConfig,
        path: &str,
        subscription: Subscription,
    ) -> Result<(Self, mpsc::Receiver<FeedEvent>), FeedError> {
        let base = parse(&config.address)?;
        let url = format!("{}{path}", base.as_str().trim_end_matches('/'));
        let (events, received) = mpsc::channel(QUEUE_MAX);
        let (requests, asked) = mpsc::channel(REQUESTS_MAX);
        let tls = tls::client_config()?;
        let connection = Connection { url, subscription, timings: config.timings, now: config.now, tls, events };
        Ok((Self { requests, task: tokio::spawn(connection.run(asked)) }, received))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn parse(address: &str) -> Result<reqwest::Url, FeedError> {
    let url = reqwest::Url::parse(address).ok().filter(|url| matches!(url.scheme(), "ws" | "wss") && url.has_host());
    url.ok_or_else(|| FeedError::Address(address.to_owned()))
}
