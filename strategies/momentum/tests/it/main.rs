//! Tests of the strategy on scripted markets.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may fail loudly")]

use momentum::Momentum;
use polytrader_sdk::Session;
use polytrader_sdk::harness::{Stage, session};

const SETTINGS: &str =
    r#"{"order": 10, "position": 15, "window": 10, "drift": 0.03, "spread": 0.02, "cool_down": 20, "leave": 60}"#;

fn given(parameters: &str) -> Session {
    let mut session = session(2);
    session.parameters = parameters.into();
    session
}

fn run(script: &str) -> Stage<Momentum> {
    Stage::run(&given(SETTINGS), script)
}

#[test]
fn it_buys_yes_after_a_rise_and_no_after_a_fall() {
    run("trading on
         book yes0 0.40 0.42
         wait 10s
         book yes0 0.43 0.45 -> buy yes0 22.22 at 0.45 fak; bought yes0 22.2 at 0.45");
    run("trading on
         book yes1 0.40 0.42
         wait 10s
         book yes1 0.37 0.39 -> buy no1 15.87 at 0.63 fak; bought no1 15.857142 at 0.63");
}

#[test]
fn a_small_drift_or_one_that_took_too_long_is_none() {
    run("trading on
         book yes0 0.40 0.42
         wait 10s
         book yes0 0.42 0.44
         wait 10s
         book yes0 0.44 0.46
         wait 11s
         book yes0 0.46 0.48");
}

#[test]
fn it_waits_until_its_window_is_full() {
    run("trading on
         book yes0 0.40 0.42
         wait 9s
         book yes0 0.46 0.48
         wait 1s
         book yes0 0.47 0.48 -> buy yes0 20.83 at 0.48 fak; bought yes0 20.8125 at 0.48");
}

#[test]
fn after_an_entry_it_cools_down_and_its_cap_holds() {
    let stage = run("trading on
         book yes0 0.40 0.42
         wait 10s
         book yes0 0.44 0.45 -> buy yes0 22.22 at 0.45 fak; bought yes0 22.2 at 0.45
         wait 10s
         book yes0 0.49 0.50
         wait 10s
         book yes0 0.54 0.55 -> buy yes0 9.1 at 0.55 fak; bought yes0 9.090909 at 0.55
         wait 20s
         book yes0 0.58 0.59
         wait 5s
         book yes0 0.62 0.63");
    assert_eq!(stage.held(0), 31_290_909);
    assert!(stage.cash() > -15_000_001);
}

#[test]
fn it_takes_no_more_than_is_offered_and_crosses_no_wide_spread() {
    run("trading on
         book yes0 0.40 0.42
         wait 10s
         book yes0 0.43 0.46
         book yes0 0.44x50 0.46x6 -> buy yes0 6 at 0.46 fak; bought yes0 6 at 0.46");
    run("trading on
         book yes0 0.40 0.42
         wait 10s
         book yes0 0.44x50 0.46x4.99");
}

#[test]
fn it_does_not_buy_the_other_outcome_of_what_it_holds() {
    run("trading on
         book yes0 0.40 0.42
         wait 10s
         book yes0 0.44 0.45 -> buy yes0 22.22 at 0.45 fak; bought yes0 22.2 at 0.45
         wait 30s
         book yes0 0.44 0.45
         wait 10s
         book yes0 0.38 0.39");
}

#[test]
fn a_blind_spell_and_a_stop_forget_the_past() {
    run("trading on
         book yes0 0.40 0.42
         wait 10s
         blind yes0
         open yes0
         book yes0 0.44 0.46");
    run("book yes0 0.40 0.42
         wait 10s
         book yes0 0.43 0.45
         trading on");
}

#[test]
fn a_refusal_cools_down_too_and_outlives_a_reload() {
    run("trading on
         book yes0 0.40 0.42
         wait 10s
         refuse next cash
         book yes0 0.43 0.45 -> buy yes0 22.22 at 0.45 fak; refused cash
         reload
         book yes0 0.43 0.45
         wait 12s
         book yes0 0.47 0.48
         wait 8s
         book yes0 0.51 0.52 -> buy yes0 19.23 at 0.52 fak; bought yes0 19.211538 at 0.52");
}

#[test]
fn a_market_that_ends_soon_is_left_alone() {
    let mut ends = given(SETTINGS);
    ends.markets[0].end = ends.now + 69_000_000;
    let script = "trading on\n book yes0 0.40 0.42\n wait 10s\n book yes0 0.43 0.45";
    Stage::<Momentum>::run(&ends, script);
    ends.markets[0].end += 2_000_000;
    Stage::<Momentum>::run(&ends, &format!("{script} -> buy yes0 22.22 at 0.45 fak; bought yes0 22.2 at 0.45"));
}

#[test]
fn spoiled_state_does_not_prevent_a_start_and_wrong_parameters_do() {
    let mut spoiled = given(SETTINGS);
    spoiled.restored = Some(vec![1, 2, 3]);
    assert!(Stage::<Momentum>::start(&spoiled).is_ok());
    let error = Stage::<Momentum>::start(&given(r#"{"drift": 2}"#)).unwrap_err();
    assert_eq!(error, "parameter `drift` is 2; expected a price from 0.001 to 0.5");
}

#[test]
fn the_parameters_file_beside_it_holds_the_defaults() {
    polytrader_sdk::harness::assert_parameters_file::<Momentum>(include_str!("../../momentum.toml"));
}
