//! Strategies that use all their limits, beside a quoter that must not be affected. `cargo xtask crowd` runs this for
//! five minutes on a release build and enforces the budgets; in the gate it is short, and the machine may be busy.

use crate::crash::replay_all;
use crate::guest::{Pace, pacing, storming};
use crate::process::{Api, Exchange, Folder, Run, strategies};
use crate::proxy::Proxy;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(120);
/// Number of strategies that stay just under each limit: intents, refusals, log lines and their bytes.
const MODEST: usize = 16;
/// Maximum increase of market event waits, and maximum delay of an emergency stop at the venue, in the measured run.
const RISE_MICROS: u64 = 10_000;
const STOP_WITHIN: Duration = Duration::from_millis(50);

/// Every half second; at most 180 refusals, 480 intents and 90 lines of 600 bytes per second.
const UNDER_EACH_LIMIT: Pace = Pace { places: 90, cancels: 0, timers: 150, lines: 45, every: 500_000 };
const CANCELS: u32 = 95;
const ONLY_CANCELS: Pace = Pace { places: 0, cancels: CANCELS, timers: 1, lines: 0, every: 500_000 };

/// Returns the seconds with the crowd, and true if its budgets are enforced. A part of the time is without the crowd,
/// for comparison.
fn measured() -> (u64, bool) {
    match std::env::var("CROWD_SECONDS") {
        Ok(seconds) => (seconds.parse().unwrap(), true),
        Err(_) => (15, false),
    }
}

fn strategy(api: &Api, name: &str) -> Value {
    let all = api.get("/v1/strategies");
    all.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {all}")).clone()
}

/// Samples the worst market event wait every second, and returns the 99.9th percentile.
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
        // It is quarantined each time, and enabled again.
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
    eprintln!(
        "event_wait: {alone} us alone, {beside} us beside the crowd with {modest_intents} intents per second each"
    );
    if is_measured {
        assert!(
            beside <= alone + RISE_MICROS,
            "market events waited {alone} us alone, but {beside} us beside the crowd"
        );
        assert!(stop <= STOP_WITHIN, "an emergency stop reached the venue after {stop:?}");
    }
    every_cancel_was_judged(&api);
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(
        (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]),
        (&json!(0), &json!(true)),
        "{outcome}"
    );
    // In the replay, each strategy receives its fills as the engine booked them, and makes the same decisions.
    assert!(replay_all(&data) > 0);
}

/// Triggers an emergency stop and returns its delay at the venue; then waits until the venue has no open orders.
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
        "emergency stop: at the venue after {at_venue:?}, response after {answered:?}, no open orders after \
         {empty:?}: {stopped}"
    );
    at_venue
}

/// Checks that every cancel was judged: each answer of the cancelling strategy sets one timer, and each of its cancels
/// is refused separately, because the order does not exist.
fn every_cancel_was_judged(api: &Api) {
    let whole = |all: &Value| {
        let one = all.as_array().unwrap().iter().find(|one| one["name"] == "cancels").unwrap();
        let (intents, refusals) = (one["intents"].as_u64().unwrap(), one["refusals"].as_u64().unwrap());
        let answers = intents / u64::from(CANCELS + 1);
        refusals == answers * u64::from(CANCELS) && intents == answers * u64::from(CANCELS + 1) && answers > 10
    };
    api.wait_for("/v1/strategies", SOON, whole);
}
