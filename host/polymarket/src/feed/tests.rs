#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code may fail loudly")]

use super::*;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

const LONG: Duration = Duration::from_secs(20);

fn config(listener: &TcpListener) -> FeedConfig {
    let timings = Timings {
        connect: Duration::from_secs(5),
        ping: Duration::from_millis(50),
        silence: Duration::from_millis(300),
        backoff: [Duration::from_millis(5); 5],
        healthy: Duration::from_secs(60),
    };
    let address = format!("ws://{}", listener.local_addr().unwrap());
    FeedConfig { address, timings, now: || Time(7) }
}

async fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn accept(listener: &TcpListener) -> WebSocketStream<TcpStream> {
    let (socket, _) = tokio::time::timeout(LONG, listener.accept()).await.unwrap().unwrap();
    accept_async(socket).await.unwrap()
}

async fn text(socket: &mut WebSocketStream<TcpStream>) -> String {
    let message = tokio::time::timeout(LONG, socket.next()).await.unwrap().unwrap().unwrap();
    message.into_text().unwrap().to_string()
}

async fn event(events: &mut mpsc::Receiver<FeedEvent>) -> FeedEvent {
    tokio::time::timeout(LONG, events.recv()).await.unwrap().unwrap()
}

fn token() -> TokenId {
    TokenId::parse("123").unwrap()
}

#[tokio::test]
async fn a_market_feed_subscribes_pings_and_hands_frames_on() {
    let listener = listener().await;
    let (feed, mut events) = Feed::market(config(&listener), vec![token()]).unwrap();
    let mut venue = accept(&listener).await;
    assert_eq!(text(&mut venue).await, r#"{"assets_ids":["123"],"custom_feature_enabled":true,"type":"market"}"#);
    assert_eq!(event(&mut events).await, FeedEvent::Up);
    assert_eq!(text(&mut venue).await, "PING");
    venue.send(Message::text("PONG")).await.unwrap();
    venue.send(Message::text("[]")).await.unwrap();
    assert_eq!(event(&mut events).await, FeedEvent::Alive { at: Time(7) });
    assert_eq!(event(&mut events).await, FeedEvent::Frame { at: Time(7), text: "[]".into() });
    feed.resnapshot(vec![token()]);
    assert_eq!(line(&mut venue).await, r#"{"assets_ids":["123"],"operation":"unsubscribe"}"#);
    let again = r#"{"assets_ids":["123"],"custom_feature_enabled":true,"operation":"subscribe"}"#;
    assert_eq!(line(&mut venue).await, again);
}

/// Returns the next text that is not a PING.
async fn line(socket: &mut WebSocketStream<TcpStream>) -> String {
    loop {
        let received = text(socket).await;
        if received != "PING" {
            return received;
        }
    }
}

#[tokio::test]
async fn what_is_subscribed_later_is_subscribed_again_after_a_loss() {
    let (two, three) = (TokenId::parse("2").unwrap(), TokenId::parse("3").unwrap());
    let listener = listener().await;
    let (feed, mut events) = Feed::market(config(&listener), vec![token()]).unwrap();
    let mut venue = accept(&listener).await;
    assert!(text(&mut venue).await.contains(r#"["123"]"#));
    assert!(feed.subscribe(vec![two, three, token()]));
    assert!(
        line(&mut venue).await.contains(r#"["2","3","123"],"custom_feature_enabled":true,"operation":"subscribe""#)
    );
    assert!(feed.unsubscribe(vec![two]));
    assert_eq!(line(&mut venue).await, r#"{"assets_ids":["2"],"operation":"unsubscribe"}"#);
    assert_eq!(event(&mut events).await, FeedEvent::Up);
    drop(venue);
    let mut venue = accept(&listener).await;
    assert!(text(&mut venue).await.contains(r#"["123","3"]"#));
}

#[tokio::test]
async fn a_silent_venue_is_left_and_connected_to_again() {
    let listener = listener().await;
    let (_feed, mut events) = Feed::market(config(&listener), vec![token()]).unwrap();
    let silent = accept(&listener).await;
    assert_eq!(event(&mut events).await, FeedEvent::Up);
    let FeedEvent::Down { reason } = event(&mut events).await else { panic!("not down") };
    assert!(reason.starts_with("silent"), "{reason}");
    let mut again = accept(&listener).await;
    assert!(text(&mut again).await.contains("123"));
    assert_eq!(event(&mut events).await, FeedEvent::Up);
    drop(silent);
}

#[tokio::test]
async fn a_closed_connection_is_made_again() {
    let listener = listener().await;
    let (_feed, mut events) = Feed::market(config(&listener), vec![token()]).unwrap();
    let mut venue = accept(&listener).await;
    assert_eq!(event(&mut events).await, FeedEvent::Up);
    venue.close(None).await.unwrap();
    assert!(matches!(event(&mut events).await, FeedEvent::Down { .. }));
    let _again = accept(&listener).await;
    assert_eq!(event(&mut events).await, FeedEvent::Up);
}

#[test]
fn only_minutes_of_health_reset_the_waits() {
    let timings = Timings::default();
    let (mut backoff, start) = (connection::Backoff::new(&timings), tokio::time::Instant::now());
    let mut lost = |at: u64, up_since: Option<u64>| {
        let moment = |seconds| start + Duration::from_secs(seconds);
        backoff.lost(moment(at), up_since.map(moment)).as_millis()
    };
    // Each handshake succeeds, and each connection is lost immediately.
    assert_eq!([lost(0, Some(0)), lost(1, Some(1)), lost(2, Some(2))], [250, 500, 1_000]);
    assert_eq!([lost(3, None), lost(9, Some(8)), lost(130, Some(11))], [2_000, 5_000, 5_000]);
    assert_eq!([lost(260, Some(140)), lost(270, Some(265))], [250, 500]);
}

#[tokio::test]
async fn the_user_feed_sends_its_key_and_only_where_it_is_private() {
    let key = || Credentials::new("key", "c2VjcmV0", "words").unwrap();
    let listener = listener().await;
    let (_feed, _events) = Feed::user(config(&listener), key()).unwrap();
    let mut venue = accept(&listener).await;
    let expected = r#"{"auth":{"apiKey":"key","passphrase":"words","secret":"c2VjcmV0"},"type":"user"}"#;
    assert_eq!(text(&mut venue).await, expected);
    let plain = FeedConfig { address: "ws://venue.example".to_owned(), ..config(&listener) };
    assert!(matches!(Feed::user(plain, key()), Err(FeedError::Plain(_))));
}

#[tokio::test]
async fn an_invalid_address_is_named() {
    let listener = listener().await;
    let config = FeedConfig { address: "http://x".to_owned(), ..config(&listener) };
    let error = Feed::market(config, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("http://x"), "{error}");
}
