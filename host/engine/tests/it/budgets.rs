//! Budgets of strategies, as stories.

use crate::story::{Story, WIDE, check, load_as};
use model::input::StrategyChange;
use model::{Allowance, Budget, InputKind, Limits, MarketIx, StrategyId, Usd, Wants};

/// Limits under which no book becomes stale.
const CALM: Limits = Limits { stale_after_micros: u64::MAX, ..WIDE };

#[test]
fn capital_is_what_positions_cost_and_buys_hold_back_whatever_is_known_of_them() {
    check(
        WIDE,
        "budget capital 10
         buy 10 at 0.40 -> place 1 buy 10 at 0.4
         buy 10 at 0.41 m1 -> place 2 buy 10 at 0.41
         buy 10 at 0.39 m2 -> refuse strategy_capital: 12 over 10
         who 2
         buy 100 at 0.39 m3 -> place 3 buy 100 at 0.39
         who 1
         fill #1 10 at 0.40
         lost #2
         buy 5 at 0.39 m2 -> refuse strategy_capital: 10.05 over 10
         buy 5 at 0.38 m2 -> place 4 buy 5 at 0.38
         cancelled #4 0
         buy 5 at 0.37 m2 -> place 5 buy 5 at 0.37
         sell 10 at 0.42 -> place 6 sell 10 at 0.42
         fill #6 10 at 0.42
         buy 10 at 0.39 m4 -> place 7 buy 10 at 0.39",
    );
}

#[test]
fn the_other_half_of_a_pair_spends_the_capital_of_who_buys_it() {
    check(
        WIDE,
        "buy 20 at 0.40 -> place 1 buy 20 at 0.4
         fill #1 20 at 0.40
         who 2
         budget capital 5
         buy 10 at 0.58 no -> refuse strategy_capital: 5.8 over 5
         budget capital 5.8
         buy 10 at 0.58 no -> place 2 buy 10 at 0.58 no",
    );
}

#[test]
fn a_budget_only_lowers_and_nothing_but_another_one_ends_it() {
    let limits = Limits { max_strategy_bps: 50, max_strategy_orders_per_minute: 2, ..WIDE };
    check(
        limits,
        "budget capital 1000 loss 1000 orders 1000
         buy 10 at 0.40 -> place 1 buy 10 at 0.4
         buy 10 at 0.41 m1 -> refuse max_strategy_pct: 8.1 over 5
         cancelled #1 0
         budget capital 3
         buy 10 at 0.39 -> refuse strategy_capital: 3.9 over 3
         removed
         granted m0
         buy 10 at 0.38 -> refuse strategy_capital: 3.8 over 3
         budget
         buy 10 at 0.37 -> place 2 buy 10 at 0.37
         buy 10 at 0.36 -> refuse max_strategy_orders_per_minute: 3 over 2",
    );
}

#[test]
fn a_budget_that_falls_takes_bids_back_and_leaves_what_is_held() {
    check(
        CALM,
        "quote 10 0.40 / 0 0 -> place 1 buy 10 at 0.4
         live #1
         buy 10 at 0.41 m1 -> place 2 buy 10 at 0.41
         fill #2 10 at 0.41
         sell 10 at 0.43 m1 -> place 3 sell 10 at 0.43
         budget capital 8.1
         budget capital 8 -> cancel 1
         cancelled #1 0 -> refuse strategy_capital: 8.1 over 8
         budget capital 8.1
         wait 2s -> place 4 buy 10 at 0.4",
    );
}

#[test]
fn placements_in_a_minute_are_those_of_the_budget() {
    check(
        WIDE,
        "budget orders 2
         buy 10 at 0.40 -> place 1 buy 10 at 0.4
         buy 10 at 0.39 -> place 2 buy 10 at 0.39
         buy 10 at 0.38 -> refuse max_strategy_orders_per_minute: 3 over 2
         who 2
         buy 10 at 0.38 -> place 3 buy 10 at 0.38
         who 1
         later 60s
         book 0.40 0.42
         buy 10 at 0.37 -> place 4 buy 10 at 0.37",
    );
}

#[test]
fn a_strategy_that_lost_its_budget_of_the_day_stops_and_others_go_on() {
    let limits = Limits { max_strategy_loss: Usd::dollars(10), ..CALM };
    check(
        limits,
        "budget loss 5
         buy 100 at 0.40 -> place 1 buy 100 at 0.4
         fill #1 100 at 0.40
         who 2
         buy 100 at 0.40 -> place 2 buy 100 at 0.4
         fill #2 100 at 0.40
         book 0.36 0.38
         wait 1s
         book 0.35 0.37
         wait 1s -> trip strategy_loss
         buy 10 at 0.20 -> place 3 buy 10 at 0.2
         who 1
         buy 10 at 0.20 m1 -> refuse restricted: 2 over 0
         operator resets strategy_loss -> no: a strategy lost 5 today, the limit is 5; closes at 00:00 UTC
         budget loss 6
         operator resets strategy_loss -> close strategy_loss
         buy 10 at 0.20 m1 -> place 4 buy 10 at 0.2",
    );
}

#[test]
fn the_allowance_is_the_smaller_of_budget_and_limits_and_its_own_for_each_strategy() {
    let mut story = Story::new(1, Limits::DEFAULT);
    let (who, other) = (StrategyId(3), StrategyId(1));
    let budget = Budget { capital: Some(Usd::dollars(7)), daily_loss: Some(Usd::dollars(900)), ..Budget::NONE };
    // The budget is set before the strategy is loaded.
    story.step(InputKind::Strategy(StrategyChange::Budget { strategy: who, budget }));
    story.step(load_as(who, vec![MarketIx(0)], story.now, Wants::FIRST));
    let session = Allowance { capital: Usd::dollars(200), daily_loss: Usd::dollars(20), orders_per_minute: 300 };
    assert_eq!(story.engine.allowance_of(who), Allowance { capital: Usd::dollars(7), ..session });
    assert_eq!(story.engine.allowance_of(other), session);
}
