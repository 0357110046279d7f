//! What the venue's records tell is booked when the account shows it, once.

use crate::story::{WIDE, check};
use engine::{Engine, Purpose};
use model::{Activity, ActivityKind, Body, Time, TransferKind, Usd};
use testkit::input;

const BOUGHT: &str = "buy 100 at 0.40 -> place 1 buy 100 at 0.4
                      fill #1 100 at 0.40";

/// A pair of 100 shares: 95 dollars of the thousand.
const PAIR: &str = "buy 100 at 0.40 -> place 1 buy 100 at 0.4
                    fill #1 100 at 0.40
                    buy 100 at 0.55 no -> place 2 buy 100 at 0.55 no
                    fill #2 100 at 0.55";

fn story(before: &str, lines: &str) {
    check(WIDE, &format!("{before}\n{lines}"));
}

#[test]
fn what_is_told_is_booked_when_the_account_shows_it_and_never_again() {
    story(
        BOUGHT,
        "told reward 5 as a
         venue has 960 and 100
         worth 1000
         venue has 965 and 100 -> book reward told-a
         worth 1005
         told reward 5 as a
         venue has 965 and 100
         venue has 970 and 100
         venue has 970 and 100
         venue has 970 and 100 -> trip reconciliation_mismatch
         worth 1005",
    );
}

#[test]
fn what_does_not_explain_the_difference_to_the_micro_dollar_is_not_booked() {
    story(
        BOUGHT,
        "told reward 5 as a
         venue has 965.000001 and 100
         venue has 965.000001 and 100
         venue has 965.000001 and 100 -> trip reconciliation_mismatch
         worth 1000
         told reward 0.000001 as b
         venue has 965.000001 and 100 -> book reward told-a; book reward told-b; close reconciliation_mismatch
         worth 1005.000001",
    );
}

#[test]
fn several_that_are_told_explain_together_and_the_rest_waits() {
    story(
        BOUGHT,
        "told reward 5 as a
         told deposit 20 as b
         told reward 7 as c
         venue has 972 and 100 -> book reward told-a; book reward told-c
         venue has 992 and 100 -> book deposit told-b
         today 12",
    );
}

#[test]
fn money_that_left_is_booked_and_a_human_closes_the_breaker() {
    story(
        BOUGHT,
        "told withdrawal 60 as a
         venue has 900 and 100 -> book withdrawal told-a
         today 0
         venue has 890 and 100
         venue has 890 and 100
         venue has 890 and 100 -> trip reconciliation_mismatch
         told withdrawal 10 as b
         venue has 890 and 100 -> book withdrawal told-b
         venue has 890 and 100
         operator resets reconciliation_mismatch -> close reconciliation_mismatch",
    );
}

#[test]
fn a_breaker_that_stands_for_more_than_the_difference_is_not_closed() {
    story(
        BOUGHT,
        "redeem 200 for 200 -> no: a redeem cannot be booked: sold 200 shares of token 0 but only 100 were owned; trip \
         reconciliation_mismatch
         venue has 965 and 100
         venue has 965 and 100
         venue has 965 and 100
         told reward 5 as a
         venue has 965 and 100 -> book reward told-a",
    );
    story(
        BOUGHT,
        "venue has 965 and 100
         venue has 965 and 100
         venue has 965 and 100 -> trip reconciliation_mismatch
         redeem 200 for 200 -> no: a redeem cannot be booked: sold 200 shares of token 0 but only 100 were owned
         told reward 5 as a
         venue has 965 and 100 -> book reward told-a",
    );
}

#[test]
fn a_redemption_is_booked_once_whoever_tells_of_it_first() {
    // The records before the outcome is known.
    story(
        BOUGHT,
        "told redeem 100 as a
         venue has 1060 and 0 -> book redeem told-a
         resolves yes
         venue has 1060 and 0
         worth 1060",
    );
    // The account before the records.
    story(
        BOUGHT,
        "resolves yes
         venue has 1060 and 0
         told redeem 100 as a -> dismiss redeem told-a
         told redeem 100 as a
         venue has 1060 and 0
         worth 1060",
    );
    // Something else was told, and the redemption is not yet.
    story(
        BOUGHT,
        "resolves yes
         told reward 5 as a
         venue has 1065 and 0 -> book reward told-a
         worth 1065",
    );
}

#[test]
fn a_redemption_of_both_outcomes_pays_the_winner() {
    // 905 dollars and a pair; whichever wins, or a draw.
    story(PAIR, "told redeem 100 as a\nvenue has 1005 and 0 0 -> book redeem told-a; book redeem told-a\nworth 1005");
    story(
        PAIR,
        "sell 40 at 0.40 -> place 3 sell 40 at 0.4
         fill #3 40 at 0.40
         told redeem 80 as a
         venue has 1001 and 0 0 -> book redeem told-a; book redeem told-a
         worth 1001",
    );
    // Neither outcome, nor a draw, pays 70 for 60 and 100 shares.
    story(
        PAIR,
        "sell 40 at 0.40 -> place 3 sell 40 at 0.4
         fill #3 40 at 0.40
         told redeem 70 as a
         venue has 991 and 0 0
         venue has 991 and 0 0
         venue has 991 and 0 0 -> trip reconciliation_mismatch",
    );
}

#[test]
fn pairs_are_merged_and_split_as_told() {
    story(
        PAIR,
        "told merge 30 as a
         venue has 935 and 70 70 -> book merge told-a
         told split 10 as b
         venue has 925 and 80 80 -> book split told-b
         venue has 925 and 80 80",
    );
    // Shares that we never had are seen as soon as somebody looks at them.
    story(
        "told split 10 as a",
        "venue has 990 and 0 0
         venue has 990 and 10 10 -> book split told-a",
    );
}

#[test]
fn what_an_operator_booked_first_is_not_booked_from_the_records() {
    story(
        BOUGHT,
        "told deposit 50 as a
         deposit 50
         venue has 1010 and 100
         venue has 1060 and 100
         venue has 1060 and 100
         venue has 1060 and 100 -> trip reconciliation_mismatch
         worth 1050",
    );
    story(
        BOUGHT,
        "deposit 50
         told deposit 50 as a
         venue has 1010 and 100
         later 600s
         venue has 1010 and 100 -> dismiss deposit told-a
         worth 1050",
    );
}

#[test]
fn what_an_earlier_session_was_done_with_is_not_heard_again() {
    let mut engine = Engine::new(Purpose::Rehearse);
    let mut seq = 0;
    let mut step = |body| {
        seq += 1;
        engine.recover(&input(seq, Time(seq), body));
        (engine.told().count(), engine.known_activities())
    };
    let activity = |number: u8| {
        let kind = ActivityKind::Transfer(TransferKind::Reward(Usd(5)));
        Body::Activity(Activity { key: [number; 32], at: Time(1), kind, reference: String::new() })
    };
    assert_eq!(step(Body::KnownActivities(vec![[1; 32], [2; 32], [1; 32]])), (0, vec![[1; 32], [2; 32]]));
    assert_eq!(step(activity(2)).0, 0);
    assert_eq!(step(activity(3)).0, 1);
    assert_eq!(step(activity(3)).0, 1);
    // What waits is bounded: the oldest goes, and is remembered.
    for number in 10..90 {
        assert!(step(activity(number)).0 <= 64);
    }
    let (_, known) = step(Body::Tick);
    assert_eq!((known.len(), known[2], known[3]), (2 + 81 - 64, [3; 32], [10; 32]));
}
