//! A strategy that repeats what is refused, beside one that behaves: the first ends, and the second notices nothing.

use crate::folder::Rig;
use crate::guest::{Guest, STORM, answer, session, storming, top};
use model::input::StrategyAnswer;
use model::{IntentKind, OrderId, OwnEvent, StrategyId, Time};
use sandbox::{Compiler, Module, Report, Rerun, Sandbox, Settings};
use std::time::Duration;

const GOOD: StrategyId = StrategyId(1);
const STORMING: StrategyId = StrategyId(2);
/// What the limit of a strategy with one market lets through at once: five seconds of 204.
const BURST: usize = 1_020;
/// How long nothing is waited for.
const QUIET: Duration = Duration::from_millis(200);

/// A folder of strategies whose answers wait for a verdict. A busy machine must not look like a slow guest.
fn rig(name: &str) -> Rig {
    let settings = Settings { deadline_ms: 60_000, ..Settings::default() };
    Rig::judging(name, Sandbox::new(settings, Compiler::Inline).unwrap(), |_| {})
}

fn good() -> Guest {
    let forgets = "(global.set $next (i32.const 65536))".to_owned() + &answer(1, 0);
    Guest { on_events: forgets, ..Guest::default() }
}

/// Refuses all orders of an answer, as the engine does, at this time. Returns how many there were.
fn refuse(rig: &Rig, answer: &StrategyAnswer, at: Time) -> usize {
    let orders = answer.intents.iter().filter(|intent| matches!(intent.kind, IntentKind::Place { .. }));
    let refused = OwnEvent::Refused { tag: 0, rule: "size", value: 10_000, limit: 5_000_000 };
    orders.map(|_| rig.supervisor.notify_own(answer.strategy, at, refused.clone())).count()
}

#[test]
fn a_strategy_is_not_called_again_before_its_answer_is_judged() {
    let rig = rig("judged");
    rig.run("storming", STORMING.0, &storming());
    rig.supervisor.notify_market(STORMING, top(2));
    let mut waiting = rig.next();
    for seconds in 3..6 {
        assert!(matches!(waiting, Report::Answer(..)), "{waiting:?}");
        rig.supervisor.notify_market(STORMING, top(seconds));
        if let Ok(report) = rig.reports.recv_timeout(QUIET) {
            panic!("called again: {report:?}");
        }
        drop(waiting);
        waiting = rig.next();
    }
    // What waits for a verdict does not keep it from ending.
    rig.supervisor.stop(STORMING);
    assert!(matches!(rig.next(), Report::Saved { .. }));
}

#[test]
fn one_whose_answer_is_never_judged_is_replaced_all_the_same() {
    let rig = rig("replaced");
    rig.run("storming", STORMING.0, &storming());
    rig.supervisor.notify_market(STORMING, top(2));
    let waiting = rig.next();
    assert!(matches!(waiting, Report::Answer(..)), "{waiting:?}");
    rig.supervisor.notify_market(STORMING, top(3));
    rig.start(STORMING.0, 2, rig.sandbox.load(&good().core()).unwrap());
    rig.supervisor.notify_market(STORMING, top(4));
    assert!(matches!(rig.next(), Report::Saved { instance: 1, .. }));
    assert!(matches!(rig.next(), Report::Started { instance: 2, .. }));
    assert!(matches!(rig.next(), Report::Answer(answer, _) if answer.instance == 2));
}

#[test]
fn a_storm_of_refusals_ends_its_strategy_and_no_other() {
    let rig = rig("storm");
    let [calm, storm] = [good(), storming()].map(|guest| rig.sandbox.load(&guest.core()).unwrap());
    rig.start(GOOD.0, 1, calm);
    rig.start(STORMING.0, 1, storm.clone());
    rig.supervisor.notify_market(STORMING, top(2));
    let (mut answers, mut refused, mut at) = (Vec::new(), 0, Time(2_000_000));
    let error = loop {
        match rig.next() {
            Report::Answer(answer, unjudged) if answer.strategy == STORMING => {
                refused += refuse(&rig, &answer, at);
                // The good one hears something between any two answers of the other.
                rig.supervisor.notify_market(GOOD, top(2));
                answers.push(answer);
                at = at.plus_micros(1_000);
                drop(unjudged);
            }
            Report::Answer(answer, _) => assert_eq!((answer.strategy, answer.fault), (GOOD, None)),
            Report::Faulted { strategy: STORMING, error, strike: true, saving: false, .. } => break error,
            Report::Started { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(error.contains("refused more than 204 times a second"), "{error}");
    assert!((BURST..BURST + 2 * usize::try_from(STORM).unwrap()).contains(&refused), "{refused} were refused");
    let (last, all) = answers.split_last().unwrap();
    // Each answer went on whole, with its cancel; the fault is one of its own.
    assert_eq!((last.count, last.fault.as_deref(), last.intents.len()), (0, Some(error.as_str()), 0));
    for answer in all {
        let cancel = IntentKind::Cancel { order: OrderId(249) };
        assert_eq!((answer.intents.len(), &answer.fault), (250, &None));
        assert_eq!(answer.intents.last().unwrap().kind, cancel);
    }
    rig.supervisor.notify_market(GOOD, top(3));
    assert!(matches!(rig.next(), Report::Answer(answer, _) if answer.strategy == GOOD));
    runs_again(&rig, storm, &answers);
}

/// The same comes out when the strategy is run again, and its end only if it was refused as often.
fn runs_again(rig: &Rig, storm: Module, answers: &[StrategyAnswer]) {
    let rerun = |pace: u64| {
        let mut run = Rerun::new(rig.sandbox.clone(), storm.clone(), session());
        run.start(None);
        run.market(top(2));
        let mut differences = Vec::new();
        let mut at = Time(2_000_000);
        for answer in answers {
            differences.extend(run.answer(answer).err());
            let refused = OwnEvent::Refused { tag: 0, rule: "size", value: 10_000, limit: 5_000_000 };
            let orders = answer.intents.len().saturating_sub(1);
            (0..orders).for_each(|_| run.own(at, refused.clone()));
            at = at.plus_micros(pace);
        }
        differences
    };
    assert_eq!(rerun(1_000), [""; 0]);
    let slower = rerun(10_000_000);
    assert!(slower.last().unwrap().contains("and now it does not"), "{slower:?}");
}
