//! The exchange fails on demand, in the venue's own ways, and cancels the orders of accounts whose heartbeats stop.

use crate::client::Rig;
use model::{OrderKind, Side};
use order::{Account, Chain, Exchange};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) async fn faults(rig: &Rig, faults: Value) -> (u16, Value) {
    rig.request(Method::PUT, "/exchange/faults", &faults).await
}

#[tokio::test]
async fn each_trading_mode_takes_what_it_says_and_refuses_in_the_venues_words() {
    let rig = Rig::new().await;
    for (mode, resting, post_only, cancel) in [
        ("normal", (200, ""), (200, ""), 200),
        ("restarting", (425, "Too Early"), (425, "Too Early"), 425),
        ("post_only", (503, "post-only mode: only post-only orders and cancels are allowed"), (200, ""), 200),
        (
            "cancel_only",
            (503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."),
            (503, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."),
            200,
        ),
        (
            "disabled",
            (503, "Trading is currently disabled. Check polymarket.com for updates"),
            (503, "Trading is currently disabled. Check polymarket.com for updates"),
            503,
        ),
    ] {
        assert_eq!(faults(&rig, json!({ "mode": mode })).await.0, 200);
        for (only, expected) in [(false, resting), (true, post_only)] {
            let (status, answer) = rig.place_far(only).await;
            let message = answer["error"].as_str().unwrap_or_default();
            assert_eq!((status, message), expected, "{mode}, post-only {only}: {answer}");
        }
        assert_eq!(rig.l2(Method::DELETE, "/cancel-all", "").await.0, cancel, "{mode}");
    }
    let (status, answer) = faults(&rig, json!({ "mode": "odd" })).await;
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("invalid faults"), "{answer}");
    assert_eq!(faults(&rig, json!({ "delay_ms": 60_001 })).await.0, 400);
}

#[tokio::test]
async fn a_lost_answer_leaves_its_order_there_and_a_broken_gateway_does_nothing() {
    let rig = Rig::new().await;
    faults(&rig, json!({ "lose_answers": 1 })).await;
    assert_eq!(rig.place_far(false).await.0, 504);
    let open = rig.l2(Method::GET, "/data/orders", "").await.1;
    assert_eq!(open["data"].as_array().unwrap().len(), 1, "{open}");
    faults(&rig, json!({ "break_requests": 1 })).await;
    let url = format!("http://{}/time", rig.running.addr);
    assert_eq!(rig.http.get(&url).send().await.unwrap().status(), 502);
    assert_eq!(rig.http.get(&url).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_limit_of_addresses_refuses_reads_or_named_cancels_and_says_for_how_long() {
    let rig = Rig::new().await;
    faults(&rig, json!({ "refuse_reads": 1, "refuse_cancels": 1 })).await;
    let url = format!("http://{}/time", rig.running.addr);
    let refused = rig.http.get(&url).send().await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "60"));
    assert!(!refused.headers().contains_key("poly-ratelimit-remaining"), "it is not a signer's limit");
    assert_eq!(rig.http.get(&url).send().await.unwrap().status(), 200);
    let none = "[]";
    assert_eq!(rig.l2(Method::DELETE, "/cancel-all", "").await.0, 200);
    assert_eq!(rig.l2(Method::DELETE, "/orders", none).await.0, 429);
    assert_eq!(rig.l2(Method::DELETE, "/orders", none).await.0, 200);
}

#[tokio::test]
async fn an_account_that_falls_silent_after_a_heartbeat_loses_all_open_orders() {
    let rig = Rig::new().await;
    assert_eq!(rig.place_far(false).await.0, 200);
    let beat = |id: Value| json!({ "heartbeat_id": id }).to_string();
    let (status, first) = rig.l2(Method::POST, "/v1/heartbeats", &beat(Value::Null)).await;
    assert_eq!(status, 200, "{first}");
    let (status, wrong) = rig.l2(Method::POST, "/v1/heartbeats", &beat(json!("nonsense"))).await;
    assert_eq!((status, &wrong["error_msg"]), (400, &json!("Invalid Heartbeat ID")));
    assert_eq!(wrong["heartbeat_id"], first["heartbeat_id"], "the error contains the expected id");
    let (status, second) = rig.l2(Method::POST, "/v1/heartbeats", &beat(first["heartbeat_id"].clone())).await;
    assert!(status == 200 && second["heartbeat_id"] != first["heartbeat_id"], "{second}");
    let open = async || rig.l2(Method::GET, "/data/orders", "").await.1["data"].as_array().unwrap().len();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(open().await, 1, "ten seconds are not over");
    for _ in 0..150 {
        if open().await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the orders of a silent account are still open after 20 s");
}

#[tokio::test]
async fn once_the_order_version_is_three_everything_is_signed_for_exchange_v3() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let account = Account::eoa(rig.key.address(), Chain::Polygon);
    let order = |exchange| {
        let kind = OrderKind::Gtc { post_only: false };
        rig.order_as(&account, exchange, (token, Side::Buy, "0.02", "10"), kind)
    };
    for (version, right, wrong) in [(2, Exchange::Standard, Exchange::V3), (3, Exchange::V3, Exchange::Standard)] {
        faults(&rig, json!({ "version_3": version == 3 })).await;
        assert_eq!(rig.get("/version").await, (200, json!({ "version": version })));
        assert_eq!(rig.post(&order(wrong)).await, (400, json!({"error": "order_version_mismatch"})));
        assert_eq!(rig.post(&order(right)).await.0, 200);
    }
    // A wrong contract of the right version is a wrong signature (PROTOCOL 4.1).
    faults(&rig, json!({})).await;
    assert_eq!(rig.post(&order(Exchange::NegRisk)).await, (400, json!({"error": "invalid signature"})));
}

#[tokio::test]
async fn the_rate_limits_admit_a_burst_whole_or_not_at_all() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let batch = || {
        let rest = OrderKind::Gtc { post_only: false };
        let orders: Vec<Value> = (0..15).map(|_| rig.order(token, Side::Buy, "0.01", rest)).collect();
        Value::Array(orders).to_string()
    };
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let (status, answer) = rig.l2(Method::POST, "/orders", &batch()).await;
        statuses.push((status, answer["error"].as_str().unwrap_or_default().to_owned()));
    }
    let refused = (429, "Too Many Requests".to_owned());
    assert_eq!(statuses[..4], vec![(200, String::new()); 4], "60 fit at once");
    assert!(statuses[4..].contains(&refused), "{statuses:?}");
    let placed = statuses.iter().filter(|(status, _)| *status == 200).count() * 15;
    let (_, open) = rig.l2(Method::GET, "/data/orders", "").await;
    assert_eq!(open["count"], json!(placed));
    // Cancels have a separate bucket; all of them may overdraw it.
    let (status, answer) = rig.l2(Method::DELETE, "/cancel-all", "").await;
    assert_eq!((status, answer["canceled"].as_array().unwrap().len()), (200, placed));
    faults(&rig, json!({ "unlimited": true })).await;
    for _ in 0..8 {
        assert_eq!(rig.l2(Method::POST, "/orders", &batch()).await.0, 200);
    }
}

#[tokio::test]
async fn what_would_match_is_held_and_what_rests_is_not() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let path = format!("/clob-markets/{}", market["condition_id"].as_str().unwrap());
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    assert_eq!(rig.get(&path).await.1["itode"], false);
    assert_eq!(faults(&rig, json!({ "taker_delay_ms": 300 })).await.0, 200);
    assert_eq!(rig.get(&path).await.1["itode"], true);
    let asked = std::time::Instant::now();
    let answer = rig.post(&rig.order(token, Side::Buy, "0.95", OrderKind::Fak)).await.1;
    assert_eq!(answer["status"], "matched", "{answer}");
    assert!(asked.elapsed() >= Duration::from_millis(300), "the order was not held");
    // An order held this long would not be answered in time.
    faults(&rig, json!({ "taker_delay_ms": 60_000 })).await;
    for post_only in [false, true] {
        let resting = tokio::time::timeout(Duration::from_secs(20), rig.place_far(post_only)).await;
        assert_eq!(resting.unwrap().1["status"], "live");
    }
    let answer = faults(&rig, json!({ "taker_delay_ms": 60_001 })).await.1;
    assert!(answer["error"].as_str().unwrap().contains("taker_delay_ms is 60001"), "{answer}");
}
