//! The market and the user channel (PROTOCOL 12 to 14).

use crate::keys::ApiKey;
use crate::world::{ListenerId, Listening, MarketWish, Shared, UserWish};
use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use model::{ConditionId, TokenId};
use serde::Deserialize;
use std::time::Duration;

/// Maximum bytes of a client's frame: a thousand token ids have 80 KB.
const FRAME_MAX: usize = 256 * 1024;
/// Maximum silence of a client; real ones send PING every 10 s.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A client's message, on either channel (PROTOCOL 13.1 and 14.1).
#[derive(Debug, Deserialize)]
struct ClientRequest {
    #[serde(default)]
    operation: Option<String>,
    #[serde(default)]
    assets_ids: Vec<String>,
    #[serde(default)]
    markets: Option<Vec<String>>,
    #[serde(default)]
    custom_feature_enabled: Option<bool>,
    #[serde(default)]
    initial_dump: Option<bool>,
    #[serde(default)]
    auth: Option<Auth>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    api_key: String,
    secret: String,
    passphrase: String,
}

impl ClientRequest {
    fn tokens(&self) -> Vec<TokenId> {
        self.assets_ids.iter().filter_map(|id| TokenId::parse(id)).collect()
    }

    fn conditions(&self) -> Option<Vec<ConditionId>> {
        Some(self.markets.as_ref()?.iter().filter_map(|id| ConditionId::parse(id)).collect())
    }

    fn is_unsubscribe(&self) -> bool {
        self.operation.as_deref() == Some("unsubscribe")
    }
}

/// The next action of a connection.
enum Next {
    /// Sends this frame.
    Send(Utf8Bytes),
    /// Handles this message.
    ClientRequest(Utf8Bytes),
    /// Does nothing.
    Idle,
    /// Ends the connection.
    Over,
}

async fn next(socket: &mut WebSocket, frames: &mut tokio::sync::mpsc::Receiver<Utf8Bytes>) -> Next {
    tokio::select! {
        frame = frames.recv() => frame.map_or(Next::Over, Next::Send),
        received = tokio::time::timeout(SILENCE_MAX, socket.recv()) => match received {
            Ok(Some(Ok(Message::Text(text)))) => Next::ClientRequest(text),
            Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => Next::Over,
            Ok(Some(Ok(_))) => Next::Idle,
        },
    }
}

/// Answers keepalives; returns any other message, parsed.
async fn keepalive(socket: &mut WebSocket, text: &Utf8Bytes) -> Option<ClientRequest> {
    if text.as_str() == "PING" {
        // A failed send ends the connection at its next read.
        drop(socket.send(Message::Text(Utf8Bytes::from_static("PONG"))).await);
        return None;
    }
    // Unparsable frames are ignored, as the venue does.
    serde_json::from_str(text).ok()
}

/// Sends a listener's frames and passes its client's requests to `on_text`, until either side ends the connection.
async fn serve(
    shared: &Shared,
    mut socket: WebSocket,
    Listening { id, mut frames }: Listening,
    on_text: fn(&Shared, ListenerId, &ClientRequest),
) {
    loop {
        match next(&mut socket, &mut frames).await {
            Next::Send(frame) => {
                if socket.send(Message::Text(frame)).await.is_err() {
                    break;
                }
            }
            Next::ClientRequest(text) => {
                if let Some(request) = keepalive(&mut socket, &text).await {
                    on_text(shared, id, &request);
                }
            }
            Next::Idle => {}
            Next::Over => break,
        }
    }
    shared.lock().hang_up(id);
}

pub(crate) async fn market(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(FRAME_MAX).on_upgrade(|socket| serve_market(shared, socket))
}

async fn serve_market(shared: Shared, socket: WebSocket) {
    let Some(listening) = shared.lock().listen_to_markets() else { return };
    serve(&shared, socket, listening, change_tokens).await;
}

fn change_tokens(shared: &Shared, id: ListenerId, request: &ClientRequest) {
    let tokens = request.tokens();
    let mut world = shared.lock();
    if request.is_unsubscribe() {
        world.unsubscribe(id, &tokens);
    } else {
        let dump = request.initial_dump.unwrap_or(true);
        world.subscribe(id, &MarketWish { tokens, custom: request.custom_feature_enabled, dump });
    }
}

pub(crate) async fn user(State(shared): State<Shared>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(FRAME_MAX).on_upgrade(|socket| serve_user(shared, socket))
}

async fn serve_user(shared: Shared, mut socket: WebSocket) {
    let Some(listening) = sign_in(&shared, &mut socket).await else { return };
    serve(&shared, socket, listening, change_conditions).await;
}

fn change_conditions(shared: &Shared, id: ListenerId, request: &ClientRequest) {
    if let Some(markets) = request.conditions() {
        shared.lock().change_markets(id, &markets, !request.is_unsubscribe());
    }
}

/// Waits for the frame that opens the channel; bad credentials close it.
async fn sign_in(shared: &Shared, socket: &mut WebSocket) -> Option<Listening> {
    loop {
        let Ok(Some(Ok(message))) = tokio::time::timeout(SILENCE_MAX, socket.recv()).await else { return None };
        let Message::Text(text) = message else { continue };
        let Some(request) = keepalive(socket, &text).await else { continue };
        // The official Rust client sends an empty list when it wants all markets.
        let markets = request.conditions().filter(|named| !named.is_empty());
        let auth = request.auth?;
        let key = ApiKey { id: auth.api_key, secret: auth.secret, passphrase: auth.passphrase };
        let mut world = shared.lock();
        let account = world.authenticate(&key)?;
        return world.listen_to_account(account, &UserWish { markets });
    }
}
