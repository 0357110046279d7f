//! Guards: profits taken and losses stopped by the host itself.

use crate::story::{WIDE, check};
use model::Limits;

#[test]
fn a_stop_loss_needs_its_percentage_two_ticks_and_two_looks() {
    let limits = Limits { stop_loss_bps: 500, ..WIDE };
    check(
        limits,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         fill #1 100 at 0.40
         sell 50 at 0.60 -> place 2 sell 50 at 0.6
         live #2
         book 0.39 0.42
         wait 5s
         book 0.38 0.42
         wait 1s
         wait 1s -> guard stop_loss_pct; cancel 2
         wait 1s
         cancelled #2 0
         wait 1s -> place 3 sell 100 at 0.33
         buy 10 at 0.40 -> refuse restricted: 1 over 0
         fill #3 100 at 0.38
         wait 10s
         buy 10 at 0.40 m1 -> place 4 buy 10 at 0.4",
    );
}

#[test]
fn a_market_maker_on_a_cheap_token_is_not_stopped_out_by_its_own_spread() {
    let limits = Limits { stop_loss_bps: 500, take_profit_bps: 800, ..WIDE };
    check(
        limits,
        "book 0.03 0.05
         buy 100 at 0.04 -> place 1 buy 100 at 0.04
         fill #1 100 at 0.04
         wait 5s",
    );
}

#[test]
fn a_take_profit_closes_while_the_bot_is_paused() {
    let limits = Limits { take_profit_bps: 800, ..WIDE };
    check(
        limits,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         fill #1 100 at 0.40
         operator pause
         book 0.44 0.46
         wait 1s
         wait 1s -> guard take_profit_pct; place 2 sell 100 at 0.39",
    );
}

#[test]
fn a_guard_does_nothing_while_the_bot_is_stopped() {
    let limits = Limits { take_profit_bps: 800, ..WIDE };
    check(
        limits,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         fill #1 100 at 0.40
         operator stop
         book 0.50 0.52
         wait 10s",
    );
}
