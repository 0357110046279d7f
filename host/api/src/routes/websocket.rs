//! The ordered stream of updates over a WebSocket, with the same updates, numbers and resumption as server-sent events.

use super::stream::{After, follow_of, refused};
use crate::auth::Proof;
use crate::guard::Caller;
use crate::held::Held;
use crate::params::Query;
use crate::problem::ProblemResponse;
use crate::state::AppState;
use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use readmodel::Follow;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// The interval of pings.
const PING_EVERY: Duration = Duration::from_secs(15);
/// The longest message of a client; messages of clients are ignored.
const MESSAGE_MAX: usize = 1_024;

/// Sends updates as text messages `{"event": "update", "session": S, "message": StreamMessage}`.
///
/// The updates after the one that `after` names as SESSION-SEQ are sent; without it, new updates only. If that update
/// is of another session, or the next update was dropped, the only message is `{"event": "reset", "session": S}`:
/// fetch the snapshot again. The stream ends when the token is revoked or expires. A page of another origin is refused.
#[utoipa::path(get, path = "/v1/ws", tag = "page", params(("after" = Option<String>, Query, description = "SESSION-SEQ: `bot.session` and `seq` of a snapshot")), responses((status = 101, description = "the WebSocket"), (status = 400), (status = 426)))]
pub(crate) async fn websocket(
    State(app): State<AppState>,
    Caller(_, proof, _): Caller,
    Query(query): Query<After>,
    headers: HeaderMap,
    held: Option<Extension<Held>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ProblemResponse> {
    if let Some(other) = other_origin(&headers) {
        let detail = format!("a page of the origin `{other}` may not open a WebSocket of this host");
        return Err(ProblemResponse::new(StatusCode::FORBIDDEN, detail));
    }
    let upgrade = upgrade.map_err(|refused| ProblemResponse::new(refused.status(), refused.body_text()))?;
    let follow = follow_of(&app, query.after);
    let upgrade = upgrade.max_message_size(MESSAGE_MAX).max_frame_size(MESSAGE_MAX);
    Ok(upgrade.on_upgrade(move |socket| async move {
        let held = held.map(|Extension(held)| held);
        follow_on(socket, app, follow, proof, held).await;
    }))
}

/// Returns the origin of a browser's page if it is not this host's own: a browser lets any page open a WebSocket, and
/// sends this host's cookie.
fn other_origin(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or_default();
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    (Some(host) != text(header::HOST)).then(|| origin.to_owned())
}

async fn follow_on(mut socket: WebSocket, app: AppState, follow: Option<Follow>, proof: Proof, held: Option<Held>) {
    let session = app.session;
    // The connection is in use until this returns, and may be closed to make room for another one.
    let _busy = held.as_ref().map(Held::begin);
    let sent = match follow {
        Some(follow) => {
            let closed = async {
                match &held {
                    Some(held) => held.closed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = refused(app, proof) => Ok(()),
                () = closed => Ok(()),
                sent = send_all(&mut socket, follow, session) => sent,
            }
        }
        None => socket.send(reset(session)).await,
    };
    let ended = match sent {
        Ok(()) => socket.send(Message::Close(None)).await,
        failed => failed,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "websocket ended");
    }
}

async fn send_all(socket: &mut WebSocket, follow: Follow, session: u64) -> Result<(), axum::Error> {
    let Follow { missed, mut live } = follow;
    for message in missed {
        socket.send(update(session, &message.json)).await?;
    }
    let mut ping = tokio::time::interval(PING_EVERY);
    loop {
        tokio::select! {
            biased;
            message = live.recv() => match message {
                Ok(message) => socket.send(update(session, &message.json)).await?,
                Err(RecvError::Lagged(_)) => return socket.send(reset(session)).await,
                Err(RecvError::Closed) => return Ok(()),
            },
            received = socket.recv() => match received {
                None | Some(Ok(Message::Close(_))) => return Ok(()),
                Some(received) => drop(received?),
            },
            _ = ping.tick() => socket.send(Message::Ping(axum::body::Bytes::new())).await?,
        }
    }
}

fn update(session: u64, json: &str) -> Message {
    Message::text(format!("{{\"event\":\"update\",\"session\":{session},\"message\":{json}}}"))
}

fn reset(session: u64) -> Message {
    Message::text(format!("{{\"event\":\"reset\",\"session\":{session}}}"))
}
