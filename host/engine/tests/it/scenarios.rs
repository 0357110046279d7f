//! Stories of one session each. The books are 0.40 / 0.42 at the start, the account has 1,000 dollars.

use crate::story::{WIDE, check};
use model::{Limits, Usd};

const LIMITS: Limits = Limits::DEFAULT;

#[test]
fn an_order_costs_at_most_a_share_of_the_portfolio() {
    check(
        LIMITS,
        "buy 125 at 0.40 -> place 1 buy 125 at 0.4
         buy 126 at 0.40 m1 -> refuse portfolio_trade_pct: 50.4 over 50",
    );
}

#[test]
fn an_order_costs_at_most_max_order_usd() {
    let limits = Limits { max_order: Usd::dollars(40), ..WIDE };
    check(
        limits,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         buy 900 at 0.40 m1 -> refuse max_order_usd: 360 over 40",
    );
}

#[test]
fn a_market_can_lose_at_most_max_market_usd_with_all_open_orders() {
    let limits = Limits { max_market: Usd::dollars(100), ..WIDE };
    check(
        limits,
        "buy 200 at 0.40 -> place 1 buy 200 at 0.4
         buy 100 at 0.20 -> place 2 buy 100 at 0.2
         buy 5 at 0.01 -> refuse max_market_usd: 100.05 over 100
         buy 5 at 0.01 m1 -> place 3 buy 5 at 0.01
         cancel 2 -> cancel 2
         buy 5 at 0.01 -> refuse max_market_usd: 100.05 over 100
         cancelled #2 0
         buy 5 at 0.01 -> place 4 buy 5 at 0.01",
    );
}

#[test]
fn cancels_of_one_order_that_are_repeated_are_one_cancel() {
    check(
        WIDE,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         live #1
         cancel 1 -> cancel 1
         cancel 1
         cancel 1
         cancelled #1 0
         cancel 1 -> refuse unknown_order: 1 over 0",
    );
}

#[test]
fn pairs_of_both_outcomes_net_when_they_are_held_but_not_while_they_are_only_bid_for() {
    let limits = Limits { max_market: Usd::dollars(50), ..WIDE };
    check(
        limits,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         live #1
         fill #1 100 at 0.40
         buy 50 at 0.58 no -> place 2 buy 50 at 0.58 no
         live #2
         fill #2 50 at 0.58
         buy 100 at 0.40 -> refuse max_market_usd: 59 over 50
         buy 50 at 0.57 no -> place 3 buy 50 at 0.57 no",
    );
}

#[test]
fn only_so_many_markets_are_held_or_bid_for() {
    let limits = Limits { max_open_positions: 2, ..WIDE };
    check(
        limits,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         buy 10 at 0.40 m1 -> place 2 buy 10 at 0.4
         buy 10 at 0.40 m2 -> refuse max_open_positions: 3 over 2
         buy 10 at 0.39 m1 -> place 3 buy 10 at 0.39
         refused #1
         buy 10 at 0.40 m2 -> place 4 buy 10 at 0.4",
    );
}

#[test]
fn cash_and_shares_are_spent_once() {
    check(
        WIDE,
        "buy 1000 at 0.40 -> place 1 buy 1000 at 0.4
         buy 1000 at 0.40 m1 -> place 2 buy 1000 at 0.4
         buy 1000 at 0.40 m2 -> refuse cash: 400 over 200
         fill #1 100 at 0.40
         sell 60 at 0.50 -> place 3 sell 60 at 0.5
         sell 60 at 0.51 -> refuse shares: 60 over 40
         sell 10 at 0.51 no -> refuse shares: 10 over 0",
    );
}

#[test]
fn unsettled_shares_cannot_be_sold_and_a_failed_trade_takes_them_back() {
    check(
        WIDE,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         live #1
         match #1 50 at 0.40 as 77
         sell 50 at 0.50 -> refuse shares: 50 over 0
         fail #1 50 at 0.40 as 77
         fill #1 50 at 0.40
         sell 50 at 0.50 -> place 2 sell 50 at 0.5",
    );
}

#[test]
fn what_cannot_be_an_order_is_refused_by_name() {
    check(
        WIDE,
        "buy 10 at 0.405 -> refuse tick: 0.405 over 0.01
         buy 4 at 0.40 -> refuse size: 4 over 5
         buy 10.001 at 0.40 -> refuse size: 10.001 over 5
         buy 10 at 0.40 m77 -> refuse unknown_market: 77 over 0
         cancel 5 -> refuse unknown_order: 5 over 0",
    );
}

#[test]
fn our_own_orders_never_meet_even_while_a_cancel_is_not_proven() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         fill #1 10 at 0.40
         sell 10 at 0.45 -> place 2 sell 10 at 0.45
         who 2
         buy 10 at 0.45 -> refuse self_trade: 0.45 over 0.45
         buy 10 at 0.44 -> place 3 buy 10 at 0.44
         buy 10 at 0.56 no -> refuse self_trade: 0.56 over 0.44
         cancel 3 -> cancel 3
         buy 10 at 0.56 no -> refuse self_trade: 0.56 over 0.44
         cancelled #3 0
         buy 10 at 0.56 no -> place 4 buy 10 at 0.56 no",
    );
}

#[test]
fn a_strategy_cannot_cancel_the_order_of_another() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         who 2
         cancel 1 -> refuse unknown_order: 1 over 0
         who 1
         cancel 1 -> cancel 1",
    );
}

#[test]
fn an_order_of_unknown_outcome_keeps_its_cost_until_it_is_denied_twice() {
    let limits = Limits { max_market: Usd::dollars(40), ..WIDE };
    check(
        limits,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         lost #1
         buy 5 at 0.01 -> refuse max_market_usd: 40.05 over 40
         wait 5s -> look 1
         denied #1
         buy 5 at 0.01 -> refuse max_market_usd: 40.05 over 40
         wait 30s -> look 1; look 1; look 1; look 1; look 1; look 1
         denied #1
         buy 5 at 0.01 -> refuse max_market_usd: 40.05 over 40
         wait 26s -> look 1; look 1; look 1; look 1; look 1; trip stale_data; trip stale_data; trip stale_data; trip stale_data; trip stale_data; trip stale_data
         denied #1
         book 0.40 0.42
         wait 1s -> close stale_data
         buy 5 at 0.01 -> place 2 buy 5 at 0.01
         seen #1 0 -> trip reconciliation_mismatch",
    );
}

#[test]
fn an_order_of_unknown_outcome_that_turns_up_is_adopted() {
    check(
        WIDE,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         lost #1
         seen #1 0
         wait 10s
         cancel 1 -> cancel 1",
    );
}

#[test]
fn a_delayed_order_keeps_its_cost_until_its_outcome_comes() {
    let limits = Limits { max_market: Usd::dollars(42), ..WIDE };
    // It cannot be cancelled while it is delayed: it is queried, and found to be open.
    check(
        limits,
        "buy 100 at 0.42 fak -> place 1 buy 100 at 0.42
         delayed #1
         buy 5 at 0.01 -> refuse max_market_usd: 42.05 over 42
         wait 4s
         cancel 1 -> cancel 1
         not-open #1 -> look 1
         seen #1 0
         buy 5 at 0.01 -> refuse max_market_usd: 42.05 over 42
         cancelled #1 0
         buy 5 at 0.01 -> place 2 buy 5 at 0.01",
    );
    // It matches partly, and the rest is killed.
    check(
        limits,
        "buy 100 at 0.42 fak -> place 1 buy 100 at 0.42
         delayed #1
         fill #1 60 at 0.40
         buy 5 at 0.41 -> refuse max_market_usd: 44.05 over 42
         cancelled #1 60
         buy 40 at 0.41 -> place 2 buy 40 at 0.41
         buy 30 at 0.06 -> refuse max_market_usd: 42.2 over 42",
    );
    // Nothing matches, and it rests.
    check(
        limits,
        "buy 100 at 0.42 -> place 1 buy 100 at 0.42
         delayed #1
         seen #1 0
         cancel 1 -> cancel 1
         cancelled #1 0
         buy 100 at 0.42 -> place 2 buy 100 at 0.42",
    );
}

#[test]
fn a_cancel_that_overtakes_its_order_is_asked_again_when_the_order_arrives() {
    check(
        WIDE,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         cancel 1 -> cancel 1
         not-open #1
         live #1 -> cancel 1
         cancel-acked #1
         wait 1s -> look 1
         denied #1
         wait 9s",
    );
}

#[test]
fn stop_cancels_all_and_start_trades_again() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         live #1
         quote 10 0.39 / 0 0 -> place 2 buy 10 at 0.39
         live #2
         operator stop -> cancel 2; cancel 1
         buy 10 at 0.40 -> refuse not_running: 0 over 1
         quote 10 0.39 / 0 0 -> refuse not_running: 0 over 1
         wait 2s -> cancel 1; cancel 2
         cancelled #1 0
         cancelled #2 0
         wait 2s
         operator start
         buy 10 at 0.40 -> place 3 buy 10 at 0.4",
    );
}

#[test]
fn an_emergency_stop_holds_until_it_is_released_with_a_reason() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         live #1
         operator kills -> cancel everything; lock
         operator start -> no: an emergency stop is in force; release it first
         operator releases the smoke is gone -> no: 1 orders are not confirmed as closed yet
         cancelled #1 0
         operator releases -> no: a release needs a reason
         operator releases the smoke is gone -> unlock
         operator start
         buy 10 at 0.40 -> place 2 buy 10 at 0.4",
    );
}

#[test]
fn an_emergency_stop_goes_on_cancelling() {
    check(
        WIDE,
        "operator kills -> cancel everything; lock
         wait 4s -> cancel everything; cancel everything
         wait 20s -> cancel everything; cancel everything; cancel everything; cancel everything; cancel everything; cancel everything
         wait 20s",
    );
}

#[test]
fn a_strategy_that_loses_a_market_loses_its_target_there() {
    check(
        WIDE,
        "quote 10 0.39 / 0 0 -> place 1 buy 10 at 0.39
         live #1
         granted m0 m1
         granted m1 m2 -> cancel 1
         cancelled #1 0
         wait 5s",
    );
}

#[test]
fn a_standing_quote_is_kept_there() {
    check(
        WIDE,
        "quote 10 0.40 / 0 0 -> place 1 buy 10 at 0.4
         quote 10 0.40 / 0 0
         live #1
         quote 10 0.39 / 0 0 -> cancel 1
         quote 10 0.38 / 0 0
         cancelled #1 0 -> place 2 buy 10 at 0.38
         live #2
         fill #2 4 at 0.38
         quote 10 0.38 / 0 0
         fill #2 6 at 0.38 -> place 3 buy 10 at 0.38
         quote 0 0 / 0 0 -> cancel 3
         cancelled #3 0
         wait 3s",
    );
}

#[test]
fn a_refused_leg_waits_before_it_is_tried_again() {
    check(
        WIDE,
        "quote 0 0 / 10 0.50 -> refuse shares: 10 over 0
         quote 0 0 / 10 0.50
         quote 0 0 / 11 0.50 -> refuse shares: 11 over 0
         wait 1s -> refuse shares: 11 over 0",
    );
}

#[test]
fn a_stale_book_only_lets_positions_shrink() {
    check(
        WIDE,
        "quote 10 0.40 / 0 0 -> place 1 buy 10 at 0.4
         live #1
         buy 20 at 0.41 -> place 2 buy 20 at 0.41
         fill #2 20 at 0.41
         wait 60s
         wait 1s -> trip stale_data; cancel 1; trip stale_data; trip stale_data; trip stale_data; trip stale_data; trip stale_data
         buy 10 at 0.40 -> refuse restricted: 1 over 0
         operator resets stale_data -> no: 6 markets still have no proof of life
         cancelled #1 0
         book 0.40 0.42
         wait 1s -> close stale_data
         buy 10 at 0.40 -> place 3 buy 10 at 0.4",
    );
}

#[test]
fn a_lost_user_channel_leaves_only_cancels_after_its_grace() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         feed user down -> trip websocket_disconnect
         buy 10 at 0.39 -> place 2 buy 10 at 0.39
         wait 16s
         buy 10 at 0.38 -> refuse restricted: 2 over 0
         operator resets websocket_disconnect -> no: a connection is still down; closes automatically on reconnect
         feed user up -> close websocket_disconnect
         buy 10 at 0.38 -> place 3 buy 10 at 0.38",
    );
}

#[test]
fn a_lost_market_channel_makes_every_book_blind() {
    check(
        WIDE,
        "quote 10 0.40 / 0 0 -> place 1 buy 10 at 0.4
         live #1
         feed market down -> trip websocket_disconnect; cancel 1
         cancelled #1 0
         buy 10 at 0.40 -> refuse market_not_open: 0 over 1
         feed market up -> close websocket_disconnect
         buy 10 at 0.40 -> refuse market_not_open: 0 over 1
         book 0.40 0.42
         buy 10 at 0.40 -> place 2 buy 10 at 0.4",
    );
}

#[test]
fn failing_requests_leave_only_cancels_until_the_window_is_over() {
    check(
        WIDE,
        "requests 90 9
         requests 0 3 -> trip high_error_rate
         buy 10 at 0.40 -> refuse restricted: 2 over 0
         wait 59s
         wait 1s -> close high_error_rate
         buy 10 at 0.40 -> place 1 buy 10 at 0.4",
    );
}

#[test]
fn the_daily_loss_limit_cancels_all_and_holds_until_midnight() {
    let limits = Limits { daily_loss: Usd::dollars(25), ..WIDE };
    check(
        limits,
        "buy 500 at 0.40 -> place 1 buy 500 at 0.4
         fill #1 500 at 0.40
         buy 10 at 0.10 -> place 2 buy 10 at 0.1
         live #2
         book 0.36 0.42
         wait 1s
         book 0.35 0.42
         wait 1s -> trip daily_loss_limit; cancel 2
         buy 10 at 0.30 -> refuse restricted: 2 over 0
         operator resets daily_loss_limit -> no: lost 25 today, the limit is 25; closes at 00:00 UTC
         cancelled #2 0
         book 0.39 0.42
         operator resets daily_loss_limit -> close daily_loss_limit
         buy 10 at 0.30 -> place 3 buy 10 at 0.3",
    );
}

#[test]
fn only_so_many_orders_a_minute_and_open_at_once() {
    let limits = Limits { max_orders_per_minute: 3, max_open_orders: 2, ..WIDE };
    check(
        limits,
        "buy 5 at 0.40 -> place 1 buy 5 at 0.4
         buy 5 at 0.39 -> place 2 buy 5 at 0.39
         buy 5 at 0.38 -> refuse max_open_orders: 3 over 2
         refused #1
         buy 5 at 0.38 -> place 3 buy 5 at 0.38
         live #3
         refused #2
         buy 5 at 0.37 -> refuse max_orders_per_minute: 4 over 3
         wait 59s
         book 0.40 0.42
         wait 1s
         buy 5 at 0.37 -> place 4 buy 5 at 0.37",
    );
}

#[test]
fn a_fill_that_arrives_before_the_ack_and_twice_is_booked_once() {
    check(
        WIDE,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         match #1 100 at 0.40 as 7
         match #1 100 at 0.40 as 7
         matched #1 100
         sell 100 at 0.50 -> refuse shares: 100 over 0
         operator stop",
    );
}

#[test]
fn more_shares_than_were_ordered_are_a_mismatch() {
    check(
        WIDE,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         fill #1 100 at 0.40
         fill #1 1 at 0.40 -> trip reconciliation_mismatch
         buy 10 at 0.40 -> refuse restricted: 2 over 0
         operator resets reconciliation_mismatch -> close reconciliation_mismatch",
    );
}
