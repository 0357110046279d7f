//! Each rule alone, with an order that passes all others.
#![allow(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]

use super::*;
use crate::refusal::Value;
use model::{TokenId, Usd, VenueOrderId};
use order::{Chain, Domain, Exchange, SignatureType, recover};

pub(super) const NOW: Time = Time(1_795_424_400_000_000);
pub(super) const SESSION: SessionId = SessionId(9);

pub(super) fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32]).unwrap()
}

pub(super) fn account() -> Account {
    Account {
        signer: key().address(),
        funder: Address([2; 20]),
        signature_type: SignatureType::Proxy,
        chain: Chain::Polygon,
    }
}

/// Ten dollars an order, 25 a minute, four orders.
pub(super) const LIMITS: Limits = Limits {
    order_max: Usd::dollars(10),
    minute_max: Usd::dollars(25),
    day_max: Usd::dollars(30),
    orders_per_minute: 4,
    batches_per_minute: 0,
};

/// Returns the moment of a machine whose clocks agree.
pub(super) fn at(now: Time) -> Moment {
    Moment { wall: now, boot: now, steady: now }
}

fn signer() -> Signer {
    let mut signer = Signer::new(key(), account(), LIMITS).unwrap();
    assert_eq!(signer.handle(at(NOW), &Request::Begin { session: SESSION }), Response::Done);
    signer
}

/// Returns a BUY of 10 shares for 4 dollars.
pub(super) fn request(sequence: u64) -> OrderRequest {
    OrderRequest {
        session: SESSION,
        sequence,
        deadline: NOW.plus_millis(250),
        exchange: Exchange::Standard,
        order: UnsignedOrder {
            salt: 1,
            maker: account().funder,
            signer: account().signer,
            token_id: TokenId([3; 32]),
            maker_amount: 4_000_000,
            taker_amount: 10_000_000,
            side: Side::Buy,
            signature_type: SignatureType::Proxy,
            timestamp_ms: NOW.millis(),
            metadata: [0; 32],
            builder: [0; 32],
        },
    }
}

fn with(change: impl FnOnce(&mut UnsignedOrder)) -> OrderRequest {
    let mut request = request(1);
    change(&mut request.order);
    request
}

fn sign(signer: &mut Signer, now: Time, request: OrderRequest) -> Result<VenueOrderId, Refusal> {
    sign_at(signer, at(now), request)
}

pub(super) fn sign_at(signer: &mut Signer, now: Moment, request: OrderRequest) -> Result<VenueOrderId, Refusal> {
    match signer.handle(now, &Request::SignOrder(request)) {
        Response::OrderSigned { id, .. } => Ok(id),
        Response::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(request: OrderRequest, rule: Rule, value: u64, limit: u64) {
    assert_eq!(sign(&mut signer(), NOW, request), Err(Refusal::numbers(rule, value, limit)));
}

#[test]
fn an_order_within_all_limits_is_signed_for_its_exchange() {
    for exchange in [Exchange::Standard, Exchange::NegRisk] {
        let request = OrderRequest { exchange, ..request(1) };
        let Response::OrderSigned { id, signature } = signer().handle(at(NOW), &Request::SignOrder(request)) else {
            panic!("refused")
        };
        let domain = Domain::exchange("2", Chain::Polygon, exchange.contract(Chain::Polygon));
        assert_eq!(id, request.order.order_id(&domain));
        assert_eq!(recover(&id.0, &signature), Some(account().signer));
    }
}

#[test]
fn a_key_of_another_account_makes_no_signer() {
    let other = Account { signer: Address([1; 20]), ..account() };
    let error = Signer::new(key(), other, LIMITS).unwrap_err();
    assert_eq!(error, WrongKey { key: account().signer, account: Address([1; 20]) });
}

#[test]
fn another_version_is_refused() {
    let hello = |version| signer().handle(at(NOW), &Request::Hello { version });
    assert_eq!(hello(VERSION), Response::Welcome { version: VERSION, account: account() });
    assert_eq!(hello(7), Response::Refused(Refusal::numbers(Rule::Version, 7, VERSION.into())));
}

#[test]
fn a_locked_signer_signs_neither_orders_nor_logins_until_it_is_unlocked() {
    let mut signer = signer();
    let login = Request::SignAuth { timestamp_s: NOW.seconds(), nonce: 0 };
    assert_eq!(signer.handle(at(NOW), &Request::Lock { reason: "test".into() }), Response::Done);
    assert_eq!(sign(&mut signer, NOW, request(1)), Err(Refusal::plain(Rule::Locked)));
    assert_eq!(signer.handle(at(NOW), &login), Response::Refused(Refusal::plain(Rule::Locked)));
    assert_eq!(signer.handle(at(NOW), &Request::Unlock), Response::Done);
    assert!(sign(&mut signer, NOW, request(1)).is_ok());
    let Response::Status(status) = signer.handle(at(NOW), &Request::Status) else { panic!("no status") };
    assert_eq!((status.locked, status.session, status.sequence), (false, SESSION, 1));
    assert_eq!((status.signed, status.refused), (1, 2));
}

#[test]
fn what_a_signal_locked_no_request_unlocks() {
    let mut signer = signer();
    signer.held().store(true, std::sync::atomic::Ordering::Release);
    let locked = Refusal::plain(Rule::Locked);
    assert_eq!(signer.handle(at(NOW), &Request::Unlock), Response::Refused(locked));
    assert_eq!(sign(&mut signer, NOW, request(1)), Err(locked));
    let login = Request::SignAuth { timestamp_s: NOW.seconds(), nonce: 0 };
    assert_eq!(signer.handle(at(NOW), &login), Response::Refused(locked));
    assert!(signer.status().locked);
}

#[test]
fn only_the_live_session_is_signed_for_and_none_comes_back() {
    refused(OrderRequest { session: SessionId(8), ..request(1) }, Rule::Session, 8, 9);
    let mut none = Signer::new(key(), account(), LIMITS).unwrap();
    let early = OrderRequest { session: SessionId(0), ..request(1) };
    assert_eq!(sign(&mut none, NOW, early), Err(Refusal::numbers(Rule::Session, 0, 0)));
    let mut signer = signer();
    for old in [8, 9] {
        let begin = Request::Begin { session: SessionId(old) };
        assert_eq!(signer.handle(at(NOW), &begin), Response::Refused(Refusal::numbers(Rule::Session, old, 9)));
    }
    assert!(sign(&mut signer, NOW, request(5)).is_ok());
    assert_eq!(signer.handle(at(NOW), &Request::Begin { session: SessionId(10) }), Response::Done);
    assert!(sign(&mut signer, NOW, OrderRequest { session: SessionId(10), ..request(1) }).is_ok());
}

#[test]
fn a_number_is_taken_once_and_in_rising_order() {
    let mut signer = signer();
    assert!(sign(&mut signer, NOW, request(2)).is_ok());
    for again in [1, 2] {
        assert_eq!(sign(&mut signer, NOW, request(again)), Err(Refusal::numbers(Rule::Sequence, again, 2)));
    }
    refused(request(0), Rule::Sequence, 0, 0);
    // A refused request also uses up its number.
    let late = OrderRequest { deadline: Time(0), ..request(3) };
    assert_eq!(sign(&mut signer, NOW, late).unwrap_err().rule, Rule::Expired);
    assert_eq!(sign(&mut signer, NOW, request(3)).unwrap_err().rule, Rule::Sequence);
}

#[test]
fn an_approval_that_is_over_is_refused() {
    refused(OrderRequest { deadline: Time(NOW.0 - 1), ..request(1) }, Rule::Expired, NOW.0, NOW.0 - 1);
    assert!(sign(&mut signer(), NOW, OrderRequest { deadline: NOW, ..request(1) }).is_ok());
}

#[test]
fn an_order_of_another_account_is_refused() {
    let refusal = |request| sign(&mut signer(), NOW, request).unwrap_err();
    let other = Address([9; 20]);
    let expected = Refusal { rule: Rule::Maker, value: Value::Address(other), limit: Value::Address(account().funder) };
    assert_eq!(refusal(with(|order| order.maker = other)), expected);
    let expected =
        Refusal { rule: Rule::Signer, value: Value::Address(other), limit: Value::Address(account().signer) };
    assert_eq!(refusal(with(|order| order.signer = other)), expected);
    refused(with(|order| order.signature_type = SignatureType::Safe), Rule::SignatureType, 2, 1);
}

#[test]
fn a_salt_that_is_no_json_number_is_refused() {
    refused(with(|order| order.salt = SALT_END), Rule::Salt, SALT_END, SALT_END);
    assert!(sign(&mut signer(), NOW, with(|order| order.salt = SALT_END - 1)).is_ok());
}

#[test]
fn an_order_of_another_time_is_refused() {
    for far in [NOW.millis() - CLOCK_DISTANCE_MS - 1, NOW.millis() + CLOCK_DISTANCE_MS + 1] {
        let distance = CLOCK_DISTANCE_MS + 1;
        refused(with(|order| order.timestamp_ms = far), Rule::Timestamp, distance, CLOCK_DISTANCE_MS);
    }
    assert!(sign(&mut signer(), NOW, with(|order| order.timestamp_ms -= CLOCK_DISTANCE_MS)).is_ok());
}

#[test]
fn a_builder_or_metadata_is_refused() {
    let plain = Err(Refusal::plain(Rule::Builder));
    assert_eq!(sign(&mut signer(), NOW, with(|order| order.builder = [1; 32])), plain);
    assert_eq!(sign(&mut signer(), NOW, with(|order| order.metadata = [1; 32])), plain);
}

#[test]
fn an_order_that_gives_money_away_is_refused() {
    refused(with(|order| order.taker_amount = 4_000_000), Rule::Price, 4_000_000, 4_000_000);
    refused(with(|order| order.maker_amount = 0), Rule::Price, 0, 10_000_000);
    let sell = |order: &mut UnsignedOrder| order.side = Side::Sell;
    refused(with(|order| (sell(order), order.taker_amount = 0).1), Rule::Price, 0, 4_000_000);
    // A SELL of 4 shares for 10 dollars can never match, and never occurs in our orders.
    refused(with(sell), Rule::Price, 10_000_000, 4_000_000);
}

#[test]
fn an_order_that_is_worth_too_much_is_refused() {
    let buy = |maker| with(|order| (order.maker_amount, order.taker_amount) = (maker, 100_000_000));
    refused(buy(10_000_001), Rule::OrderValue, 10_000_001, 10_000_000);
    assert!(sign(&mut signer(), NOW, buy(10_000_000)).is_ok());
    // A SELL is worth a dollar a share, whatever its price.
    let sell = |shares| {
        with(|order| {
            (order.side, order.maker_amount, order.taker_amount) = (Side::Sell, shares, 10_000);
        })
    };
    refused(sell(10_000_001), Rule::OrderValue, 10_000_001, 10_000_000);
    assert!(sign(&mut signer(), NOW, sell(10_000_000)).is_ok());
    let none = Limits { order_max: Usd(-1), ..LIMITS };
    let mut signer = Signer::new(key(), account(), none).unwrap();
    signer.handle(at(NOW), &Request::Begin { session: SESSION });
    assert_eq!(sign(&mut signer, NOW, request(1)), Err(Refusal::numbers(Rule::OrderValue, 4_000_000, 0)));
}

#[test]
fn too_many_orders_in_a_minute_are_refused_until_the_minute_is_over() {
    let mut signer = signer();
    for sequence in 1..=4 {
        assert!(sign(&mut signer, NOW, request(sequence)).is_ok());
    }
    assert_eq!(sign(&mut signer, NOW, request(5)), Err(Refusal::numbers(Rule::OrdersPerMinute, 5, 4)));
    let minute = NOW.plus_millis(60_000);
    let later = OrderRequest { deadline: minute, ..request(6) };
    assert!(sign(&mut signer, minute, later).is_ok());
}

#[test]
fn orders_worth_too_much_in_a_minute_are_refused() {
    let mut signer = signer();
    let nine = |sequence| OrderRequest { sequence, ..with(|order| order.maker_amount = 9_000_000) };
    assert!(sign(&mut signer, NOW, nine(1)).is_ok());
    assert!(sign(&mut signer, NOW, nine(2)).is_ok());
    assert_eq!(sign(&mut signer, NOW, nine(3)), Err(Refusal::numbers(Rule::MinuteValue, 27_000_000, 25_000_000)));
    // Refused orders do not count, so a smaller one still fits.
    assert!(sign(&mut signer, NOW, request(4)).is_ok());
}

#[test]
fn a_login_is_signed_near_now_and_not_too_often() {
    let mut signer = signer();
    let login = |timestamp_s| Request::SignAuth { timestamp_s, nonce: 3 };
    let now = NOW.seconds();
    let Response::AuthSigned { signature } = signer.handle(at(NOW), &login(now)) else { panic!("refused") };
    let digest = Domains::new(Chain::Polygon).auth_digest(account().signer, now, 3);
    assert_eq!(recover(&digest, &signature), Some(account().signer));
    let far = Response::Refused(Refusal::numbers(Rule::Timestamp, 301_000, CLOCK_DISTANCE_MS));
    assert_eq!(signer.handle(at(NOW), &login(now + 301)), far);
    for _ in 1..LOGINS_PER_MINUTE {
        assert!(matches!(signer.handle(at(NOW), &login(now)), Response::AuthSigned { .. }));
    }
    let many = Response::Refused(Refusal::numbers(Rule::LoginsPerMinute, 61, 60));
    assert_eq!(signer.handle(at(NOW), &login(now)), many);
}

#[test]
fn orders_worth_too_much_in_a_day_are_refused_until_midnight() {
    let mut signer = signer();
    let at = |sequence, now: Time| OrderRequest {
        sequence,
        deadline: now,
        ..with(|order| (order.maker_amount, order.timestamp_ms) = (9_000_000, now.millis()))
    };
    for sequence in 1..=3 {
        let now = NOW.plus_millis(60_000 * sequence);
        assert!(sign(&mut signer, now, at(sequence, now)).is_ok());
    }
    let later = NOW.plus_millis(240_000);
    let refused = Err(Refusal::numbers(Rule::DayValue, 36_000_000, 30_000_000));
    assert_eq!(sign(&mut signer, later, at(4, later)), refused);
    let tomorrow = NOW.plus_millis(86_400_000);
    assert!(sign(&mut signer, tomorrow, at(5, tomorrow)).is_ok());
}
