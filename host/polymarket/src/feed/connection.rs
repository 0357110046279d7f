//! The task of one channel: connects, and reconnects after each loss.

use super::{FeedEvent, Request, Subscription, Timings, texts};
use futures_util::{SinkExt, StreamExt};
use model::{Time, TokenId};
use rustls::ClientConfig;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

/// Maximum bytes of a message; the first dump of 200 books has about 2 MB.
const MESSAGE_MAX: usize = 16 * 1024 * 1024;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// State of a channel's task.
pub(super) struct Connection {
    pub(super) url: String,
    pub(super) subscription: Subscription,
    pub(super) timings: Timings,
    pub(super) now: fn() -> Time,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) events: mpsc::Sender<FeedEvent>,
}

/// Reconnect backoff. Only a connection that stayed up for a long time resets it: handshakes that succeed and
/// connections that are lost right after them would otherwise cause a reconnect storm.
#[derive(Debug)]
pub(super) struct Backoff {
    waits: [Duration; 5],
    healthy: Duration,
    attempt: usize,
}

impl Backoff {
    pub(super) const fn new(timings: &Timings) -> Self {
        Self { waits: timings.backoff, healthy: timings.healthy, attempt: 0 }
    }

    /// Records a lost connection and when it came up, if it did; returns the wait before the next one.
    pub(super) fn lost(&mut self, now: Instant, up_since: Option<Instant>) -> Duration {
        if up_since.is_some_and(|since| now.saturating_duration_since(since) >= self.healthy) {
            self.attempt = 0;
        }
        let last = self.waits.len().saturating_sub(1);
        let wait = self.waits.get(self.attempt.min(last)).copied().unwrap_or_default();
        self.attempt = self.attempt.saturating_add(1);
        wait
    }
}

/// Reasons why a connection ended.
enum End {
    /// Lost; reconnect.
    Lost(String),
    /// The receiver is closed.
    NoReceiver,
}

impl Connection {
    /// Reconnects until the receiver is closed.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut backoff = Backoff::new(&self.timings);
        loop {
            let mut up_since = None;
            let End::Lost(reason) = self.once(&mut requests, &mut up_since).await else { return };
            tracing::warn!(url = %self.url, %reason, "channel lost; reconnecting");
            if self.events.send(FeedEvent::Down { reason }).await.is_err() {
                return;
            }
            sleep(backoff.lost(Instant::now(), up_since)).await;
        }
    }

    async fn once(&mut self, requests: &mut mpsc::Receiver<Request>, up_since: &mut Option<Instant>) -> End {
        let mut socket = match timeout(self.timings.connect, self.connect()).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(reason)) => return End::Lost(reason),
            Err(_) => return End::Lost(format!("no connection within {} s", self.timings.connect.as_secs())),
        };
        if let Err(end) = self.send(&mut socket, self.subscription.frame()).await {
            return end;
        }
        if self.events.send(FeedEvent::Up).await.is_err() {
            return End::NoReceiver;
        }
        *up_since = Some(Instant::now());
        match self.listen(&mut socket, requests).await {
            Ok(()) => End::NoReceiver,
            Err(end) => end,
        }
    }

    async fn connect(&self) -> Result<Socket, String> {
        let config = WebSocketConfig::default().max_message_size(Some(MESSAGE_MAX)).max_frame_size(Some(MESSAGE_MAX));
        let connector = Connector::Rustls(Arc::clone(&self.tls));
        let connected = connect_async_tls_with_config(&self.url, Some(config), true, Some(connector)).await;
        connected.map(|(socket, _)| socket).map_err(|error| format!("connecting: {error}"))
    }

    async fn listen(&mut self, socket: &mut Socket, requests: &mut mpsc::Receiver<Request>) -> Result<(), End> {
        let first = Instant::now().checked_add(self.timings.ping).unwrap_or_else(Instant::now);
        let mut ping = interval_at(first, self.timings.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut dead_at = self.dead_at();
        loop {
            tokio::select! {
                message = socket.next() => {
                    dead_at = self.dead_at();
                    self.on_message(message)?;
                }
                _ = ping.tick() => self.send(socket, "PING".to_owned()).await?,
                () = sleep_until(dead_at) => {
                    return Err(End::Lost(format!("silent for {} s", self.timings.silence.as_secs())));
                }
                request = requests.recv() => match request {
                    None => return Ok(()),
                    Some(request) => self.follow(socket, request).await?,
                },
            }
        }
    }

    async fn follow(&mut self, socket: &mut Socket, request: Request) -> Result<(), End> {
        match request {
            Request::Reconnect => Err(End::Lost("a reconnect was requested".to_owned())),
            Request::Resnapshot(tokens) => {
                self.operate(socket, "unsubscribe", &tokens).await?;
                self.operate(socket, "subscribe", &tokens).await
            }
            Request::Subscribe(tokens) => {
                self.subscription.add(&tokens);
                self.operate(socket, "subscribe", &tokens).await
            }
            Request::Unsubscribe(tokens) => {
                self.subscription.remove(&tokens);
                self.operate(socket, "unsubscribe", &tokens).await
            }
        }
    }

    /// Changes the subscription of an open connection (PROTOCOL 13.1).
    async fn operate(&self, socket: &mut Socket, operation: &str, tokens: &[TokenId]) -> Result<(), End> {
        let mut frame = json!({"operation": operation, "assets_ids": texts(tokens)});
        // Subscribing without the flag would clear it for the whole connection.
        if operation == "subscribe"
            && let Some(fields) = frame.as_object_mut()
        {
            fields.insert("custom_feature_enabled".to_owned(), true.into());
        }
        self.send(socket, frame.to_string()).await
    }

    fn dead_at(&self) -> Instant {
        Instant::now().checked_add(self.timings.silence).unwrap_or_else(Instant::now)
    }

    fn on_message(&self, message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Result<(), End> {
        let at = (self.now)();
        match message {
            None | Some(Ok(Message::Close(_))) => Err(End::Lost("the venue closed the connection".to_owned())),
            Some(Err(error)) => Err(End::Lost(format!("reading: {error}"))),
            Some(Ok(Message::Text(text))) if text.as_str().eq_ignore_ascii_case("pong") => {
                self.emit(FeedEvent::Alive { at })
            }
            Some(Ok(Message::Text(text))) => self.emit(FeedEvent::Frame { at, text }),
            Some(Ok(Message::Binary(_))) => Err(End::Lost("the venue sent a binary frame".to_owned())),
            // The library answers WebSocket pings by itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Ok(()),
        }
    }

    /// Sends an event to the host without waiting: if one frame does not fit, every later one is useless.
    fn emit(&self, event: FeedEvent) -> Result<(), End> {
        self.events.try_send(event).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => End::Lost("the host did not keep up".to_owned()),
            mpsc::error::TrySendError::Closed(_) => End::NoReceiver,
        })
    }

    async fn send(&self, socket: &mut Socket, text: String) -> Result<(), End> {
        match timeout(self.timings.connect, socket.send(Message::Text(Utf8Bytes::from(text)))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(End::Lost(format!("sending: {error}"))),
            Err(_) => Err(End::Lost("sending to the venue timed out".to_owned())),
        }
    }
}
