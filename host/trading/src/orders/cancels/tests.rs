//! Cancels against the local exchange, over real sockets.

use super::*;
use control::inbox::Taken;
use exchange::{Config, Running, start};
use model::{Market, MarketIx, NewOrder, OrderKind, Price, Side, Size, StrategyId};
use order::{Account, Chain, Domains, OrderTerms, SigningKey, UnsignedOrder};
use polymarket::client::{Terms, Timeouts};
use polymarket::{Client, L1Headers};
use serde_json::json;

const KIND: OrderKind = OrderKind::Gtc { post_only: true };
const SOON: Duration = Duration::from_secs(30);

/// An account with orders, and its cancel path.
struct CancelRig {
    canceller: Canceller,
    cancels: mpsc::Sender<Cancel>,
    key: SigningKey,
    markets: Vec<Market>,
    address: String,
    answers: Vec<(OrderId, CancelOutcome)>,
    _exchange: Running,
}

impl CancelRig {
    async fn new() -> Self {
        // Another test may have been first.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let exchange = start(Config::seeded(8)).await.unwrap();
        let address = format!("http://{}", exchange.addr);
        let key = SigningKey::from_bytes(&[6; 32]).unwrap();
        // A busy machine must not look like a venue that does not answer.
        let client = Client::new(&address, Timeouts { cancel: SOON, ..Timeouts::default() }).unwrap();
        let (timestamp_s, nonce) = (clock::now().seconds(), 0);
        let digest = Domains::new(Chain::Polygon).auth_digest(key.address(), timestamp_s, nonce);
        let headers = L1Headers { address: key.address(), signature: key.sign_digest(&digest), timestamp_s, nonce };
        let credentials = client.create_or_derive_api_key(&headers).await.unwrap();
        let markets = client.markets(2).await.unwrap();
        let account = AccountClient::new(client, credentials, Account::eoa(key.address(), Chain::Polygon));
        let canceller =
            Canceller { account, index: OrderIds::default(), inbox: Inbox::default(), paths: Paths::default() };
        let (cancels, asked) = mpsc::channel(CANCELS_MAX);
        tokio::spawn(cancel_all(canceller.clone(), asked));
        let desk = Self { canceller, cancels, key, markets, address, answers: Vec::new(), _exchange: exchange };
        // No other orders trade, and the order rate is not tested here.
        desk.faults(json!({})).await;
        desk
    }

    async fn faults(&self, mut more: serde_json::Value) {
        more["still"] = true.into();
        let request = reqwest::Client::new().put(format!("{}/exchange/faults", self.address));
        assert!(request.body(more.to_string()).send().await.unwrap().status().is_success());
    }

    /// Places a bid for a cent in a market.
    async fn bid(&self, number: u64, market: usize) {
        let (price, size) = (Price::from_micros(10_000).unwrap(), Size::shares(20));
        let (id, strategy, token) = (OrderId(number), StrategyId(1), MarketIx(0).token(0));
        let order = NewOrder { id, strategy, tag: 0, token, side: Side::Buy, price, size, kind: KIND };
        let market = &self.markets[market];
        let exchange = order::Exchange::of(market.neg_risk);
        let listing = OrderTerms { token_id: market.tokens[0], tick: market.tick, exchange };
        let account = Account::eoa(self.key.address(), Chain::Polygon);
        let built = UnsignedOrder::build(&order, &account, &listing, number, clock::now().millis()).unwrap();
        let signed = built.sign(Domains::new(Chain::Polygon).of(exchange), &self.key);
        self.canceller.account.post_order(&signed, KIND, Terms::within(SOON)).await.unwrap();
        self.canceller.index.insert(id, signed.id);
    }

    /// Requests a cancel; with the order's market if the host decided it.
    fn cancel(&self, number: u64, market: Option<usize>) {
        let market = market.map(|market| self.markets[market].condition);
        self.cancels.try_send(Cancel { order: OrderId(number), market }).unwrap();
    }

    /// Waits until the engine has received this many outcomes.
    async fn wait_for_outcomes(&mut self, count: usize) -> &[(OrderId, CancelOutcome)] {
        let started = Instant::now();
        while self.answers.len() < count {
            assert!(started.elapsed() < SOON, "only {:?}", self.answers);
            let mut taken = Taken::default();
            self.canceller.inbox.next_round(&mut taken, 10, Duration::ZERO);
            let outcomes = taken.arrivals.into_iter().map(|arrival| match arrival.body {
                InputKind::CancelAnswer { order, outcome } => (order, outcome),
                other => panic!("{other:?}"),
            });
            self.answers.extend(outcomes);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.answers.sort_by_key(|(order, _)| *order);
        &self.answers
    }

    async fn open(&self) -> usize {
        self.canceller.account.open_orders().await.unwrap().len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_decided_takes_its_market_when_single_cancels_are_refused_and_says_so() {
    let mut desk = CancelRig::new().await;
    for (number, market) in [(1, 0), (2, 0), (3, 1)] {
        desk.bid(number, market).await;
    }
    desk.faults(json!({"refuse_cancels": 1_000_000})).await;
    desk.cancel(1, Some(0));
    let answers = desk.wait_for_outcomes(2).await;
    assert_eq!(answers[0], (OrderId(1), CancelOutcome::Cancelled));
    let (OrderId(2), CancelOutcome::Swept { reason }) = &answers[1] else { panic!("{answers:?}") };
    assert!(reason.starts_with("cancelled by the host"), "{reason}");
    assert_eq!(desk.open().await, 1, "the other market's order stays open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_takes_the_market_for_the_host_and_nothing_for_others() {
    let mut desk = CancelRig::new().await;
    desk.bid(1, 0).await;
    desk.bid(2, 0).await;
    desk.faults(json!({"break_requests": 1})).await;
    desk.cancel(1, None);
    let answers = desk.wait_for_outcomes(1).await;
    assert!(matches!(answers, [(OrderId(1), CancelOutcome::Failed { .. })]), "{answers:?}");
    desk.answers.clear();
    desk.faults(json!({"break_requests": 1})).await;
    desk.cancel(1, Some(0));
    let answers = desk.wait_for_outcomes(2).await;
    let swept = |outcome: &CancelOutcome| matches!(outcome, CancelOutcome::Swept { .. });
    assert!(answers[0].1 == CancelOutcome::Cancelled && swept(&answers[1].1), "{answers:?}");
}

/// The bucket of cancels may be empty after single ones; it has room for a cancel of everything soon after.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_everything_that_is_refused_for_its_rate_is_sent_again() {
    let mut desk = CancelRig::new().await;
    desk.bid(1, 0).await;
    // The cancel of the market, and two of everything.
    desk.faults(json!({"refuse_cancels": 1_000_000, "refuse_sweeps": 3})).await;
    desk.cancel(1, Some(0));
    assert_eq!(desk.wait_for_outcomes(1).await, [(OrderId(1), CancelOutcome::Cancelled)]);
    assert_eq!(desk.open().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_that_cannot_be_cancelled_takes_everything() {
    let mut desk = CancelRig::new().await;
    for (number, market) in [(1, 0), (2, 0), (3, 1)] {
        desk.bid(number, market).await;
    }
    desk.faults(json!({"break_requests": 2})).await;
    desk.cancel(1, Some(0));
    let answers = desk.wait_for_outcomes(3).await;
    let swept = |outcome: &CancelOutcome| matches!(outcome, CancelOutcome::Swept { reason } if reason.contains("all"));
    assert!(
        answers[0].1 == CancelOutcome::Cancelled && answers[1..].iter().all(|(_, outcome)| swept(outcome)),
        "{answers:?}"
    );
    assert_eq!(desk.open().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_of_the_hosts_own_than_there_is_room_for_take_the_market() {
    let mut desk = CancelRig::new().await;
    // The lowest numbers are sent first, so that the bucket is empty before the orders that are open at the venue have
    // their turn. All of them wait before the first is sent, so that no bucket is refilled between them.
    const GONE: u64 = 1_000;
    const ANSWERS: usize = 1_046;
    for number in 1..=46 {
        desk.bid(GONE + number, 0).await;
    }
    for number in 1..=GONE {
        let mut venue = [0xee; 32];
        venue[..8].copy_from_slice(&number.to_be_bytes());
        desk.canceller.index.insert(OrderId(number), VenueOrderId(venue));
    }
    let (cancels, asked) = mpsc::channel(CANCELS_MAX);
    desk.cancels = cancels;
    (1..=GONE + 45).for_each(|number| desk.cancel(number, Some(0)));
    tokio::spawn(cancel_all(desk.canceller.clone(), asked));
    let answers = desk.wait_for_outcomes(ANSWERS).await;
    let swept = |(order, outcome): &(OrderId, CancelOutcome)| {
        *order == OrderId(GONE + 46) && matches!(outcome, CancelOutcome::Swept { .. })
    };
    assert!(answers.iter().any(swept), "{answers:?}");
    assert_eq!(desk.open().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_strategy_wants_waits_for_room_takes_nothing_else_and_is_never_given_up() {
    let mut desk = CancelRig::new().await;
    for number in 1..=3 {
        desk.bid(number, 0).await;
    }
    desk.faults(json!({"refuse_cancels": 2})).await;
    desk.cancel(1, None);
    desk.cancel(2, None);
    let cancelled = |number| (OrderId(number), CancelOutcome::Cancelled);
    assert_eq!(desk.wait_for_outcomes(2).await, [cancelled(1), cancelled(2)]);
    assert_eq!(desk.open().await, 1, "no other order is cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_waits_becomes_the_hosts_decision() {
    let mut desk = CancelRig::new().await;
    desk.bid(1, 0).await;
    desk.faults(json!({"refuse_cancels": 1_000_000})).await;
    desk.cancel(1, None);
    desk.cancel(1, Some(0));
    assert_eq!(desk.wait_for_outcomes(1).await, [(OrderId(1), CancelOutcome::Cancelled)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_cancels_than_a_bucket_has_are_folded_and_none_fails() {
    let mut desk = CancelRig::new().await;
    desk.faults(json!({"unlimited": true})).await;
    for number in 1..=150 {
        desk.canceller.index.insert(OrderId(number), VenueOrderId([u8::try_from(number).unwrap(); 32]));
    }
    desk.faults(json!({})).await;
    (1..=150).for_each(|number| desk.cancel(number, None));
    let answers = desk.wait_for_outcomes(150).await;
    assert!(answers.iter().all(|(_, outcome)| *outcome == CancelOutcome::NotOpen), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_without_an_id_is_never_called_not_open() {
    let mut desk = CancelRig::new().await;
    desk.bid(1, 0).await;
    let failed = CancelOutcome::Failed { reason: NO_ID.to_owned() };
    desk.cancel(7, None);
    assert_eq!(desk.wait_for_outcomes(1).await, [(OrderId(7), failed.clone())]);
    // Nor is one whose market was cancelled instead.
    desk.faults(json!({"refuse_cancels": 1_000_000})).await;
    desk.cancel(1, Some(0));
    desk.cancel(8, Some(0));
    assert!(desk.wait_for_outcomes(2).await.contains(&(OrderId(8), failed)));
}

#[test]
fn the_hosts_own_go_first_and_an_order_waits_once() {
    let now = Instant::now();
    let (market, mut queue) = (ConditionId([4; 32]), Queue::default());
    let cancel = |order, market| Cancel { order: OrderId(order), market };
    for one in [cancel(1, None), cancel(2, None), cancel(3, Some(market)), cancel(2, None), cancel(3, None)] {
        queue.add(one, now);
    }
    assert_eq!(queue.take(2, now), [OrderId(3), OrderId(1)]);
    // A recent request is not repeated; an old one is.
    queue.add(cancel(1, Some(market)), now);
    assert_eq!(queue.len(), 1);
    queue.add(cancel(3, Some(market)), now + REPEAT);
    assert_eq!(queue.len(), 2);
    let failed = |for_rate| Some(Failed { reason: "words".to_owned(), for_rate });
    // It became the host's while its request was in flight, so it does not wait for others.
    assert!(queue.ended(&Ended { what: What::Orders, orders: vec![OrderId(1)], failed: failed(false) }).is_empty());
    assert_eq!(queue.take_markets(now), BTreeMap::from([(market, vec![OrderId(1), OrderId(3)])]));
    // One request per market at a time.
    queue.add(cancel(9, Some(market)), now);
    assert!(queue.take_markets(now).is_empty());
    assert_eq!(queue.take(1, now), [OrderId(9)]);
    assert_eq!(queue.take(5, now), [OrderId(2)]);
    assert_eq!(
        queue.ended(&Ended { what: What::Orders, orders: vec![OrderId(2)], failed: failed(false) }),
        [OrderId(2)]
    );
    assert_eq!(queue.len(), 0);
}
