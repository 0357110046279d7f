//! Strategies that take all they may, beside a quoter that notices nothing. `cargo xtask crowd` runs it for five minutes on a release build
//! and holds it to its budgets; in the gate it is short, and the machine may be busy.

use crate::crash::replay_all;
use crate::guest::{Pace, pacing, storming};
use crate::process::{Api, Exchange, Folder, Run, strategies};
use crate::proxy::Proxy;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(120);
/// How many stay just under each limit: of intents, of refusals, of log lines and their bytes.
const MODEST: usize = 16;
/// What the waits of market events may rise by, and how soon an emergency stop reaches the venue, where it is measured.
const RISE_MICROS: u64 = 10_000;
const STOP_WITHIN: Duration = Duration::from_millis(50);

/// Each half second: 180 refusals, 480 intents and 90 lines of 600 bytes a second, at the most.
const UNDER_EACH_LIMIT: Pace = Pace { places: 90, cancels: 0, timers: 150, lines: 45, every: 500_000 };
const CANCELS: u32 = 95;
const ONLY_CANCELS: Pace = Pace { places: 0, cancels: CANCELS, timers: 1, lines: 0, every: 500_000 };

/// Seconds of the crowd, and whether its budgets are held; a part of it is without the crowd, for comparison.
fn measured() -> (u64, bool) {
    match std::env::var("POLYTRADER_CROWD_SECONDS") {
        Ok(seconds) => (seconds.parse().unwrap(), true),
        Err(_) => (15, false),
    }
}

fn strategy(api: &Api, name: &str) -> Value {
    let all = api.get("/v1/strategies");
    all.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {all}")).clone()
}

/// Reads the worst wait of market events each second, and returns what 999 of 1,000 were not above.
fn waits(api: &Api, seconds: u64, mut meanwhile: impl FnMut()) -> u64 {
    let mut worst = Vec::new();
    for _ in 0..seconds {
        std::thread::sleep(Duration::from_secs(1));
        meanwhile();
        let health = api.get("/health/detailed");
        assert_eq!(health["rows_lost"], 0, "{health}");
        worst.push(health["event_wait"]["worst_micros"].as_u64().unwrap());
    }
    worst.sort_unstable();
    let at = (worst.len() * 999).div_ceil(1_000).saturating_sub(1);
    worst[at]
}

#[test]
fn a_crowd_that_takes_all_it_may_delays_neither_a_quoter_nor_an_emergency_stop() {
    let Some(built) = strategies("a crowd beside a quoter") else { return };
    let (seconds, is_measured) = measured();
    let folder = Folder::new("crowd");
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    [&data, &dropped].into_iter().for_each(|dir| std::fs::create_dir_all(dir).unwrap());
    std::fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    let exchange = Exchange::start(&folder.0.join("exchange"), 31);
    let proxy = Proxy::start(&exchange.address);
    let mut run = Run::start(&data, &dropped, &["--exchange", &proxy.address]);
    let api = Api::new(&data, &run.addresses());
    let some = |all: &Value| all.as_array().is_some_and(|all| !all.is_empty());
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    let alone = waits(&api, (seconds / 5).max(3), || {});
    let modest: Vec<String> = (0..MODEST).map(|number| format!("modest-{number}")).collect();
    let put = |name: &str, module: &[u8]| std::fs::write(dropped.join(format!("{name}.wasm")), module).unwrap();
    modest.iter().for_each(|name| put(name, &pacing(&UNDER_EACH_LIMIT).core()));
    put("cancels", &pacing(&ONLY_CANCELS).core());
    put("storm", &storming().core());
    let up = |all: &Value| {
        let began = |one: &&Value| one["intents"].as_u64().unwrap() > 0;
        all.as_array().unwrap().iter().filter(began).count() == MODEST + 3
    };
    api.wait_for("/v1/strategies", SOON, up);
    let before = strategy(&api, "quoter");
    let beside = waits(&api, seconds, || {
        // It ends each time, and somebody enables it.
        if strategy(&api, "storm")["state"] == "quarantined" {
            api.post_json("/v1/strategies/storm/enable", &json!({}));
        }
    });
    let quoter = strategy(&api, "quoter");
    assert_eq!(quoter["state"], "running", "{quoter}");
    assert!(quoter["events"].as_u64() > before["events"].as_u64(), "{before} {quoter}");
    for name in modest.iter().map(String::as_str).chain(["cancels"]) {
        let one = strategy(&api, name);
        assert_eq!(
            (&one["state"], &one["instance"], &one["log_lines_lost"]),
            (&json!("running"), &json!(1), &json!(0)),
            "{one}"
        );
    }
    let modest_intents = strategy(&api, "modest-0")["intents"].as_u64().unwrap() / seconds;
    let stop = stop(&api, &proxy);
    eprintln!("event_wait: {alone} us alone, {beside} us beside the crowd with {modest_intents} intents a second each");
    if is_measured {
        assert!(
            beside <= alone + RISE_MICROS,
            "market events waited {alone} us alone, and {beside} us beside the crowd"
        );
        assert!(stop <= STOP_WITHIN, "an emergency stop was at the venue after {stop:?}");
    }
    every_cancel_was_judged(&api);
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(
        (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]),
        (&json!(0), &json!(true)),
        "{outcome}"
    );
    // Run again, each hears its fills as the engine booked them, and wants the same.
    assert!(replay_all(&data) > 0);
}

/// Stops and returns after how long the stop was at the venue; then waits until the venue itself has nothing open.
fn stop(api: &Api, proxy: &Proxy) -> Duration {
    let (asked, from) = (Instant::now(), proxy.seen().len());
    let (stopped, at_venue) = std::thread::scope(|scope| {
        let at_venue = scope.spawn(|| {
            proxy.wait_for(from, "DELETE /cancel-all");
            asked.elapsed()
        });
        let stopped = api.post_json("/v1/admin/emergency-stop", &json!({"reason": "crowd"}));
        (stopped, at_venue.join().unwrap())
    });
    let answered = asked.elapsed();
    api.wait_for("/v1/trading/venue-orders", SOON, |orders| orders == &json!([]));
    let empty = asked.elapsed();
    eprintln!(
        "emergency stop: at the venue after {at_venue:?}, answered after {answered:?}, the venue empty after {empty:?}: {stopped}"
    );
    at_venue
}

/// Each answer of the one that only cancels has one timer, and each of its cancels is refused alone, as there is no such order.
fn every_cancel_was_judged(api: &Api) {
    let whole = |all: &Value| {
        let one = all.as_array().unwrap().iter().find(|one| one["name"] == "cancels").unwrap();
        let (intents, refusals) = (one["intents"].as_u64().unwrap(), one["refusals"].as_u64().unwrap());
        let answers = intents / u64::from(CANCELS + 1);
        refusals == answers * u64::from(CANCELS) && intents == answers * u64::from(CANCELS + 1) && answers > 10
    };
    api.wait_for("/v1/strategies", SOON, whole);
}
