use super::*;

use std::path::PathBuf;

/// A strategy as the gate builds it; without it there is nothing to run.
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

/// Runs a strategy over made-up events in batches of several sizes and holds them against single events, and returns what it saved.
fn give_the_run_of_single_events(name: &str, seeds: &[u64]) -> Option<Vec<u8>> {
    let bytes = built(name)?;
    let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
    let module = sandbox.load(&bytes).unwrap();
    let mut state = None;
    for seed in seeds.iter().copied() {
        let tape = events::tape(seed, 60_000);
        let run = |span| {
            let mut run = begin(&sandbox, &module, span).unwrap();
            run.all(&tape).unwrap();
            run
        };
        let mut single = run(1);
        assert!(single.intents > 3 && single.world.counts.orders > 0, "{:?}", single.world.counts);
        for span in [7, 256, run::SPAN_MAX] {
            let mut batched = run(span);
            assert!(batched.set_back > 0, "the engine was never ahead");
            assert_eq!(batched.save().unwrap(), single.save().unwrap(), "batches of {span}: what it heard");
            assert_eq!(batched.world.counts, single.world.counts, "batches of {span}");
            assert_eq!(batched.world.trail, single.world.trail, "batches of {span}");
        }
        state = single.save().ok();
    }
    state
}

#[test]
fn the_tape_is_a_book_that_never_crosses() {
    let mut world = World::new(events::market(), events::START, model::Wants::FIRST).unwrap();
    let mut told = Vec::new();
    let tape = events::tape(3, 20_000);
    for heard in &tape {
        world.hear(heard, &mut told);
    }
    for outcome in [0, 1] {
        let (bid, ask, _) = world.engine.top(MarketIx(0).token(outcome));
        assert!(bid.unwrap().price < ask.unwrap().price, "{bid:?} {ask:?}");
    }
    assert_eq!(tape, events::tape(3, 20_000));
    assert_ne!(tape, events::tape(4, 20_000));
}

#[test]
fn an_engine_that_trades_cannot_be_forked() {
    assert!(engine::Engine::new(engine::Purpose::Trade).fork().is_none());
    assert!(engine::Engine::new(engine::Purpose::Rehearse).fork().is_some());
}

#[test]
fn a_strategy_that_answers_what_its_answers_lead_to_without_an_end_is_no_strategy() {
    let sandbox = Sandbox::new(Settings { deadline_ms: 60_000, ..Settings::default() }, Compiler::Inline).unwrap();
    let storm = sandbox.load(&guest::storm_of(2).core()).unwrap();
    let error = rehearse(&sandbox, &storm, 1, 50_000).unwrap_err().to_string();
    assert_eq!(error, "it does not end: 1000 calls in a row were answers to what its answers led to");
    let shown = trial(&sandbox, &storm, &Tape::made_up(1, 100), "{}").unwrap_err().to_string();
    assert_eq!(shown, error, "`strategy test` ends as well");
    let calm = sandbox.load(&guest::Guest::default().core()).unwrap();
    let none = Budget { time: Some(Duration::ZERO) };
    let late = begin(&sandbox, &calm, 1).unwrap().within(&events::tape(1, 100), none).unwrap_err().to_string();
    assert_eq!(late, "it took more than 0 s for 100 events");
}
