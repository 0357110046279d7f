//! Native tests of the quoter.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests may fail loudly"
)]

use polytrader_sdk::harness::{Harness, Stage, assert_parameters_file, quote_of, session};
use polytrader_sdk::units::{SECOND, SHARE};
use polytrader_sdk::{Intent, MarketState, OrderEvent, OrderState, OwnKind, Quote, Side};
use quoter::Quoter;

const YES: u32 = 0;
const NO: u32 = 1;

fn started() -> Harness<Quoter> {
    started_with("{}")
}

fn started_with(parameters: &str) -> Harness<Quoter> {
    let mut given = session(1);
    given.parameters = parameters.into();
    let mut quoter = Harness::start(&given).unwrap();
    quoter.trading(true);
    quoter
}

fn plain(quote: Option<Quote>) -> Option<(u32, u64)> {
    quote.map(|quote| (quote.price, quote.size))
}

/// Returns the bid and ask that intents set on a token.
fn set(intents: &[Intent], token: u32) -> [Option<(u32, u64)>; 2] {
    let quote = quote_of(intents, token).unwrap();
    [plain(quote.bid), plain(quote.ask)]
}

fn order(order: u64, token: u32, price: u32, size: u64, state: OrderState) -> OwnKind {
    let (tag, side, filled) = (token.into(), Side::Buy, 0);
    OwnKind::Order(OrderEvent { order, tag, token, side, price, size, filled, state })
}

#[test]
fn without_shares_it_bids_for_both_outcomes_inside_the_best_prices() {
    let intents = started().top(YES, 400_000, 440_000);
    assert_eq!(set(&intents, YES), [Some((410_000, 24_390_000)), None]);
    assert_eq!(set(&intents, NO), [Some((570_000, 17_540_000)), None]);
}

#[test]
fn shares_that_it_owns_are_offered_before_it_bids_for_the_other_outcome() {
    let mut quoter = started();
    quoter.position(YES, 10 * SHARE);
    let intents = quoter.top(YES, 400_000, 440_000);
    assert_eq!(set(&intents, YES), [Some((410_000, 24_390_000)), Some((430_000, 10 * SHARE))]);
    assert_eq!(set(&intents, NO), [Some((570_000, 7_540_000)), None]);
}

#[test]
fn a_full_position_is_not_added_to_and_is_offered_lower() {
    let mut quoter = started();
    quoter.position(YES, 100 * SHARE);
    let intents = quoter.top(YES, 400_000, 440_000);
    assert_eq!(set(&intents, YES), [None, Some((410_000, 16_940_000))]);
    assert!(quote_of(&intents, NO).is_none());
}

#[test]
fn it_does_not_outbid_itself() {
    let mut quoter = started();
    quoter.top(YES, 400_000, 480_000);
    quoter.own(order(1, YES, 410_000, 24_390_000, OrderState::Live));
    quoter.own(order(2, NO, 530_000, 18_860_000, OrderState::Live));
    quoter.wait(10 * SECOND);
    assert!(quoter.top_sized(YES, (410_000, 24_390_000), (470_000, 18_860_000)).is_empty());
    // With another order at the same price, that price counts as a price of others.
    let intents = quoter.top_sized(YES, (410_000, 30_000_000), (470_000, 18_860_000));
    assert_eq!(set(&intents, YES)[0].map(|bid| bid.0), Some(420_000));
}

#[test]
fn alone_for_long_it_steps_back_to_find_the_price_of_others() {
    let mut quoter = started();
    quoter.top(YES, 400_000, 440_000);
    quoter.own(order(1, YES, 410_000, 24_390_000, OrderState::Live));
    quoter.wait(31 * SECOND);
    let intents = quoter.top_sized(YES, (410_000, 24_390_000), (440_000, 1_000 * SHARE));
    assert_eq!(set(&intents, YES)[0].map(|bid| bid.0), Some(400_000));
}

#[test]
fn retreats_are_made_at_once_and_improvements_wait() {
    let mut quoter = started_with(r#"{"volatility_pct": 0}"#);
    quoter.top(YES, 400_000, 440_000);
    let lower = quoter.top(YES, 380_000, 420_000);
    assert_eq!(set(&lower, YES)[0].map(|bid| bid.0), Some(390_000));
    assert!(quote_of(&lower, NO).is_none(), "a higher bid on the complement waits");
    quoter.wait(SECOND);
    assert!(quoter.top(YES, 400_000, 440_000).is_empty(), "a higher bid waits");
    quoter.wait(5 * SECOND);
    assert_eq!(set(&quoter.top(YES, 400_000, 440_000), YES)[0].map(|bid| bid.0), Some(410_000));
}

#[test]
fn it_is_silent_unless_trading_is_on() {
    let mut quoter = Harness::<Quoter>::start(&session(1)).unwrap();
    assert!(quoter.top(YES, 400_000, 440_000).is_empty());
    let intents = quoter.trading(true);
    assert!(quote_of(&intents, YES).is_some(), "prices received before trading started count");
    assert!(quoter.trading(false).is_empty());
    quoter.wait(60 * SECOND);
    assert!(quoter.top(YES, 300_000, 340_000).is_empty());
    assert!(quoter.own(OwnKind::Timer(1)).is_empty());
}

#[test]
fn a_blind_market_is_left_at_once() {
    let mut quoter = started();
    quoter.top(YES, 400_000, 440_000);
    let intents = quoter.status(YES, MarketState::Blind, 10_000);
    assert_eq!([set(&intents, YES), set(&intents, NO)], [[None; 2]; 2]);
}

#[test]
fn a_refused_leg_waits_longer_each_time_and_the_other_stays() {
    let mut quoter = started();
    quoter.top(YES, 400_000, 440_000);
    quoter.own(order(2, NO, 570_000, 17_540_000, OrderState::Live));
    for wait in [2, 4, 8, 16, 32, 64, 64] {
        let intents = quoter.refuse(YES.into(), "cash");
        assert_eq!(set(&intents, YES), [None, None]);
        assert!(quote_of(&intents, NO).is_none());
        quoter.wait(wait * SECOND - 1);
        assert!(quote_of(&quoter.own(OwnKind::Timer(1)), YES).is_none(), "before {wait} s");
        quoter.wait(5 * SECOND);
        assert!(quote_of(&quoter.own(OwnKind::Timer(1)), YES).is_some(), "after {wait} s");
    }
}

#[test]
fn what_the_venue_refused_waits_too() {
    let mut quoter = started();
    quoter.top(YES, 400_000, 440_000);
    let intents = quoter.own(order(1, YES, 410_000, 24_390_000, OrderState::Refused));
    assert_eq!(set(&intents, YES), [None, None]);
    assert!(quote_of(&quoter.top(YES, 400_000, 440_000), YES).is_none());
}

#[test]
fn parameters_size_the_quotes_and_wrong_ones_are_named() {
    let mut given = session(1);
    given.parameters = r#"{"quote_dollars": 20, "improve_ticks": 0}"#.into();
    let mut quoter = Harness::<Quoter>::start(&given).unwrap();
    quoter.trading(true);
    assert_eq!(set(&quoter.top(YES, 400_000, 440_000), YES), [Some((400_000, 50 * SHARE)), None]);
    quoter.wait(10 * SECOND);
    quoter.own(OwnKind::Parameters(r#"{"quote_dollars": 30}"#.into()));
    quoter.own(OwnKind::Parameters(r#"{"quote_dolars": 1}"#.into()));
    let sizes = set(&quoter.top(YES, 300_000, 350_000), YES)[0].map(|bid| bid.1);
    assert_eq!(sizes, Some(96_770_000), "thirty dollars at 31 cents");
    given.parameters = r#"{"quote_dolars": 20}"#.into();
    assert!(Harness::<Quoter>::start(&given).unwrap_err().contains("quote_dolars"));
}

#[test]
fn a_price_that_moves_keeps_its_quotes_away_until_it_is_calm() {
    let stage = Stage::<Quoter>::run(
        &session(1),
        "trading on
         top yes0 0.40 0.44 -> quote yes0 0.41x24.39 -; quote no0 0.57x17.54 -
         wait 10s
         top yes0 0.46 0.50 -> quote yes0 0.44x22.72 -; quote no0 0.48x20.83 -
         wait 29s
         wait 1s -> quote yes0 0.47x21.27 -; quote no0 0.51x19.6 -",
    );
    assert_eq!(stage.open_orders(), 2);
}

#[test]
fn quotes_stay_in_the_band_that_the_venue_rewards_with_the_size_that_it_rewards() {
    let mut given = session(1);
    given.parameters = r#"{"rewards_spread": 0.03, "rewards_size": 50}"#.into();
    Stage::<Quoter>::run(&given, "trading on\n top yes0 0.30 0.60 -> quote yes0 0.42x50 -; quote no0 0.52x50 -");
}

/// Regression: at speed 20, recorded five-minute markets last 15 seconds. The quoter stopped 60 seconds before each
/// market's end and was granted the markets that end first, so it placed no order in a whole day.
#[test]
fn a_market_of_fifteen_seconds_is_quoted_for_most_of_them() {
    let mut given = session(1);
    given.markets[0].end = given.now + 15 * SECOND;
    Stage::<Quoter>::run(
        &given,
        "trading on
         top yes0 0.40 0.44 -> quote yes0 0.41x24.39 -; quote no0 0.57x17.54 -
         wait 11s
         wait 1s -> quote yes0 - -; quote no0 - -
         wait 5s",
    );
    given.markets[0].end = given.now + 1_000 * SECOND;
    Stage::<Quoter>::run(
        &given,
        "trading on
         top yes0 0.40 0.44 -> quote yes0 0.41x24.39 -; quote no0 0.57x17.54 -
         wait 939s -> *
         wait 1s -> quote yes0 - -; quote no0 - -",
    );
}

#[test]
fn parameters_that_change_hold_at_once_and_wrong_ones_change_nothing() {
    Stage::<Quoter>::run(
        &session(1),
        r#"trading on
         top yes0 0.40 0.44 -> quote yes0 0.41x24.39 -; quote no0 0.57x17.54 -
         wait 6s
         parameters {"quote_dollars": 1}
         top yes0 0.40 0.44
         parameters {"quote_dollars": 30}
         top yes0 0.40 0.44 -> quote yes0 0.41x73.17 -; quote no0 0.57x52.63 -"#,
    );
}

#[test]
fn what_it_bought_it_offers_and_a_new_instance_goes_on_with_it() {
    let mut stage = Stage::<Quoter>::run(
        &session(1),
        "trading on
         book yes0 0.40 0.44 -> *
         wait 6s -> *
         trade yes0 sell 30 at 0.40 -> *",
    );
    assert!(stage.held(YES) > 20 * SHARE, "{}", stage.held(YES));
    stage.go_on("reload -> *\n wait 6s -> *\n book yes0 0.40 0.44 -> *\n wait 6s -> *");
    let orders = stage.open_orders();
    assert!(orders >= 2, "{orders} orders");
}

#[test]
fn the_parameters_file_beside_it_holds_the_defaults() {
    assert_parameters_file::<Quoter>(include_str!("../../quoter.toml"));
}
