//! Batch placement: several orders in one request to the local exchange, over real sockets.

use exchange::{Config, start};
use model::amount::Size;
use model::input::PlaceOutcome;
use model::{MarketIx, NewOrder, OrderId, OrderKind, Price, Side, StrategyId};
use order::{Account, Chain, Domains, Exchange, OrderTerms, SignedOrder, SigningKey, UnsignedOrder};
use polymarket::client::{BATCH_MAX, PlaceError, Terms, Timeouts};
use polymarket::{AccountClient, Client, L1Headers};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An account on the exchange, and the market it trades.
struct Trader {
    key: SigningKey,
    account: Account,
    client: AccountClient,
    listing: OrderTerms,
}

fn soon() -> Terms {
    Terms::within(Duration::from_secs(30))
}

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

impl Trader {
    async fn new(address: &str) -> Self {
        let client = Client::new(address, Timeouts::default()).unwrap();
        let key = SigningKey::from_bytes(&[9; 32]).unwrap();
        let (timestamp_s, nonce) = (now_ms() / 1_000, 0);
        let digest = Domains::new(Chain::Polygon).auth_digest(key.address(), timestamp_s, nonce);
        let l1 = L1Headers { address: key.address(), signature: key.sign_digest(&digest), timestamp_s, nonce };
        let credentials = client.create_or_derive_api_key(&l1).await.unwrap();
        let market = client.markets(1).await.unwrap().remove(0);
        let [token_id, _] = market.tokens;
        let listing = OrderTerms { token_id, tick: market.tick, exchange: Exchange::of(market.neg_risk) };
        let account = Account::eoa(key.address(), Chain::Polygon);
        Self { client: AccountClient::new(client, credentials, account), key, account, listing }
    }

    /// Returns a bid for this many shares at one cent.
    fn bid(&self, number: u64, shares: u64) -> (SignedOrder, OrderKind) {
        let kind = OrderKind::Gtc { post_only: true };
        let (price, size) = (Price::from_micros(10_000).unwrap(), Size::shares(shares));
        let (id, strategy, token, side) = (OrderId(number), StrategyId(1), MarketIx(0).token(0), Side::Buy);
        let order = NewOrder { id, strategy, tag: 0, token, side, price, size, kind };
        let built = UnsignedOrder::build(&order, &self.account, &self.listing, number, now_ms()).unwrap();
        (built.sign(Domains::new(Chain::Polygon).of(self.listing.exchange), &self.key), kind)
    }
}

#[tokio::test]
async fn each_order_of_a_batch_has_an_answer_of_its_own() {
    let running = start(Config::seeded(3)).await.unwrap();
    let trader = Trader::new(&format!("http://{}", running.addr)).await;
    // The second order costs more than the account has.
    let batch = [trader.bid(1, 10), trader.bid(2, 2_000_000), trader.bid(3, 10)];
    let answers = trader.client.post_orders(&batch, soon()).await;
    let [Ok(one), Err(PlaceError::Refused { reason }), Ok(three)] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((one.id, three.id), (batch[0].0.id, batch[2].0.id));
    assert_eq!(one.outcome(), PlaceOutcome::Live);
    assert!(reason.contains("not enough balance"), "{reason}");
    assert_eq!(trader.client.open_orders().await.unwrap().len(), 2);
    // Sending the same order again: its outcome is unknown, and it is live.
    let again = trader.client.post_orders(&batch[..1], soon()).await;
    assert!(matches!(&again[..], [Err(PlaceError::OutcomeUnknown { .. })]), "{again:?}");

    let many: Vec<_> = (10..).take(BATCH_MAX).map(|number| trader.bid(number, 5)).collect();
    assert!(trader.client.post_orders(&many, soon()).await.iter().all(Result::is_ok));
    let more: Vec<_> = (100..).take(BATCH_MAX + 1).map(|number| trader.bid(number, 5)).collect();
    let refused = trader.client.post_orders(&more, soon()).await;
    let not_sent = |answer: &Result<_, PlaceError>| matches!(answer, Err(PlaceError::NotSent { .. }));
    assert!(refused.len() == BATCH_MAX + 1 && refused.iter().all(not_sent), "{refused:?}");
    assert_eq!(trader.client.open_orders().await.unwrap().len(), 2 + BATCH_MAX);
}
