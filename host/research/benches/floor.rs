//! The least time that a backtest needs for an event of a tape: reading it, applying it to the books of both tokens and
//! to the venue's, and stepping the engine, each without the rest of a run. Run with `cargo bench -p research --bench
//! floor -- /absolute/path/of/a.tape`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    reason = "a benchmark may fail loudly"
)]

use engine::{Effects, Engine, Purpose};
use model::{Book, Input, InputKind, MarketEvent, MarketEventKind, Seq};
use research::events::{EventSource, TapeEvent, TapeEventKind};
use std::collections::VecDeque;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

const ROUNDS: usize = 9;
/// Events read at once.
const READ: usize = 64;

fn main() {
    let Some(tape) = std::env::args().skip(1).find(|arg| !arg.starts_with("--")) else {
        println!("expected the path of a tape");
        return;
    };
    let tape = PathBuf::from(tape);
    let events: Vec<TapeEvent> = read(&tape).into();
    let count = u32::try_from(events.len()).unwrap();
    let rows = f64::from(count);
    println!("{count} events, ns an event, median of {ROUNDS}");
    println!("{:40} {:>8.1}", "reading", median(|| _ = black_box(read_through(&tape))) / rows);
    println!("{:40} {:>8.1}", "three books, from memory", median(|| _ = black_box(books(&events))) / rows);
    println!(
        "{:40} {:>8.1}",
        "engine alone, both tokens, from memory",
        median(|| _ = black_box(steps(&events))) / rows
    );
}

/// Returns the median time of a call in nanoseconds.
fn median(mut call: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            call();
            began.elapsed().as_secs_f64() * 1e9
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds.get(ROUNDS / 2).copied().unwrap()
}

fn read(tape: &Path) -> VecDeque<TapeEvent> {
    let mut events = VecDeque::new();
    research::dataset::open(&[tape.to_owned()], None, None).unwrap().read(&mut events, usize::MAX).unwrap();
    events
}

/// Reads a tape without keeping it.
fn read_through(tape: &Path) -> usize {
    let mut source = research::dataset::open(&[tape.to_owned()], None, None).unwrap();
    let (mut events, mut count) = (VecDeque::new(), 0);
    while source.read(&mut events, READ).unwrap() {
        count += events.len();
        events.clear();
    }
    count
}

/// Applies each event to three books: the two tokens' books of the engine, and the paper venue's.
fn books(events: &[TapeEvent]) -> [Book; 3] {
    let mut books = [Book::default(), Book::default(), Book::default()];
    for event in events {
        if let TapeEventKind::Level(change) = &event.kind {
            let second = change.token.outcome() == 1;
            let (side, price) = (change.side, change.price);
            let mirrored = (side.opposite(), price.complement());
            let [yes, no] = if second { [mirrored, (side, price)] } else { [(side, price), mirrored] };
            let places = [yes, no, yes];
            for (book, (side, price)) in books.iter_mut().zip(places) {
                book.set(side, price, change.size).unwrap();
            }
            continue;
        }
        for event in event.kind.market_events() {
            apply(&mut books, &event);
        }
    }
    books
}

fn apply(books: &mut [Book; 3], event: &MarketEvent) {
    if let MarketEventKind::Book { bids, asks } = &event.kind {
        let outcome = usize::try_from(event.token.outcome()).unwrap();
        for (book, _) in books.iter_mut().zip(0..).filter(|(_, place)| place % 2 == outcome) {
            book.replace(bids, asks).unwrap();
        }
    }
}

/// Steps an engine without strategies.
fn steps(events: &[TapeEvent]) -> Engine {
    let (mut engine, mut effects) = (Engine::new(Purpose::Simulate), Effects::new());
    for (event, seq) in events.iter().zip(1u64..) {
        let (seq, at) = (Seq(seq), event.venue_at);
        match &event.kind {
            TapeEventKind::Listed(listed) => {
                let kind = InputKind::Market(listed.market.clone());
                engine.step(&Input { seq, at, kind }, &mut effects);
            }
            TapeEventKind::Level(change) => {
                engine.step_level(seq, at, change, &mut effects, |_, _| {});
            }
            kind => kind.market_events().map(InputKind::Event).for_each(|kind| {
                engine.step(&Input { seq, at, kind }, &mut effects);
            }),
        }
    }
    engine
}
