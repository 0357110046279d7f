//! Cancels: their origin, their repetition, and the other orders that they may cancel.

use crate::story::{Story, WIDE, check, price};
use engine::{Effect, EngineEvent};
use model::event::Reason;
use model::input::{CancelOutcome, Command, PlaceOutcome, VenueStatus};
use model::{InputKind, IntentKind, MarketIx, OrderId, OrderKind, OrderState, Side, Size, TokenIx};

#[test]
fn a_cancel_that_failed_is_asked_for_again_soon_and_for_ever() {
    check(
        WIDE,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         live #1
         cancel 1 -> cancel 1
         cancel-failed #1
         wait 1s -> cancel 1
         cancel-failed #1
         wait 1s -> cancel 1
         wait 1s
         wait 2s -> cancel 1",
    );
}

#[test]
fn what_was_only_wished_is_asked_for_again_when_the_host_decides_it_and_then_not_once_more() {
    check(
        WIDE,
        "buy 100 at 0.40 -> place 1 buy 100 at 0.4
         live #1
         cancel 1 -> cancel 1
         operator cancels 1
         operator stop -> cancel 1
         operator stop
         operator cancels 1",
    );
}

#[test]
fn only_what_the_host_decided_may_take_more_than_the_order() {
    let mut story = Story::new(1, WIDE);
    for (order, limit) in (1..=3).zip(["0.40", "0.39", "0.38"]) {
        story.intent(IntentKind::Place {
            token: TokenIx(0),
            side: Side::Buy,
            price: price(limit),
            size: Size::shares(10),
            kind: OrderKind::Gtc { post_only: false },
        });
        story.step(InputKind::Placed { order: OrderId(order), outcome: PlaceOutcome::Live });
    }
    let of = |story: &Story| [1, 2, 3].map(|order| story.engine.cancelled_by_host(OrderId(order)));
    story.intent(IntentKind::Cancel { order: OrderId(1) });
    story.step(InputKind::Command(Command::Cancel { order: OrderId(2) }));
    assert_eq!(of(&story), [None; 3], "a strategy's request and an operator's, for one order");
    story.intent(IntentKind::CancelAll { token: None });
    assert_eq!(of(&story), [None; 3]);
    story.step(InputKind::Command(Command::Stop));
    assert_eq!(of(&story), [Some(MarketIx(0)); 3]);
}

#[test]
fn what_the_host_cancelled_with_others_says_so_whichever_word_comes_first() {
    for update_first in [false, true] {
        let mut story = Story::new(1, WIDE);
        story.intent(IntentKind::Place {
            token: TokenIx(0),
            side: Side::Buy,
            price: price("0.40"),
            size: Size::shares(10),
            kind: OrderKind::Gtc { post_only: false },
        });
        let (order, matched, reason) = (OrderId(1), Size::ZERO, Reason::from("the host did it"));
        story.step(InputKind::Placed { order, outcome: PlaceOutcome::Live });
        let swept = InputKind::CancelAnswer { order, outcome: CancelOutcome::Swept { reason: reason.clone() } };
        let update = InputKind::OrderUpdate { order, status: VenueStatus::Cancelled, matched };
        let (first, last) = if update_first { (update, swept) } else { (swept, update) };
        story.step(first);
        story.step(last);
        let says = |effect: &Effect| match effect {
            Effect::Event(EngineEvent::Order { state: OrderState::Cancelled, reason: why, .. }) => *why == reason,
            _ => false,
        };
        assert!(story.effects.iter().any(says), "{:?}", story.effects);
    }
}
