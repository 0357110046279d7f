//! External orders on the exchange, reported by the channel before REST answers.
#![allow(clippy::panic, clippy::unwrap_used, reason = "test code may fail loudly")]

use super::*;
use crate::listed_orders::{NO_ID, cancel_listed};
use control::View;
use control::inbox::Taken;
use engine::{Effects, Engine, Purpose};
use exchange::{Config, start};
use model::input::{CancelOutcome, Mode, SessionStart};
use model::{Limits, Market, NewOrder, OrderKind, Price, SessionId, Side, StrategyId, Usd};
use order::{Account, Chain, Domains, SigningKey, UnsignedOrder};
use polymarket::client::{Terms, Timeouts};
use polymarket::{Client, L1Headers};
use serde_json::json;

struct AccountRig {
    account: VenueAccount,
    key: SigningKey,
    market: Market,
    address: String,
    _exchange: exchange::Running,
}

impl AccountRig {
    async fn new() -> Self {
        // Another test may have been first.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        // Matched trades settle later than the test lasts: the channel reports them once.
        let config = Config { mined_ms: 600_000, confirmed_ms: 600_000, ..Config::seeded(5) };
        let exchange = start(config).await.unwrap();
        let address = format!("http://{}", exchange.addr);
        let key = SigningKey::from_bytes(&[7; 32]).unwrap();
        let client = Client::new(&address, Timeouts::default()).unwrap();
        let since = clock::now();
        let (signer, timestamp_s, nonce) = (key.address(), since.seconds(), 0);
        let signature = key.sign_digest(&Domains::new(Chain::Polygon).auth_digest(signer, timestamp_s, nonce));
        let headers = L1Headers { address: signer, signature, timestamp_s, nonce };
        let credentials = client.create_or_derive_api_key(&headers).await.unwrap();
        let market = client.markets(1).await.unwrap().remove(0);
        let client = AccountClient::new(client, credentials, Account::eoa(signer, Chain::Polygon));
        let listing = MarketRegistry::new(std::slice::from_ref(&market));
        let account =
            VenueAccount::new(client, Inbox::default(), OrderIds::default(), Latest::default(), listing, since);
        Self { account, key, market, address, _exchange: exchange }
    }

    /// Buys what is offered, outside the host; returns the order's id.
    async fn buy(&self) -> VenueOrderId {
        self.post(&bid(1, 990_000, OrderKind::Fak)).await;
        let trades = self.account.client.trades(self.account.since).await.unwrap().rows;
        let [part, ..] = trades.first().unwrap().parts[..] else { panic!("{trades:?}") };
        part.order
    }

    /// Places an order at the venue without recording it here; returns its id.
    async fn post(&self, order: &NewOrder) -> VenueOrderId {
        let exchange = order::Exchange::of(self.market.neg_risk);
        let listing = order::OrderTerms { token_id: self.market.tokens[0], tick: self.market.tick, exchange };
        let account = Account::eoa(self.key.address(), Chain::Polygon);
        let salt = order.id.0;
        let built = UnsignedOrder::build(order, &account, &listing, salt, clock::now().millis()).unwrap();
        let domain = Domains::new(Chain::Polygon);
        let signed = built.sign(domain.of(exchange), &self.key);
        self.account.client.post_order(&signed, order.kind, Terms::within(Duration::from_secs(30))).await.unwrap();
        signed.id
    }

    /// Makes the engine's view contain these open orders.
    fn open(&self, open: Vec<NewOrder>) {
        let mut engine = Engine::new(Purpose::Simulate);
        let limits = Limits::DEFAULT;
        let (session, mode, cash, day_start) = (SessionId(1), Mode::Demo, Usd::ZERO, None);
        let start = SessionStart { session, mode, cash, day_start, limits, salt_seed: 1, halted: false };
        engine.step(&testkit::input(1, Time(1), InputKind::Session(start)), &mut Effects::new());
        self.account.latest.set(View {
            at: clock::now(),
            summary: engine.summary(),
            limits,
            positions: Vec::new(),
            differs: false,
            waiting: 0,
            reported: Vec::new(),
            ours: open.len(),
            open,
            fills_forgotten_until: Time(0),
        });
    }

    /// Returns the ids of the orders that the venue lists as open.
    async fn listed(&self) -> Vec<VenueOrderId> {
        self.account.client.open_orders().await.unwrap().rows.into_iter().map(|order| order.id).collect()
    }

    /// Makes the next answers fail.
    async fn break_answers(&self, count: u32) {
        self.faults(&json!({"break_requests": count})).await;
    }

    async fn faults(&self, faults: &serde_json::Value) {
        let request = reqwest::Client::new().put(format!("{}/exchange/faults", self.address));
        let answer = request.body(faults.to_string()).send().await.unwrap();
        assert!(answer.status().is_success());
    }

    /// Waits until the engine receives such an input.
    async fn wait_for_input<T>(&self, what: impl Fn(&InputKind) -> Option<T>) -> T {
        for _ in 0..500 {
            let mut taken = Taken::default();
            self.account.inbox.next_round(&mut taken, 10, Duration::ZERO);
            if let Some(reported) = taken.arrivals.iter().find_map(|arrival| what(&arrival.body)) {
                return reported;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the engine received no such input")
    }
}

fn bid(id: u64, micros: u32, kind: OrderKind) -> NewOrder {
    let (side, size, price) = (Side::Buy, Size::shares(20), Price::from_micros(micros).unwrap());
    let (strategy, token) = (StrategyId(1), MarketIx(0).token(0));
    NewOrder { id: OrderId(id), strategy, tag: 0, token, side, price, size, kind }
}

const RESTS: OrderKind = OrderKind::Gtc { post_only: false };

fn cancel_of(body: &InputKind) -> Option<(OrderId, CancelOutcome)> {
    if let InputKind::CancelAnswer { order, outcome } = body { Some((*order, outcome.clone())) } else { None }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_without_an_id_is_found_at_the_venue_by_its_terms_and_cancelled() {
    let desk = AccountRig::new().await;
    let (ours, other) = (bid(7, 10_000, RESTS), bid(8, 20_000, RESTS));
    let venue = desk.post(&ours).await;
    let left = desk.post(&other).await;
    desk.open(vec![ours]);
    assert!(!desk.account.has_id(ours.id));
    desk.account.cancel_without_id(ours.id);
    assert_eq!(desk.wait_for_input(cancel_of).await, (ours.id, CancelOutcome::Cancelled));
    assert_eq!((desk.account.index.venue(ours.id), desk.listed().await), (Some(venue), vec![left]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_of_an_order_that_the_venue_does_not_list_never_says_that_it_is_not_open() {
    let desk = AccountRig::new().await;
    let ours = bid(7, 10_000, RESTS);
    desk.open(vec![ours]);
    desk.account.cancel_without_id(ours.id);
    let denied = |body: &InputKind| {
        if let InputKind::OrderQueried { order, not_found: denied, .. } = body { Some((*order, *denied)) } else { None }
    };
    assert_eq!(desk.wait_for_input(denied).await, (ours.id, true));
    desk.account.cancel_without_id(ours.id);
    let failed = CancelOutcome::Failed { reason: NO_ID.to_owned() };
    assert_eq!(desk.wait_for_input(cancel_of).await, (ours.id, failed));
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_an_order_that_has_the_terms_of_one_without_an_id_is_news_of_that_one() {
    let desk = AccountRig::new().await;
    let ours = bid(7, 10_000, RESTS);
    let venue = desk.post(&ours).await;
    desk.open(vec![ours]);
    desk.account.foreign(venue);
    let update = |body: &InputKind| if let InputKind::OrderUpdate { order, .. } = body { Some(*order) } else { None };
    assert_eq!(desk.wait_for_input(update).await, ours.id);
    assert!(!desk.account.index.is_external(&venue) && desk.account.has_id(ours.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_stop_cancels_our_listed_orders_and_leaves_external_ones() {
    let desk = AccountRig::new().await;
    // Neither the engine nor the order ids contain the first.
    desk.post(&bid(7, 10_000, RESTS)).await;
    let by_hand = desk.post(&bid(8, 20_000, RESTS)).await;
    desk.account.index.adopt(OrderId(8), by_hand);
    let elsewhere = desk.post(&bid(9, 30_000, RESTS)).await;
    assert_eq!(desk.account.index.record_foreign(elsewhere), Noted::New);
    // The venue fails at first, so the list is requested again.
    desk.break_answers(1).await;
    assert_eq!(cancel_listed(&desk.account, Duration::from_secs(20)).await, Some(0));
    let left: BTreeSet<VenueOrderId> = desk.listed().await.into_iter().collect();
    assert_eq!(left, BTreeSet::from([by_hand, elsewhere]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_stop_without_room_for_single_cancels_cancels_the_market_and_says_what_went_with_it() {
    let desk = AccountRig::new().await;
    desk.post(&bid(7, 10_000, RESTS)).await;
    let by_hand = desk.post(&bid(8, 20_000, RESTS)).await;
    desk.account.index.adopt(OrderId(8), by_hand);
    desk.faults(&json!({"refuse_cancels": 1_000_000})).await;
    assert_eq!(cancel_listed(&desk.account, Duration::from_secs(20)).await, Some(0));
    let (order, outcome) = desk.wait_for_input(cancel_of).await;
    assert!(order == OrderId(8) && matches!(outcome, CancelOutcome::Swept { .. }), "{order} {outcome:?}");
    assert_eq!(desk.listed().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catch_up_does_not_ask_for_trades_that_are_settled_and_may_be_forgotten() {
    let desk = AccountRig::new().await;
    desk.open(Vec::new());
    assert_eq!(desk.account.unreported_since(), desk.account.since);
    let later = desk.account.since.plus_micros(600_000_000);
    let mut view = desk.account.latest.get().unwrap().as_ref().clone();
    view.fills_forgotten_until = later;
    desk.account.latest.set(view);
    assert_eq!(desk.account.unreported_since(), later.plus_micros(CLOCKS_MICROS));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_trade_that_is_reported_before_its_order_is_booked_whatever_the_venue_answers() {
    let desk = AccountRig::new().await;
    let venue = desk.buy().await;
    let trade = desk.account.client.trades(desk.account.since).await.unwrap().rows.remove(0);
    // The channel reports the trade once. The order is unknown, and the venue fails.
    desk.break_answers(2).await;
    desk.account.trade(clock::now(), &trade);
    let found = desk.wait_for_input(|body| if let InputKind::Adopt(found) = body { Some(*found) } else { None }).await;
    assert_eq!((found.venue, found.counted), (venue, Size::ZERO));
    // Its size was twenty shares at 0.99; its dollars bought more, and no trade exceeds the size it was adopted with.
    let trades = desk.account.client.trades(desk.account.since).await.unwrap().rows;
    let bought =
        trades.iter().flat_map(|trade| &trade.parts).fold(Size::ZERO, |sum, part| sum.saturating_add(part.size));
    assert!(bought > Size::shares(20) && found.size >= bought, "{bought} of {}", found.size);
    // The engine numbers it; the venue fails again.
    desk.account.index.adopt(OrderId(1), venue);
    desk.break_answers(2).await;
    desk.account.query_history(OrderId(1));
    let reported =
        desk.wait_for_input(|body| if let InputKind::Trade(reported) = body { Some(*reported) } else { None }).await;
    // Its dollars bought in several trades.
    let is_reported =
        |trade: &TradeEvent| trade.trade == reported.trade && trade.parts.iter().any(|part| part.size == reported.size);
    assert!(reported.order == OrderId(1) && trades.iter().any(is_reported), "{reported:?} of {trades:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_the_venue_never_shows_is_looked_at_again_when_there_is_news_of_it() {
    let desk = AccountRig::new().await;
    let stranger = VenueOrderId([9; 32]);
    desk.account.foreign(stranger);
    assert_eq!(desk.account.index.record_foreign(stranger), Noted::Known, "it is being queried");
    tokio::time::sleep(RETRY.saturating_mul(LOOKS) + Duration::from_secs(2)).await;
    assert_eq!(desk.account.index.record_foreign(stranger), Noted::New, "it is never queried again");
}
