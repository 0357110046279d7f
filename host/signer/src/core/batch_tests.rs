//! Each rule of wallet batches alone, with a batch that passes all others.
#![allow(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]

use super::tests::at;
use super::*;
use model::{ConditionId, Size, Usd};
use order::{Call, Chain, Claim, Exchange, Holding, Operator, Wallet, recover};

const NOW: Time = Time(1_795_424_400_000_000);
const SESSION: SessionId = SessionId(9);

const LIMITS: Limits = Limits {
    order_max: Usd::dollars(10),
    minute_max: Usd::dollars(25),
    day_max: Usd::dollars(30),
    orders_per_minute: 4,
    batches_per_minute: 3,
};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32]).unwrap()
}

fn account() -> Account {
    let signer = key().address();
    let funder = Wallet::Deposit.of(signer);
    Account { signer, funder, signature_type: SignatureType::Deposit, chain: Chain::Polygon }
}

fn signer_of(account: Account, limits: Limits) -> Signer {
    let mut signer = Signer::new(key(), account, limits).unwrap();
    assert_eq!(signer.handle(at(NOW), &Request::Begin { session: SESSION }), Response::Done);
    signer
}

fn signer() -> Signer {
    signer_of(account(), LIMITS)
}

fn call(claim: Claim) -> Call {
    Action::Claim { claim, condition: ConditionId([3; 32]), neg_risk: true }.call(Chain::Polygon).unwrap()
}

fn batch(calls: Vec<Call>) -> Batch {
    Batch { wallet: account().funder, nonce: 5, deadline: NOW.seconds() + 240, calls }
}

fn redeem() -> Batch {
    batch(vec![call(Claim::Redeem)])
}

fn sign(signer: &mut Signer, now: Time, batch: &Batch) -> Result<order::Signature65, Refusal> {
    let request = BatchRequest { session: SESSION, batch: batch.clone() };
    match signer.handle(at(now), &Request::SignBatch(request)) {
        Response::BatchSigned { signature } => Ok(signature),
        Response::Refused(refusal) => Err(refusal),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(batch: &Batch, refusal: Refusal) {
    assert_eq!(sign(&mut signer(), NOW, batch), Err(refusal));
}

#[test]
fn a_batch_of_listed_calls_is_signed_by_the_key_for_the_wallet() {
    let allow =
        Action::Allow { holding: Holding::Dollars, operator: Operator::Exchange(Exchange::NegRisk), allowed: true };
    let calls = vec![
        call(Claim::Redeem),
        call(Claim::Merge(Size::shares(4))),
        call(Claim::Split(Size::shares(5))),
        allow.call(Chain::Polygon).unwrap(),
    ];
    let batch = batch(calls);
    let signature = sign(&mut signer(), NOW, &batch).unwrap();
    assert_eq!(recover(&batch.digest(Chain::Polygon), &signature), Some(account().signer));
}

#[test]
fn batches_are_refused_where_they_are_not_configured() {
    assert_eq!(Limits::DEFAULT.batches_per_minute, 0);
    let mut off = signer_of(account(), Limits { batches_per_minute: 0, ..LIMITS });
    assert_eq!(sign(&mut off, NOW, &redeem()), Err(Refusal::plain(Rule::Batches)));
}

#[test]
fn a_locked_signer_signs_no_batch_and_only_the_live_session_has_one() {
    let mut signer = signer();
    signer.handle(at(NOW), &Request::Lock { reason: "test".into() });
    assert_eq!(sign(&mut signer, NOW, &redeem()), Err(Refusal::plain(Rule::Locked)));
    let mut none = Signer::new(key(), account(), LIMITS).unwrap();
    assert_eq!(sign(&mut none, NOW, &redeem()), Err(Refusal::numbers(Rule::Session, 9, 0)));
    let request = BatchRequest { session: SessionId(0), batch: redeem() };
    let refused = Response::Refused(Refusal::numbers(Rule::Session, 0, 0));
    assert_eq!(none.handle(at(NOW), &Request::SignBatch(request)), refused);
}

#[test]
fn a_batch_of_another_wallet_is_refused() {
    let other = Address([9; 20]);
    refused(&Batch { wallet: other, ..redeem() }, Refusal::addresses(Rule::Maker, other, account().funder));
    let safe = Account { signature_type: SignatureType::Safe, ..account() };
    let refusal = Refusal::numbers(Rule::SignatureType, 2, 3);
    assert_eq!(sign(&mut signer_of(safe, LIMITS), NOW, &redeem()), Err(refusal));
}

#[test]
fn a_batch_without_calls_or_with_too_many_or_too_long_ones_is_refused() {
    refused(&batch(Vec::new()), Refusal::numbers(Rule::Calls, 0, 16));
    refused(&batch(vec![call(Claim::Redeem); 17]), Refusal::numbers(Rule::Calls, 17, 16));
    let long = Call { data: vec![0; order::batch::DATA_MAX + 1], ..call(Claim::Redeem) };
    refused(&batch(vec![long]), Refusal::numbers(Rule::Calls, 1, 16));
    assert!(sign(&mut signer(), NOW, &batch(vec![call(Claim::Redeem); 16])).is_ok());
}

#[test]
fn calls_that_are_not_listed_are_refused_by_their_contract() {
    let good = call(Claim::Redeem);
    let collateral = Action::Allow { holding: Holding::Dollars, operator: Operator::Adapter(false), allowed: true };
    let approve = collateral.call(Chain::Polygon).unwrap();
    // Another contract, an unlisted function, approval of a foreign address, and a surplus word.
    let elsewhere = Call { to: Address([9; 20]), ..good.clone() };
    let mut function = good.clone();
    function.data[0] ^= 1;
    let mut stranger = approve.clone();
    stranger.data[30] ^= 1;
    let mut longer = approve;
    longer.data.extend([0; 32]);
    for bad in [elsewhere, function, stranger, longer] {
        let refusal = Refusal { rule: Rule::Call, value: Value::Address(bad.to), limit: Value::None };
        // A bad call between good ones is found too.
        refused(&batch(vec![good.clone(), bad.clone(), good.clone()]), refusal);
        refused(&batch(vec![bad]), refusal);
    }
}

#[test]
fn a_batch_that_is_over_or_could_be_kept_is_refused() {
    let until = |deadline| Batch { deadline, ..redeem() };
    let now = NOW.seconds();
    refused(&until(now - 1), Refusal::numbers(Rule::Expired, NOW.0, NOW.0 - 1_000_000));
    refused(&until(now + 901), Refusal::numbers(Rule::Timestamp, 901_000, 900_000));
    refused(&until(u64::MAX), Refusal::numbers(Rule::Timestamp, (u64::MAX - NOW.0) / 1_000, 900_000));
    assert!(sign(&mut signer(), NOW, &until(now)).is_ok() && sign(&mut signer(), NOW, &until(now + 900)).is_ok());
}

#[test]
fn what_splits_and_merges_move_counts_with_the_orders() {
    let split = |dollars| batch(vec![call(Claim::Split(Size::shares(dollars)))]);
    refused(&split(11), Refusal::numbers(Rule::OrderValue, 11_000_000, 10_000_000));
    let two = batch(vec![call(Claim::Merge(Size::shares(6))), call(Claim::Split(Size::shares(5)))]);
    refused(&two, Refusal::numbers(Rule::OrderValue, 11_000_000, 10_000_000));
    let mut signer = signer();
    assert!(sign(&mut signer, NOW, &split(9)).is_ok() && sign(&mut signer, NOW, &split(9)).is_ok());
    assert_eq!(sign(&mut signer, NOW, &split(9)), Err(Refusal::numbers(Rule::MinuteValue, 27_000_000, 25_000_000)));
    let later = NOW.plus_millis(61_000);
    assert_eq!(sign(&mut signer, later, &split(13)), Err(Refusal::numbers(Rule::OrderValue, 13_000_000, 10_000_000)));
    assert_eq!(sign(&mut signer, later, &split(10)).map(drop), Ok(()));
    let later = later.plus_millis(61_000);
    assert_eq!(sign(&mut signer, later, &split(3)), Err(Refusal::numbers(Rule::DayValue, 31_000_000, 30_000_000)));
}

#[test]
fn too_many_batches_in_a_minute_are_refused_until_it_is_over() {
    let mut signer = signer();
    for _ in 0..3 {
        assert!(sign(&mut signer, NOW, &redeem()).is_ok());
    }
    assert_eq!(sign(&mut signer, NOW, &redeem()), Err(Refusal::numbers(Rule::BatchesPerMinute, 4, 3)));
    assert!(sign(&mut signer, NOW.plus_millis(60_000), &redeem()).is_ok());
}

#[test]
fn restarts_free_no_batches_of_a_minute() {
    let dir = testkit::Scratch::new("restarts-batches");
    let mut record = SigningLog::create(&dir, &key(), &LIMITS, NOW, None).unwrap();
    let mut signed = 0;
    for start in 0..4 {
        let now = NOW.plus_millis(start * 1_000);
        let mut signer = signer();
        signer.resume(at(now), record);
        signed += (0..2).filter(|_| sign(&mut signer, now, &redeem()).is_ok()).count();
        drop(signer);
        record = SigningLog::open(&dir, &key(), &LIMITS).unwrap();
    }
    assert_eq!(signed, 3);
}
