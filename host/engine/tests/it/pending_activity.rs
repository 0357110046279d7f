//! Activities of the Data API are booked once, when the account shows them.

use crate::story::{WIDE, check};
use engine::{Engine, Purpose};
use model::{Activity, ActivityKind, InputKind, Time, TransferKind, Usd};
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
fn a_reported_activity_is_booked_when_the_account_shows_it_and_never_again() {
    story(
        BOUGHT,
        "row reward 5 as a
         venue has 960 and 100
         worth 1000
         venue has 965 and 100 -> book reward row-a
         worth 1005
         row reward 5 as a
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
        "row reward 5 as a
         venue has 965.000001 and 100
         venue has 965.000001 and 100
         venue has 965.000001 and 100 -> trip reconciliation_mismatch
         worth 1000
         row reward 0.000001 as b
         venue has 965.000001 and 100 -> book reward row-a; book reward row-b; close reconciliation_mismatch
         worth 1005.000001",
    );
}

#[test]
fn several_reported_activities_explain_together_and_the_rest_waits() {
    story(
        BOUGHT,
        "row reward 5 as a
         row deposit 20 as b
         row reward 7 as c
         venue has 972 and 100 -> book reward row-a; book reward row-c
         venue has 992 and 100 -> book deposit row-b
         today 12",
    );
}

#[test]
fn money_that_left_is_booked_and_a_human_closes_the_breaker() {
    story(
        BOUGHT,
        "row withdrawal 60 as a
         venue has 900 and 100 -> book withdrawal row-a
         today 0
         venue has 890 and 100
         venue has 890 and 100
         venue has 890 and 100 -> trip reconciliation_mismatch
         row withdrawal 10 as b
         venue has 890 and 100 -> book withdrawal row-b
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
         row reward 5 as a
         venue has 965 and 100 -> book reward row-a",
    );
    story(
        BOUGHT,
        "venue has 965 and 100
         venue has 965 and 100
         venue has 965 and 100 -> trip reconciliation_mismatch
         redeem 200 for 200 -> no: a redeem cannot be booked: sold 200 shares of token 0 but only 100 were owned
         row reward 5 as a
         venue has 965 and 100 -> book reward row-a",
    );
}

#[test]
fn a_redemption_is_booked_once_whichever_source_reports_it_first() {
    // The Data API reports it before the outcome is known.
    story(
        BOUGHT,
        "row redeem 100 as a
         venue has 1060 and 0 -> book redeem row-a
         resolves yes
         venue has 1060 and 0
         worth 1060",
    );
    // The account shows it before the Data API reports it.
    story(
        BOUGHT,
        "resolves yes
         venue has 1060 and 0
         row redeem 100 as a -> dismiss redeem row-a
         row redeem 100 as a
         venue has 1060 and 0
         worth 1060",
    );
    // Another activity is reported, the redemption not yet.
    story(
        BOUGHT,
        "resolves yes
         row reward 5 as a
         venue has 1065 and 0 -> book reward row-a
         worth 1065",
    );
}

#[test]
fn a_redemption_of_both_outcomes_pays_the_winner() {
    // 905 dollars and a pair, for either winner or a draw.
    story(PAIR, "row redeem 100 as a\nvenue has 1005 and 0 0 -> book redeem row-a; book redeem row-a\nworth 1005");
    story(
        PAIR,
        "sell 40 at 0.40 -> place 3 sell 40 at 0.4
         fill #3 40 at 0.40
         row redeem 80 as a
         venue has 1001 and 0 0 -> book redeem row-a; book redeem row-a
         worth 1001",
    );
    // 70 dollars are not the payout of 60 and 100 shares for any outcome or a draw.
    story(
        PAIR,
        "sell 40 at 0.40 -> place 3 sell 40 at 0.4
         fill #3 40 at 0.40
         row redeem 70 as a
         venue has 991 and 0 0
         venue has 991 and 0 0
         venue has 991 and 0 0 -> trip reconciliation_mismatch",
    );
}

#[test]
fn pairs_are_merged_and_split_as_reported() {
    story(
        PAIR,
        "row merge 30 as a
         venue has 935 and 70 70 -> book merge row-a
         row split 10 as b
         venue has 925 and 80 80 -> book split row-b
         venue has 925 and 80 80",
    );
    // Shares that were never booked are noticed at the next reading of the account.
    story(
        "row split 10 as a",
        "venue has 990 and 0 0
         venue has 990 and 10 10 -> book split row-a",
    );
}

#[test]
fn what_an_operator_booked_first_is_not_booked_from_the_records() {
    story(
        BOUGHT,
        "row deposit 50 as a
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
         row deposit 50 as a
         venue has 1010 and 100
         later 600s
         venue has 1010 and 100 -> dismiss deposit row-a
         worth 1050",
    );
}

#[test]
fn what_an_earlier_session_was_done_with_is_not_booked_again() {
    let mut engine = Engine::new(Purpose::Simulate);
    let mut seq = 0;
    let mut step = |body| {
        seq += 1;
        engine.recover(&input(seq, Time(seq), body));
        (engine.pending_activities().count(), engine.known_activities())
    };
    let activity = |number: u8| {
        let kind = ActivityKind::Transfer(TransferKind::Reward(Usd(5)));
        InputKind::Activity(Activity { key: [number; 32], at: Time(1), kind, reference: String::new() })
    };
    assert_eq!(step(InputKind::KnownActivities(vec![[1; 32], [2; 32], [1; 32]])), (0, vec![[1; 32], [2; 32]]));
    assert_eq!(step(activity(2)).0, 0);
    assert_eq!(step(activity(3)).0, 1);
    assert_eq!(step(activity(3)).0, 1);
    // Pending activities are bounded: the oldest is dropped, and its key is remembered.
    for number in 10..90 {
        assert!(step(activity(number)).0 <= 64);
    }
    let (_, known) = step(InputKind::Clock);
    assert_eq!((known.len(), known[2], known[3]), (2 + 81 - 64, [3; 32], [10; 32]));
}
