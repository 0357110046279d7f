//! Strategies that lose, prices that jump, and orphaned positions, as stories.

use crate::story::{Story, WIDE, check, load_as, price};
use model::input::{Settlement, TradeUpdate};
use model::{
    FeeRate, InputKind, IntentKind, Limits, Market, MarketIx, OrderId, OrderKind, Side, Size, StrategyId, TradeId, Usd,
    Wants,
};
use testkit::market;

/// Limits under which no book becomes stale.
const CALM: Limits = Limits { stale_after_micros: u64::MAX, ..WIDE };

#[test]
fn a_strategy_that_lost_too_much_today_stops_until_midnight_and_others_go_on() {
    let limits = Limits { max_strategy_loss: Usd::dollars(10), ..CALM };
    check(
        limits,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         fill #1 100 at 0.40
         book 0.31 0.33
         wait 1s
         book 0.30 0.32
         wait 1s -> trip strategy_loss
         buy 10 at 0.20 -> refuse restricted: 2 over 0
         operator resets strategy_loss -> no: a strategy lost 10 today, the limit is 10; closes at 00:00 UTC
         who 2
         buy 10 at 0.20 -> place 2 buy 10 at 0.2
         live #2
         wait 86399s -> close strategy_loss",
    );
}

#[test]
fn losing_round_trips_running_make_a_strategy_rest_for_an_hour() {
    let limits = Limits { max_losing_trips: 2, ..CALM };
    check(
        limits,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         fill #1 10 at 0.40
         sell 10 at 0.39 -> place 2 sell 10 at 0.39
         fill #2 4 at 0.39
         fill #2 6 at 0.39
         buy 10 at 0.40 -> place 3 buy 10 at 0.4
         fill #3 10 at 0.40
         sell 10 at 0.41 -> place 4 sell 10 at 0.41
         fill #4 10 at 0.41
         buy 10 at 0.40 -> place 5 buy 10 at 0.4
         fill #5 10 at 0.40
         sell 10 at 0.38 -> place 6 sell 10 at 0.38
         fill #6 10 at 0.38
         buy 10 at 0.40 -> place 7 buy 10 at 0.4
         fill #7 10 at 0.40
         sell 10 at 0.37 -> place 8 sell 10 at 0.37
         fill #8 10 at 0.37 -> trip loss_streak
         buy 10 at 0.40 -> refuse restricted: 2 over 0
         wait 3599s
         wait 1s -> close loss_streak",
    );
}

#[test]
fn a_jump_pulls_the_quotes_of_its_market_until_it_is_calm() {
    let limits = Limits { max_jump: Usd(100_000), ..CALM };
    check(
        limits,
        "wait 1s
         buy 10 at 0.40 -> place 1 buy 10 at 0.4
         live #1
         buy 10 at 0.40 m1 -> place 2 buy 10 at 0.4
         live #2
         book 0.50 0.52
         wait 1s
         book 0.51 0.53
         wait 1s -> trip price_jump; cancel 1
         cancelled #1 0
         buy 10 at 0.51 -> refuse restricted: 1 over 0
         buy 10 at 0.39 m1 -> place 3 buy 10 at 0.39
         live #3
         operator resets price_jump -> no: 1 markets jumped within the last minute; closes automatically
         wait 50s
         book 0.51 0.53
         wait 20s -> close price_jump
         book 0.51 0.53
         buy 10 at 0.51 -> place 4 buy 10 at 0.51",
    );
}

#[test]
fn a_slow_drift_is_no_jump() {
    let limits = Limits { max_jump: Usd(100_000), ..CALM };
    check(
        limits,
        "book 0.44 0.46
         wait 6s
         book 0.48 0.50
         wait 6s
         book 0.52 0.54
         wait 6s
         book 0.56 0.58
         wait 6s
         buy 10 at 0.50 -> place 1 buy 10 at 0.5",
    );
}

#[test]
fn an_order_must_be_better_than_what_its_strategy_says_a_share_is_worth() {
    let limits = Limits { min_edge: Usd(10_000), ..WIDE };
    check(
        limits,
        "fair 0.41
         buy 10 at 0.41 -> refuse min_edge_usd: 0 over 10000
         buy 10 at 0.40 -> place 1 buy 10 at 0.4
         fair none
         buy 10 at 0.41 -> place 2 buy 10 at 0.41
         fill #2 10 at 0.41
         fair 0.45
         sell 10 at 0.42 -> place 3 sell 10 at 0.42",
    );
}

#[test]
fn what_the_venue_does_not_take_is_not_sent() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         live #1
         venue Restarting
         buy 10 at 0.39 -> refuse venue_state: 3 over 0
         cancel #1 -> cancel 1
         venue PostOnly
         buy 10 at 0.39 -> refuse venue_state: 1 over 0
         quote 10 0.39 / 0 0.45 -> place 2 buy 10 at 0.39
         venue CancelOnly
         buy 10 at 0.38 -> refuse venue_state: 2 over 0
         venue Open
         buy 10 at 0.38 -> place 3 buy 10 at 0.38",
    );
}

#[test]
fn what_a_removed_strategy_holds_is_closed_if_the_operator_wants_that() {
    let story = |exit: &str| {
        format!(
            "buy 30 at 0.40 -> place 1 buy 30 at 0.4
             live #1
             fill #1 20 at 0.40
             removed -> cancel 1
             cancelled #1 20
             {exit}"
        )
    };
    check(WIDE, &story("wait 5s"));
    check(Limits { exit_orphans: true, ..WIDE }, &story("wait 1s -> place 2 sell 20 at 0.35"));
}

#[test]
fn what_a_disabled_strategy_holds_is_closed_too() {
    check(
        Limits { exit_orphans: true, ..WIDE },
        "buy 30 at 0.40 -> place 1 buy 30 at 0.4
         fill #1 30 at 0.40
         faults
         unsaved
         faults -> trip strategy_fault
         wait 1s -> place 2 sell 30 at 0.35",
    );
}

#[test]
fn a_market_that_stays_undecided_pays_half() {
    check(
        WIDE,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         fill #1 100 at 0.40
         resolves half
         worth 1010
         redeem 100 for 50
         worth 1010",
    );
}

#[test]
fn what_people_do_by_hand_is_counted_and_kept_apart() {
    let limits = Limits { stop_loss_bps: 500, ..CALM };
    check(
        limits,
        "external buy 100 at 0.40 -> adopt 1
         buy 10 at 0.40 -> place 2 buy 10 at 0.4
         live #2
         fill #1 60 at 0.40
         worth 1000
         operator stop -> cancel 2
         cancelled #2 0
         operator start
         sell 10 at 0.42 -> refuse shares: 10 over 0
         book 0.30 0.32
         wait 5s
         sell 10 at 0.62 no -> refuse shares: 10 over 0
         operator cancels #1 -> cancel 1
         cancelled #1 60
         operator closes 0
         wait 1s -> place 3 sell 60 at 0.25",
    );
}

#[test]
fn a_hand_order_stands_in_the_way_and_an_emergency_stop_cancels_it() {
    check(
        WIDE,
        "external sell 50 at 0.41 counted 20 -> adopt 1
         buy 10 at 0.42 -> refuse self_trade: 0.42 over 0.41
         operator kills -> cancel everything; lock
         operator releases now -> no: 1 orders are not confirmed as closed yet
         cancelled #1 20
         operator releases now -> unlock",
    );
}

#[test]
fn without_a_heartbeat_nothing_is_placed_and_everything_cancelled() {
    check(
        WIDE,
        "buy 10 at 0.40 -> place 1 buy 10 at 0.4
         live #1
         heartbeat lost -> trip heartbeat_lost; cancel 1
         buy 10 at 0.39 -> refuse restricted: 2 over 0
         operator resets heartbeat_lost -> no: closes automatically once the venue accepts a heartbeat
         heartbeat taken -> close heartbeat_lost
         buy 10 at 0.39 -> place 2 buy 10 at 0.39",
    );
}

#[test]
fn a_high_error_rate_is_over_a_minute_after_the_last_failure_however_many_requests_go_on() {
    check(
        CALM,
        "requests 15 5 -> trip high_error_rate
         wait 30s
         requests 30 0
         wait 29s
         requests 30 0
         buy 10 at 0.40 -> refuse restricted: 2 over 0
         wait 1s -> close high_error_rate
         buy 10 at 0.40 -> place 1 buy 10 at 0.4",
    );
}

#[test]
fn a_strategys_gain_has_what_it_sold_what_it_holds_and_the_fees_but_not_of_trades_that_failed() {
    let mut story = Story::new(0, CALM);
    let (who, ix) = (StrategyId(1), MarketIx(0));
    story.step(InputKind::Market(Market { fee: FeeRate { rate_micros: 50_000 }, ..market(0) }));
    story.step(load_as(who, vec![ix], story.now, Wants::FIRST));
    story.book(ix, "0.40", "0.42");
    let (token, kind) = (ix.token(0), OrderKind::Fak);
    let (side, size) = (Side::Buy, Size::shares(10));
    story.intent(IntentKind::Place { token, side, price: price("0.42"), size, kind });
    let mut took = |id: u8, shares: u64, settlement: Settlement| {
        let (trade, part, order) = (TradeId([id; 16]), 0, OrderId(1));
        let (maker_price, size) = (price("0.42"), Size::shares(shares));
        let (maker, crossed) = (false, false);
        story.step(InputKind::Trade(TradeUpdate { trade, part, order, settlement, maker_price, size, maker, crossed }));
        let gain = story.engine.strategy_pnl(who);
        assert_eq!(gain.today, gain.total());
        (gain.realised, gain.unrealised, gain.fees)
    };
    let fee = |shares| FeeRate { rate_micros: 50_000 }.taker_fee(price("0.42"), Size::shares(shares)).unwrap();
    assert!(fee(4) > Usd::ZERO);
    // Four shares are worth two cents less each than they cost.
    assert_eq!(took(1, 4, Settlement::Matched), (Usd::ZERO, Usd(-80_000), fee(4)));
    let both = fee(4).saturating_add(fee(6));
    assert_eq!(took(2, 6, Settlement::Matched), (Usd::ZERO, Usd(-200_000), both));
    assert_eq!(took(1, 4, Settlement::Failed), (Usd::ZERO, Usd(-120_000), fee(6)));
    assert_eq!(story.engine.strategy_pnls().map(|(who, _)| who).collect::<Vec<_>>(), [who]);
    assert_eq!(story.engine.strategy_pnl(StrategyId(2)), engine::StrategyPnl::default());
    story.step(InputKind::Trade(TradeUpdate {
        trade: TradeId([2; 16]),
        part: 0,
        order: OrderId(1),
        settlement: Settlement::Confirmed,
        maker_price: price("0.42"),
        size: Size::shares(6),
        maker: false,
        crossed: false,
    }));
    let (side, size) = (Side::Sell, Size::shares(6));
    let kind = OrderKind::Gtc { post_only: true };
    story.intent(IntentKind::Place { token, side, price: price("0.50"), size, kind });
    story.trade(OrderId(2), size, price("0.50"), Settlement::Confirmed, 3);
    let gain = story.engine.strategy_pnl(who);
    assert_eq!((gain.realised, gain.unrealised, gain.fees), (Usd(480_000), Usd::ZERO, fee(6)));
    assert_eq!(gain.total(), Usd(480_000).saturating_sub(fee(6)));
}
