//! A strategy that repeats refused intents next to a well-behaved one: the first one ends, and the second one is not
//! affected.

use crate::folder::Rig;
use crate::guest::{Guest, Pace, STORM, answer, logging, pacing, session, storming, top};
use model::input::StrategyAnswer;
use model::{IntentKind, OrderId, OwnEvent, StrategyId, Time};
use sandbox::{Compiler, Module, Report, Sandbox, Settings, StrategyReplay};
use std::time::Duration;

const GOOD: StrategyId = StrategyId(1);
const STORMING: StrategyId = StrategyId(2);
/// The burst of refusals of a strategy with one market: five seconds of 204.
const BURST: usize = 1_020;
/// Time to wait when no report is expected.
const QUIET: Duration = Duration::from_millis(200);

/// Returns a rig in which tests process the answers. The long deadline keeps a busy machine from looking like a slow
/// guest.
fn rig(name: &str) -> Rig {
    let settings = Settings { deadline_ms: 60_000, ..Settings::default() };
    Rig::judging(name, Sandbox::new(settings, Compiler::Inline).unwrap(), |_| {})
}

fn good() -> Guest {
    let forgets = "(global.set $next (i32.const 65536))".to_owned() + &answer(1, 0);
    Guest { on_events: forgets, ..Guest::default() }
}

/// Refuses all orders of an answer at this time, as the engine does, and returns their number.
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
    // A pending answer does not keep it from ending.
    rig.supervisor.stop(STORMING);
    assert!(matches!(rig.next(), Report::Saved { .. }));
}

#[test]
fn one_whose_answer_is_never_judged_can_be_replaced() {
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
                // The well-behaved one receives an event between any two answers of the other.
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
    assert!((BURST..BURST + 2 * usize::try_from(STORM).unwrap()).contains(&refused), "{refused} orders were refused");
    let (last, all) = answers.split_last().unwrap();
    // Each answer was forwarded completely, with its cancel; the fault is a separate answer.
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

/// Checks that a replay of the strategy gives the same result, and that it ends only if it is refused as often.
fn runs_again(rig: &Rig, storm: Module, answers: &[StrategyAnswer]) {
    let rerun = |pace: u64| {
        let mut run = StrategyReplay::new(rig.sandbox.clone(), storm.clone(), session());
        run.start(None);
        run.market(top(2));
        let mut differences = Vec::new();
        let mut at = Time(2_000_000);
        for answer in answers {
            differences.extend(run.verify_answer(answer).err());
            let refused = OwnEvent::Refused { tag: 0, rule: "size", value: 10_000, limit: 5_000_000 };
            let orders = answer.intents.len().saturating_sub(1);
            (0..orders).for_each(|_| run.own(at, refused.clone()));
            at = at.plus_micros(pace);
        }
        differences
    };
    assert_eq!(rerun(1_000), [""; 0]);
    let slower = rerun(10_000_000);
    assert!(slower.last().unwrap().contains("the replay does not fail"), "{slower:?}");
}

/// Sends an instance a top after each answer until it fails, and returns its answers and the failure. Its intents are
/// not refused.
fn until_it_fails(rig: &Rig, strategy: StrategyId) -> (Vec<StrategyAnswer>, String) {
    rig.supervisor.notify_market(strategy, top(2));
    let mut answers = Vec::new();
    loop {
        match rig.next() {
            Report::Answer(answer, unjudged) => {
                answers.push(answer);
                rig.supervisor.notify_market(strategy, top(2));
                drop(unjudged);
            }
            Report::Faulted { error, strike: true, saving: false, .. } => return (answers, error),
            Report::Started { .. } | Report::Log { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Replays a strategy that received a top before each answer, and returns the differences.
fn again(rig: &Rig, module: Module, answers: &[StrategyAnswer]) -> Vec<String> {
    let mut run = StrategyReplay::new(rig.sandbox.clone(), module, session());
    run.start(None);
    let answer = |answer| {
        run.market(top(2));
        run.verify_answer(answer).err()
    };
    answers.iter().filter_map(answer).collect()
}

#[test]
fn one_with_too_many_intents_ends_and_all_its_cancels_are_carried_out() {
    let rig = rig("intents");
    let module = rig.sandbox.load(&storming().core()).unwrap();
    rig.start(STORMING.0, 1, module.clone());
    let (mut answers, error) = until_it_fails(&rig, STORMING);
    assert_eq!(error, "it wanted more than 525 intents a second for more than 5 s");
    let [all @ .., cut, last] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!((last.count, last.fault.as_deref(), last.intents.len()), (0, Some(error.as_str()), 0));
    // Five seconds' worth of 525, plus what leaked meanwhile.
    assert!(all.len() >= 10 && all.iter().all(|answer| answer.intents.len() == 250), "{}", all.len());
    let cancel = IntentKind::Cancel { order: OrderId(249) };
    assert_eq!((cut.count, &cut.fault, cut.intents.len()), (1, &None, 1));
    assert_eq!(cut.intents[0].kind, cancel);
    assert_eq!(again(&rig, module.clone(), &answers), [""; 0]);
    let fault = answers.pop().unwrap();
    answers.push(answers[0].clone());
    assert!(again(&rig, module.clone(), &answers)[0].contains("intent rate was exceeded"));
    answers.truncate(2);
    answers[0].intents.clear();
    answers.push(fault);
    assert!(!again(&rig, module, &answers).is_empty(), "an answer without its cancel");
}

#[test]
fn one_that_logs_too_much_ends_and_what_is_not_kept_is_counted() {
    let rig = rig("logging");
    let module = rig.sandbox.load(&logging().core()).unwrap();
    rig.start(STORMING.0, 1, module.clone());
    rig.supervisor.notify_market(STORMING, top(2));
    let (mut answers, mut kept, mut bytes, mut lost) = (Vec::new(), 0, 0, 0);
    let error = loop {
        match rig.next() {
            Report::Answer(answer, _) => {
                answers.push(answer);
                rig.supervisor.notify_market(STORMING, top(2));
            }
            Report::Log { lines, lost: not, .. } => {
                kept += lines.len();
                bytes += lines.iter().map(|line| line.text.len()).sum::<usize>();
                lost += usize::try_from(not).unwrap();
            }
            Report::Faulted { error, strike: true, .. } => break error,
            Report::Started { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(error.starts_with("it logged more than 1000 lines"), "{error}");
    let calls = answers.len() - 1;
    assert_eq!(kept + lost, 100 * calls, "each line is kept or counted");
    // A busy machine may take some seconds for these calls.
    assert!((33..=calls).contains(&calls) && bytes < 100_000 * calls / 2, "{bytes} bytes of {calls} calls");
    assert_eq!(again(&rig, module, &answers), [""; 0]);
}

#[test]
fn one_that_failed_or_was_quarantined_while_its_answer_waits_starts_again_and_old_permits_open_nothing() {
    let rig = rig("quarantined");
    let traps = Guest { on_events: "unreachable".into(), ..Guest::default() };
    rig.run("traps", STORMING.0, &traps);
    rig.supervisor.notify_market(STORMING, top(2));
    let fault = rig.next();
    assert!(matches!(&fault, Report::Answer(answer, _) if answer.fault.is_some()), "{fault:?}");
    assert!(matches!(rig.next(), Report::Faulted { instance: 1, .. }));
    // It starts again before its fault is processed.
    rig.start(STORMING.0, 2, rig.sandbox.load(&storming().core()).unwrap());
    assert!(matches!(rig.next(), Report::Started { instance: 2, .. }));
    rig.supervisor.notify_market(STORMING, top(3));
    let second = rig.next();
    assert!(matches!(&second, Report::Answer(answer, _) if answer.instance == 2), "{second:?}");
    // It is stopped while its answer is pending, and started again.
    rig.supervisor.stop(STORMING);
    assert!(matches!(rig.next(), Report::Saved { instance: 2, .. }));
    rig.start(STORMING.0, 3, rig.sandbox.load(&storming().core()).unwrap());
    assert!(matches!(rig.next(), Report::Started { instance: 3, .. }));
    rig.supervisor.notify_market(STORMING, top(4));
    let third = rig.next();
    assert!(matches!(&third, Report::Answer(answer, _) if answer.instance == 3), "{third:?}");
    rig.supervisor.notify_market(STORMING, top(5));
    drop((fault, second));
    assert!(rig.reports.recv_timeout(QUIET).is_err(), "a permit of an older instance lets nothing through");
    drop(third);
    assert!(matches!(rig.next(), Report::Answer(answer, _) if answer.instance == 3));
}

#[test]
fn one_that_stays_just_under_each_limit_goes_on() {
    let rig = rig("pacing");
    let pace = Pace { places: 90, cancels: 5, timers: 145, lines: 45, every: 500_000 };
    rig.start(STORMING.0, 1, rig.sandbox.load(&pacing(&pace).core()).unwrap());
    assert!(matches!(rig.next(), Report::Started { .. }));
    // Ten intervals of half a second; a timer that comes too early has no effect.
    for half in 2..12_u64 {
        let at = Time(half * 500_000);
        rig.supervisor.notify_own(STORMING, at, OwnEvent::Timer { timer: 1 });
        let mut next = rig.next();
        // By the real clock these are more lines than are kept per second.
        while let Report::Log { lines, .. } = &next {
            assert!(lines.len() <= 45 && lines.iter().all(|line| line.text.len() == 600));
            next = rig.next();
        }
        let Report::Answer(answer, unjudged) = next else { panic!("{next:?}") };
        let kinds = |kind: fn(&IntentKind) -> bool| answer.intents.iter().filter(|intent| kind(&intent.kind)).count();
        assert_eq!(kinds(|kind| matches!(kind, IntentKind::Place { .. })), 90);
        assert_eq!(kinds(|kind| matches!(kind, IntentKind::Cancel { .. })), 5);
        let due = IntentKind::SetTimer { timer: 1, at: at.plus_micros(500_000) };
        assert_eq!(answer.intents.iter().filter(|intent| intent.kind == due).count(), 145);
        drop(unjudged);
        rig.supervisor.notify_own(STORMING, at.plus_micros(1), OwnEvent::Timer { timer: 2 });
        assert!(matches!(rig.next(), Report::Answer(answer, _) if answer.intents.is_empty() && answer.fault.is_none()));
    }
}
