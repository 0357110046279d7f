//! Native tests of the template: single events with `Harness`, scripts of events with `Stage`.
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use polytrader_sdk::harness::{Harness, Stage, assert_parameters_file, quote_of, session};
use polytrader_sdk::units::{SECOND, SHARE};
use polytrader_sdk::{IntentKind, Quote};
use template::Template;

/// Starts the strategy in one market, with trading on.
fn started() -> Harness<Template> {
    let mut template = Harness::start(&session(1)).unwrap();
    assert!(template.trading(true).is_empty());
    template
}

fn quote(price: u32, size: u64) -> Option<Quote> {
    Some(Quote { price, size })
}

/// Returns the price and size of a quote as a tuple, which can be compared.
fn plain(quote: Option<Quote>) -> Option<(u32, u64)> {
    quote.map(|quote| (quote.price, quote.size))
}

#[test]
fn it_bids_one_tick_inside_for_the_smallest_order() {
    let set = quote_of(&started().top(0, 400_000, 440_000), 0).unwrap();
    assert_eq!(plain(set.bid), plain(quote(410_000, 5 * SHARE)));
    assert!(set.ask.is_none());
}

#[test]
fn a_cheap_outcome_is_bid_for_with_more_than_a_dollar() {
    let set = quote_of(&started().top(0, 20_000, 30_000), 0).unwrap();
    assert_eq!(plain(set.bid), plain(quote(20_000, 55 * SHARE)));
}

#[test]
fn it_does_not_outbid_itself() {
    let mut template = started();
    template.top(0, 400_000, 440_000);
    template.wait(3 * SECOND);
    let set = quote_of(&template.top_sized(0, (410_000, 5 * SHARE), (440_000, SHARE)), 0).unwrap();
    assert_eq!(plain(set.bid), plain(quote(410_000, 5 * SHARE)));
}

#[test]
fn it_offers_what_it_owns() {
    let mut template = started();
    template.position(0, 5 * SHARE + 1);
    let set = quote_of(&template.top(0, 400_000, 440_000), 0).unwrap();
    assert!(set.bid.is_none());
    assert_eq!(plain(set.ask), plain(quote(430_000, 5 * SHARE)));
}

#[test]
fn it_is_silent_unless_trading_is_on() {
    let mut template = Harness::<Template>::start(&session(1)).unwrap();
    assert!(template.top(0, 400_000, 440_000).is_empty());
    template.trading(true);
    assert!(!template.top(0, 400_000, 440_000).is_empty());
    template.trading(false);
    template.wait(60 * SECOND);
    assert!(template.top(0, 400_000, 440_000).is_empty());
}

#[test]
fn a_refusal_withdraws_its_quote_and_makes_it_wait() {
    let mut template = started();
    template.top(0, 400_000, 440_000);
    let answer = template.refuse(1, "cash");
    assert!(matches!(answer.first().unwrap().what, IntentKind::CancelAll(Some(0))));
    template.wait(29 * SECOND);
    assert!(template.top(0, 400_000, 440_000).is_empty());
    template.wait(SECOND);
    assert!(!template.top(0, 400_000, 440_000).is_empty());
}

#[test]
fn it_speaks_only_every_few_seconds() {
    let mut template = started();
    assert!(!template.top(0, 400_000, 440_000).is_empty());
    template.wait(2 * SECOND);
    assert!(template.top(0, 420_000, 450_000).is_empty());
    template.wait(SECOND);
    assert!(!template.top(0, 420_000, 450_000).is_empty());
}

#[test]
fn without_a_market_it_does_not_start() {
    assert_eq!(Harness::<Template>::start(&session(0)).unwrap_err(), "no market granted; expected one");
}

#[test]
fn it_buys_and_sells_again() {
    let stage = Stage::<Template>::run(
        &session(1),
        "trading on
         top yes0 0.40 0.44 -> quote yes0 0.41x5 -
         trade yes0 sell 5 at 0.41 -> bought yes0 5 at 0.41
         wait 3s
         top yes0 0.41 0.45 -> quote yes0 - 0.44x5
         # The host places the standing quote again, but there are no shares left to sell.
         trade yes0 buy 5 at 0.44 -> sold yes0 5 at 0.44; refused shares; cancel all yes0",
    );
    assert_eq!((stage.held(0), stage.cash()), (0, 150_000));
}

#[test]
fn the_parameters_file_beside_it_holds_the_defaults() {
    assert_parameters_file::<Template>(include_str!("../../template.toml"));
}
