//! FOK and FAK BUYs, which are counted in dollars: a better price buys more shares. Every other order is counted in
//! shares. The books are 0.40 / 0.42 at the start, the account has 1,000 dollars.

use crate::story::{START, Story, WIDE, check, check_charged, price, show};
use engine::{Effects, Engine, Purpose};
use model::input::{Channel, Mode, SessionStart, Settlement, TradeUpdate};
use model::{
    InputKind, IntentKind, Limits, OrderId, OrderKind, OrderState, SessionId, Side, Size, TokenIx, TradeId, Usd,
};
use testkit::{input, market};

#[test]
fn a_better_price_gives_more_shares_and_trips_nothing() {
    for kind in ["fak", "fok"] {
        check(
            WIDE,
            &format!(
                "buy 5 at 0.42 {kind} -> place 1 buy 5 at 0.42
                 reserves 2.1
                 taken #1 5.12195 at 0.41
                 is #1 filled
                 reserves 0
                 has 997.900001 and 5.12195
                 wait 3s"
            ),
        );
    }
}

#[test]
fn the_venues_rounding_leaves_an_order_filled() {
    // 4.95 dollars at 0.98 are 5.05102 shares, or 5.051019 as the venue rounds them; the fee is 0.07 * 0.98 * 0.02 of
    // these.
    for (shares, cash) in [("5.05102", "995.043081"), ("5.051019", "995.043082")] {
        check_charged(
            WIDE,
            70_000,
            &format!(
                "book 0.96 0.98
                 buy 5 at 0.99 fak -> place 1 buy 5 at 0.99
                 reserves 5.2965
                 matched #1 5.05102
                 is #1 filled
                 taken #1 {shares} at 0.98
                 is #1 filled
                 reserves 0
                 has {cash} and {shares}
                 wait 30s"
            ),
        );
    }
}

#[test]
fn an_answer_that_comes_after_the_trades_changes_nothing() {
    check(
        WIDE,
        "buy 10 at 0.42 fak -> place 1 buy 10 at 0.42
         taken #1 6 at 0.40
         is #1 partly_filled
         reserves 1.8
         taken #1 4.39 at 0.41
         is #1 filled
         matched #1 10.39
         cancelled #1 10.39
         is #1 filled
         has 995.8001 and 10.39
         wait 3s",
    );
}

#[test]
fn more_shares_than_it_names_do_not_fill_it_while_dollars_are_left() {
    check(
        WIDE,
        "buy 10 at 0.50 fak -> place 1 buy 10 at 0.5
         matched #1 12
         is #1 filled
         reserves 5
         taken #1 12 at 0.40
         is #1 cancelled
         reserves 0
         wait 3s
         buy 10 at 0.50 fak m1 -> place 2 buy 10 at 0.5
         seen #2 12
         is #2 partly_filled
         taken #2 12 at 0.40
         is #2 partly_filled
         reserves 0.2
         cancelled #2 12
         is #2 cancelled
         reserves 0
         buy 10 at 0.50 fak m2 -> place 3 buy 10 at 0.5
         matched #3 8
         is #3 cancelled
         taken #3 8 at 0.40
         is #3 cancelled
         reserves 0",
    );
}

#[test]
fn matched_shares_without_a_reported_trade_keep_their_possible_cost_reserved() {
    check(
        WIDE,
        "buy 10 at 0.50 fok -> place 1 buy 10 at 0.5
         matched #1 12.5
         is #1 filled
         reserves 5
         taken #1 6 at 0.40
         is #1 filled
         reserves 2.6
         taken #1 6.5 at 0.40
         is #1 filled
         reserves 0",
    );
}

#[test]
fn an_update_that_names_more_shares_keeps_what_those_may_cost_reserved() {
    check(
        WIDE,
        "buy 10 at 0.50 fak -> place 1 buy 10 at 0.5
         cancelled #1 12
         reserves 5
         taken #1 10 at 0.40
         reserves 1
         taken #1 2 at 0.40
         is #1 cancelled
         reserves 0",
    );
}

#[test]
fn a_limit_on_a_market_counts_the_signed_dollars() {
    // 23.83 shares at 0.42 cost 10.0086; ten dollars are signed.
    let limits = Limits { max_market: Usd::dollars(10), ..WIDE };
    check(
        limits,
        "buy 23.83 at 0.42 fak -> place 1 buy 23.83 at 0.42
         buy 23.83 at 0.42 m1 -> refuse max_market_usd: 10.0086 over 10",
    );
}

#[test]
fn what_exceeds_the_signed_dollars_or_shares_still_trips() {
    check(
        WIDE,
        "buy 5 at 0.42 fak -> place 1 buy 5 at 0.42
         taken #1 5 at 0.42
         taken #1 0.025 at 0.40 -> trip reconciliation_mismatch",
    );
    // A cent more in one trade. Less than a cent is rounding.
    check(
        WIDE,
        "buy 5 at 0.42 fak -> place 1 buy 5 at 0.42
         taken #1 5.275 at 0.40 -> trip reconciliation_mismatch",
    );
    check(
        WIDE,
        "buy 5 at 0.42 fok -> place 1 buy 5 at 0.42
         taken #1 5.2741 at 0.40
         is #1 filled",
    );
    // A micro-share more for an order that is counted in shares.
    check(
        WIDE,
        "buy 5 at 0.42 -> place 1 buy 5 at 0.42
         taken #1 5.000001 at 0.41 -> trip reconciliation_mismatch",
    );
    check(
        WIDE,
        "buy 20 at 0.42 -> place 1 buy 20 at 0.42
         fill #1 20 at 0.42
         sell 5 at 0.40 fak -> place 2 sell 5 at 0.4
         taken #2 5.000001 at 0.41 -> trip reconciliation_mismatch",
    );
}

#[test]
fn the_dollars_and_the_fee_at_any_price_are_reserved() {
    // Ten dollars at 0.90 would be charged 0.07 there, but half a dollar at 0.30.
    check_charged(
        WIDE,
        70_000,
        "buy 11.12 at 0.90 fak -> place 1 buy 11.12 at 0.9
         reserves 10.7
         taken #1 16.666666 at 0.30
         reserves 5.350002
         taken #1 16.666667 at 0.30
         is #1 filled
         reserves 0
         has 989.510011 and 33.333333",
    );
    let limits = Limits { max_order: Usd::dollars(10), ..WIDE };
    check(
        limits,
        "buy 23.83 at 0.42 fak -> place 1 buy 23.83 at 0.42
         buy 23.84 at 0.42 fak m1 -> refuse max_order_usd: 10.01 over 10
         buy 23.83 at 0.42 m2 -> refuse max_order_usd: 10.0086 over 10",
    );
}

#[test]
fn a_market_buy_nets_nothing_before_it_is_filled_and_its_shares_afterwards() {
    let limits = Limits { max_market: Usd::dollars(50), ..WIDE };
    check(
        limits,
        "buy 100 at 0.42 fak -> place 1 buy 100 at 0.42
         buy 20 at 0.57 no fak -> place 2 buy 20 at 0.57 no
         buy 20 at 0.42 fak -> refuse max_market_usd: 50.4 over 50
         refused #2
         taken #1 105 at 0.40
         buy 100 at 0.57 no fak -> place 3 buy 100 at 0.57 no
         taken #3 114 at 0.50
         buy 130 at 0.42 fak -> place 4 buy 130 at 0.42",
    );
}

#[test]
fn a_limit_on_shares_counts_what_the_dollars_buy_a_collar_below_the_ask() {
    // The collar below the ask of 0.42 is 15 % of 0.41: 0.0615. 180.60 dollars at 0.3585 are more than 500 shares.
    let limits = Limits { max_order_size: Size::shares(500), price_collar_bps: 1_500, ..WIDE };
    check(
        limits,
        "buy 426 at 0.42 fak -> place 1 buy 426 at 0.42
         buy 430 at 0.42 fak m1 -> refuse max_order_shares: 503.76569 over 500
         buy 430 at 0.42 m1 -> place 2 buy 430 at 0.42
         book m2 0.02 0.03
         buy 200 at 0.03 fak m2 -> refuse max_order_shares: 600 over 500",
    );
    // Relative to the visible size at the visible price: 84 dollars are 200 shares, and 86 at 0.43 buy 204.76 at 0.42.
    let limits = Limits { max_depth_bps: 2_000, ..WIDE };
    check(
        limits,
        "buy 200 at 0.43 fak -> refuse max_depth_pct: 204.761904 over 200
         buy 195 at 0.43 fak -> place 1 buy 195 at 0.43",
    );
}

#[test]
fn a_fill_of_more_shares_than_were_named_passes_a_restart() {
    let mut story = Story::new(1, WIDE);
    let (side, kind, token) = (Side::Buy, OrderKind::Fak, TokenIx(0));
    story.intent(IntentKind::Place { token, side, price: price("0.42"), size: Size::shares(10), kind });
    let trade = |name: u8, size: u64| {
        let (trade, settlement) = (TradeId([name; 16]), Settlement::Confirmed);
        let (order, part, maker_price, size) = (OrderId(1), 0, price("0.40"), Size(size));
        InputKind::Trade(TradeUpdate {
            trade,
            part,
            order,
            settlement,
            maker_price,
            size,
            maker: false,
            crossed: false,
        })
    };
    story.step(trade(1, 10_400_000));
    assert_eq!(story.engine.order_state(OrderId(1)), Some(OrderState::PartlyFilled), "0.04 dollars are left");
    let carry = story.engine.carry(|_| true);
    assert!(carry.orders[0].traded > carry.orders[0].order.size);

    let (mut engine, mut effects, mut seq) = (Engine::new(Purpose::Trade), Effects::new(), 0);
    let mut step = |body| {
        seq += 1;
        engine.step(&input(seq, START.plus_millis(60_000), body), &mut effects);
        let seen: Vec<String> = effects.iter().filter_map(show).collect();
        engine.audit().unwrap();
        (seen.join("; "), engine.order_state(OrderId(1)), engine.summary())
    };
    step(InputKind::Session(SessionStart {
        session: SessionId(2),
        mode: Mode::Demo,
        cash: Usd::dollars(1),
        day_start: None,
        limits: WIDE,
        salt_seed: 8,
        halted: false,
    }));
    step(InputKind::Market(market(0)));
    step(InputKind::Feed { channel: Channel::User, up: true });
    let (_, state, summary) = step(InputKind::CarryOver(Box::new(carry)));
    assert_eq!((state, summary.reserved), (Some(OrderState::PartlyFilled), Usd(40_000)));
    let (seen, ..) = step(trade(1, 10_400_000));
    assert_eq!(seen, "", "the trade is known already");
    let (seen, state, summary) = step(trade(2, 100_000));
    assert_eq!((seen.as_str(), state, summary.reserved), ("", Some(OrderState::Filled), Usd::ZERO));
    assert_eq!(summary.cash, Usd(1_000_000_000 - 4_200_000));
    let (seen, ..) = step(trade(3, 25_000));
    assert_eq!(seen, "trip reconciliation_mismatch", "a cent more than was signed");
}
