//! Reallocation of positions between strategies by an operator.

use crate::story::{Story, WIDE, check, price};
use engine::{Effect, Effects};
use model::input::{Settlement, StrategyChange};
use model::{
    InputKind, IntentKind, Limits, OrderId, OrderKind, OwnEvent, Reallocation, Side, Size, StrategyId, TokenIx, Usd,
};

/// Limits under which no book becomes stale.
const CALM: Limits = Limits { stale_after_micros: u64::MAX, ..WIDE };
const TOKEN: TokenIx = TokenIx(0);

#[test]
fn an_orphan_is_watched_and_the_strategy_that_gets_it_may_sell_it() {
    check(
        CALM,
        "buy 30 at 0.40 -> place 1 buy 30 at 0.4
         fill #1 30 at 0.40
         removed
         who 2
         sell 10 at 0.42 -> refuse shares: 10 over 0
         assign 10 from 1 to 2
         sell 20 at 0.42 -> refuse shares: 20 over 10
         sell 10 at 0.42 -> place 2 sell 10 at 0.42
         assign all from 1 to 2
         sell 20 at 0.43 -> place 3 sell 20 at 0.43
         assign all from 1 to 2 -> no: the strategy has no position in token 0
         worth 1000",
    );
}

#[test]
fn what_cannot_be_assigned_is_refused_with_the_reason() {
    check(
        CALM,
        "assign all from 1 to 2 -> no: the strategy has no position in token 0
         buy 30 at 0.40 -> place 1 buy 30 at 0.4
         match #1 10 at 0.40 as 7
         fill #1 20 at 0.40
         sell 5 at 0.42 -> place 2 sell 5 at 0.42
         assign all from 1 to 1 -> no: the source and the target strategy are the same
         assign 0 from 1 to 2 -> no: expected a size above 0 shares
         assign 31 from 1 to 2 -> no: the strategy has 30 shares, 31 were requested
         assign all from 1 to 2 -> no: 15 of its 30 shares can be reallocated, 30 were requested: 10 are unsettled, 5 are in its orders
         assign 5 from 1 to 3 -> no: the target strategy is not running
         who 2
         granted m1
         assign 5 from 1 to 2 -> no: the target strategy is not granted this market; add it to `markets` in its file
         granted m0
         budget capital 1.9
         assign 5 from 1 to 2 -> no: with the position's cost of $2 the strategy would use $2 of its capital limit of $1.9
         budget capital 2
         assign 5 from 1 to 2
         assign 5 from 1 to 2 -> no: with the position's cost of $2 the strategy would use $4 of its capital limit of $2
         buy 5 at 0.40 -> refuse strategy_capital: 4 over 2",
    );
}

#[test]
fn a_restricted_strategy_gets_nothing_and_what_the_guards_close_goes_nowhere() {
    check(
        CALM,
        "buy 30 at 0.40 -> place 1 buy 30 at 0.4
         fill #1 30 at 0.40
         operator restricts strategy reduce_only
         who 2
         buy 10 at 0.40 -> place 2 buy 10 at 0.4
         fill #2 10 at 0.40
         assign all from 2 to 1 -> no: the target strategy is restricted: reduce_only
         operator closes 0
         assign all from 1 to 2 -> no: the target strategy may only reduce in this market, because a guard acted on it there
         operator restricts strategy none
         assign all from 2 to 1 -> no: the target strategy may only reduce in this market, because a guard acted on it there",
    );
    check(
        CALM,
        "buy 30 at 0.40 -> place 1 buy 30 at 0.4
         fill #1 30 at 0.40
         operator closes 0
         assign all from 1 to 2 -> no: the guards are closing the position",
    );
}

#[test]
fn the_guards_close_an_orphan_and_what_was_assigned_alike() {
    let limits = Limits { stop_loss_bps: 2_000, ..CALM };
    for assigned in ["", "assign all from 1 to 2"] {
        check(
            limits,
            &format!(
                "buy 30 at 0.40 -> place 1 buy 30 at 0.4
                 fill #1 30 at 0.40
                 removed
                 {assigned}
                 book 0.30 0.32
                 wait 3s -> guard stop_loss_pct; place 2 sell 30 at 0.25"
            ),
        );
    }
}

#[test]
fn a_loss_stays_with_who_made_it_and_the_next_one_is_of_who_has_the_shares() {
    let limits = Limits { max_strategy_loss: Usd::dollars(4), ..CALM };
    check(
        limits,
        "buy 30 at 0.40 -> place 1 buy 30 at 0.4
         fill #1 30 at 0.40
         book 0.30 0.32
         wait 1s
         assign all from 1 to 2
         wait 1s
         book 0.20 0.22
         wait 1s
         book 0.15 0.17
         wait 1s -> trip strategy_loss
         operator resets strategy_loss -> no: a strategy lost 4.5 today, the limit is 4; closes at 00:00 UTC",
    );
}

/// Returns a story in which the first strategy holds 30 shares.
fn holding() -> Story {
    let mut story = Story::new(1, CALM);
    let kind = OrderKind::Gtc { post_only: false };
    let (token, side, size) = (TOKEN, Side::Buy, Size::shares(30));
    story.intent(IntentKind::Place { token, side, price: price("0.40"), size, kind });
    story.trade(OrderId(1), size, price("0.40"), Settlement::Confirmed, 1);
    story
}

fn assign(story: &mut Story, shares: u64) {
    let (token, from, to) = (TOKEN, StrategyId(1), StrategyId(2));
    story.step(InputKind::Reallocate(Reallocation { token, from, to, size: Some(Size::shares(shares)) }));
}

fn parts(effects: &Effects) -> Vec<(u16, Size, Usd)> {
    let position = |effect: &Effect| match effect {
        Effect::NotifyOwn { strategy, event: OwnEvent::Position { token: TOKEN, size, cost } } => {
            Some((strategy.0, *size, *cost))
        }
        _ => None,
    };
    effects.iter().filter_map(position).collect()
}

#[test]
fn both_hear_what_they_hold_then_and_the_account_is_as_before() {
    let mut story = holding();
    let before = story.engine.summary();
    assign(&mut story, 10);
    let expected = [(1, Size::shares(20), Usd::dollars(8)), (2, Size::shares(10), Usd::dollars(4))];
    assert_eq!(parts(&story.effects), expected);
    assert_eq!(story.engine.summary(), before);
    story.engine.audit().unwrap();
    assert!(!story.engine.is_orphaned(StrategyId(1)));
    let reason = "its file is gone".into();
    story.step(InputKind::Strategy(StrategyChange::Removed { strategy: StrategyId(1), reason }));
    assert!(story.engine.is_orphaned(StrategyId(1)) && !story.engine.is_orphaned(StrategyId::EXTERNAL));
    assign(&mut story, 20);
    assert_eq!(parts(&story.effects), [(2, Size::shares(30), Usd::dollars(12))], "a removed strategy is not notified");
}
