//! The sports delay: orders that would match are answered immediately, held, and matched later.

use crate::channels::{Socket, connect, next};
use crate::client::Rig;
use crate::faults::faults;
use model::{OrderKind, Price, Side};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const REST: OrderKind = OrderKind::Gtc { post_only: false };
const DELAY: Duration = Duration::from_secs(1);

/// Opens the account's channel, in a market with a delay of a second.
async fn delayed(rig: &Rig) -> (Value, String, Socket) {
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap().to_owned();
    let settings = json!({"sports_delay_s": 1, "sports_delay_markets": [market["condition_id"]]});
    assert_eq!(faults(rig, settings).await.0, 200);
    let keys = &rig.credentials;
    let auth = json!({"apiKey": keys["apiKey"], "secret": keys["secret"], "passphrase": keys["passphrase"]});
    let socket = connect(rig, "user", &json!({"type": "user", "auth": auth})).await;
    // The sign-in has no response; events of an order placed before it was read would not be sent.
    tokio::time::sleep(Duration::from_millis(200)).await;
    (market, token, socket)
}

/// Waits for the next event of an order.
async fn next_status(socket: &mut Socket, id: &Value) -> (String, String) {
    loop {
        let event = next(socket, "order").await;
        if event["id"] == *id {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            return (text("type"), text("status"));
        }
    }
}

fn status(kind: &str, status: &str) -> (String, String) {
    (kind.to_owned(), status.to_owned())
}

#[tokio::test]
async fn a_marketable_order_is_delayed_cannot_be_cancelled_and_matches_then() {
    let rig = Rig::new().await;
    let (market, token, mut socket) = delayed(&rig).await;
    let asked = Instant::now();
    let (code, answer) = rig.post(&rig.order(&token, Side::Buy, "0.95", OrderKind::Fak)).await;
    assert_eq!((code, &answer["status"], &answer["success"]), (200, &json!("delayed"), &json!(true)), "{answer}");
    assert_eq!((&answer["takingAmount"], &answer["tradeIDs"]), (&json!(""), &json!([])));
    let id = &answer["orderID"];
    let path = format!("/data/order/{}", id.as_str().unwrap());
    assert_eq!(rig.l2(Method::GET, &path, "").await.1["status"], "DELAYED");
    let (_, cancelled) = rig.l2(Method::DELETE, "/order", &json!({"orderID": id}).to_string()).await;
    assert_eq!(cancelled["canceled"], json!([]));
    let (_, cancelled) = rig.l2(Method::DELETE, "/cancel-all", "").await;
    assert_eq!(cancelled["canceled"], json!([]));
    assert_eq!(next_status(&mut socket, id).await, status("PLACEMENT", "DELAYED"));
    assert!(asked.elapsed() < DELAY, "the response waited for the delay");
    let trade = next(&mut socket, "trade").await;
    assert!(asked.elapsed() >= DELAY, "the order was not held");
    assert_eq!((&trade["taker_order_id"], &trade["status"]), (id, &json!("MATCHED")));
    loop {
        if next_status(&mut socket, id).await == status("UPDATE", "MATCHED") {
            break;
        }
    }
    let (_, order) = rig.l2(Method::GET, &format!("/data/orders?id={}", id.as_str().unwrap()), "").await;
    // It has ten shares at 0.95; its dollars buy more at the current price.
    let order = &order["data"][0];
    assert_eq!((&order["original_size"], &order["status"]), (&json!("10"), &json!("MATCHED")));
    assert!(order["size_matched"].as_str().unwrap().parse::<f64>().unwrap() > 10.0, "{order}");

    let condition = market["condition_id"].as_str().unwrap();
    assert_eq!(rig.get(&format!("/clob-markets/{condition}")).await.1["sd"], 1);
    assert_eq!(rig.get(&format!("/markets/{condition}")).await.1["seconds_delay"], 1);
    let slug = market["market_slug"].as_str().unwrap();
    assert_eq!(rig.get(&format!("/gamma/markets/slug/{slug}")).await.1["secondsDelay"], 1);
}

#[tokio::test]
async fn what_only_rests_and_other_markets_are_not_delayed() {
    let rig = Rig::new().await;
    let (_, token, _) = delayed(&rig).await;
    assert_eq!(rig.place_far(false).await.1["status"], "live");
    assert_eq!(rig.place_far(true).await.1["status"], "live");
    let crossing = rig.order(&token, Side::Buy, "0.95", OrderKind::Gtc { post_only: true });
    assert_eq!(rig.post(&crossing).await.0, 400);
    let (_, page) = rig.get("/markets").await;
    let other = &page["data"][1];
    let (_, clob) = rig.get(&format!("/clob-markets/{}", other["condition_id"].as_str().unwrap())).await;
    assert_eq!(clob.get("sd"), None, "absent if there is no delay");
    let token = other["tokens"][0]["token_id"].as_str().unwrap();
    assert_eq!(rig.post(&rig.order(token, Side::Buy, "0.95", OrderKind::Fak)).await.1["status"], "matched");
    let (status, why) = faults(&rig, json!({"sports_delay_s": 61})).await;
    assert!(status == 400 && why["error"].as_str().unwrap().contains("sports_delay_s is 61"), "{why}");
    let (status, why) = faults(&rig, json!({"sports_delay_s": 1, "sports_delay_markets": ["0x12"]})).await;
    assert!(status == 400 && why["error"].as_str().unwrap().contains("0x12"), "{why}");
}

/// Places our own sale alone between the best prices, and a purchase that would match it; cancels the sale during the
/// delay. Returns the purchase's id.
async fn bait(rig: &Rig, token: &str, kind: OrderKind) -> Value {
    let (_, book) = rig.get(&format!("/book?token_id={token}")).await;
    let best = |side: &str| Price::parse(book[side].as_array().unwrap().last().unwrap()["price"].as_str().unwrap());
    let (bid, ask) = (best("bids").unwrap().micros(), best("asks").unwrap().micros());
    assert!(ask >= bid + 20_000, "no room between {bid} and {ask}");
    let between = Price::from_micros(ask - 10_000).unwrap().to_string();
    let sale = rig.post(&rig.order(token, Side::Sell, &between, OrderKind::Gtc { post_only: true })).await.1;
    let purchase = rig.post(&rig.order(token, Side::Buy, &between, kind)).await.1;
    let id = json!({"orderID": sale["orderID"]}).to_string();
    let (_, cancelled) = rig.l2(Method::DELETE, "/order", &id).await;
    assert_eq!((&purchase["status"], &cancelled["canceled"]), (&json!("delayed"), &json!([sale["orderID"]])));
    purchase["orderID"].clone()
}

#[tokio::test]
async fn an_order_whose_other_side_went_rests_unmatched_or_is_refused() {
    let rig = Rig::new().await;
    let (market, token, mut socket) = delayed(&rig).await;
    // No other orders arrive: the resting shares are bought now, and the other traders stay still from then on.
    let settings =
        |delay| json!({"still": true, "sports_delay_s": delay, "sports_delay_markets": [market["condition_id"]]});
    assert_eq!(faults(&rig, settings(0)).await.0, 200);
    let bought = rig.post(&rig.order_of(&token, Side::Buy, "0.95", "200", OrderKind::Fak)).await.1;
    assert_eq!(bought["status"], "matched", "{bought}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(faults(&rig, settings(1)).await.0, 200);
    let cases = [
        (OrderKind::Fok, status("CANCELLATION", "CANCELED_FOK orders are fully filled or killed"), "CANCELED"),
        (REST, status("UPDATE", "UNMATCHED"), "LIVE"),
    ];
    for (kind, expected, final_status) in cases {
        let id = bait(&rig, &token, kind).await;
        assert_eq!(next_status(&mut socket, &id).await, status("PLACEMENT", "DELAYED"));
        assert_eq!(next_status(&mut socket, &id).await, expected);
        let (_, row) = rig.l2(Method::GET, &format!("/data/orders?id={}", id.as_str().unwrap()), "").await;
        assert_eq!(row["data"][0]["status"], final_status, "{row}");
    }
}
