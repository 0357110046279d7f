use super::*;

/// The strategies as the gate builds them; without them there is nothing to run.
fn template() -> Option<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/strategies/template.wasm");
    let bytes = std::fs::read(path).ok();
    if bytes.is_none() {
        eprintln!("NOT RUN: the backtest needs the strategies (cargo xtask strategies)");
        assert!(std::env::var_os("CI").is_none(), "NOT RUN in CI: there are no strategies");
    }
    bytes
}

#[test]
fn batches_of_any_size_give_the_run_that_single_events_give() {
    let Some(bytes) = template() else { return };
    let sandbox = Sandbox::new(Settings::default(), Compiler::Inline).unwrap();
    let module = sandbox.load(&bytes).unwrap();
    for seed in [1, 2] {
        let tape = events::tape(seed, 60_000);
        let run = |span| {
            let mut run = begin(&sandbox, &module, span).unwrap();
            run.all(&tape).unwrap();
            run
        };
        let single = run(1);
        assert!(single.intents > 3 && single.world.counts.orders > 0, "{:?}", single.world.counts);
        for span in [7, 256, run::SPAN_MAX] {
            let batched = run(span);
            assert!(batched.set_back > 0, "the engine was never ahead");
            assert_eq!(batched.world.counts, single.world.counts, "batches of {span}");
            assert_eq!(batched.world.trail, single.world.trail, "batches of {span}");
        }
    }
}

#[test]
fn the_tape_is_a_book_that_never_crosses() {
    let mut world = World::new(events::market(), events::START).unwrap();
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
