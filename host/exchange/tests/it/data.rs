//! The Data API: holdings and activity of a wallet.

use crate::client::Rig;
use crate::samples::{differences, shared};
use model::{OrderKind, Side};
use reqwest::Method;
use serde_json::{Value, json};

async fn of_user(rig: &Rig, path: &str) -> Value {
    let separator = if path.contains('?') { '&' } else { '?' };
    let (status, answer) = rig.get(&format!("/data-api/{path}{separator}user={}", rig.key.address())).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// Buys and sells some shares to create activity; returns the market.
async fn trade(rig: &Rig) -> Value {
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let bought = rig.post(&rig.order_of(token, Side::Buy, "0.95", "20", OrderKind::Gtc { post_only: false })).await.1;
    assert_eq!(bought["status"], "matched", "{bought}");
    let sold = rig.post(&rig.order_of(token, Side::Sell, "0.05", "5", OrderKind::Fak)).await.1;
    assert_eq!(sold["status"], "matched", "{sold}");
    market
}

#[tokio::test]
async fn answers_have_the_shapes_of_both_generations_samples() {
    let Some(shared) = shared() else { return };
    let rig = Rig::new().await;
    trade(&rig).await;
    let mut found = Vec::new();
    for generation in ["v1", "v2"] {
        for list in ["positions", "trades", "activity", "value"] {
            let path = if generation == "v1" { list.to_owned() } else { format!("v2/{list}") };
            let ours = of_user(&rig, &path).await;
            let name = format!("{generation}_{list}.json");
            let text = std::fs::read_to_string(shared.join("samples/data").join(&name)).unwrap();
            differences(&name, &ours, &serde_json::from_str(&text).unwrap(), &mut found);
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn a_position_is_what_was_traded_and_ends_as_a_redemption() {
    let rig = Rig::new().await;
    let market = trade(&rig).await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let position = of_user(&rig, "positions").await[0].clone();
    assert_eq!((position["size"].as_f64(), position["totalBought"].as_f64()), (Some(15.0), Some(20.0)), "{position}");
    assert_eq!(position["asset"].as_str(), Some(token));
    let trades = of_user(&rig, "trades").await;
    let sides: Vec<_> = trades.as_array().unwrap().iter().map(|trade| trade["side"].as_str().unwrap()).collect();
    assert_eq!((sides.first(), sides.last()), (Some(&"SELL"), Some(&"BUY")), "the newest comes first");
    let cost = |side: &str| -> f64 {
        let rows = trades.as_array().unwrap().iter().filter(|trade| trade["side"] == side);
        rows.map(|trade| trade["size"].as_f64().unwrap() * trade["price"].as_f64().unwrap()).sum()
    };
    let average = cost("BUY") / 20.0;
    assert!((position["avgPrice"].as_f64().unwrap() - average).abs() < 1e-4, "{position}");
    assert!((position["initialValue"].as_f64().unwrap() - average * 15.0).abs() < 1e-3, "{position}");
    let other = format!("0x{}", "7".repeat(64));
    assert_eq!(of_user(&rig, &format!("positions?market={other}")).await, json!([]));
    let page = of_user(&rig, "v2/activity?limit=1").await;
    assert_eq!(page["pagination"], json!({"has_more": true, "next_cursor": "1"}));

    let end = json!({"condition": market["condition_id"], "pays": "1", "redeem": true});
    assert_eq!(rig.request(Method::POST, "/exchange/resolve", &end).await.0, 200);
    assert_eq!(of_user(&rig, "positions").await, json!([]));
    let last = of_user(&rig, "activity").await[0].clone();
    assert_eq!((last["type"].as_str(), last["size"].as_f64()), (Some("REDEEM"), Some(15.0)), "{last}");
    assert_eq!(last["usdcSize"].as_f64(), Some(15.0));
    let closed = of_user(&rig, "closed-positions").await[0].clone();
    assert!(closed["realizedPnl"].as_f64().unwrap() > 5.0, "{closed}");
    assert_eq!(of_user(&rig, "value").await[0]["value"].as_f64(), Some(0.0));
}

#[tokio::test]
async fn a_query_without_a_valid_wallet_returns_the_expected_format() {
    let rig = Rig::new().await;
    let (status, answer) = rig.get("/data-api/positions").await;
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("'user'"), "{answer}");
    let (status, answer) = rig.get("/data-api/v2/activity?user=0x12").await;
    assert!(status == 400 && answer["error"].as_str().unwrap().contains("40 hexadecimal"), "{answer}");
    let stranger = format!("0x{}", "1".repeat(40));
    assert_eq!(rig.get(&format!("/data-api/trades?user={stranger}")).await.1, json!([]));
}
