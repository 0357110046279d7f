//! Tests of the two channels.

use crate::client::Rig;
use crate::faults::faults;
use futures_util::{SinkExt, StreamExt};
use model::{OrderKind, Side};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

pub(crate) type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

pub(crate) async fn connect(rig: &Rig, channel: &str, hello: &Value) -> Socket {
    let address = format!("ws://{}/ws/{channel}", rig.running.addr);
    let (mut socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
    socket.send(Message::text(hello.to_string())).await.unwrap();
    socket
}

/// Reads frames until one of this kind arrives; arrays are read object by object.
pub(crate) async fn next(socket: &mut Socket, kind: &str) -> Value {
    let read = async {
        loop {
            let Message::Text(text) = socket.next().await.unwrap().unwrap() else { continue };
            let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
            let events = if value.is_array() { value.as_array().unwrap().clone() } else { vec![value] };
            if let Some(event) = events.into_iter().find(|event| event["event_type"] == kind) {
                return event;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await.unwrap_or_else(|_| panic!("no {kind} within 10 s"))
}

#[tokio::test]
async fn a_market_listener_gets_books_changes_and_trades() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let hello = json!({"type": "market", "assets_ids": [token], "custom_feature_enabled": true});
    let mut socket = connect(&rig, "market", &hello).await;
    let book = next(&mut socket, "book").await;
    assert_eq!(book["asset_id"], token);
    assert!(!book["bids"].as_array().unwrap().is_empty());
    let change = next(&mut socket, "price_change").await;
    assert!(change["price_changes"].as_array().unwrap().len() >= 2, "both tokens: {change}");
    assert_eq!(change["market"], market["condition_id"]);
    let best = next(&mut socket, "best_bid_ask").await;
    assert!(best["spread"].as_str().unwrap().starts_with("0."), "{best}");
    let trade = next(&mut socket, "last_trade_price").await;
    assert_eq!(trade["asset_id"].as_str().unwrap().len(), token.len());
    socket.send(Message::text("PING")).await.unwrap();
    let pong = async { while socket.next().await.unwrap().unwrap() != Message::text("PONG") {} };
    tokio::time::timeout(Duration::from_secs(5), pong).await.unwrap();
}

#[tokio::test]
async fn a_user_receives_its_own_orders_and_trades_until_they_are_confirmed() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let keys = &rig.credentials;
    let auth = json!({"apiKey": keys["apiKey"], "secret": keys["secret"], "passphrase": keys["passphrase"]});
    let mut socket = connect(&rig, "user", &json!({"type": "user", "auth": auth})).await;
    // The sign-in has no response; events of an order placed before it was read would not be sent.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let (status, placed) = rig.post(&rig.order(token, Side::Buy, "0.95", OrderKind::Fak)).await;
    assert_eq!(status, 200);
    let order = next(&mut socket, "order").await;
    assert_eq!((&order["type"], &order["id"]), (&json!("PLACEMENT"), &placed["orderID"]));
    for status in ["MATCHED", "MINED", "CONFIRMED"] {
        let trade = loop {
            let trade = next(&mut socket, "trade").await;
            if trade["status"] == status {
                break trade;
            }
        };
        assert_eq!((&trade["taker_order_id"], &trade["trader_side"]), (&placed["orderID"], &json!("TAKER")));
        assert_eq!(trade["transaction_hash"].as_str().unwrap().is_empty(), status == "MATCHED");
    }
}

#[tokio::test]
async fn a_user_with_wrong_credentials_is_hung_up_on() {
    let rig = Rig::new().await;
    let auth = json!({"apiKey": rig.credentials["apiKey"], "secret": "AAAA", "passphrase": "x"});
    let mut socket = connect(&rig, "user", &json!({"type": "user", "auth": auth})).await;
    let ended = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
}

/// Counts the frames with level changes, and the duplicates among them, within a second.
async fn changes(rig: &Rig, token: &str) -> (u32, u32) {
    let hello = json!({"type": "market", "assets_ids": [token]});
    let mut socket = connect(rig, "market", &hello).await;
    let (mut frames, mut twice) = (0, 0);
    let mut last = String::new();
    let read = async {
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            if text.contains("price_change") {
                frames += 1;
                twice += u32::from(text.as_str() == last);
                last = text.to_string();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(2), read).await.unwrap_err();
    (frames, twice)
}

#[tokio::test]
async fn frames_of_the_market_channel_get_lost_and_doubled_on_request() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let (sound, twice) = changes(&rig, token).await;
    assert!(sound > 0 && twice == 0, "{twice} of {sound}");
    faults(&rig, json!({"duplicate_per_mille": 1_000})).await;
    let (frames, twice) = changes(&rig, token).await;
    assert!(frames > 0 && twice * 2 == frames, "{twice} of {frames}");
    faults(&rig, json!({"drop_per_mille": 1_000})).await;
    assert_eq!(changes(&rig, token).await, (0, 0));
    let (status, why) = faults(&rig, json!({"reorder_per_mille": 1_001})).await;
    assert!(status == 400 && why["error"].as_str().unwrap().contains("1001"), "{why}");
}

#[tokio::test]
async fn the_oldest_connection_is_closed_on_request() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let hello = json!({"type": "market", "assets_ids": [market["tokens"][0]["token_id"]]});
    let mut old = connect(&rig, "market", &hello).await;
    next(&mut old, "book").await;
    let mut young = connect(&rig, "market", &hello).await;
    next(&mut young, "book").await;
    faults(&rig, json!({"close_connections": 1})).await;
    let ended = async { while let Some(Ok(_)) = old.next().await {} };
    tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap();
    next(&mut young, "price_change").await;
}
