//! Listeners that are flooded by strangers and held by slow clients.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod websocket;

use super::listener::accept;
use crate::tests::Rig;
use axum::Router;
use axum::routing::get;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// Serves a router with this many connections, and returns the port.
async fn serve(router: Router, most: usize) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(accept(listener, router, most));
    port
}

async fn send(port: u16, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Sends a request and returns everything sent until the other end closes.
async fn request(port: u16, text: &str) -> String {
    let mut answer = String::new();
    let mut stream = send(port, text).await;
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

/// Waits until the other end closes, and returns what it sent.
async fn closed(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _reset = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

fn hello() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off_and_a_connection_that_waits_for_its_next_request_is_not() {
    let port = serve(hello(), 16).await;
    let began = Instant::now();
    let mut silent = send(port, "").await;
    let mut half = send(port, "GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
    let request = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut idle = send(port, request).await;
    let mut second = send(port, &format!("{request}GET /")).await;
    let dripping = tokio::spawn(async move {
        let mut stream = send(port, "GET / HTTP/1.1\r\n").await;
        while stream.write_all(b"a: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    for stream in [&mut silent, &mut half] {
        assert!(!closed(stream).await.contains("200 OK"));
    }
    timeout(PATIENCE, dripping).await.unwrap().unwrap();
    second.write_all(b"x").await.unwrap();
    assert!(closed(&mut second).await.ends_with("hello"), "its second request is never complete");
    assert!(began.elapsed() >= Duration::from_secs(9));
    // A client that does not check for a closed connection may reuse it.
    idle.write_all(request.replace("host: x", "host: x\r\nconnection: close").as_bytes()).await.unwrap();
    assert_eq!(closed(&mut idle).await.matches("hello").count(), 2);
}

#[tokio::test]
async fn a_flood_of_half_requests_neither_keeps_operators_out_nor_ends_their_streams() {
    let rig = Rig::new("flood").await;
    let port = serve(rig.router.clone(), 16).await;
    let head = |path: &str, more: &str| {
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\n{more}\r\n", rig.viewer)
    };
    let mut stream = send(port, &head("/v1/stream", "")).await;
    let mut began = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut began)).await.unwrap().unwrap();
    assert_eq!(&began, b"HTTP/1.1 200");
    let mut flood = Vec::new();
    for _ in 0..100 {
        flood.push(send(port, "GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ").await);
    }
    let answer = request(port, &head("/v1/admin/bot/state", "connection: close\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut more = [0; 1_024];
    while let Ok(read) = timeout(Duration::from_millis(100), stream.read(&mut more)).await {
        assert!(read.unwrap() > 0, "the stream was closed");
    }
    rig.parts.picture.channel(model::input::Channel::Market, true);
    let read = timeout(PATIENCE, stream.read(&mut more)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&more[..read]).contains("event: update"), "the stream continues");
    let mut first = flood.remove(0);
    assert_eq!(closed(&mut first).await, "", "the oldest of the flood is closed at once");
}

#[tokio::test]
async fn the_description_is_the_same_for_each_request() {
    let rig = Rig::new("description").await;
    let port = serve(rig.router.clone(), 16).await;
    let text = "GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
    let answer = request(port, text).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("content-type: application/json"), "{head}");
    let expected = serde_json::to_value(crate::document()).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).unwrap(), expected);
}
