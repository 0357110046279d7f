//! Bodies that no client sends: the exchange refuses them in the venue's way and goes on.

use crate::client::Rig;
use model::{OrderKind, Side};
use reqwest::Method;
use serde_json::json;

const ROUNDS: usize = 1_500;

struct Draw(u64);

impl Draw {
    /// SplitMix64.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) >> 32).unwrap() % end.max(1)
    }
}

#[tokio::test]
async fn spoiled_bodies_are_refused_and_the_exchange_goes_on() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let order = rig.order(token, Side::Buy, "0.02", OrderKind::Gtc { post_only: false });
    let unlimited = rig.http.put(format!("http://{}/exchange/faults", rig.running.addr));
    assert_eq!(unlimited.body(json!({"unlimited": true}).to_string()).send().await.unwrap().status(), 200);
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
    let mut draw = Draw(3);
    let mut refused = 0;
    for _ in 0..ROUNDS {
        let (method, path, body) = &whole[draw.below(whole.len())];
        let mut body = body.clone();
        for _ in 0..=draw.below(3) {
            // The bodies are ASCII, so that every place is a boundary.
            let place = draw.below(body.len() + 1);
            match draw.below(3) {
                0 => body.truncate(place),
                1 => body.insert_str(place, pieces[draw.below(pieces.len())]),
                _ => body.replace_range(place..body.len().min(place + draw.below(9)), ""),
            }
        }
        let (status, answer) = rig.l2(method.clone(), path, &body).await;
        assert!(status < 500, "{path} {body}: {status} {answer}");
        refused += usize::from(status >= 400);
    }
    assert!(refused > ROUNDS / 2, "{refused} of {ROUNDS} were refused");
    assert_eq!(rig.get("/ok").await, (200, json!("OK")));
}
