//! The venue's two channels (PROTOCOL 13 and 14): one task each that connects, subscribes, pings, notices silence and connects
//! again. Frames go out unparsed with their time of receipt, through a bounded queue.

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

/// The most tokens of one connection; beyond a few hundred the venue was seen to leave out snapshots (PROTOCOL 13.1).
pub const ASSETS_MAX: usize = 200;
/// Frames that wait for the host; a host that lags more than this has lost the picture, and the connection starts anew.
const QUEUE_MAX: usize = 4_096;
/// Requests to a feed that wait.
const REQUESTS_MAX: usize = 256;

/// How patient a feed is.
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// For the connection and its handshakes.
    pub connect: Duration,
    /// Between two PINGs; the venue wants one every 10 s.
    pub ping: Duration,
    /// Without any frame, PONG included, after which the connection counts as dead.
    pub silence: Duration,
    /// Before each attempt to connect again; the last stays.
    pub backoff: [Duration; 5],
    /// How long a connection must have been up for its loss to be the first of a row of attempts again.
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

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct FeedConfig {
    /// The base address, such as `wss://ws-subscriptions-clob.polymarket.com`.
    pub address: String,
    /// How patient to be.
    pub timings: Timings,
    /// The host's clock, for the times of receipt.
    pub now: fn() -> Time,
}

/// What a feed tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedEvent {
    /// Connected, and the subscription was sent. What was missed meanwhile has to be asked by REST.
    Up,
    /// The connection is lost; the feed connects again by itself.
    Down {
        /// Why.
        reason: String,
    },
    /// A frame.
    Frame {
        /// When it was received.
        at: Time,
        /// Its text.
        text: Utf8Bytes,
    },
    /// The connection is alive: a PONG came.
    Alive {
        /// When it was received.
        at: Time,
    },
}

/// Why there is no feed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The address is none.
    #[error("`{0}` is no WebSocket address; write wss://HOST, or ws://HOST for this machine")]
    Address(String),
    /// The user channel takes secrets, which must not cross a network in the clear.
    #[error("the user channel sends secrets, so `{0}` must be wss:// or on this machine")]
    Plain(String),
    /// There are more tokens than one connection takes.
    #[error("{got} tokens are more than the {ASSETS_MAX} of one connection")]
    TooMany {
        /// How many there are.
        got: usize,
    },
    /// TLS is not available.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

/// What a feed subscribes to.
#[derive(Debug, Clone)]
enum Subscription {
    Market(Vec<TokenId>),
    User(Box<Credentials>),
}

impl Subscription {
    /// Takes tokens in.
    fn add(&mut self, tokens: &[TokenId]) {
        if let Self::Market(subscribed) = self {
            subscribed.extend(tokens.iter().filter(|token| !subscribed.contains(token)).copied().collect::<Vec<_>>());
        }
    }

    /// Leaves tokens out.
    fn remove(&mut self, tokens: &[TokenId]) {
        if let Self::Market(subscribed) = self {
            subscribed.retain(|token| !tokens.contains(token));
        }
    }

    /// Returns the first frame of a connection.
    fn frame(&self) -> String {
        match self {
            // Without the flag the venue does not tell that a market is over (PROTOCOL 13.1).
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
    /// Listens to the market channel of these tokens.
    ///
    /// # Errors
    /// If the address is none or there are more than [`ASSETS_MAX`] tokens. Losing the connection is no error.
    pub fn market(config: FeedConfig, tokens: Vec<TokenId>) -> Result<(Self, mpsc::Receiver<FeedEvent>), FeedError> {
        if tokens.len() > ASSETS_MAX {
            return Err(FeedError::TooMany { got: tokens.len() });
        }
        Self::start(config, "/ws/market", Subscription::Market(tokens))
    }

    /// Listens to the user channel of this API key: all its markets.
    ///
    /// # Errors
    /// If the address is none or would send the key in the clear.
    pub fn user(config: FeedConfig, credentials: Credentials) -> Result<(Self, mpsc::Receiver<FeedEvent>), FeedError> {
        let url = parse(&config.address)?;
        if !tls::is_private(&url, "wss", "ws") {
            return Err(FeedError::Plain(config.address));
        }
        Self::start(config, "/ws/user", Subscription::User(Box::new(credentials)))
    }

    /// Asks for fresh books of these tokens, by subscribing to them again. Ignored if too much is asked at once: the host
    /// asks again when a book stays blind.
    pub fn resnapshot(&self, tokens: Vec<TokenId>) {
        self.request(Request::Resnapshot(tokens));
    }

    /// Listens to these tokens too, now and after each reconnect; false if there was no room among the waiting requests.
    /// The caller sees to it that one connection has [`ASSETS_MAX`] tokens at most.
    pub fn subscribe(&self, tokens: Vec<TokenId>) -> bool {
        self.request(Request::Subscribe(tokens))
    }

    /// Listens to these tokens no longer; false if there was no room among the waiting requests.
    pub fn unsubscribe(&self, tokens: Vec<TokenId>) -> bool {
        self.request(Request::Unsubscribe(tokens))
    }

    /// Drops the connection and makes a new one, which brings every book anew.
    pub fn reconnect(&self) {
        self.request(Request::Reconnect);
    }

    fn request(&self, request: Request) -> bool {
        let sent = self.requests.try_send(request);
        if let Err(error) = &sent {
            tracing::warn!(%error, "a feed is too busy for a request");
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
