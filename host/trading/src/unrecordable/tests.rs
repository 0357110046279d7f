//! Every input with a text or a list, at and beyond each limit.
#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "test code may fail loudly")]

use super::*;
use model::bounds::{BLOB_MAX, LIST_MAX, TEXT_MAX};
use model::input::{AccountView, Blob, CancelOutcome, PlaceOutcome, StrategyAnswer};
use model::{
    Activity, ActivityKind, CarryOver, Intent, IntentKind, Level, Market, MarketIx, OrderId, Position, Price,
    RealisedBefore, SessionId, Signal, Size, Transfer, TransferKind, Usd, Wants,
};
use store::journal_files::{Journal, Keep, Step, walk};
use testkit::{Scratch, input, market};

const WHO: StrategyId = StrategyId(3);

/// Every input that has a text, with this text.
fn with_text(text: &str) -> Vec<InputKind> {
    let text = || text.to_owned();
    let order = OrderId(1);
    let intent = Intent { tag: 1, reason: text(), fair: None, kind: IntentKind::Cancel { order } };
    let fault = StrategyAnswer { fault: Some(text()), ..StrategyAnswer::to_one(WHO, Vec::new()) };
    let changes = [
        loaded(text(), String::new(), Vec::new()),
        loaded(String::new(), text(), Vec::new()),
        StrategyChange::Removed { strategy: WHO, reason: text() },
        StrategyChange::Parameters { strategy: WHO, parameters: text() },
        StrategyChange::Signal { strategy: WHO, signal: Signal { name: text(), value: String::new() } },
        StrategyChange::Signal { strategy: WHO, signal: Signal { name: String::new(), value: text() } },
        StrategyChange::Kept { strategy: WHO, instance: 1, reason: text() },
    ];
    let outcomes = [
        PlaceOutcome::Refused { reason: text() },
        PlaceOutcome::NotSent { reason: text() },
        PlaceOutcome::Unknown { reason: text() },
    ];
    let (key, at, kind) = ([1; 32], Time(1), TransferKind::Deposit(Usd(1)));
    let mut bodies = vec![
        InputKind::Market(Market { slug: text(), ..market(1) }),
        InputKind::Market(Market { question: text(), ..market(1) }),
        InputKind::Market(Market { outcomes: [text(), String::new()], ..market(1) }),
        InputKind::Intents(StrategyAnswer::to_one(WHO, vec![intent])),
        InputKind::Intents(fault),
        InputKind::CancelAnswer { order, outcome: CancelOutcome::Failed { reason: text() } },
        InputKind::Command(Command::EmergencyStop { reason: text() }),
        InputKind::Command(Command::Release { reason: text() }),
        InputKind::Transfer(Transfer { kind, reference: text() }),
        InputKind::Activity(Activity { key, at, kind: ActivityKind::Transfer(kind), reference: text() }),
    ];
    bodies.extend(changes.map(InputKind::Strategy));
    bodies.extend(outcomes.map(|outcome| InputKind::Placed { order, outcome }));
    bodies
}

fn loaded(name: String, parameters: String, markets: Vec<MarketIx>) -> StrategyChange {
    let (hash, instance, places, since) = ([0; 32], 1, Vec::new(), Time(1));
    StrategyChange::Loaded {
        strategy: WHO,
        name,
        hash,
        instance,
        markets,
        places,
        wants: Wants::FIRST,
        since,
        parameters,
    }
}

/// Every input that has a list, with a list of this length.
fn with_list(length: usize) -> Vec<InputKind> {
    let cancel = Intent { tag: 1, reason: String::new(), fair: None, kind: IntentKind::CancelAll { token: None } };
    let level = Level { price: Price::MIN, size: Size::shares(1) };
    let book = |bids, asks| {
        InputKind::Event(MarketEvent {
            token: TokenIx(5),
            venue_time: Time(1),
            kind: MarketEventKind::Book { bids, asks },
        })
    };
    let carry = |carry| InputKind::CarryOver(Box::new(carry));
    let position = Position::default();
    vec![
        InputKind::Intents(StrategyAnswer::to_one(WHO, vec![cancel; length])),
        InputKind::Intents(StrategyAnswer { lost: vec![1; length], ..StrategyAnswer::to_one(WHO, Vec::new()) }),
        InputKind::Strategy(loaded(String::new(), String::new(), vec![MarketIx(1); length])),
        book(vec![level; length], Vec::new()),
        book(Vec::new(), vec![level; length]),
        InputKind::Account(AccountView { cash: Usd(1), shares: vec![(TokenIx(1), Size(1)); length] }),
        InputKind::KnownActivities(vec![[1; 32]; length]),
        InputKind::RealisedBefore(RealisedBefore { account: Usd(1), strategies: vec![(WHO, Usd(1)); length] }),
        carry(CarryOver { positions: vec![(TokenIx(1), position); length], ..CarryOver::default() }),
        carry(CarryOver { parts: vec![((WHO, TokenIx(1)), position); length], ..CarryOver::default() }),
        carry(CarryOver { sent: vec![Time(1); length], ..CarryOver::default() }),
    ]
}

#[test]
fn every_input_is_recorded_or_refused_and_the_journal_goes_on() {
    let folder = Scratch::new("unrecordable");
    let header = journal::Header {
        build: "test".into(),
        session: SessionId(1),
        segment: 1,
        account: "0xabc".into(),
        follows: None,
        config: [0; 32],
        sandbox: [0; 32],
        created: Time(1),
    };
    let (journal, path) = Journal::create(&folder, &header, Keep { days: 30, bytes: u64::MAX }).unwrap();
    let (mut seq, mut refused) = (0, 0);
    let mut record = |body: InputKind| {
        let input = input(seq + 1, Time(1), body);
        let recorded = journal.input(&input);
        assert_eq!(journal.failure(), None, "the journal failed on {:?}", Cause::of(&input.kind));
        if recorded.is_ok() {
            seq += 1;
        }
        recorded.is_ok()
    };
    let mut bodies = Vec::new();
    for (length, fits) in [(TEXT_MAX - 1, true), (TEXT_MAX, true), (TEXT_MAX + 1, false), (TEXT_MAX * 2, false)] {
        bodies.extend(with_text(&"x".repeat(length)).into_iter().map(|body| (body, fits)));
    }
    for (length, fits) in [(LIST_MAX, true), (LIST_MAX + 1, false), (LIST_MAX * 2, false)] {
        bodies.extend(with_list(length).into_iter().map(|body| (body, fits)));
    }
    for (length, fits) in [(BLOB_MAX, true), (BLOB_MAX + 1, false)] {
        let state = Some(Blob(vec![1; length]));
        bodies.push((InputKind::Strategy(StrategyChange::Saved { strategy: WHO, instance: 1, state }), fits));
    }
    for (body, fits) in bodies {
        let cause = Cause::of(&body);
        let instead = cause.instead(&body);
        assert_eq!(record(body), fits, "{cause:?}");
        if !fits {
            refused += 1;
            // The engine's replacement input is recorded, and so are the inputs after it.
            assert!(instead.is_none_or(&mut record), "{cause:?}");
            assert!(record(InputKind::Clock));
        }
    }
    assert!(refused > 50, "{refused}");
    journal.close(Time(2));
    let mut next = 1;
    walk(&[path], |step| {
        if let Step::Record(journal::Record::Input(input)) = step {
            assert_eq!(input.seq.0, next);
            next += 1;
        }
    })
    .unwrap();
    assert_eq!(next, seq + 1);
}

#[test]
fn the_cause_of_an_input_bears_the_fault() {
    let text = "x".repeat(TEXT_MAX + 1);
    let causes: Vec<Cause> = with_text(&text).iter().map(Cause::of).collect();
    let count = |cause: Cause| causes.iter().filter(|other| **other == cause).count();
    let (market, strategy) = (Cause::Market(market(1).condition), Cause::Strategy(WHO));
    assert_eq!((count(market), count(strategy), count(Cause::Operator), count(Cause::Account)), (3, 9, 3, 5));
    let removed = |body: &InputKind| matches!(body, InputKind::Strategy(StrategyChange::Removed { strategy: WHO, .. }));
    assert!(strategy.instead(&InputKind::Clock).as_ref().is_some_and(removed));
    assert_eq!((market.instead(&InputKind::Clock), Cause::Operator.instead(&InputKind::Clock)), (None, None));
    // A stop takes effect, whatever its reason is.
    let stop = InputKind::Command(Command::EmergencyStop { reason: text });
    let reason = LONG_REASON.to_owned();
    assert_eq!(Cause::of(&stop).instead(&stop), Some(InputKind::Command(Command::EmergencyStop { reason })));
    let overflow = InputKind::HostFault { fault: HostFault::AccountOverflow };
    assert_eq!(Cause::Account.instead(&InputKind::Clock), Some(overflow));
}
