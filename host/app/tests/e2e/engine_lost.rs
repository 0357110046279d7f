//! A lost engine: its thread dies or hangs while orders rest, at a venue that cancels nothing by itself. The host locks
//! the signer and cancels everything without the engine.

use crate::faults::faults;
use crate::person::Person;
use crate::process::{Api, Exchange, Folder, Run, strategies};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
/// Two seconds of silence, two to act, and a margin for a machine that is busy with other tests.
const EMPTY_WITHIN: Duration = Duration::from_secs(15);

fn some(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty())
}

/// Loses the engine through `fault` during a pause, and checks that the venue has no open orders.
#[track_caller]
fn lose_the_engine(fault: &str, seed: u64) {
    let Some(strategies) = strategies("a lost engine") else { return };
    let folder = Folder::new(&format!("engine-{fault}"));
    let exchange = Exchange::start(&folder.0.join("exchange"), seed);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("engine-fault"), fault).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    let api = Api::new(&data, &run.addresses());
    faults(&exchange, &json!({ "patient": true }));
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let person = runtime.block_on(Person::new(&data, &exchange.address));
    let open = || runtime.block_on(person.client.open_orders()).unwrap().len();
    let lost = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| api.poke("/v1/admin/bot/pause"));
        while open() > 0 {
            assert!(lost.elapsed() < EMPTY_WITHIN, "orders of a lost engine are still open after {EMPTY_WITHIN:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    eprintln!("engine-fault {fault}: no open orders after {} ms", lost.elapsed().as_millis());
    // The host ends by itself, and no pending order arrives in the meantime.
    run.fail();
    assert_eq!(open(), 0);
}

#[test]
fn a_panic_after_the_decision_to_cancel_leaves_nothing_open() {
    lose_the_engine("panic", 41);
}

#[test]
fn a_step_that_never_ends_leaves_nothing_open() {
    lose_the_engine("loop", 42);
}

#[test]
fn a_read_model_that_is_never_let_go_leaves_nothing_open() {
    lose_the_engine("lock", 43);
}
