//! A strategy that lagged is run again from what it was told and what it lost, and answers the same.

use crate::folder::Rig;
use crate::guest::{session, top};
use crate::shipped::built;
use model::input::StrategyAnswer;
use model::{MarketNote, NoteKind, OwnEvent, Price, Side, Size, StrategyId, Time};
use sandbox::{Report, Rerun, Sandbox, Settings};

/// More than waits for a strategy that lags.
const EVENTS: u64 = 30_000;

/// What a strategy is told, in order: tops, trades, and now and then something of its own.
enum Told {
    Market(MarketNote),
    Own(Time, OwnEvent),
}

fn told() -> Vec<Told> {
    let mut told = vec![Told::Own(Time(1_500_000), OwnEvent::Session { trading: true })];
    for number in 2..EVENTS {
        let price = Price::from_micros(410_000).unwrap();
        told.push(match number % 5 {
            0 => Told::Own(Time(number * 1_000_000), OwnEvent::Timer { timer: 1 }),
            1 | 2 => {
                let kind = NoteKind::Trade { side: Side::Buy, price, size: Size::shares(number) };
                Told::Market(MarketNote { kind, ..top(number) })
            }
            _ => Told::Market(top(number)),
        });
    }
    told
}

/// Lets the quoter live through it in a folder of this name, and returns its answers; none if it is not built.
fn lived(name: &str) -> Option<Vec<StrategyAnswer>> {
    let bytes = built("quoter.wasm")?;
    let rig = Rig::over(name, Sandbox::new(Settings::default()).unwrap());
    rig.drop_file("quoter.wasm", &bytes);
    let module = rig.ready("quoter");
    rig.start(1, 1, module);
    for told in told() {
        match told {
            Told::Market(note) => rig.supervisor.notify_market(StrategyId(1), note),
            Told::Own(at, event) => rig.supervisor.notify_own(StrategyId(1), at, event),
        }
    }
    let mut answers = Vec::new();
    while let Ok(report) = rig.reports.recv_timeout(std::time::Duration::from_secs(2)) {
        match report {
            Report::Answer(answer) => answers.push(answer),
            Report::Started { .. } | Report::Log { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    Some(answers)
}

fn rerun(told: Vec<Told>, answers: &[StrategyAnswer]) -> Vec<String> {
    let sandbox = Sandbox::new(Settings::default()).unwrap();
    let module = sandbox.load(&built("quoter.wasm").unwrap()).unwrap();
    let mut rerun = Rerun::new(sandbox, module, session());
    for told in told {
        match told {
            Told::Market(note) => rerun.market(note),
            Told::Own(at, event) => rerun.own(at, event),
        }
    }
    rerun.start(None);
    answers.iter().filter_map(|answer| rerun.answer(answer).err()).collect()
}

#[test]
fn a_strategy_that_lagged_answers_the_same_when_it_is_run_again() {
    let Some(answers) = lived("lagged") else { return };
    let lost: usize = answers.iter().map(|answer| answer.lost.len()).sum();
    assert!(lost > 1_000 && answers.iter().any(|answer| !answer.intents.is_empty()), "{lost} were lost");
    assert_eq!(rerun(told(), &answers), [""; 0]);
}

#[test]
fn another_event_or_another_answer_is_found() {
    let Some(answers) = lived("another") else { return };
    let mut other = told();
    let price = Price::from_micros(300_000).unwrap();
    for told in &mut other {
        if let Told::Market(MarketNote { kind: NoteKind::Top { bid: Some(bid), .. }, .. }) = told {
            bid.price = price;
        }
    }
    assert!(rerun(other, &answers).iter().any(|difference| difference.contains("and now")), "other books");
    let mut changed = answers;
    changed.last_mut().unwrap().fuel += 1;
    assert_eq!(rerun(told(), &changed).len(), 1);
}
