//! Public endpoints.

use crate::{bare, market, tokens};
use polymarket_client_sdk_v2::clob::types::request::{
    LastTradePriceRequest, MidpointRequest, OrderBookSummaryRequest, PriceHistoryRequest, PriceRequest, SpreadRequest,
};
use polymarket_client_sdk_v2::clob::types::{Interval, Side, TimeRange};
use polymarket_client_sdk_v2::types::{Decimal, dec};

#[tokio::test]
async fn the_service_answers() {
    let client = bare();
    assert_eq!(client.ok().await.unwrap(), "OK");
    assert_eq!(client.version().await.unwrap(), 2);
    assert!(client.server_time().await.unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn markets_are_listed_in_every_way() {
    let client = bare();
    let market = market(false).await;
    let condition = market.condition_id.unwrap();
    assert_eq!(client.market(&condition.to_string()).await.unwrap().question, market.question);
    assert!(!client.simplified_markets(None).await.unwrap().data.is_empty());
    assert!(!client.sampling_markets(None).await.unwrap().data.is_empty());
    assert!(!client.sampling_simplified_markets(None).await.unwrap().data.is_empty());
    let info = client.clob_market_info(&condition.to_string()).await.unwrap();
    let listed: Vec<_> = info.tokens.into_iter().flatten().map(|token| token.token_id).collect();
    assert_eq!(listed, tokens(&market));
    assert_eq!(client.market_by_token(listed[1]).await.unwrap().condition_id, condition);
    assert!(client.market_trades_events(&condition.to_string()).await.unwrap().is_array());
}

#[tokio::test]
async fn books_and_prices_are_read() {
    let client = bare();
    let token = tokens(&market(false).await)[0];
    let book = OrderBookSummaryRequest::builder().token_id(token).build();
    let one = client.order_book(&book).await.unwrap();
    assert!(one.bids.last().unwrap().price < one.asks.last().unwrap().price);
    assert_eq!(client.order_books(&[book]).await.unwrap().len(), 1);
    let asked = |side| PriceRequest::builder().token_id(token).side(side).build();
    let [buy, sell] = [asked(Side::Buy), asked(Side::Sell)];
    assert!(client.price(&buy).await.unwrap().price < client.price(&sell).await.unwrap().price, "BUY is the best bid");
    assert!(client.prices(&[buy, sell]).await.unwrap().prices.is_some());
    let midpoint = MidpointRequest::builder().token_id(token).build();
    assert!(client.midpoint(&midpoint).await.unwrap().mid > Decimal::ZERO);
    assert_eq!(client.midpoints(&[midpoint]).await.unwrap().midpoints.len(), 1);
    let spread = SpreadRequest::builder().token_id(token).build();
    assert!(client.spread(&spread).await.unwrap().spread > Decimal::ZERO);
    // The client reads them from a key that the venue does not send (PROTOCOL 7.2), so it gets none, as from the venue.
    assert!(client.spreads(&[spread]).await.unwrap().spreads.is_none());
    let last = LastTradePriceRequest::builder().token_id(token).build();
    assert!(client.last_trade_price(&last).await.unwrap().price > Decimal::ZERO);
    client.last_trades_prices(&[last]).await.unwrap();
    let span = TimeRange::from_interval(Interval::OneHour);
    let history = PriceHistoryRequest::builder().market(token).time_range(span).build();
    assert!(!client.price_history(&history).await.unwrap().history.is_empty());
}

#[tokio::test]
async fn the_parameters_of_a_market_are_read() {
    let client = bare();
    for exclusive in [false, true] {
        let token = tokens(&market(exclusive).await)[0];
        assert_eq!(client.tick_size(token).await.unwrap().minimum_tick_size.as_decimal(), dec!(0.01));
        assert_eq!(client.neg_risk(token).await.unwrap().neg_risk, exclusive);
        client.fee_rate_bps(token).await.unwrap();
        client.fee_exponent(token).await.unwrap();
    }
}
