//! Invalid bodies: the exchange refuses them with the venue's errors and continues.

use crate::client::Rig;
use crate::faults::faults;
use model::{OrderKind, Side};
use reqwest::Method;
use serde_json::json;
use sim::Rng;

const ROUNDS: usize = 1_500;

/// Draws an index below `end`.
fn below(rng: &mut Rng, end: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(end).unwrap().max(1))).unwrap()
}

#[tokio::test]
async fn spoiled_bodies_are_refused_and_the_exchange_goes_on() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let order = rig.order(token, Side::Buy, "0.02", OrderKind::Gtc { post_only: false });
    assert_eq!(faults(&rig, json!({"unlimited": true})).await.0, 200);
    let whole = [
        (Method::POST, "/order", order.to_string()),
        (Method::POST, "/orders", json!([order]).to_string()),
        (Method::DELETE, "/order", json!({"orderID": format!("0x{}", "1".repeat(64))}).to_string()),
        (Method::DELETE, "/orders", json!([format!("0x{}", "1".repeat(64))]).to_string()),
        (Method::DELETE, "/cancel-market-orders", json!({"market": market["condition_id"]}).to_string()),
        (Method::POST, "/v1/heartbeats", json!({"heartbeat_id": ""}).to_string()),
        (Method::POST, "/orders-scoring", json!(["0x11"]).to_string()),
        (Method::POST, "/books", json!([{"token_id": token}]).to_string()),
    ];
    let pieces = ["\"", "{", "}", "[", "-", "1e999", "null", "99999999999999999999999", "\\u0000", "0x", "true", ","];
    let mut rng = Rng::new(3);
    let mut refused = 0;
    for _ in 0..ROUNDS {
        let (method, path, body) = &whole[below(&mut rng, whole.len())];
        let mut body = body.clone();
        for _ in 0..=below(&mut rng, 3) {
            // The bodies are ASCII, so that every index is a character boundary.
            let place = below(&mut rng, body.len() + 1);
            match below(&mut rng, 3) {
                0 => body.truncate(place),
                1 => body.insert_str(place, pieces[below(&mut rng, pieces.len())]),
                _ => body.replace_range(place..body.len().min(place + below(&mut rng, 9)), ""),
            }
        }
        let (status, answer) = rig.l2(method.clone(), path, &body).await;
        assert!(status < 500, "{path} {body}: {status} {answer}");
        refused += usize::from(status >= 400);
    }
    assert!(refused > ROUNDS / 2, "{refused} of {ROUNDS} were refused");
    assert_eq!(rig.get("/ok").await, (200, json!("OK")));
}
