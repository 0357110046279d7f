//! Replay of a strategy that lagged, from its events and the recorded losses, gives the same answers.

use crate::folder::Rig;
use crate::guest::{session, top};
use crate::shipped::built;
use model::input::StrategyAnswer;
use model::{Book, Depth, Level, MarketNote, NoteKind, OwnEvent, Price, SessionState, Side, Size, StrategyId, Time};
use sandbox::{Compiler, Rates, Report, Sandbox, Settings, StrategyReplay};

/// More events than the queue of a lagging strategy holds.
const EVENTS: u64 = 30_000;

/// An event for the strategy: tops, trades, depth, and some own events.
enum Item {
    Market(MarketNote),
    Own(Time, OwnEvent),
}

fn items() -> Vec<Item> {
    let mut items = vec![Item::Own(Time(1_500_000), OwnEvent::Session { state: SessionState::Running })];
    for number in 2..EVENTS {
        let price = Price::from_micros(410_000).unwrap();
        items.push(match number % 6 {
            5 => Item::Market(MarketNote { kind: NoteKind::Depth(depth(number)), ..top(number) }),
            0 if number % 5_000 < 6 => {
                let text = format!("{{\"word\":{}}}", number % 7);
                Item::Own(Time(number * 1_000_000), OwnEvent::Parameters { text })
            }
            0 => Item::Own(Time(number * 1_000_000), OwnEvent::Timer { timer: 1 }),
            1 | 2 => {
                let kind = NoteKind::Trade { side: Side::Buy, price, size: Size::shares(number) };
                Item::Market(MarketNote { kind, ..top(number) })
            }
            _ => Item::Market(top(number)),
        });
    }
    items
}

/// Returns five levels a side; the bids are the heavier side every other time.
fn depth(number: u64) -> Depth {
    let level =
        |cents: u32, shares| Level { price: Price::from_micros(cents * 10_000).unwrap(), size: Size::shares(shares) };
    let bids: Vec<Level> = (36..41).map(|cents| level(cents, 10 + number % 12)).collect();
    let asks: Vec<Level> = (44..49).map(|cents| level(cents, 15)).collect();
    Depth::of(&Book::from_levels(&bids, &asks).unwrap(), 5)
}

/// Runs a strategy on all events, and returns its answers; none if it is not built.
fn lived(name: &str) -> Option<Vec<StrategyAnswer>> {
    let bytes = built(name)?;
    let stem = name.rsplit('/').next().unwrap().trim_end_matches(".wasm");
    let rig = Rig::over(
        &format!("{stem}-{:?}", std::thread::current().id()),
        // All events arrive at once, while a session takes hours.
        Sandbox::new(
            Settings { rates: Rates { intents: 1_000_000, ..Rates::default() }, ..Settings::default() },
            Compiler::Inline,
        )
        .unwrap(),
    );
    rig.drop_file(&format!("{stem}.wasm"), &bytes);
    let module = rig.ready(stem);
    rig.start(1, 1, module);
    for item in items() {
        match item {
            Item::Market(note) => rig.supervisor.notify_market(StrategyId(1), note),
            Item::Own(at, event) => rig.supervisor.notify_own(StrategyId(1), at, event),
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

fn rerun(name: &str, items: Vec<Item>, answers: &[StrategyAnswer]) -> Vec<String> {
    let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
    let module = sandbox.load(&built(name).unwrap()).unwrap();
    let mut rerun = StrategyReplay::new(sandbox, module, session());
    for item in items {
        match item {
            Item::Market(note) => rerun.market(note),
            Item::Own(at, event) => rerun.own(at, event),
        }
    }
    rerun.start(None);
    answers.iter().filter_map(|answer| rerun.verify_answer(answer).err()).collect()
}

#[test]
fn a_strategy_that_lagged_answers_the_same_when_it_is_run_again() {
    for name in ["quoter.wasm", "fixtures/listener.wasm"] {
        let Some(answers) = lived(name) else { return };
        let lost: usize = answers.iter().map(|answer| answer.lost.len()).sum();
        assert!(lost > 1_000 && answers.iter().any(|answer| !answer.intents.is_empty()), "{lost} events were lost");
        assert_eq!(rerun(name, items(), &answers), [""; 0], "{name}");
    }
}

#[test]
fn another_event_or_another_answer_is_found() {
    let Some(answers) = lived("quoter.wasm") else { return };
    let mut other = items();
    let price = Price::from_micros(300_000).unwrap();
    for item in &mut other {
        if let Item::Market(MarketNote { kind: NoteKind::Top { bid: Some(bid), .. }, .. }) = item {
            bid.price = price;
        }
    }
    assert!(
        rerun("quoter.wasm", other, &answers).iter().any(|difference| difference.contains("replayed")),
        "other books"
    );
    let mut changed = answers;
    changed.last_mut().unwrap().fuel += 1;
    assert_eq!(rerun("quoter.wasm", items(), &changed).len(), 1);
}
