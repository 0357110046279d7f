//! The output of `polytrader backtest --bench` for scripts.

use crate::process::{program, strategies};
use serde_json::Value;

#[test]
fn the_bench_prints_one_object_with_the_figures_that_scripts_read() {
    let Some(strategies) = strategies("the backtest's bench") else { return };
    let run = |more: &[&str]| {
        let mut command = program();
        command.args(["backtest", "--bench", "--events", "20000", "--strategies"]).arg(&strategies).args(more);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let figures: Value = serde_json::from_str(run(&["--json"]).trim()).unwrap();
    assert_eq!(figures["events"], 20_000);
    let (per_second, each) =
        (figures["events_per_second"].as_f64().unwrap(), figures["ns_per_event"].as_f64().unwrap());
    // Both are the same figure, rounded.
    assert!((per_second * each / 1e9 - 1.0).abs() < 0.05, "{figures}");
    assert!(figures["intents"].as_u64().unwrap() > 0, "{figures}");
    let same: Value = serde_json::from_str(run(&["--json"]).trim()).unwrap();
    assert_eq!((&same["intents"], &same["orders"]), (&figures["intents"], &figures["orders"]));
    assert!(run(&[]).contains("events per second"));
    let refused = program().args(["backtest", "--bench", "--events", "0"]).output().unwrap();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--events"));
}
