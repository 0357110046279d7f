//! The stream of updates over a WebSocket, through a real listener.

use super::{PATIENCE, serve};
use crate::tests::Rig;
use futures_util::StreamExt;
use serde_json::Value;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

type Socket = WebSocketStream<TcpStream>;

/// Opens a WebSocket with these headers.
async fn open(port: u16, path: &str, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let mut request = format!("ws://127.0.0.1:{port}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    client_async(request, stream).await.map(|(socket, _)| socket)
}

/// Returns the next text; `None` if the other end closes.
async fn text(socket: &mut Socket) -> Option<Value> {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap()? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

fn status(refused: Result<Socket, Error>) -> u16 {
    match refused {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_websocket_has_the_streams_changes_and_resumes_as_it_does() {
    let rig = Rig::new("websocket").await;
    let port = serve(rig.router.clone(), 16).await;
    let bearer = format!("Bearer {}", rig.viewer);
    let token = [("authorization", bearer.as_str())];
    rig.parts.picture.channel(model::input::Channel::Market, true);
    rig.parts.picture.channel(model::input::Channel::User, true);
    let mut socket = open(port, "/v1/ws?after=7-0", &token).await.unwrap();
    for seq in [1, 2] {
        let message = text(&mut socket).await.unwrap();
        let place = (message["event"].as_str(), message["session"].as_u64(), message["message"]["seq"].as_u64());
        assert_eq!(place, (Some("update"), Some(7), Some(seq)), "{message}");
        assert!(message["message"]["update"]["kind"].is_string(), "{message}");
    }
    rig.parts.picture.channel(model::input::Channel::Market, false);
    assert_eq!(text(&mut socket).await.unwrap()["message"]["seq"], 3, "the stream continues");
    for foreign in ["6-1", "7-99", "1", "x"] {
        let mut socket = open(port, &format!("/v1/ws?after={foreign}"), &token).await.unwrap();
        let message = text(&mut socket).await.unwrap();
        assert_eq!((message["event"].as_str(), message["session"].as_u64()), (Some("reset"), Some(7)), "{foreign}");
        assert_eq!(text(&mut socket).await, None, "nothing after it");
    }
}

#[tokio::test]
async fn a_websocket_is_for_callers_of_this_origin_and_ends_with_their_token() {
    let rig = Rig::new("websocket-callers").await;
    let port = serve(rig.router.clone(), 16).await;
    let bearer = format!("Bearer {}", rig.viewer);
    let token = ("authorization", bearer.as_str());
    assert_eq!(status(open(port, "/v1/ws", &[]).await), 401);
    assert_eq!(status(open(port, "/v1/ws", &[token, ("origin", "https://evil.example")]).await), 403);
    assert_eq!(status(open(port, "/v1/ws", &[token, ("upgrade", "other")]).await), 400);
    let own = format!("http://127.0.0.1:{port}");
    let mut socket = open(port, "/v1/ws", &[token, ("origin", &own)]).await.unwrap();
    let revoked = rig.parts.auth.revoke_token(&rig.parts.db, "screen", "test", (rig.parts.clock)());
    revoked.unwrap();
    assert_eq!(text(&mut socket).await, None);
}

#[tokio::test]
async fn websockets_keep_their_places_and_give_them_up_for_others() {
    let rig = Rig::new("websocket-places").await;
    let port = serve(rig.router.clone(), 8).await;
    let bearer = format!("Bearer {}", rig.viewer);
    let token = [("authorization", bearer.as_str())];
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(open(port, "/v1/ws", &token).await.unwrap());
    }
    // The ninth finds no place, so the oldest is closed for it.
    sockets.push(timeout(PATIENCE, open(port, "/v1/ws", &token)).await.unwrap().unwrap());
    assert_eq!(text(&mut sockets[0]).await, None);
    rig.parts.picture.channel(model::input::Channel::Market, true);
    for socket in &mut sockets[1..] {
        assert_eq!(timeout(Duration::from_secs(20), text(socket)).await.unwrap().unwrap()["event"], "update");
    }
}
