//! Accepted orders, refused orders with their error texts, and the effect on balances.

use crate::client::{Rig, seconds};
use model::{OrderKind, Side};
use order::{Account, Chain, Exchange, SignatureType, Wallet};
use reqwest::Method;
use serde_json::{Value, json};

const REST: OrderKind = OrderKind::Gtc { post_only: false };

fn token(market: &Value) -> &str {
    market["tokens"][0]["token_id"].as_str().unwrap()
}

fn text(answer: &Value) -> &str {
    answer["error"].as_str().unwrap_or_else(|| panic!("no error in {answer}"))
}

#[tokio::test]
async fn an_order_rests_is_listed_and_is_cancelled_once() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let (status, placed) = rig.post(&rig.order(token(&market), Side::Buy, "0.02", REST)).await;
    assert_eq!((status, &placed["status"], &placed["success"]), (200, &json!("live"), &json!(true)));
    let id = placed["orderID"].as_str().unwrap();
    let (_, open) = rig.l2(Method::GET, "/data/orders?next_cursor=MA==", "").await;
    assert_eq!((&open["data"][0]["id"], &open["next_cursor"]), (&json!(id), &json!("LTE=")));
    let (_, one) = rig.l2(Method::GET, &format!("/data/order/{id}"), "").await;
    assert_eq!((&one["original_size"], &one["price"]), (&json!("10"), &json!("0.02")));
    let cancel = json!({ "orderID": id }).to_string();
    let (_, answer) = rig.l2(Method::DELETE, "/order", &cancel).await;
    assert_eq!(answer, json!({"canceled": [id], "not_canceled": {}}));
    let (_, answer) = rig.l2(Method::DELETE, "/order", &cancel).await;
    assert_eq!(answer, json!({"canceled": [], "not_canceled": {id: "already canceled or matched"}}));
    let (_, one) = rig.l2(Method::GET, &format!("/data/order/{id}"), "").await;
    assert_eq!(one, Value::Null, "orders that are done are not found by id");
    let (_, over) = rig.l2(Method::GET, &format!("/data/orders?id={id}"), "").await;
    assert_eq!(over["data"][0]["status"], "CANCELED");
}

#[tokio::test]
async fn a_marketable_order_trades_moves_money_and_settles() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let (status, placed) = rig.post(&rig.order(token(&market), Side::Buy, "0.95", OrderKind::Fak)).await;
    assert_eq!((status, &placed["status"]), (200, &json!("matched")), "{placed}");
    assert_eq!(placed["transactionsHashes"], json!([]));
    let (_, cash) = rig.l2(Method::GET, "/balance-allowance?asset_type=COLLATERAL", "").await;
    let cash: i64 = cash["balance"].as_str().unwrap().parse().unwrap();
    let path = format!("/balance-allowance?asset_type=CONDITIONAL&token_id={}", token(&market));
    let (_, shares) = rig.l2(Method::GET, &path, "").await;
    let taken: f64 = placed["takingAmount"].as_str().unwrap().parse().unwrap();
    assert_eq!(shares["balance"].as_str().unwrap().parse::<f64>().unwrap(), taken * 1e6);
    assert!(taken >= 9.99 && cash < 10_000_000_000 - 1_000_000, "{taken} {cash}");
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    let (_, trades) = rig.l2(Method::GET, "/data/trades", "").await;
    let trade = &trades["data"][0];
    assert_eq!((&trade["status"], &trade["trader_side"]), (&json!("TRADE_STATUS_CONFIRMED"), &json!("TAKER")));
    assert!(trade["transaction_hash"].as_str().unwrap().starts_with("0x"));
    assert!(placed["tradeIDs"].as_array().unwrap().contains(&trade["id"]));
}

#[tokio::test]
async fn a_market_buy_spends_its_dollars_whatever_they_buy() {
    let rig = Rig::new().await;
    let still = json!({"still": true, "unlimited": true});
    assert_eq!(rig.request(Method::PUT, "/exchange/faults", &still).await.0, 200);
    let (market, _) = rig.market().await;
    let token = token(&market);
    let (_, clob) = rig.get(&format!("/clob-markets/{}", market["condition_id"].as_str().unwrap())).await;
    let rate = clob["fd"]["r"].as_f64().unwrap_or(0.0);
    let cash = async || -> f64 {
        let (_, cash) = rig.l2(Method::GET, "/balance-allowance?asset_type=COLLATERAL", "").await;
        cash["balance"].as_str().unwrap().parse().unwrap()
    };
    for kind in [OrderKind::Fak, OrderKind::Fok] {
        let (_, book) = rig.get(&format!("/book?token_id={token}")).await;
        let best = book["asks"].as_array().unwrap().last().unwrap();
        let ask: f64 = best["price"].as_str().unwrap().parse().unwrap();
        assert!(best["size"].as_str().unwrap().parse::<f64>().unwrap() * ask > 5.0, "{best}");
        // A limit above the ask at which hundredths of shares are five dollars.
        let (limit, size) = if ask < 0.5 { ("0.5", "10") } else { ("0.8", "6.25") };
        let before = cash().await;
        let (status, placed) = rig.post(&rig.order_of(token, Side::Buy, limit, size, kind)).await;
        assert_eq!(
            (status, &placed["status"], &placed["makingAmount"]),
            (200, &json!("matched"), &json!("5")),
            "{placed}"
        );
        let taken: f64 = placed["takingAmount"].as_str().unwrap().parse().unwrap();
        assert!((taken - 5.0 / ask).abs() < 1e-5, "{taken} at {ask}");
        let fee = before - cash().await - 5_000_000.0;
        assert!((fee - taken * rate * ask * (1.0 - ask) * 1e6).abs() <= 100.0, "{fee} on {taken} at {ask}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_the_venues_words_and_changes_nothing() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let token = token(&market);
    let with = |path: &str, value: Value| {
        let mut order = rig.order(token, Side::Buy, "0.02", REST);
        *order.pointer_mut(path).unwrap() = value;
        order
    };
    let other = order::SigningKey::from_bytes(&[8; 32]).unwrap().address().checksummed();
    let mut off_grid = rig.order(token, Side::Buy, "0.025", REST);
    off_grid["postOnly"] = json!(false);
    let cases = [
        (with("/owner", json!("11111111-2222-4333-8444-555555555555")), "the order owner has to be the owner"),
        (with("/order/signer", json!(other)), "the order signer address has to be the address of the API KEY"),
        (with("/order/maker", json!(other)), "maker address not allowed"),
        (with("/order/makerAmount", json!("210000")), "invalid signature"),
        (with("/order/salt", json!(99)), "invalid signature"),
        (with("/order/signature", json!("0x00")), "invalid signature"),
        (with("/order/side", json!("HOLD")), "Invalid order payload"),
        (with("/order/expiration", json!("1795424400")), "invalid expiration"),
        (with("/order/tokenId", json!("17")), "the orderbook 17 does not exist"),
        (off_grid, "breaks minimum tick size rule: 0.01"),
        (rig.order_of(token, Side::Buy, "0.02", "4", REST), "lower than the minimum: 5"),
        (rig.order_of(token, Side::Buy, "0.30", "100000", REST), "not enough balance / allowance"),
        (rig.order(token, Side::Sell, "0.95", REST), "not enough balance / allowance"),
        (rig.order(token, Side::Buy, "0.95", OrderKind::Gtc { post_only: true }), "order crosses book"),
        (rig.order(token, Side::Buy, "0.02", OrderKind::Fak), "invalid amount for a marketable BUY order"),
        (rig.order_of(token, Side::Buy, "0.02", "100", OrderKind::Fak), "no orders found to match with FAK order"),
        (rig.order_of(token, Side::Buy, "0.02", "100", OrderKind::Fok), "FOK orders are fully filled or killed"),
    ];
    for (order, words) in cases {
        let (status, answer) = rig.post(&order).await;
        assert_eq!(status, 400, "{words}: {answer}");
        assert!(text(&answer).contains(words), "{answer} does not contain `{words}`");
    }
    let (_, open) = rig.l2(Method::GET, "/data/orders", "").await;
    assert_eq!(open["count"], 0);
    let (_, cash) = rig.l2(Method::GET, "/balance-allowance?asset_type=COLLATERAL", "").await;
    assert_eq!(cash["balance"], "10000000000");
}

#[tokio::test]
async fn the_same_order_twice_is_a_duplicate() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let order = rig.order(token(&market), Side::Buy, "0.02", REST);
    assert_eq!(rig.post(&order).await.0, 200);
    let (status, answer) = rig.post(&order).await;
    assert_eq!(status, 400);
    assert!(text(&answer).ends_with("is invalid. Duplicated."), "{answer}");
}

#[tokio::test]
async fn a_batch_has_an_answer_for_each_and_a_limit() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let good = rig.order(token(&market), Side::Buy, "0.02", REST);
    let small = rig.order_of(token(&market), Side::Buy, "0.03", "1", REST);
    let body = json!([good, small]).to_string();
    let (status, answer) = rig.l2(Method::POST, "/orders", &body).await;
    assert_eq!((status, &answer[0]["status"]), (200, &json!("live")));
    assert!(answer[1]["errorMsg"].as_str().unwrap().contains("lower than the minimum"), "{answer}");
    assert_eq!(answer[1]["orderID"], "");
    let many = json!(vec![good; 16]).to_string();
    let (status, answer) = rig.l2(Method::POST, "/orders", &many).await;
    assert_eq!((status, text(&answer)), (400, "Too many orders in payload: 16, max allowed: 15"));
    let (_, cancelled) = rig.l2(Method::DELETE, "/cancel-all", "").await;
    assert_eq!(cancelled["canceled"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_caller_without_a_valid_key_can_read_and_change_nothing() {
    let rig = Rig::new().await;
    let (status, answer) = rig.l2_as(Method::GET, "/data/orders", "", "tampered").await;
    assert_eq!((status, text(&answer)), (401, "Unauthorized/Invalid api key"));
    let (status, _) = rig.get("/data/orders").await;
    assert_eq!(status, 401);
    let (status, answer) = rig.l1(Method::POST, "/auth/api-key", 0).await;
    assert_eq!((status, text(&answer)), (400, "Could not create api key"));
    let (status, derived) = rig.l1(Method::GET, "/auth/derive-api-key", 0).await;
    assert_eq!((status, &derived), (200, &rig.credentials));
    let (status, answer) = rig.l1(Method::GET, "/auth/derive-api-key", 3_600).await;
    assert_eq!((status, text(&answer)), (401, "Invalid L1 Request headers"));
}

#[tokio::test]
async fn an_order_with_an_end_states_a_minute_more_and_not_too_soon() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let until = |ahead: u64| OrderKind::Gtd { post_only: false, until_s: u32::try_from(seconds() + ahead).unwrap() };
    let kind = until(125);
    let (status, placed) = rig.post(&rig.order(token(&market), Side::Buy, "0.02", kind)).await;
    assert_eq!((status, &placed["status"]), (200, &json!("live")), "{placed}");
    let (_, open) = rig.l2(Method::GET, "/data/orders", "").await;
    let row = &open["data"][0];
    assert_eq!((&row["order_type"], &row["expiration"]), (&json!("GTD"), &json!(kind.expiration_s().to_string())));
    let (status, answer) = rig.post(&rig.order(token(&market), Side::Buy, "0.02", until(110))).await;
    assert_eq!((status, text(&answer)), (400, "invalid expiration"));
    let mut endless = rig.order(token(&market), Side::Buy, "0.02", until(500));
    endless["order"]["expiration"] = json!("0");
    assert_eq!(text(&rig.post(&endless).await.1), "invalid expiration");
}

#[tokio::test]
async fn a_deposit_wallet_trades_with_the_wrapped_signature_of_its_key_alone() {
    let rig = Rig::new().await;
    let (market, _) = rig.market().await;
    let funder = Wallet::Deposit.of(rig.key.address());
    let wallet =
        Account { funder, signature_type: SignatureType::Deposit, ..Account::eoa(rig.key.address(), Chain::Polygon) };
    let asked = (token(&market), Side::Buy, "0.02", "10");
    let good = rig.order_as(&wallet, Exchange::Standard, asked, REST);
    assert_eq!(good["order"]["signature"].as_str().unwrap().len(), 2 + 317 * 2);
    let mut plain = good.clone();
    plain["order"]["signature"] = json!(&good["order"]["signature"].as_str().unwrap()[..132]);
    assert_eq!(text(&rig.post(&plain).await.1), "invalid signature");
    let stranger = Account { funder: Wallet::Deposit.of(funder), ..wallet };
    let foreign = rig.order_as(&stranger, Exchange::Standard, asked, REST);
    assert!(text(&rig.post(&foreign).await.1).starts_with("the order signer address has to be"));
    let (status, placed) = rig.post(&good).await;
    assert_eq!((status, &placed["status"]), (200, &json!("live")), "{placed}");
    let (_, open) = rig.l2(Method::GET, "/data/orders", "").await;
    assert_eq!(open["data"][0]["maker_address"], json!(funder.checksummed()));
}
