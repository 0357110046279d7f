//! A strategy that lagged is run again from what it was told and what it lost, and answers the same.

use crate::folder::Rig;
use crate::guest::{session, top};
use crate::shipped::built;
use model::input::StrategyAnswer;
use model::{Book, Depth, Level, MarketNote, NoteKind, OwnEvent, Price, SessionState, Side, Size, StrategyId, Time};
use sandbox::{Compiler, Rates, Report, Rerun, Sandbox, Settings};

/// More than waits for a strategy that lags.
const EVENTS: u64 = 30_000;

/// What a strategy is told, in order: tops, trades, and now and then something of its own.
enum Told {
    Market(MarketNote),
    Own(Time, OwnEvent),
}

fn told() -> Vec<Told> {
    let mut told = vec![Told::Own(Time(1_500_000), OwnEvent::Session { state: SessionState::Running })];
    for number in 2..EVENTS {
        let price = Price::from_micros(410_000).unwrap();
        told.push(match number % 6 {
            5 => Told::Market(MarketNote { kind: NoteKind::Depth(depth(number)), ..top(number) }),
            0 if number % 5_000 < 6 => {
                let text = format!("{{\"word\":{}}}", number % 7);
                Told::Own(Time(number * 1_000_000), OwnEvent::Parameters { text })
            }
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

/// Five levels a side, of which the bids weigh more every other time.
fn depth(number: u64) -> Depth {
    let level =
        |cents: u32, shares| Level { price: Price::from_micros(cents * 10_000).unwrap(), size: Size::shares(shares) };
    let bids: Vec<Level> = (36..41).map(|cents| level(cents, 10 + number % 12)).collect();
    let asks: Vec<Level> = (44..49).map(|cents| level(cents, 15)).collect();
    Depth::of(&Book::from_levels(&bids, &asks).unwrap(), 5)
}

/// Lets a strategy live through it, and returns its answers; none if it is not built.
fn lived(name: &str) -> Option<Vec<StrategyAnswer>> {
    let bytes = built(name)?;
    let stem = name.rsplit('/').next().unwrap().trim_end_matches(".wasm");
    let rig = Rig::over(
        &format!("{stem}-{:?}", std::thread::current().id()),
        // All of it comes at once, where a session takes hours.
        Sandbox::new(
            Settings { rates: Rates { intents: 1_000_000, ..Rates::default() }, ..Settings::default() },
            Compiler::Inline,
        )
        .unwrap(),
    );
    rig.drop_file(&format!("{stem}.wasm"), &bytes);
    let module = rig.ready(stem);
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
            Report::Answer(answer, _) => answers.push(answer),
            Report::Started { .. } | Report::Log { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    Some(answers)
}

fn rerun(name: &str, told: Vec<Told>, answers: &[StrategyAnswer]) -> Vec<String> {
    let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
    let module = sandbox.load(&built(name).unwrap()).unwrap();
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
    for name in ["quoter.wasm", "fixtures/listener.wasm"] {
        let Some(answers) = lived(name) else { return };
        let lost: usize = answers.iter().map(|answer| answer.lost.len()).sum();
        assert!(lost > 1_000 && answers.iter().any(|answer| !answer.intents.is_empty()), "{lost} were lost");
        assert_eq!(rerun(name, told(), &answers), [""; 0], "{name}");
    }
}

#[test]
fn another_event_or_another_answer_is_found() {
    let Some(answers) = lived("quoter.wasm") else { return };
    let mut other = told();
    let price = Price::from_micros(300_000).unwrap();
    for told in &mut other {
        if let Told::Market(MarketNote { kind: NoteKind::Top { bid: Some(bid), .. }, .. }) = told {
            bid.price = price;
        }
    }
    assert!(
        rerun("quoter.wasm", other, &answers).iter().any(|difference| difference.contains("and now")),
        "other books"
    );
    let mut changed = answers;
    changed.last_mut().unwrap().fuel += 1;
    assert_eq!(rerun("quoter.wasm", told(), &changed).len(), 1);
}
