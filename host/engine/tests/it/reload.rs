//! Instances of a strategy that replace each other.

use crate::story::{Story, WIDE, price};
use engine::{Effect, EngineEvent};
use model::event::MarketEventKind;
use model::input::{Blob, Breaker, StrategyAnswer, StrategyChange};
use model::{
    InputKind, Intent, IntentKind, MarketEvent, MarketIx, MarketNote, NoteKind, OrderKind, OwnEvent, Quote, Side, Size,
    StrategyId, Time, TokenIx, Wants,
};

const ONE: StrategyId = StrategyId(1);
const TOKEN: TokenIx = TokenIx(0);

fn announce(story: &mut Story, instance: u32) {
    announce_as(story, instance, Wants::FIRST);
}

/// Announces an instance with these subscriptions.
fn announce_as(story: &mut Story, instance: u32, wants: Wants) {
    let (name, hash, parameters) = ("one".into(), [u8::try_from(instance).unwrap(); 32], String::new());
    let (strategy, markets, places, since) = (ONE, vec![MarketIx(0)], vec![0], story.now);
    let change = StrategyChange::Loaded { strategy, name, hash, instance, markets, places, wants, since, parameters };
    story.step(InputKind::Strategy(change));
}

fn answers(story: &mut Story, instance: u32, kind: IntentKind) {
    let intents = vec![Intent { tag: 9, reason: String::new(), fair: None, kind }];
    story.step(InputKind::Intents(StrategyAnswer { instance, ..StrategyAnswer::to_one(ONE, intents) }));
}

/// Sends a BUY intent of an instance; returns true if an order was placed.
fn buys(story: &mut Story, instance: u32, at: &str) -> bool {
    let (side, kind) = (Side::Buy, OrderKind::Gtc { post_only: false });
    answers(story, instance, IntentKind::Place { token: TOKEN, side, price: price(at), size: Size::shares(10), kind });
    story.effects.iter().any(|effect| matches!(effect, Effect::Place(_)))
}

fn faults(story: &Story) -> usize {
    let fault = |effect: &&Effect| matches!(effect, Effect::Event(EngineEvent::StrategyFault { .. }));
    story.effects.iter().filter(fault).count()
}

#[test]
fn one_that_is_replaced_is_served_until_its_successor_answers() {
    let mut story = Story::new(1, WIDE);
    announce(&mut story, 2);
    assert!(buys(&mut story, 1, "0.31"));
    assert!(buys(&mut story, 2, "0.32"));
    assert!(!buys(&mut story, 1, "0.33"));
    announce(&mut story, 3);
    announce(&mut story, 4);
    assert!(!buys(&mut story, 2, "0.34"), "two instances ago");
    assert!(buys(&mut story, 3, "0.35"));
    assert!(buys(&mut story, 4, "0.36"));
}

#[test]
fn one_that_goes_on_speaks_under_the_number_of_the_one_that_did_not_start() {
    let mut story = Story::new(1, WIDE);
    announce(&mut story, 2);
    let kept =
        |instance| InputKind::Strategy(StrategyChange::Kept { strategy: ONE, instance, reason: "it refused".into() });
    story.step(kept(2));
    assert_eq!(faults(&story), 1);
    assert!(buys(&mut story, 2, "0.31") && !buys(&mut story, 1, "0.32"));
    announce(&mut story, 3);
    story.step(kept(2));
    assert_eq!(faults(&story), 0, "a newer instance was announced");
}

/// Reports a failed call of an instance; returns true if it tripped the breaker.
fn fails(story: &mut Story, instance: u32) -> bool {
    let failed = StrategyAnswer { instance, fault: Some("it panicked".into()), ..StrategyAnswer::to_one(ONE, vec![]) };
    story.step(InputKind::Intents(failed));
    let trips = |effect: &Effect| {
        matches!(effect, Effect::Event(EngineEvent::Breaker { breaker: Breaker::StrategyFault, tripped: true, .. }))
    };
    story.effects.iter().any(trips)
}

#[test]
fn a_fault_that_its_instances_end_overtakes_counts() {
    let mut story = Story::new(1, WIDE);
    assert!(!fails(&mut story, 1));
    announce(&mut story, 2);
    assert!(!fails(&mut story, 2));
    story.step(InputKind::Strategy(StrategyChange::Removed { strategy: ONE, reason: "it failed".into() }));
    assert!(fails(&mut story, 2), "{:?}", story.effects);

    // The quotes of a successor stay.
    let mut story = Story::new(1, WIDE);
    announce(&mut story, 2);
    let bid = Some(Quote { price: price("0.30"), size: Size::shares(10) });
    answers(&mut story, 2, IntentKind::Quote { token: TOKEN, bid, ask: None });
    assert!(!fails(&mut story, 1));
    assert!(faults(&story) == 1 && story.engine.open_orders().count() == 1);
}

#[test]
fn orders_targets_and_timers_stay_over_a_swap_and_a_removal_ends_them() {
    let mut story = Story::new(1, WIDE);
    let leg = |at, shares| Some(Quote { price: price(at), size: Size::shares(shares) });
    answers(&mut story, 1, IntentKind::Quote { token: TOKEN, bid: leg("0.30", 10), ask: None });
    let due = story.now.plus_millis(1_000);
    answers(&mut story, 1, IntentKind::SetTimer { timer: 5, at: due });
    assert!(buys(&mut story, 1, "0.31"));
    announce(&mut story, 2);
    assert!(!story.effects.iter().any(|effect| matches!(effect, Effect::Cancel { .. })));
    assert_eq!(story.engine.open_orders().count(), 2);
    story.now = due;
    story.step(InputKind::Clock);
    let timer =
        |effect: &Effect| matches!(effect, Effect::NotifyOwn { strategy: ONE, event: OwnEvent::Timer { timer: 5 } });
    assert!(story.effects.iter().any(timer));
    // The standing quote is unchanged, so setting it again has no effect.
    answers(&mut story, 2, IntentKind::Quote { token: TOKEN, bid: leg("0.30", 10), ask: None });
    assert!(!story.effects.iter().any(|effect| matches!(effect, Effect::Place(_) | Effect::Cancel { .. })));
    answers(&mut story, 2, IntentKind::SetTimer { timer: 5, at: Time(due.0 + 1) });
    story.step(InputKind::Strategy(StrategyChange::Removed { strategy: ONE, reason: "gone".into() }));
    story.now = story.now.plus_millis(1_000);
    story.step(InputKind::Clock);
    assert!(!story.effects.iter().any(timer));
    assert!(!buys(&mut story, 2, "0.32"));
}

#[test]
fn a_saved_state_changes_nothing() {
    let mut story = Story::new(1, WIDE);
    let state = Some(Blob(vec![1; 1_000]));
    story.step(InputKind::Strategy(StrategyChange::Saved { strategy: ONE, instance: 1, state }));
    assert!(story.effects.is_empty());
    assert!(buys(&mut story, 1, "0.31"));
}

#[test]
fn one_that_goes_on_hears_what_it_asked_for_and_not_what_the_one_that_did_not_start_did() {
    let mut story = Story::new(1, WIDE);
    announce_as(&mut story, 2, Wants { tops: false, trades: false, depth: 0, every_micros: 1_000_000 });
    story.step(InputKind::Strategy(StrategyChange::Kept { strategy: ONE, instance: 2, reason: "it refused".into() }));
    let kind = MarketEventKind::Trade { side: Side::Buy, price: price("0.42"), size: Size::shares(1) };
    story.step(InputKind::Event(MarketEvent { token: TOKEN, venue_time: story.now, kind }));
    let is_trade = |note: &MarketNote| matches!(note.kind, NoteKind::Trade { .. });
    let notified = |effect: &Effect| matches!(effect, Effect::NotifyMarket { strategy: ONE, note } if is_trade(note));
    assert!(story.effects.iter().any(notified), "{:?}", story.effects);
    story.now = story.now.plus_millis(1_000);
    story.step(InputKind::Clock);
    let regular = |effect: &Effect| matches!(effect, Effect::NotifyOwn { event: OwnEvent::Timer { .. }, .. });
    assert!(!story.effects.iter().any(regular));
}
