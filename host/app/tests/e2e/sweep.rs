//! `polytrader sweep` from an imported recording to its report: killed in the middle, continued, and compared with an
//! undisturbed run; and files that are wrong.

use crate::process::{Folder, program, strategies};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

/// A book that walks up and down by a cent, every second for some minutes.
fn recording(seconds: u64) -> String {
    let mut text = String::from("market_slug,asset_id,market_id,event_type,price,side,size,hash,timestamp\n");
    for second in 0..seconds {
        let at = 1_784_851_200_000 + second * 1_000;
        let middle = 50 + (second / 7 % 12).abs_diff(6) + second / 40 % 3;
        for (outcome, bid) in [(11, middle - 1), (22, 100 - middle - 1)] {
            for (price, side) in [(bid, "bid"), (bid - 1, "bid"), (bid + 2, "ask"), (bid + 3, "ask")] {
                writeln!(text, "game,{outcome},,book,0.{price},{side},{},h{second}-{outcome},{at}", 100 + second % 9)
                    .unwrap();
            }
        }
    }
    text
}

fn sweep(folder: &Path, file: &str, more: &[&str]) -> Output {
    let mut command = program();
    command.arg("sweep").arg(folder.join(file)).arg("--data-dir").arg(folder.join("data")).args(more);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn file(strategy: &Path, rest: &str) -> String {
    format!(
        "strategy = '{}'\ntapes = ['game.tape']\nobjective = 'profit - 0.1 * drawdown'\n{rest}\n[base]\nfees = '0'\nfill = 'optimistic'\n",
        strategy.display()
    )
}

const GRID: &str = "[parameters]\nwidth_ticks = { from = 1, to = 6 }\nquote_dollars = [5, 10, 20, 40]\n";

#[test]
fn a_killed_sweep_continues_and_its_best_trial_is_explained() {
    let Some(built) = strategies("a sweep") else { return };
    let folder = Folder::new("sweep");
    let path = folder.0.as_path();
    std::fs::write(path.join("game.csv"), recording(240)).unwrap();
    let imported = program()
        .args(["tape", "import", "--infer-trades", "--out"])
        .arg(path.join("game.tape"))
        .arg(path.join("game.csv"))
        .output();
    let imported = imported.unwrap();
    assert!(imported.status.success(), "{}", said(&imported));
    std::fs::write(path.join("grid.toml"), file(&built.join("quoter.wasm"), "") + GRID).unwrap();

    let rows = |out: &str| {
        let text = std::fs::read_to_string(path.join(out).join("trials.jsonl")).unwrap_or_default();
        let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let out = |name: &str| path.join(name).display().to_string();
    let mut victim = program();
    victim.arg("sweep").arg(path.join("grid.toml")).args(["--threads", "2", "--out"]).arg(path.join("killed"));
    victim.arg("--data-dir").arg(path.join("data")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut victim = victim.spawn().unwrap();
    let begin = Instant::now();
    while rows("killed").len() < 3 {
        assert!(begin.elapsed() < Duration::from_secs(90) && victim.try_wait().unwrap().is_none(), "no rows");
        std::thread::sleep(Duration::from_millis(2));
    }
    victim.kill().unwrap();
    victim.wait().unwrap();
    let before = rows("killed").len();
    let resumed = sweep(path, "grid.toml", &["--out", &out("killed"), "--json"]);
    assert!(resumed.status.success(), "{}", said(&resumed));
    assert!(said(&resumed).contains("continuing with "), "{}", said(&resumed));
    let calm = sweep(path, "grid.toml", &["--out", &out("calm"), "--threads", "1", "--json"]);
    assert!(calm.status.success(), "{}", said(&calm));
    assert_eq!(rows("killed"), rows("calm"));
    assert!(rows("calm").len() == 24 && before < 24, "{before}");

    let [first, second] = [&resumed, &calm].map(|output| serde_json::from_slice::<Value>(&output.stdout).unwrap());
    assert_eq!((&first["best"], &first["sweep"], &first["trials"]), (&second["best"], &second["sweep"], &24.into()));
    // Equal jobs are one trial, however often they ran.
    assert_eq!(second["verdict"]["trials_ever"], 24);
    let warnings = second["verdict"]["warnings"].to_string();
    assert!(warnings.contains(" event groups, and 30 are the least"), "{warnings}");
    assert!(rows("calm").iter().any(|row| !row.contains("\"fills\":0,")), "the strategy trades");
    let report = std::fs::read_to_string(path.join("calm/report.html")).unwrap();
    assert!(report.contains("<caption>quote_dollars (down) and width_ticks (across)</caption>"), "{report}");
    assert!(std::fs::read(path.join("calm/trials.parquet")).unwrap().starts_with(b"PAR1"));

    // A second sweep on the same tape knows the first one's trials.
    let other = file(&built.join("quoter.wasm"), "method = 'tpe'\ntrials = 6\nround = 3\nseed = 9") + GRID;
    std::fs::write(path.join("tpe.toml"), other).unwrap();
    let third = sweep(path, "tpe.toml", &["--json"]);
    assert!(third.status.success(), "{}", said(&third));
    let third: Value = serde_json::from_slice(&third.stdout).unwrap();
    let ever = third["verdict"]["trials_ever"].as_u64().unwrap();
    assert!(ever > 24 && ever <= 30, "{third}");
    assert!(std::path::Path::new(third["folder"].as_str().unwrap()).starts_with(path.join("data/sweeps")));
}

#[test]
fn wrong_files_are_named_with_key_and_value() {
    let Some(built) = strategies("wrong sweep files") else { return };
    let folder = Folder::new("sweep-wrong");
    let path = folder.0.as_path();
    std::fs::write(path.join("game.csv"), recording(5)).unwrap();
    let mut import = program();
    import.args(["tape", "import", "--out"]).arg(path.join("game.tape")).arg(path.join("game.csv"));
    assert!(import.output().unwrap().status.success());
    let quoter = built.join("quoter.wasm");
    for (text, expected) in [
        (file(&quoter, "method = 'gird'") + GRID, "wrong.toml: method is \"gird\", expected grid, random or tpe"),
        (
            file(&quoter, "") + "[parameters]\nmargn = [1]",
            "wrong.toml: parameters: unknown parameter `margn`; expected one of: ",
        ),
        (
            file(&quoter, "") + "[parameters]\nquote_dollars = [1]",
            "wrong.toml: parameters: `quote_dollars` is 1, expected minimum 2",
        ),
        (file(&quoter, "") + "[base.limits]\nmax_markt_usd = 5\n" + GRID, "max_markt_usd"),
        (file(&path.join("none.wasm"), "") + GRID, "none.wasm"),
        (file(&quoter, "").replace("game.tape", "none.tape") + GRID, "none.tape"),
        (
            file(&quoter, "").replace("'0'", "'dear'") + GRID,
            "wrong.toml: base: fees is \"dear\", expected recorded, a rate",
        ),
    ] {
        std::fs::write(path.join("wrong.toml"), &text).unwrap();
        let output = sweep(path, "wrong.toml", &[]);
        assert!(!output.status.success() && said(&output).contains(expected), "{text}: {}", said(&output));
    }
}
