//! Tests of the strategy on scripted markets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

use bundle::Bundle;
use polytrader_sdk::Session;
use polytrader_sdk::harness::{Stage, session};
use polytrader_sdk::units::SHARE;

fn given(parameters: &str) -> Session {
    let mut session = session(3);
    session.parameters = parameters.into();
    session
}

fn run(parameters: &str, script: &str) -> Stage<Bundle> {
    Stage::run(&given(parameters), script)
}

#[test]
fn both_outcomes_under_a_dollar_are_bought_the_thinner_first() {
    let stage = run(
        "{}",
        "trading on
         top yes0 0.38 0.40x15
         top no0 0.55 0.58x12 -> buy no0 12 at 0.58 fok; bought no0 12 at 0.58;
            -> buy yes0 11.43 at 0.42 fak; bought yes0 12 at 0.4",
    );
    assert_eq!((stage.held(0), stage.held(1), stage.cash()), (12 * SHARE, 12 * SHARE, -11_760_000));
}

#[test]
fn a_set_that_costs_too_much_with_its_fees_is_left() {
    let dear = "trading on
         top yes0 0.38 0.40x15
         top no0 0.55 0.60x12
         top no0 0.55 0.598x12";
    run("{}", dear);
    let mut fees = given("{}");
    fees.markets[0].fee_rate = 100_000;
    Stage::<Bundle>::run(&fees, "trading on\n top yes0 0.38 0.40x15\n top no0 0.50 0.55x12");
    Stage::<Bundle>::run(
        &fees,
        "trading on
         top yes0 0.38 0.40x15
         top no0 0.50 0.54x12 -> buy no0 12 at 0.54 fok; bought no0 12 at 0.54;
            -> buy yes0 11.71 at 0.41 fak; bought yes0 12 at 0.4",
    );
}

#[test]
fn legs_are_bounded_by_size_offers_and_capital() {
    run(
        r#"{"size": 6, "cool_down": 1, "capital": 9}"#,
        "trading on
         top yes0 0.38 0.40
         top no0 0.55 0.58 -> buy yes0 6 at 0.4 fok; bought yes0 6 at 0.4; buy no0 5.8 at 0.6 fak; bought no0 6 at 0.58
         wait 5s",
    );
    run("{}", "trading on\n top yes0 0.38 0.40x4.99\n top no0 0.55 0.58");
}

#[test]
fn if_the_first_leg_is_gone_nothing_was_bought_and_it_waits() {
    let stage = run(
        "{}",
        "trading on
         refuse next max_depth_pct
         top yes0 0.38 0.40x15
         top no0 0.55 0.58x12 -> buy no0 12 at 0.58 fok; refused max_depth_pct
         top no0 0.55 0.58x12
         wait 4s
         wait 1s -> buy no0 12 at 0.58 fok; bought no0 12 at 0.58; buy yes0 11.43 at 0.42 fak; bought yes0 12 at 0.4",
    );
    assert_eq!(stage.open_orders(), 0);
}

#[test]
fn a_set_is_bought_again_when_it_has_cooled_down() {
    run(
        "{}",
        "trading on
         top yes0 0.38 0.40x15
         top no0 0.55 0.58x12 -> buy no0 12 at 0.58 fok; bought no0 12 at 0.58;
            -> buy yes0 11.43 at 0.42 fak; bought yes0 12 at 0.4
         wait 4s
         top no0 0.55 0.58x5.5
         top yes0 0.38 0.40x20
         wait 1s -> buy no0 5.5 at 0.58 fok; bought no0 5.5 at 0.58; buy yes0 5.24 at 0.42 fak; bought yes0 5.5 at 0.4",
    );
}

/// Script that buys one complete set and then waits.
const HALF: &str = "trading on
    top yes0 0.38x50 0.40x12
    top no0 0.55x50 0.58x12 -> buy yes0 12 at 0.4 fok; bought yes0 12 at 0.4;
       -> buy no0 11.6 at 0.6 fak; bought no0 12 at 0.58
    wait 6s";

#[test]
fn a_half_filled_set_is_completed_at_no_loss_or_sold_again() {
    let mut half = given(r#"{"patience": 3}"#);
    half.positions.push(polytrader_sdk::Position { token: 0, size: 12 * SHARE, cost: 4_800_000 });
    // The other leg is offered again in time, at a price that still breaks even.
    let stage = Stage::<Bundle>::run(
        &half,
        "trading on
         top yes0 0.38x50 0.40x12
         top no0 0.55x50 0.62x12
         wait 1s
         top no0 0.55x50 0.60x12 -> buy no0 12 at 0.6 fak; bought no0 12 at 0.6",
    );
    assert_eq!(stage.held(1), 12 * SHARE);
    // The other leg is not offered in time.
    let stage = Stage::<Bundle>::run(
        &half,
        "trading on
         top yes0 0.38x7 0.40x12
         top no0 0.55x50 0.62x12
         wait 2s
         wait 2s -> sell yes0 12 at 0.38 fak; sold yes0 7 at 0.38
         top yes0 0.37x50 0.40x12 -> sell yes0 5 at 0.37 fak; sold yes0 5 at 0.37
         wait 10s",
    );
    assert_eq!((stage.held(0), stage.held(1)), (0, 0));
}

#[test]
fn a_whole_set_is_kept() {
    let stage = run(r#"{"patience": 1}"#, &format!("{HALF}\n wait 1m"));
    assert_eq!((stage.held(0), stage.held(1)), (12 * SHARE, 12 * SHARE));
}

#[test]
fn what_cannot_be_sold_yet_is_tried_again() {
    let mut half = given(r#"{"patience": 1}"#);
    half.positions.push(polytrader_sdk::Position { token: 0, size: 12 * SHARE, cost: 4_800_000 });
    Stage::<Bundle>::run(
        &half,
        "trading on
         top yes0 0.38x50 0.40x12
         refuse next shares
         wait 1s -> sell yes0 12 at 0.38 fak; refused shares
         wait 1s -> sell yes0 12 at 0.38 fak; sold yes0 12 at 0.38",
    );
}

/// Three markets of one negative-risk event.
fn event(parameters: &str) -> Session {
    let mut session = given(parameters);
    for market in &mut session.markets {
        (market.event, market.neg_risk) = (Some("who-wins".to_owned()), true);
    }
    session
}

#[test]
fn one_yes_of_each_market_of_an_event_is_bought_with_the_events_parameter() {
    let cheap = "trading on
         top yes0 0.48 0.50x30
         top yes1 0.28 0.30x9
         top yes2 0.14 0.16x30";
    let bought = " -> buy yes1 9 at 0.3 fok; bought yes1 9 at 0.3;
            -> buy yes0 8.66 at 0.52 fak; buy yes2 8 at 0.18 fak; bought yes0 9 at 0.5; bought yes2 9 at 0.16";
    let stage = Stage::<Bundle>::run(&event(r#"{"events": true}"#), &format!("{cheap}{bought}"));
    assert_eq!([0, 2, 4].map(|yes| stage.held(yes)), [9 * SHARE; 3]);
    Stage::<Bundle>::run(&event("{}"), cheap);
}

#[test]
fn a_half_filled_event_is_completed_at_no_loss_or_sold_again() {
    let mut half = event(r#"{"events": true, "patience": 3}"#);
    half.positions.push(polytrader_sdk::Position { token: 2, size: 9 * SHARE, cost: 2_700_000 });
    let stage = Stage::<Bundle>::run(
        &half,
        "trading on
         top yes0 0.48 0.52x30
         top yes1 0.28x100 0.35x9
         top yes2 0.14x100 0.19x30
         wait 1s
         top yes2 0.14x100 0.16x30 -> buy yes0 8.84 at 0.53 fak; buy yes2 8.48 at 0.17 fak; bought yes0 9 at 0.52; bought yes2 9 at 0.16",
    );
    assert_eq!([0, 2, 4].map(|yes| stage.held(yes)), [9 * SHARE; 3]);
    let stage = Stage::<Bundle>::run(
        &half,
        "trading on
         top yes1 0.28x100 0.30x9
         wait 3s -> sell yes1 9 at 0.28 fak; sold yes1 9 at 0.28
         wait 5s",
    );
    assert_eq!(stage.held(2), 0);
}

#[test]
fn nothing_is_bought_while_it_may_not_trade_or_a_market_is_blind() {
    run("{}", "top yes0 0.38 0.40\n top no0 0.55 0.58\n wait 5s");
    run("{}", "trading on\n top yes0 0.38 0.40\n blind yes0\n top no0 0.55 0.58\n wait 5s");
}

#[test]
fn the_parameters_file_beside_it_holds_the_defaults() {
    polytrader_sdk::harness::assert_parameters_file::<Bundle>(include_str!("../../bundle.toml"));
}
