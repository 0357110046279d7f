//! Orders, cancels, balances, and queries of an account's own data.

use crate::{Trader, bare, faults, fresh, key, low, market, rest, tokens, touch, trader, wallet};
use polymarket_client_sdk_v2::clob::types::request::{
    BalanceAllowanceRequest, CancelMarketOrderRequest, DeleteNotificationsRequest, OrderBookSummaryRequest,
    OrdersRequest, TradesRequest,
};
use polymarket_client_sdk_v2::clob::types::response::MarketResponse;
use polymarket_client_sdk_v2::clob::types::{Amount, AssetType, OrderStatusType, OrderType, Side, SignatureType};
use polymarket_client_sdk_v2::types::{Decimal, U256, Utc, address, dec};
use serde_json::json;
use std::time::Duration;

/// The first well-known development key, whose deposit wallet the venue's contracts derive.
const DEPOSIT_KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

#[tokio::test]
async fn an_order_rests_is_read_and_is_cancelled_once() {
    let key = fresh();
    let client = trader(&key).await;
    let market = market(false).await;
    let token = tokens(&market)[0];
    let id = rest(&client, &key, token).await;
    assert_eq!(client.order(&id).await.unwrap().status, OrderStatusType::Live);
    for request in [
        OrdersRequest::default(),
        OrdersRequest::builder().order_id(id.clone()).build(),
        OrdersRequest::builder().asset_id(token).build(),
    ] {
        let page = client.orders(&request, None).await.unwrap();
        assert_eq!(page.data.iter().map(|order| order.id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    }
    assert!(!client.is_order_scoring(&id).await.unwrap().scoring);
    assert_eq!(client.are_orders_scoring(&[&id]).await.unwrap().get(&id), Some(&false));
    assert_eq!(client.cancel_order(&id).await.unwrap().canceled, [id.clone()]);
    assert!(client.cancel_order(&id).await.unwrap().not_canceled.contains_key(&id));
    assert_eq!(client.notifications().await.unwrap().iter().map(|note| note.r#type).collect::<Vec<_>>(), [1]);
    client.delete_notifications(&DeleteNotificationsRequest::default()).await.unwrap();
    assert!(client.notifications().await.unwrap().is_empty());
    assert!(client.pre_migration_orders(None).await.unwrap().data.is_empty());
    assert!(client.reward_percentages().await.unwrap().is_empty());
    assert!(client.current_rewards(None).await.unwrap().data.is_empty());
}

#[tokio::test]
async fn orders_can_have_an_end_and_be_post_only() {
    let key = fresh();
    let client = trader(&key).await;
    let token = tokens(&market(false).await)[0];
    let price = low(token).await;
    let until = |seconds| Utc::now() + Duration::from_secs(seconds);
    let order = |seconds| {
        let order = client.limit_order().token_id(token).side(Side::Buy).price(price).size(dec!(20));
        order.order_type(OrderType::GTD).expiration(until(seconds))
    };
    let placed = order(300).build_sign_and_post(&key).await.unwrap();
    assert_eq!(client.order(&placed.order_id).await.unwrap().order_type, OrderType::GTD);
    let refused = order(100).build_sign_and_post(&key).await.unwrap_err().to_string();
    assert!(refused.contains("invalid expiration"), "{refused}");
    let crossing = (touch(token).await.1 + dec!(0.05)).min(dec!(0.99));
    let order = client.limit_order().token_id(token).side(Side::Buy).price(crossing).size(dec!(20)).post_only(true);
    let refused = order.build_sign_and_post(&key).await.unwrap_err().to_string();
    assert!(refused.contains("order crosses book"), "{refused}");
}

#[tokio::test]
async fn orders_come_and_go_in_batches() {
    let key = fresh();
    let client = trader(&key).await;
    let market = market(false).await;
    let token = tokens(&market)[0];
    let price = low(token).await;
    let mut signed = Vec::new();
    for size in [dec!(20), dec!(21), dec!(1)] {
        let order = client.limit_order().token_id(token).side(Side::Buy).price(price).size(size).build().await.unwrap();
        signed.push(client.sign(&key, order).await.unwrap());
    }
    let answers = client.post_orders(signed).await.unwrap();
    let good: Vec<_> = answers.iter().filter(|answer| !answer.order_id.is_empty()).collect();
    assert_eq!((answers.len(), good.len()), (3, 2), "{answers:?}");
    assert_eq!(client.cancel_orders(&[&good[0].order_id]).await.unwrap().canceled, [good[0].order_id.clone()]);
    let here = CancelMarketOrderRequest::builder().maybe_market(market.condition_id).build();
    assert_eq!(client.cancel_market_orders(&here).await.unwrap().canceled, [good[1].order_id.clone()]);
    rest(&client, &key, token).await;
    assert_eq!(client.cancel_all_orders().await.unwrap().canceled.len(), 1);
}

async fn balance(client: &Trader, token: Option<U256>) -> Decimal {
    let kind = if token.is_some() { AssetType::Conditional } else { AssetType::Collateral };
    let request = BalanceAllowanceRequest::builder().asset_type(kind).maybe_token_id(token).build();
    client.update_balance_allowance(request.clone()).await.unwrap();
    client.balance_allowance(request).await.unwrap().balance
}

#[tokio::test]
async fn money_and_shares_move_and_trades_settle() {
    let key = fresh();
    let client = trader(&key).await;
    let token = tokens(&market(false).await)[0];
    let before = balance(&client, None).await;
    let reach = (touch(token).await.1 + dec!(0.05)).min(dec!(0.99));
    let order = client.market_order().token_id(token).side(Side::Buy).price(reach);
    let order = order.amount(Amount::usdc(dec!(20)).unwrap()).order_type(OrderType::FOK);
    let bought = order.build_sign_and_post(&key).await.unwrap();
    assert_eq!(bought.status, OrderStatusType::Matched, "{bought:?}");
    assert!(!bought.transaction_hashes.is_empty(), "the client waited for them");
    let shares = balance(&client, Some(token)).await;
    assert_eq!(shares, bought.taking_amount * dec!(1_000_000));
    assert!(balance(&client, None).await < before - dec!(10_000_000));
    let trades = client.trades(&TradesRequest::builder().asset_id(token).build(), None).await.unwrap();
    assert_eq!(trades.data.len(), bought.trade_ids.len());
    let sale = Amount::shares((shares / dec!(1_000_000)).trunc_with_scale(2)).unwrap();
    let order = client.market_order().token_id(token).side(Side::Sell).amount(sale).price(dec!(0.01));
    let sold = order.order_type(OrderType::FAK).build_sign_and_post(&key).await.unwrap();
    assert_eq!(sold.status, OrderStatusType::Matched, "{sold:?}");
    assert!(client.notifications().await.unwrap().iter().any(|note| note.r#type == 2));
}

/// Returns a token of a market whose best ask has at least fifty shares, and that price; other traders are then paused.
async fn plenty(market: &MarketResponse) -> (U256, Decimal) {
    for _ in 0..300 {
        faults(json!({"still": true, "unlimited": true})).await;
        for token in tokens(market) {
            let request = OrderBookSummaryRequest::builder().token_id(token).build();
            let book = bare().order_book(&request).await.unwrap();
            let best = book.asks.last().unwrap();
            if best.size >= dec!(50) && best.price >= dec!(0.1) && best.price <= dec!(0.93) {
                return (token, best.price);
            }
        }
        faults(json!({})).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no best ask ever had fifty shares");
}

#[tokio::test]
async fn a_market_buy_spends_its_dollars_whatever_they_buy() {
    let key = fresh();
    let client = trader(&key).await;
    let market = market(false).await;
    for order_type in [OrderType::FAK, OrderType::FOK] {
        let (token, ask) = plenty(&market).await;
        let before = balance(&client, None).await;
        let order = client.market_order().token_id(token).side(Side::Buy).price(ask + dec!(0.06));
        let order = order.amount(Amount::usdc(dec!(5)).unwrap()).order_type(order_type);
        let bought = order.build_sign_and_post(&key).await.unwrap();
        assert_eq!((&bought.status, bought.making_amount), (&OrderStatusType::Matched, dec!(5)), "{bought:?}");
        assert!((bought.taking_amount - dec!(5) / ask).abs() < dec!(0.00001), "{bought:?} at {ask}");
        // The whole dollar amount, plus a fee up to the venue's highest.
        let fee = before - balance(&client, None).await - dec!(5_000_000);
        let scale = dec!(5_000_000) * (dec!(1) - ask);
        assert!(fee > dec!(0) && fee < scale * dec!(0.1), "a fee of {fee} at {ask}");
    }
    faults(json!({})).await;
}

#[tokio::test]
async fn heartbeats_go_on() {
    let client = trader(&fresh()).await;
    let first = client.post_heartbeat(None).await.unwrap().heartbeat_id;
    let second = client.post_heartbeat(Some(first)).await.unwrap().heartbeat_id;
    assert_ne!(first, second);
    client.post_heartbeat(Some(first)).await.unwrap_err();
}

#[tokio::test]
async fn every_kind_of_wallet_trades_and_the_version_may_change() {
    let deposit = address!("0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50");
    let (plain, proxy, safe, owner) = (fresh(), fresh(), fresh(), key(DEPOSIT_KEY));
    let wallets = [
        (trader(&plain).await, &plain),
        (wallet(&proxy, SignatureType::Proxy, None).await, &proxy),
        (wallet(&safe, SignatureType::GnosisSafe, None).await, &safe),
        (wallet(&owner, SignatureType::Poly1271, Some(deposit)).await, &owner),
    ];
    for (client, key) in &wallets {
        for exclusive in [false, true] {
            rest(client, key, tokens(&market(exclusive).await)[0]).await;
        }
    }
    // The client is refused once, reads the version again and signs for Exchange V3.
    faults(json!({ "version_3": true })).await;
    for (client, key) in &wallets {
        rest(client, key, tokens(&market(true).await)[0]).await;
    }
    faults(json!({})).await;
}
