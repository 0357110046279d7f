//! All hostile files next to a well-behaved strategy in one supervisor: it receives every event once and in order.

use crate::corpus::{Fate, corpus};
use crate::folder::Rig;
use crate::guest::{Guest, answer, corpus_settings, levels, own_events, session, top};
use model::{StrategyId, Time};
use sandbox::{Compiler, InstanceId, Report, Sandbox, Session};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const GOOD: StrategyId = StrategyId(1);
/// Events for the well-behaved strategy.
const EVENTS: u64 = 3_000;
/// The maximum number of its queued events, low enough that nothing is conflated or dropped.
const AHEAD: u64 = 64;

/// The events that the well-behaved strategy has consumed.
#[derive(Default)]
struct Progress {
    /// The number of the last event.
    last: u64,
    /// The send time of each event that it has not answered.
    sent_at: BTreeMap<u64, Instant>,
    latencies: Vec<Duration>,
    others_failed: BTreeMap<StrategyId, String>,
}

impl Progress {
    fn take(&mut self, report: Report) {
        match report {
            Report::Answer(answer, _) if answer.strategy == GOOD => {
                assert_eq!((answer.first, &answer.fault, answer.lost.len()), (self.last + 1, &None, 0));
                for number in answer.first..answer.first + u64::from(answer.consumed) {
                    self.latencies.push(self.sent_at.remove(&number).unwrap().elapsed());
                    self.last = number;
                }
            }
            Report::Faulted { strategy, error, .. } => {
                assert_ne!(strategy, GOOD, "{error}");
                assert_eq!(self.others_failed.insert(strategy, error), None);
            }
            Report::Answer(..) | Report::Log { .. } | Report::Started { .. } | Report::Saved { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_good_strategy_hears_everything_once_while_all_hostile_ones_run_and_fail_beside_it() {
    let rig = Rig::over("corpus", Sandbox::new(corpus_settings(), Compiler::Inline).unwrap());
    let corpus = corpus();
    // It frees each batch's memory, so that it has room for all of them.
    let forgets = "(global.set $next (i32.const 65536))".to_owned() + &answer(1, 0);
    rig.drop_file("good.wasm", &Guest { on_events: forgets, ..Guest::default() }.core());
    let good = rig.ready("good");
    rig.start(GOOD.0, 1, good);
    for hostile in &corpus {
        rig.drop_file(&format!("{}.wasm", hostile.name), &hostile.file);
    }
    let (mut progress, mut sent, mut settled) = (Progress::default(), 0_u64, 0);
    let mut numbers: BTreeMap<StrategyId, &str> = BTreeMap::new();
    let tell = |progress: &mut Progress, sent: &mut u64| {
        while *sent < EVENTS && *sent - progress.last < AHEAD {
            *sent += 1;
            progress.sent_at.insert(*sent, Instant::now());
            rig.supervisor.notify_market(GOOD, top(*sent));
        }
    };
    // Files are loaded while it trades; each that can run is started and receives an event.
    while settled < corpus.len() || progress.last < EVENTS {
        if settled * usize::try_from(EVENTS).unwrap() / corpus.len() >= usize::try_from(sent).unwrap()
            || settled == corpus.len()
        {
            tell(&mut progress, &mut sent);
        }
        match rig.reports.recv_timeout(PATIENCE).unwrap() {
            Report::Ready { name, module } => {
                let hostile = corpus.iter().find(|hostile| hostile.name == name).unwrap();
                assert!(!matches!(hostile.fate, Fate::Refused(_)), "{name} was loaded");
                let number = StrategyId(u16::try_from(settled + 2).unwrap());
                numbers.insert(number, hostile.name);
                let who = InstanceId { strategy: number, name: name.clone(), instance: 1 };
                rig.supervisor.start(who, module, Session { now: Time(1), ..session() }).unwrap();
                rig.supervisor.notify_market(number, top(2));
                // The others receive a single event, because of several they might consume two.
                if name.starts_with("sent") {
                    rig.supervisor.notify_market(number, levels());
                    own_events()
                        .into_iter()
                        .for_each(|event| rig.supervisor.notify_own(number, Time(2_000_000), event));
                }
                settled += 1;
            }
            Report::Rejected { name, error } => {
                let hostile = corpus.iter().find(|hostile| hostile.name == name).unwrap();
                assert!(matches!(hostile.fate, Fate::Refused(words) if error.contains(words)), "{name}: {error}");
                settled += 1;
            }
            other => progress.take(other),
        }
    }
    assert_eq!((progress.last, progress.sent_at.len(), progress.latencies.len()), (EVENTS, 0, 3_000));
    // All files that fail have failed, except for those that fail only when they save their state.
    let failing = numbers.values().filter(|name| {
        corpus.iter().any(|hostile| hostile.name == **name && matches!(hostile.fate, Fate::Fails(_)))
            && !name.starts_with("save")
            && !name.starts_with("state")
    });
    let failing = failing.count();
    while progress.others_failed.len() < failing {
        progress.take(rig.reports.recv_timeout(PATIENCE).unwrap());
    }
    progress.latencies.sort_unstable();
    let at = |share: usize| progress.latencies[(progress.latencies.len() - 1) * share / 100];
    println!("sent to answered: p50 {:?}, p99 {:?}, max {:?}", at(50), at(99), at(100));
    // Not a benchmark: two cores may be busy with anything. A strategy that had to wait for another one's end would
    // take longer.
    assert!(at(50) < Duration::from_millis(100), "{:?}", at(50));
}
