//! Positions and activity of a wallet (Data API).

use crate::{fresh, market, tokens, touch, trader, venue};
use polymarket_client_sdk_v2::clob::types::{OrderType, Side};
use polymarket_client_sdk_v2::data::Client;
use polymarket_client_sdk_v2::data::types::request::{
    ActivityRequest, ClosedPositionsRequest, PositionsRequest, TradesRequest, ValueRequest,
};
use polymarket_client_sdk_v2::types::dec;

#[tokio::test]
async fn a_purchase_is_a_position_a_trade_an_activity_and_worth_something() {
    let data = Client::new(&format!("{}/data-api/", venue())).unwrap();
    assert_eq!(data.health().await.unwrap().data, "OK");
    let key = fresh();
    let trader = trader(&key).await;
    let token = tokens(&market(false).await)[0];
    let price = (touch(token).await.1 + dec!(0.05)).min(dec!(0.99));
    let order = trader.limit_order().token_id(token).side(Side::Buy).price(price).size(dec!(20));
    let bought = order.order_type(OrderType::GTC).build_sign_and_post(&key).await.unwrap();
    assert!(bought.success, "{bought:?}");
    let user = key.address();
    let positions = data.positions(&PositionsRequest::builder().user(user).build()).await.unwrap();
    assert_eq!(positions.len(), 1);
    assert_eq!((positions[0].asset, positions[0].size, positions[0].redeemable), (token, dec!(20), false));
    assert!(positions[0].avg_price <= price && positions[0].initial_value > dec!(0));
    let trades = data.trades(&TradesRequest::builder().user(user).build()).await.unwrap();
    let shares = trades.iter().fold(dec!(0), |sum, trade| sum + trade.size);
    assert_eq!(shares, dec!(20), "{trades:?}");
    let activity = data.activity(&ActivityRequest::builder().user(user).build()).await.unwrap();
    assert_eq!(activity.len(), trades.len());
    // The market moves between two requests, so both are read again until they agree.
    let mut seen = Vec::new();
    while seen.len() < 50 {
        let value = data.value(&ValueRequest::builder().user(user).build()).await.unwrap();
        let positions = data.positions(&PositionsRequest::builder().user(user).build()).await.unwrap();
        assert_eq!(value[0].user, user);
        if value[0].value == positions[0].current_value {
            break;
        }
        seen.push((value[0].value, positions[0].current_value));
    }
    assert!(seen.len() < 50, "the value is never that of the position: {seen:?}");
    assert!(data.closed_positions(&ClosedPositionsRequest::builder().user(user).build()).await.unwrap().is_empty());
}
