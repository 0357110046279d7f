//! Failures of the venue while the host trades, and of the host while the venue has its orders.

use crate::person::Person;
use crate::process::{Api, Exchange, Folder, Run, hang, kill, strategies};
use crate::proxy::Proxy;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);

fn some(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty())
}

/// Sends a request to the exchange.
pub(crate) fn request(exchange: &Exchange, method: reqwest::Method, path: &str, body: &str) -> Value {
    // Another test may have installed it already.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let url = format!("{}{path}", exchange.address);
        let response = reqwest::Client::new().request(method, url).body(body.to_owned()).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path} {body}");
        response.json().await.unwrap()
    })
}

/// Sets the faults that the exchange injects.
pub(crate) fn faults(exchange: &Exchange, faults: &Value) {
    request(exchange, reqwest::Method::PUT, "/exchange/faults", &faults.to_string());
}

#[test]
fn the_ledger_is_right_whatever_the_venue_does() {
    let Some(strategies) = strategies("a venue that fails") else { return };
    let folder = Folder::new("faults");
    let exchange = Exchange::start(&folder.0.join("exchange"), 12);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    api.wait_for("/v1/trading/trades", SOON, some);
    // Responses are lost and settlements fail; the host must find out the actual state.
    faults(&exchange, &json!({ "lose_answers": 2, "fail_settlements": 2, "break_requests": 1, "delay_ms": 20 }));
    let failed = |trades: &Value| trades.as_array().unwrap().iter().any(|trade| trade["settlement"] == "failed");
    api.wait_for("/v1/trading/trades", SOON, failed);
    // A row in each list cannot be parsed; the others are used, and skipped rows are reported.
    faults(&exchange, &json!({ "spoil_rows": 1_000 }));
    let named = |health: &Value| health["left_out"].as_array().is_some_and(|named| !named.is_empty());
    // The host reads the lists now and then; while its requests break, it waits longer.
    api.wait_for("/health/detailed", SOON.saturating_mul(3), named);
    faults(&exchange, &json!({}));
    // The engine restarts, and accepts only post-only orders for a moment.
    faults(&exchange, &json!({ "mode": "restarting" }));
    std::thread::sleep(Duration::from_secs(3));
    faults(&exchange, &json!({ "mode": "post_only" }));
    std::thread::sleep(Duration::from_secs(3));
    faults(&exchange, &json!({}));
    // The market channel freezes while its PONGs continue, and recovers.
    faults(&exchange, &json!({ "frozen": true }));
    std::thread::sleep(Duration::from_secs(3));
    faults(&exchange, &json!({}));
    // A page of a hundred may be full already.
    let trades = "/v1/trading/trades?limit=500";
    let more_trades = || {
        let traded = api.get(trades).as_array().unwrap().len();
        api.wait_for(trades, SOON, |trades| trades.as_array().unwrap().len() > traded);
    };
    more_trades();
    // From now on orders must be signed for Exchange V3: the first one is rejected, and the following ones are right.
    faults(&exchange, &json!({ "version_3": true }));
    std::thread::sleep(Duration::from_secs(2));
    more_trades();
    let tripped = api.get("/health/detailed");
    run.signal(rustix::process::Signal::INT);
    let outcome = run.finish();
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}; {tripped}");
}

#[test]
fn a_refused_read_holds_up_no_cancel() {
    let Some(strategies) = strategies("a refused read") else { return };
    let folder = Folder::new("refused_read");
    let exchange = Exchange::start(&folder.0.join("exchange"), 31);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let person = runtime.block_on(Person::new(&data, &exchange.address));
    let open = || runtime.block_on(person.client.open_orders()).unwrap().len();
    // A strategy that is loaded later would not be among those that are disabled.
    api.wait_for("/v1/strategies", SOON, |all| {
        all.as_array().is_some_and(|all| all.len() == 4 && all.iter().all(|one| one["state"] == "running"))
    });
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    // An operator's query gets a 429 that asks for a minute's wait.
    faults(&exchange, &json!({ "refuse_reads": 1_000, "still": true }));
    assert_eq!(api.status("/v1/trading/venue-orders"), 502);
    faults(&exchange, &json!({ "still": true }));
    assert!(open() > 0, "there is nothing to cancel");
    let asked = Instant::now();
    for strategy in api.get("/v1/strategies").as_array().unwrap() {
        let name = strategy["name"].as_str().unwrap();
        api.post_json(&format!("/v1/strategies/{name}/disable"), &json!({ "reason": "a test" }));
    }
    while open() > 0 {
        assert!(
            asked.elapsed() < Duration::from_secs(5),
            "orders are still open 5 s after the strategies were disabled"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    // A clean shutdown would query the venue, which is blocked for a minute if a read of the host was refused too.
    drop(run);
}

#[test]
fn no_order_leaves_after_an_emergency_stop() {
    let Some(strategies) = strategies("a stop with orders on their way") else { return };
    let folder = Folder::new("stop_on_the_way");
    let exchange = Exchange::start(&folder.0.join("exchange"), 32);
    let proxy = Proxy::start(&exchange.address);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &proxy.address]);
    let api = Api::new(&data, &run.addresses());
    api.wait_for("/v1/trading/trades", SOON, some);
    // Responses are slow, so each placement needs its own connection, and some wait for one.
    faults(&exchange, &json!({ "delay_ms": 2_000 }));
    proxy.wait_for(proxy.seen().len(), "POST /order");
    std::thread::sleep(Duration::from_millis(100));
    let before = proxy.seen().len();
    api.post_json("/v1/admin/emergency-stop", &json!({ "reason": "a test" }));
    let stop = proxy.wait_for(before, "DELETE /cancel-all");
    // Longer than a connection may take.
    std::thread::sleep(Duration::from_secs(4));
    let late: Vec<String> =
        proxy.seen().into_iter().skip(stop).filter(|seen| seen.starts_with("POST /order")).collect();
    assert!(late.is_empty(), "orders left after the stop: {late:?}");
    faults(&exchange, &json!({}));
    // Each order on its way has an outcome, so none is open or unknown.
    api.wait_for("/v1/trading/orders", SOON, |orders| orders == &json!([]));
    run.signal(rustix::process::Signal::INT);
    run.finish();
}

#[test]
fn a_host_and_a_signer_that_die_have_their_orders_cancelled_by_the_venue() {
    let Some(strategies) = strategies("the dead man's switch") else { return };
    let folder = Folder::new("silence");
    let exchange = Exchange::start(&folder.0.join("exchange"), 13);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let addresses = run.addresses();
    let api = Api::new(&data, &addresses);
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    // Longer than one heartbeat lasts: the orders stay open because heartbeats continue.
    std::thread::sleep(Duration::from_secs(17));
    assert!(some(&api.get("/v1/trading/venue-orders")));
    assert_eq!(api.get("/v1/admin/bot/state")["restriction"], "none");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let person = runtime.block_on(Person::new(&data, &exchange.address));
    // Both at once: the host must not notice that the signer has ended.
    hang(&addresses);
    run.signal(rustix::process::Signal::KILL);
    kill(&addresses);
    run.fail();
    let open = || runtime.block_on(person.client.open_orders()).unwrap().len();
    assert!(open() > 0, "a dead host cancels nothing by itself");
    let killed = Instant::now();
    while open() > 0 {
        // The venue's rule: 10 s after the last heartbeat, checked every 5 s.
        assert!(killed.elapsed() < Duration::from_secs(20), "orders of a dead host are still open after 20 s");
        std::thread::sleep(Duration::from_millis(200));
    }
    eprintln!(
        "both processes killed; the account's orders were cancelled after {:.1} s",
        killed.elapsed().as_secs_f64()
    );
}

/// Resolves the market of a position that the host holds. Whichever token the strategy owns more of by then, one of the
/// two pays. Returns the market's slug.
fn end_a_market(exchange: &Exchange, api: &Api, redeem: bool) -> String {
    let owned = |positions: &Value| {
        let rows = positions.as_array().into_iter().flatten();
        rows.filter(|row| row["size_micros"].as_u64() > Some(0)).cloned().collect::<Vec<_>>()
    };
    api.wait_for("/v1/positions", SOON, |positions| !owned(positions).is_empty());
    let position = owned(&api.get("/v1/positions")).remove(0);
    let slug = position["market"].as_str().unwrap();
    let market = request(exchange, reqwest::Method::GET, &format!("/gamma/markets/slug/{slug}"), "");
    let outcomes: Vec<String> = serde_json::from_str(market["outcomes"].as_str().unwrap()).unwrap();
    let pays = if position["outcome"] == outcomes[0].as_str() { "1" } else { "0" };
    let end = json!({ "condition": market["conditionId"], "pays": pays, "redeem": redeem });
    request(exchange, reqwest::Method::POST, "/exchange/resolve", &end.to_string());
    slug.to_owned()
}

#[test]
fn a_market_that_ends_leaves_a_claim_and_a_right_ledger() {
    let Some(strategies) = strategies("a market that ends") else { return };
    let folder = Folder::new("resolved");
    let exchange = Exchange::start(&folder.0.join("exchange"), 14);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    let slug = end_a_market(&exchange, &api, false);
    let redeem = |claims: &Value| {
        claims.as_array().unwrap().iter().any(|claim| claim["kind"] == "redeem" && claim["market"] == slug.as_str())
    };
    api.wait_for("/v1/positions/claims", SOON, redeem);
    run.signal(rustix::process::Signal::INT);
    let outcome = run.finish();
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}");
}

#[test]
fn what_the_venue_redeems_is_booked_once_although_account_and_records_tell_it() {
    let Some(strategies) = strategies("the venue's records") else { return };
    let folder = Folder::new("redeemed");
    let exchange = Exchange::start(&folder.0.join("exchange"), 15);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let read_after = |api: &Api, at_ms: u64| {
        let read = |health: &Value| health["records"]["read_at_ms"].as_u64() > Some(at_ms);
        // The Data API is read twice a minute.
        api.wait_for("/health/detailed", Duration::from_secs(90), read);
        api.get("/health/detailed")
    };
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    let slug = end_a_market(&exchange, &api, true);
    // While cash moves with every fill, no difference can be explained to the micro-dollar; on a slow machine there may
    // be no quiet moment.
    api.post("/v1/admin/bot/stop");
    let gone = |positions: &Value| positions.as_array().unwrap().iter().all(|row| row["market"] != slug.as_str());
    api.wait_for("/v1/positions", SOON, gone);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let health = read_after(&api, u64::try_from(now.as_millis()).unwrap());
    let records = &health["records"];
    assert_eq!((&records["status"], &records["elsewhere"]), (&json!("ok"), &json!(0)), "{health}");
    let none = (&json!(0), &json!(0), &json!([]));
    assert_eq!((&records["unknown_fields"], &records["unreadable"], &records["unknown_kinds"]), none, "{health}");
    // After a crash, the next session receives all activities again, recognizes them, and its ledger matches the
    // exchange.
    kill(&run.addresses());
    run.fail();
    let mut run = Run::start(&data, &strategies, &["--stopped", "--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    let health = read_after(&api, 0);
    assert_eq!((&health["records"]["waiting"], &health["tripped_breakers"]), (&json!(0), &json!([])), "{health}");
    run.signal(rustix::process::Signal::INT);
    let outcome = run.finish();
    let ends = (&outcome["open_orders_at_exit"], &outcome["ledger_matches_exchange"]);
    assert_eq!(ends, (&json!(0), &json!(true)), "{outcome}");
}
