mod cases;
mod income;
mod stories;

use super::*;

/// Reads a strategy built by the gate; `None` if it is not built.
fn built(name: &str) -> Option<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/strategies");
    let folder = std::env::var_os("POLYTRADER_STRATEGIES").map_or_else(|| PathBuf::from(folder), PathBuf::from);
    let bytes = std::fs::read(folder.join(name)).ok();
    if bytes.is_none() {
        eprintln!("NOT RUN: the backtest of {name} needs the strategies (cargo xtask strategies)");
        assert!(std::env::var_os("CI").is_none(), "NOT RUN in CI: {name} is not built");
    }
    bytes
}

#[test]
fn batches_of_any_size_give_the_run_that_single_events_give() {
    give_the_run_of_single_events("template.wasm", &[1, 2]);
}

#[test]
fn they_do_so_for_a_strategy_that_hears_depth_trades_timers_and_settlements() {
    let Some(state) = give_the_run_of_single_events("fixtures/listener.wasm", &[1, 3]) else { return };
    let counts: Vec<u64> = state.chunks(8).map(|count| u64::from_le_bytes(count.try_into().unwrap())).collect();
    let [tops, _, depths, states, settlements, sessions, timers, own, _] = counts[..] else { panic!("{counts:?}") };
    assert!(depths > tops && [tops, states, settlements, sessions, timers, own].iter().all(|count| *count > 0));
}

/// Compares runs with batches of several sizes with single events, and returns the saved state.
fn give_the_run_of_single_events(name: &str, seeds: &[u64]) -> Option<Vec<u8>> {
    let bytes = built(name)?;
    let mut state = None;
    // Without latency an event acts and is heard in one moment, unless a fill that it causes is heard between.
    let latencies = [Latency { feed: Delay::Fixed(0), order: Delay::Fixed(0) }, Latency::default()];
    for (seed, latency) in seeds.iter().flat_map(|seed| latencies.iter().map(|latency| (*seed, latency.clone()))) {
        let run = |span| {
            let runner = Runner::new().unwrap().with_batches(span);
            let module = runner.load(&bytes).unwrap();
            let mut job = one_market(&runner, &module, "{}");
            job.latency = latency.clone();
            let options = Options { states: true, ..Options::default() };
            let mut source = Generated::new(seed, 60_000);
            runner.run_with(&mut source, &job, &Watch::default(), options).unwrap()
        };
        let single = run(1);
        let totals = single.0.description.totals;
        assert!(totals.intents > 3 && totals.orders > 0, "{totals:?}");
        assert_eq!(single.0.description.end, RunEnd::Complete);
        for span in [7, 256, 4_096] {
            let batched = run(span);
            assert!(batched.1.set_back > 0, "the engine was never rewound");
            assert_eq!(batched.1.states, single.1.states, "batches of {span}: saved state");
            assert_eq!(batched.0, single.0, "batches of {span}");
        }
        state = single.1.states.into_iter().next().flatten();
    }
    state
}

#[test]
fn the_tape_is_a_book_that_never_crosses() {
    let mut books = [model::Book::default(), model::Book::default()];
    let tape = Generated::new(3, 20_000).collect();
    for event in &tape {
        let Some(event) = event.kind.market_events().next() else { continue };
        let book = &mut books[usize::try_from(event.token.outcome()).unwrap()];
        match &event.kind {
            model::MarketEventKind::Book { bids, asks } => book.replace(bids, asks).unwrap(),
            model::MarketEventKind::Level { side, price, size } => drop(book.set(*side, *price, *size).unwrap()),
            other => panic!("{other:?}"),
        }
        assert!(!book.is_crossed());
    }
    assert_eq!(tape, Generated::new(3, 20_000).collect());
    assert_ne!(tape, Generated::new(4, 20_000).collect());
}

#[test]
fn an_engine_that_trades_has_no_checkpoint() {
    assert!(engine::Engine::new(engine::Purpose::Trade).checkpoint().is_none());
    assert!(engine::Engine::new(engine::Purpose::Simulate).checkpoint().is_some());
}

#[test]
fn a_strategy_that_answers_its_own_consequences_without_end_is_refused() {
    let settings = sandbox::Settings { deadline_ms: 60_000, ..sandbox::Settings::default() };
    let sandbox = Sandbox::new(settings, sandbox::Compiler::Inline).unwrap();
    let storm = sandbox.load(&guest::storm_of(2).core()).unwrap();
    let error = rehearse(&sandbox, &storm, 1, 50_000).unwrap_err().to_string();
    assert_eq!(error, "endless loop: 1000 consecutive calls were caused by the strategy's own answers");
    let shown = trial(&sandbox, &storm, &Tape::made_up(1, 100), "{}").unwrap_err().to_string();
    assert_eq!(shown, error, "`strategy test` ends too");
    let calm = sandbox.load(&guest::Guest::default().core()).unwrap();
    let late = rehearse_within(&sandbox, &calm, (1, 100), Duration::ZERO).unwrap_err().to_string();
    assert_eq!(late, "more than 0 s");
}
