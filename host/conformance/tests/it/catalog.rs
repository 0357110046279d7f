//! The catalog (Gamma), including resolved markets.

use crate::{bare, fresh, rest, tokens, trader, venue};
use polymarket_client_sdk_v2::gamma::Client;
use polymarket_client_sdk_v2::gamma::types::request::{
    EventBySlugRequest, EventsRequest, MarketByIdRequest, MarketBySlugRequest, MarketsRequest,
};
use polymarket_client_sdk_v2::types::dec;
use serde_json::json;

fn client() -> Client {
    Client::new(&format!("{}/gamma/", venue())).unwrap()
}

#[tokio::test]
async fn markets_and_events_are_found_in_every_way() {
    let client = client();
    let all = client.markets(&MarketsRequest::default()).await.unwrap();
    assert!(all.len() > 3 && all.iter().all(|market| market.closed == Some(false)));
    let one = &all[0];
    let slug = one.slug.clone().unwrap();
    let by_id = client.market_by_id(&MarketByIdRequest::builder().id(one.id.clone()).build()).await.unwrap();
    assert_eq!(by_id.slug, one.slug);
    let by_slug = client.market_by_slug(&MarketBySlugRequest::builder().slug(slug.clone()).build()).await.unwrap();
    assert_eq!(by_slug.clob_token_ids.map(|ids| ids.len()), Some(2));
    let events = client.events(&EventsRequest::default()).await.unwrap();
    // An event may have several markets.
    let count: usize = events.iter().filter_map(|event| event.markets.as_ref()).map(Vec::len).sum();
    assert_eq!(count, all.len());
    let event = client.event_by_slug(&EventBySlugRequest::builder().slug(slug).build()).await.unwrap();
    assert_eq!(event.markets.map(|markets| markets.len()), Some(1));
}

#[tokio::test]
async fn a_market_that_is_over_is_shown_in_all_places() {
    let key = fresh();
    let trader = trader(&key).await;
    // The last market of the list, which no other test trades on.
    let market = bare().markets(None).await.unwrap().data.pop().unwrap();
    let condition = market.condition_id.unwrap().to_string();
    rest(&trader, &key, tokens(&market)[0]).await;
    let url = format!("{}/exchange/resolve", venue());
    let body = json!({"condition": condition, "pays": "1", "redeem": true}).to_string();
    let answer = reqwest::Client::new().post(url).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(trader.cancel_all_orders().await.unwrap().canceled.is_empty(), "its orders ended with the market");
    let market = bare().market(&condition).await.unwrap();
    assert!(market.closed && !market.accepting_orders);
    assert_eq!(market.tokens.iter().map(|token| token.winner).collect::<Vec<_>>(), [true, false]);
    let closed = client().markets(&MarketsRequest::builder().closed(true).build()).await.unwrap();
    assert_eq!(closed[0].outcome_prices, Some(vec![dec!(1), dec!(0)]));
}
