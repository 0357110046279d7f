//! All hostile files beside a good strategy, in one supervisor: it hears everything once and in order.

use crate::corpus::{Fate, corpus};
use crate::folder::Rig;
use crate::guest::{Guest, answer, corpus_settings, levels, session, top, words};
use model::{StrategyId, Time};
use sandbox::{Compiler, Report, Sandbox, Session, Who};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);
const GOOD: StrategyId = StrategyId(1);
/// Events that the good strategy is told.
const EVENTS: u64 = 3_000;
/// The most that may wait for it at once: nothing may be put together or dropped.
const AHEAD: u64 = 64;

/// What the good strategy has heard.
#[derive(Default)]
struct Heard {
    /// The number of the last event.
    last: u64,
    /// When each that it has not answered was told.
    told: BTreeMap<u64, Instant>,
    latencies: Vec<Duration>,
    others_failed: BTreeMap<StrategyId, String>,
}

impl Heard {
    fn take(&mut self, report: Report) {
        match report {
            Report::Answer(answer, _) if answer.strategy == GOOD => {
                assert_eq!((answer.first, &answer.fault, answer.lost.len()), (self.last + 1, &None, 0));
                for number in answer.first..answer.first + u64::from(answer.consumed) {
                    self.latencies.push(self.told.remove(&number).unwrap().elapsed());
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
    // It forgets each batch, so that it has room for all of them.
    let forgets = "(global.set $next (i32.const 65536))".to_owned() + &answer(1, 0);
    rig.drop_file("good.wasm", &Guest { on_events: forgets, ..Guest::default() }.core());
    let good = rig.ready("good");
    rig.start(GOOD.0, 1, good);
    for hostile in &corpus {
        rig.drop_file(&format!("{}.wasm", hostile.name), &hostile.file);
    }
    let (mut heard, mut told, mut settled) = (Heard::default(), 0_u64, 0);
    let mut numbers: BTreeMap<StrategyId, &str> = BTreeMap::new();
    let tell = |heard: &mut Heard, told: &mut u64| {
        while *told < EVENTS && *told - heard.last < AHEAD {
            *told += 1;
            heard.told.insert(*told, Instant::now());
            rig.supervisor.notify_market(GOOD, top(*told));
        }
    };
    // Files are loaded while it trades; each that can run is started, hears an event, and is told to end.
    while settled < corpus.len() || heard.last < EVENTS {
        if settled * usize::try_from(EVENTS).unwrap() / corpus.len() >= usize::try_from(told).unwrap()
            || settled == corpus.len()
        {
            tell(&mut heard, &mut told);
        }
        match rig.reports.recv_timeout(PATIENCE).unwrap() {
            Report::Ready { name, module } => {
                let hostile = corpus.iter().find(|hostile| hostile.name == name).unwrap();
                assert!(!matches!(hostile.fate, Fate::Refused(_)), "{name} was loaded");
                let number = StrategyId(u16::try_from(settled + 2).unwrap());
                numbers.insert(number, hostile.name);
                let who = Who { strategy: number, name: name.clone(), instance: 1 };
                rig.supervisor.start(who, module, Session { now: Time(1), ..session() }).unwrap();
                rig.supervisor.notify_market(number, top(2));
                // One event is all that the others hear: of several, two may be consumed.
                if name.starts_with("told") {
                    rig.supervisor.notify_market(number, levels());
                    words().into_iter().for_each(|event| rig.supervisor.notify_own(number, Time(2_000_000), event));
                }
                settled += 1;
            }
            Report::Rejected { name, error } => {
                let hostile = corpus.iter().find(|hostile| hostile.name == name).unwrap();
                assert!(matches!(hostile.fate, Fate::Refused(words) if error.contains(words)), "{name}: {error}");
                settled += 1;
            }
            other => heard.take(other),
        }
    }
    assert_eq!((heard.last, heard.told.len(), heard.latencies.len()), (EVENTS, 0, 3_000));
    // Those that fail have failed, but for those that do so when they are asked for their state.
    let failing = numbers.values().filter(|name| {
        corpus.iter().any(|hostile| hostile.name == **name && matches!(hostile.fate, Fate::Fails(_)))
            && !name.starts_with("save")
            && !name.starts_with("state")
    });
    let failing = failing.count();
    while heard.others_failed.len() < failing {
        heard.take(rig.reports.recv_timeout(PATIENCE).unwrap());
    }
    heard.latencies.sort_unstable();
    let at = |share: usize| heard.latencies[(heard.latencies.len() - 1) * share / 100];
    println!("told to answered: half {:?}, 99 of 100 {:?}, all {:?}", at(50), at(99), at(100));
    // Not a measurement: two cores may be busy with anything. A strategy that was made to wait for another's end would wait for longer.
    assert!(at(50) < Duration::from_millis(100), "{:?}", at(50));
}
