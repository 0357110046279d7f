//! The limits of a dry run, which `strategy check` makes.

use crate::guest::{Guest, answer};
use research::backtest::rehearse;
use sandbox::{Compiler, Sandbox, Settings};

/// Returns a guest that follows each event with `calls` calls of its own making, and then waits for the next event: an
/// order of a hundredth of a share, which no gate approves, makes one more call.
fn chain_of(calls: u32) -> Guest {
    Guest {
        // It hears of tops.
        describe: "(i32.store8 (i32.const 1080) (i32.const 1)) (i32.const 1024)".into(),
        items: "(global $yes (mut i32) (i32.const 0)) (global $left (mut i32) (i32.const 0))".into(),
        start: "(global.set $yes (i32.load offset=24 (i32.load offset=16 (local.get 0)))) (i32.const 3000)".into(),
        on_events: format!(
            "(i64.store offset=24 (i32.const 4096) (i64.const 0))
             (i32.store offset=32 (i32.const 4096) (global.get $yes))
             (i64.store offset=40 (i32.const 4096) (i64.const 10000))
             (i64.store offset=48 (i32.const 4096) (i64.const 10000))
             (global.set $next (i32.const 65536))
             (global.set $left (i32.add (global.get $left) (i32.const 1)))
             (if (result i32) (i32.gt_u (global.get $left) (i32.const {calls}))
                (then (global.set $left (i32.const 0)) {})
                (else {}))",
            answer(1, 0),
            answer(1, 1)
        ),
        ..Guest::default()
    }
}

#[test]
fn a_dry_run_has_a_limit_of_calls_over_all_of_its_events() {
    let sandbox = Sandbox::new(Settings { deadline_ms: 60_000, ..Settings::default() }, Compiler::Inline).unwrap();
    let run = |calls| {
        let module = sandbox.load(&chain_of(calls).core()).unwrap();
        rehearse(&sandbox, &module, 1, 300)
    };
    let calm = run(5).unwrap();
    assert!(calm.refusals > 100, "{calm:?}");
    // None of its chains is endless, but all of them together are too long.
    let error = run(200).unwrap_err().to_string();
    assert_eq!(error, "more than 5800 calls");
}
