//! Batch queries return the same data as the single queries.

use crate::client::Rig;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn many_tokens_are_answered_as_one_is_and_unknown_ones_left_out() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let asked = json!([{ "token_id": token }, { "token_id": "123" }, { "token_id": "not a number" }]);
    // The market moves between two requests, so they are repeated until they agree.
    for (many, one, field) in [("/midpoints", "/midpoint", "mid"), ("/spreads", "/spread", "spread")] {
        let mut last = (Value::Null, Value::Null);
        for _ in 0..50 {
            let all = rig.request(Method::POST, many, &asked).await.1;
            assert_eq!(all.as_object().unwrap().len(), 1, "{all}");
            last = (all[token].clone(), rig.get(&format!("{one}?token_id={token}")).await.1[field].clone());
            if last.0 == last.1 {
                break;
            }
        }
        assert!(last.0 == last.1 && last.0.is_string(), "{many}: {last:?}");
    }
    let sides = json!([{ "token_id": token, "side": "BUY" }, { "token_id": token, "side": "SELL" }]);
    let prices = rig.request(Method::POST, "/prices", &sides).await.1;
    let price = |side: &str| prices[token][side].as_str().unwrap().parse::<f64>().unwrap();
    assert!(price("BUY") < price("SELL"), "{prices}");
    assert_eq!(rig.request(Method::POST, "/prices", &asked).await.0, 400, "a price query needs a side");
    assert_eq!(rig.request(Method::POST, "/midpoints", &json!({})).await.0, 400);
    let too_many: Vec<Value> = (0..501).map(|_| json!({ "token_id": token })).collect();
    assert_eq!(rig.request(Method::POST, "/spreads", &Value::Array(too_many)).await.0, 400);
    let (status, trades) = rig.request(Method::POST, "/last-trades-prices", &asked).await;
    assert!(status == 200 && trades.as_array().unwrap().len() <= 1, "{trades}");
    let simplified = rig.get("/sampling-simplified-markets").await.1;
    let first = &simplified["data"][0];
    assert!(first["tokens"].is_array() && first.get("question").is_none(), "{first}");
    assert!(rig.get("/sampling-markets").await.1["data"][0].get("question").is_some());
}
