//! Responses have the keys and the kinds of values of the venue's samples.

use crate::client::Rig;
use model::{OrderKind, Side, hex};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::PathBuf;

pub(crate) fn shared() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("POLYTRADER_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if shared.join("polymarket/samples").is_dir() {
        return Some(shared.join("polymarket"));
    }
    eprintln!("NOT RUN: the exchange's samples need the shared folder (set POLYTRADER_SHARED)");
    assert!(std::env::var_os("CI").is_none(), "NOT RUN in CI: there are no samples");
    None
}

fn sample(shared: &std::path::Path, name: &str) -> Value {
    let text = std::fs::read_to_string(shared.join("samples/rest").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Lists where `ours` lacks a key of `theirs` or has another kind of value. Lists are compared by their first entries;
/// null matches everything.
pub(crate) fn differences(path: &str, ours: &Value, theirs: &Value, out: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(ours), Value::Object(theirs)) => {
            for (key, value) in theirs {
                match ours.get(key) {
                    Some(our) => differences(&format!("{path}.{key}"), our, value, out),
                    None => out.push(format!("{path}.{key} is missing")),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            if let (Some(our), Some(their)) = (ours.first(), theirs.first()) {
                differences(&format!("{path}[0]"), our, their, out);
            }
        }
        _ => {
            if std::mem::discriminant(ours) != std::mem::discriminant(theirs) {
                out.push(format!("{path}: the kind of {ours} differs from that of {theirs}"));
            }
        }
    }
}

#[tokio::test]
async fn answers_have_the_shapes_of_the_samples() {
    let Some(shared) = shared() else { return };
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let condition = market["condition_id"].as_str().unwrap();
    let live = rig.post(&rig.order(token, Side::Buy, "0.02", OrderKind::Gtc { post_only: false })).await.1;
    let matched = rig.post(&rig.order(token, Side::Buy, "0.95", OrderKind::Fak)).await.1;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let id = live["orderID"].as_str().unwrap();
    let public = async |path: String| rig.get(&path).await.1;
    let private = async |path: String| rig.l2(Method::GET, &path, "").await.1;
    let conditional = format!("/balance-allowance?asset_type=CONDITIONAL&token_id={token}");
    let answers = [
        (public("/time".into()).await, "time.json"),
        (public("/version".into()).await, "version.json"),
        (public("/ok".into()).await, "ok.json"),
        (public(format!("/book?token_id={token}")).await, "book.json"),
        (public(format!("/books?token_ids={token}")).await, "books.json"),
        (public(format!("/price?token_id={token}&side=BUY")).await, "price_side_buy.json"),
        (public(format!("/midpoint?token_id={token}")).await, "midpoint.json"),
        (public(format!("/spread?token_id={token}")).await, "spread.json"),
        (public(format!("/tick-size?token_id={token}")).await, "tick_size.json"),
        (public(format!("/neg-risk?token_id={token}")).await, "neg_risk.json"),
        (public(format!("/fee-rate?token_id={token}")).await, "fee_rate.json"),
        (public(format!("/last-trade-price?token_id={token}")).await, "last_trade_price.json"),
        (public(format!("/clob-markets/{condition}")).await, "clob_market.json"),
        (public(format!("/markets/{condition}")).await, "market.json"),
        (public(format!("/markets-by-token/{token}")).await, "markets_by_token.json"),
        (public("/markets".into()).await, "markets_page.json"),
        (public("/simplified-markets".into()).await, "simplified_markets_page.json"),
        (rig.credentials.clone(), "api_key.json"),
        (private("/auth/api-keys".into()).await, "api_keys.json"),
        (private("/auth/ban-status/closed-only".into()).await, "closed_only.json"),
        (private("/balance-allowance?asset_type=COLLATERAL".into()).await, "balance_allowance_collateral.json"),
        (private(conditional).await, "balance_allowance_conditional.json"),
        (private("/data/orders".into()).await, "open_orders_page.json"),
        (private(format!("/data/order/{id}")).await, "order.json"),
        (private("/data/trades".into()).await, "trades_page.json"),
        (live.clone(), "post_order_live.json"),
        (matched, "post_order_matched_async.json"),
        (rig.l2(Method::DELETE, "/order", &json!({ "orderID": id }).to_string()).await.1, "cancel_ok.json"),
    ];
    let mut found = Vec::new();
    for (answer, name) in &answers {
        let mut theirs = sample(&shared, name);
        // Allowances are keyed by the spender's address.
        if let Some(fields) = theirs.as_object_mut() {
            fields.remove("allowances");
        }
        differences(name, answer, &theirs, &mut found);
    }
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn a_books_hash_is_that_of_its_own_text() {
    use sha1::{Digest, Sha1};
    let Some(shared) = shared() else { return };
    let hash = |text: &str| hex::encode(&Sha1::digest(text));
    // The venue's own vectors define what is hashed.
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(shared.join("vectors.json")).unwrap()).unwrap();
    let vectors = vectors["book_hashes"].as_array().unwrap();
    assert!(vectors.len() >= 4);
    for vector in vectors {
        assert_eq!(hash(vector["preimage"].as_str().unwrap()), vector["sha1"].as_str().unwrap());
    }
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = market["tokens"][0]["token_id"].as_str().unwrap();
    let url = format!("http://{}/book?token_id={token}", rig.running.addr);
    let text = rig.http.get(url).send().await.unwrap().text().await.unwrap();
    let book: Value = serde_json::from_str(&text).unwrap();
    let stated = book["hash"].as_str().unwrap();
    assert_eq!(hash(&text.replace(stated, "")), stated);
    // The order of the keys must also match the vectors.
    let keys = |text: &str| {
        let names =
            ["market", "asset_id", "timestamp", "hash", "bids", "asks", "min_order_size", "tick_size", "neg_risk"];
        names.map(|name| text.find(&format!("\"{name}\":")).unwrap())
    };
    assert!(keys(&text).is_sorted() && keys(vectors[0]["preimage"].as_str().unwrap()).is_sorted());
}
