//! From research to trading: a strategy is backtested on the recording of a paper session, ran on paper for long enough,
//! and is armed from that backtest; each condition that is not met is refused by its name.

use crate::live::{KEY, keys, passphrase};
use crate::process::{Api, Exchange, Folder, Run, program, strategies};
use rustix::process::Signal;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use store::db::{AccountScope, Db};

const SOON: Duration = Duration::from_secs(60);
const HOUR_MS: u64 = 3_600_000;
/// A recording of a game in 2025, whose data is too old.
const OLD: &str = "market_slug,asset_id,market_id,event_type,price,side,size,hash,timestamp\n\
    game,11,,book,0.40,bid,100,a,1750000000000\ngame,11,,book,0.45,ask,100,a,1750000000000\n\
    game,22,,book,0.55,bid,100,b,1750000000000\ngame,22,,book,0.60,ask,100,b,1750000000000\n\
    game,11,,price_change,0.41,bid,5,c,1750000001000\n";

/// Runs a backtest and returns its id.
fn backtest(data: &Path, strategy: &Path, tape: &Path) -> String {
    let mut command = program();
    command.args(["backtest", "--quick", "--json", "--fees", "0", "--strategy"]).arg(strategy).arg("--tape").arg(tape);
    let output = command.arg("--data-dir").arg(data).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    run["id"].as_str().unwrap().to_owned()
}

fn arm(data: &Path, words: &[&str]) -> (bool, String) {
    let output =
        program().args(["strategy", "arm", "quoter"]).args(words).arg("--data-dir").arg(data).output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.success(), printed)
}

#[track_caller]
fn refused(data: &Path, words: &[&str], expected: &str) {
    let (good, printed) = arm(data, words);
    assert!(!good && printed.contains(expected), "{words:?}: {printed}");
}

fn quoter(api: &Api, state: &str) -> Value {
    let of = |all: &Value| all.as_array().unwrap().iter().find(|one| one["name"] == "quoter").cloned();
    let all = api.wait_for("/v1/strategies", SOON, |all| of(all).is_some_and(|quoter| quoter["state"] == state));
    of(&all).unwrap()
}

fn tapes(data: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(data.join("tapes")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Adds time on paper, as a session that ran for so long does.
fn ran_on_paper(data: &Path, hash: &str, ran_ms: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Db::open(&format!("sqlite:{}", data.join("polytrader.sqlite").display())).await.unwrap();
        let scope = AccountScope::new("paper", "0xpaper");
        db.add_strategy_time(&scope, ("quoter", hash), ran_ms, 1).await.unwrap();
    });
}

#[test]
fn a_version_is_armed_from_a_backtest_on_recent_data_after_its_time_on_paper() {
    let Some(built) = strategies("promotion from a backtest") else { return };
    let folder = Folder::new("promotion");
    let exchange = Exchange::start(&folder.0.join("exchange"), 31);
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    std::fs::create_dir_all(&data).unwrap();
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    std::fs::write(
        data.join("polytrader.toml"),
        "[live]\nenabled = true\n[promotion]\nrequired = true\npaper_hours_min = 2\n",
    )
    .unwrap();
    let venue = ["--exchange", &exchange.address];
    Run::start_as("paper", &data, &dropped, &[&venue[..], &["--for", "6s"]].concat()).finish();
    let recorded = tapes(&data);
    let [tape] = &recorded[..] else { panic!("{recorded:?}") };
    let run = backtest(&data, &built.join("quoter.wasm"), tape);
    let other = backtest(&data, &built.join("momentum.wasm"), tape);
    std::fs::write(folder.0.join("old.csv"), OLD).unwrap();
    let old = folder.0.join("old.tape");
    let import = program().args(["tape", "import", "--out"]).arg(&old).arg(folder.0.join("old.csv")).output().unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    let old = backtest(&data, &built.join("quoter.wasm"), &old);

    let secret = passphrase(&folder.0, "correct horse battery");
    assert!(keys("import", &data, &secret, KEY).0);
    let secret = secret.to_str().unwrap();
    let more = [&venue[..], &["--passphrase-file", secret]].concat();
    let mut live = Run::start_as("live", &data, &dropped, &more);
    let api = Api::new(&data, &live.addresses());
    let hash = quoter(&api, "unarmed")["file_hash"].as_str().unwrap().to_owned();
    refused(&data, &["--capital-usd", "5"], "arming needs a backtest (promotion.required): add --from RUN");
    refused(&data, &["--from", "20200101T000000-ffffffff"], "the database has no run `20200101T000000-ffffffff`");
    refused(&data, &["--from", &other], &format!("the run {other} is of the version "));
    refused(&data, &["--from", &old], "the data of the run ends at 2025-06-15T15:06:4");
    refused(&data, &["--from", &run], "on paper, expected at least 2 h (promotion.paper_hours_min)");
    ran_on_paper(&data, &hash, 2 * HOUR_MS - 120_000);
    refused(&data, &["--from", &run], "the version ran 1 h 5");
    assert_eq!(quoter(&api, "unarmed")["armed_hash"], "");
    ran_on_paper(&data, &hash, 120_000);
    let (good, printed) = arm(&data, &["--from", &run, "--capital-usd", "5"]);
    assert!(good && printed.contains("armed with $5 of capital"), "{printed}");
    assert_eq!(quoter(&api, "running")["armed_hash"], hash.as_str());
    let audit = program().args(["audit", "list", "--data-dir"]).arg(&data).output().unwrap();
    let audit = String::from_utf8_lossy(&audit.stdout).into_owned();
    assert!(audit.contains(&format!("from the run {run} on data until ")), "{audit}");
    live.signal(Signal::INT);
    live.finish();
}
