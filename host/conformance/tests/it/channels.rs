//! The two WebSocket channels.

use crate::{fresh, market, rest, tokens, touch, trader, venue};
use futures_util::{Stream, StreamExt};
use polymarket_client_sdk_v2::clob::types::{Amount, OrderType, Side};
use polymarket_client_sdk_v2::clob::ws::{Client, WsMessage};
use polymarket_client_sdk_v2::types::dec;
use polymarket_client_sdk_v2::ws::config::Config;
use std::fmt::Debug;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

fn client() -> Client {
    Client::new(&venue().replacen("http", "ws", 1), Config::default()).unwrap()
}

/// Waits for the wanted item and skips all others.
async fn wait<T: Debug, E: Debug>(
    stream: impl Stream<Item = Result<T, E>>,
    what: &str,
    mut wanted: impl FnMut(&T) -> bool,
) -> T {
    let mut stream = std::pin::pin!(stream);
    let found = async {
        while let Some(item) = stream.next().await {
            let item = item.unwrap();
            if wanted(&item) {
                return item;
            }
        }
        panic!("the stream of {what} ended")
    };
    tokio::time::timeout(SOON, found).await.unwrap_or_else(|_| panic!("no {what} within {SOON:?}"))
}

#[tokio::test]
async fn the_market_channel_tells_books_prices_trades_and_the_touch() {
    let market = market(false).await;
    let client = client();
    let assets = tokens(&market);
    for asset in &assets {
        let book =
            wait(client.subscribe_orderbook(assets.clone()).unwrap(), "book", |book| book.asset_id == *asset).await;
        assert!(!book.bids.is_empty() && !book.asks.is_empty());
    }
    let change = wait(client.subscribe_prices(assets.clone()).unwrap(), "price change", |_| true).await;
    assert_eq!(Some(change.market), market.condition_id);
    // A client that is subscribed to these assets already does not subscribe again with the flag; a new one does.
    let other = self::client();
    wait(other.subscribe_best_bid_ask(assets.clone()).unwrap(), "best bid and ask", |_| true).await;
    let trade = wait(client.subscribe_last_trade_price(assets.clone()).unwrap(), "last trade", |_| true).await;
    assert!(assets.contains(&trade.asset_id));
}

#[tokio::test]
async fn the_user_channel_tells_orders_and_trades_until_they_are_final() {
    let key = fresh();
    let trader = trader(&key).await;
    let client = client().authenticate(trader.credentials().clone(), key.address()).unwrap();
    let market = market(false).await;
    let token = tokens(&market)[0];
    let events = client.subscribe_user_events(Vec::new()).unwrap();
    let act = async {
        // Gives the subscription time to arrive first.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let id = rest(&trader, &key, token).await;
        trader.cancel_order(&id).await.unwrap();
        let reach = (touch(token).await.1 + dec!(0.05)).min(dec!(0.99));
        let order = trader.market_order().token_id(token).side(Side::Buy).price(reach).order_type(OrderType::FAK);
        order.amount(Amount::usdc(dec!(20)).unwrap()).build_sign_and_post(&key).await.unwrap();
        id
    };
    let mut seen = Vec::new();
    let hear = wait(events, "confirmed trade", |event| {
        match event {
            WsMessage::Order(order) => seen.push(format!("{:?}", order.msg_type.as_ref().unwrap())),
            WsMessage::Trade(trade) => seen.push(format!("{:?}", trade.status)),
            _ => return false,
        }
        seen.last().is_some_and(|last| last == "Confirmed")
    });
    let (id, _) = tokio::join!(act, hear);
    assert!(id.starts_with("0x"));
    for step in ["Placement", "Cancellation", "Update", "Matched", "Mined", "Confirmed"] {
        assert!(seen.iter().any(|seen| seen == step), "no {step} in {seen:?}");
    }
}
