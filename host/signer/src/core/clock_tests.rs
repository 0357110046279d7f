//! Setting the wall clock or restarting must not loosen any limit.
#![allow(clippy::arithmetic_side_effects, reason = "numbers of tests are small")]

use super::tests::{LIMITS, NOW, SESSION, account, at, key, request, sign_at};
use super::*;
use crate::limits::LOGINS_PER_MINUTE;
use testkit::Scratch;

const HOUR_MS: u64 = 3_600_000;

/// Returns the moment `millis` after the start, on a machine whose wall clock was set ahead by `set` since.
fn set_ahead(millis: u64, set: u64) -> Moment {
    let now = NOW.plus_millis(millis);
    Moment { wall: now.plus_millis(set), ..at(now) }
}

/// Returns an order with this number and worth, created and to be signed at a moment, by the steady clock.
fn made(sequence: u64, now: Moment, dollars: u64) -> OrderRequest {
    let plain = request(sequence);
    let maker_amount = dollars * 1_000_000;
    let order =
        UnsignedOrder { maker_amount, taker_amount: 100_000_000, timestamp_ms: now.steady.millis(), ..plain.order };
    OrderRequest { deadline: now.boot, order, ..plain }
}

/// Returns an order of four dollars.
fn four(sequence: u64, now: Moment) -> OrderRequest {
    made(sequence, now, 4)
}

fn signer() -> Signer {
    let mut signer = Signer::new(key(), account(), LIMITS).unwrap();
    signer.handle(at(NOW), &Request::Begin { session: SESSION });
    signer
}

#[test]
fn a_wall_clock_that_jumps_ahead_frees_no_minute() {
    let mut signer = signer();
    for sequence in 1..=4 {
        sign_at(&mut signer, at(NOW), four(sequence, at(NOW))).unwrap();
    }
    let full = Err(Refusal::numbers(Rule::OrdersPerMinute, 5, 4));
    let ahead = set_ahead(3_000, HOUR_MS);
    assert_eq!(sign_at(&mut signer, ahead, four(5, ahead)), full);
    let (almost, over) = (set_ahead(59_999, HOUR_MS), set_ahead(60_000, HOUR_MS));
    assert_eq!(sign_at(&mut signer, almost, four(6, almost)), full);
    assert!(sign_at(&mut signer, over, four(7, over)).is_ok());
}

#[test]
fn a_wall_clock_that_is_set_back_ends_a_minute_in_time() {
    let mut signer = signer();
    for sequence in 1..=4 {
        sign_at(&mut signer, at(NOW), four(sequence, at(NOW))).unwrap();
    }
    let now = NOW.plus_millis(60_000);
    let back = Moment { wall: Time(now.0 - HOUR_MS * 1_000), ..at(now) };
    assert!(sign_at(&mut signer, back, four(5, back)).is_ok());
}

#[test]
fn a_wall_clock_that_jumps_ahead_and_back_begins_no_day() {
    let mut signer = signer();
    for minute in 1..=3 {
        let now = set_ahead(minute * 60_000, 0);
        sign_at(&mut signer, now, made(minute, now, 9)).unwrap();
    }
    let full = Err(Refusal::numbers(Rule::DayValue, 36_000_000, 30_000_000));
    let tomorrow = set_ahead(240_000, 24 * HOUR_MS);
    assert_eq!(sign_at(&mut signer, tomorrow, made(4, tomorrow, 9)), full);
    let again = set_ahead(300_000, 0);
    assert_eq!(sign_at(&mut signer, again, made(5, again, 9)), full);
    let really = set_ahead(24 * HOUR_MS, 0);
    assert!(sign_at(&mut signer, really, made(6, really, 9)).is_ok());
}

#[test]
fn an_approval_ends_by_the_clock_that_nothing_sets() {
    for set in [0, HOUR_MS] {
        let (now, late) = (set_ahead(250, set), set_ahead(251, set));
        let order = OrderRequest { deadline: now.boot, ..four(1, now) };
        assert!(sign_at(&mut signer(), now, order).is_ok());
        let expired = Err(Refusal::numbers(Rule::Expired, late.boot.0, now.boot.0));
        assert_eq!(sign_at(&mut signer(), late, order), expired);
    }
    // The machine sleeps for ninety seconds.
    let slept = set_ahead(90_000, 0);
    let order = four(1, at(NOW));
    assert_eq!(sign_at(&mut signer(), slept, order), Err(Refusal::numbers(Rule::Expired, slept.boot.0, NOW.0)));
}

#[test]
fn an_order_of_either_clocks_time_is_signed_and_of_neither_is_not() {
    let now = set_ahead(3_000, HOUR_MS);
    let of = |timestamp_ms| {
        let request = four(1, now);
        OrderRequest { order: UnsignedOrder { timestamp_ms, ..request.order }, ..request }
    };
    assert!(sign_at(&mut signer(), now, of(now.wall.millis())).is_ok());
    assert!(sign_at(&mut signer(), now, of(now.steady.millis())).is_ok());
    let between = now.steady.millis() + HOUR_MS / 2;
    let refused = Err(Refusal::numbers(Rule::Timestamp, HOUR_MS / 2, CLOCK_DISTANCE_MS));
    assert_eq!(sign_at(&mut signer(), now, of(between)), refused);
}

/// Returns a newly started signer with its record in a folder.
fn started(dir: &Scratch, limits: Limits, now: Moment) -> Signer {
    let mut signer = Signer::new(key(), account(), limits).unwrap();
    let record = if SigningLog::exists(dir, key().address()) {
        SigningLog::open_with_any_limits(dir, &key())
    } else {
        SigningLog::create(dir, &key(), &limits, now.wall, None)
    };
    signer.resume(now, record.unwrap());
    signer.handle(now, &Request::Begin { session: SESSION });
    signer
}

#[test]
fn restarts_free_no_orders_of_a_minute() {
    let dir = Scratch::new("restarts-orders");
    let mut signed = 0;
    for start in 0..5 {
        let now = set_ahead(start * 2_000, 0);
        let mut signer = started(&dir, LIMITS, now);
        signed += (1..=3).filter(|number| sign_at(&mut signer, now, made(*number, now, 1)).is_ok()).count();
    }
    assert_eq!(signed, 4, "five starts within ten seconds");
    // Signatures of the first start have left the window, those of the second have not.
    let now = set_ahead(60_000, 0);
    let mut signer = started(&dir, LIMITS, now);
    let taken = (1..=5).filter(|number| sign_at(&mut signer, now, made(*number, now, 1)).is_ok()).count();
    assert_eq!(taken, 3);
}

#[test]
fn restarts_free_no_dollars_of_a_minute() {
    let dir = Scratch::new("restarts-dollars");
    let limits = Limits { orders_per_minute: 100, day_max: model::Usd::dollars(1_000), ..LIMITS };
    let mut dollars = 0;
    for start in 0..6 {
        let now = set_ahead(start * 1_000, 0);
        dollars += sign_at(&mut started(&dir, limits, now), now, made(1, now, 9)).map_or(0, |_| 9);
    }
    assert_eq!(dollars, 18, "25 a minute");
}

#[test]
fn restarts_free_no_logins_of_a_minute() {
    let dir = Scratch::new("restarts-logins");
    let mut signed = 0;
    for start in 0..20 {
        let now = set_ahead(start * 1_000, 0);
        let mut signer = started(&dir, LIMITS, now);
        for nonce in 0..4 {
            let login = Request::SignAuth { timestamp_s: now.wall.seconds(), nonce };
            signed += u32::from(matches!(signer.handle(now, &login), Response::AuthSigned { .. }));
        }
    }
    assert_eq!(signed, LOGINS_PER_MINUTE);
}

#[test]
fn an_ordinary_restart_has_all_of_its_minute() {
    let dir = Scratch::new("restarts-ordinary");
    let mut signer = started(&dir, LIMITS, at(NOW));
    for number in 1..=4 {
        sign_at(&mut signer, at(NOW), made(number, at(NOW), 1)).unwrap();
    }
    drop(signer);
    let now = set_ahead(60_000, 0);
    let mut signer = started(&dir, LIMITS, now);
    for number in 1..=4 {
        sign_at(&mut signer, now, made(number, now, 1)).unwrap();
    }
}

#[test]
fn what_the_log_says_of_the_future_counts_for_a_whole_minute() {
    let dir = Scratch::new("restarts-future");
    let mut signer = started(&dir, LIMITS, set_ahead(HOUR_MS, 0));
    let then = set_ahead(HOUR_MS, 0);
    for number in 1..=4 {
        sign_at(&mut signer, then, made(number, then, 1)).unwrap();
    }
    drop(signer);
    // The wall clock was wrong, and is now right.
    let mut signer = started(&dir, LIMITS, at(NOW));
    let (almost, over) = (set_ahead(59_999, 0), set_ahead(60_000, 0));
    assert!(sign_at(&mut signer, almost, made(1, almost, 1)).is_err());
    assert!(sign_at(&mut signer, over, made(2, over, 1)).is_ok());
}
