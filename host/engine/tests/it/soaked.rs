//! Regressions found by the soak: each bug as its shortest story.

use crate::story::{WIDE, check};
use model::{Limits, Usd};

#[test]
fn matched_shares_count_before_their_trade_is_reported() {
    let limits = Limits { max_market: Usd::dollars(50), ..WIDE };
    check(
        limits,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         matched #1 100
         buy 100 at 0.20 -> refuse max_market_usd: 60 over 50
         wait 6s -> look 1
         match #1 100 at 0.40 as 1
         buy 100 at 0.20 -> refuse max_market_usd: 60 over 50",
    );
}

#[test]
fn one_denial_of_a_live_order_proves_nothing() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         live #1
         cancel 1 -> cancel 1
         denied #1
         operator cancels 1
         buy 10 at 0.41 no m1 -> place 2 buy 10 at 0.41 no
         wait 1s
         denied #1
         operator cancels 1",
    );
}

#[test]
fn a_trade_that_is_first_reported_when_it_failed_frees_what_it_held() {
    let limits = Limits { max_market: Usd::dollars(50), ..WIDE };
    check(
        limits,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         matched #1 100
         fail #1 100 at 0.40 as 1
         buy 100 at 0.40 -> place 2 buy 100 at 0.4
         fail #1 100 at 0.40 as 1",
    );
}

#[test]
fn a_match_that_never_settles_is_asked_for() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         match #1 10 at 0.40 as 1
         wait 59s
         wait 1s -> look 1",
    );
}

#[test]
fn an_acknowledged_cancel_does_not_say_that_nothing_was_matched() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         live #1
         fill #1 10 at 0.40
         sell 10 at 0.50 -> place 2 sell 10 at 0.5
         live #2
         feed user down -> trip websocket_disconnect
         cancel 2 -> cancel 2
         cancel-acked #2
         wait 1s -> look 2
         feed user up -> close websocket_disconnect
         sell 10 at 0.50 -> refuse shares: 10 over 0
         cancelled #2 10
         sell 10 at 0.50 -> refuse shares: 10 over 0",
    );
}
