//! Two engines on one account: rejected on one machine, and detected through the venue otherwise.

use crate::person::Person;
use crate::process::{Api, Exchange, Folder, Run, kill, program, strategies};
use polymarket::client::HeartbeatError;
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(60);
const WAITS: &str = "checking whether they continue";

fn some(value: &Value) -> bool {
    value.as_array().is_some_and(|list| !list.is_empty())
}

/// Returns the error of a run on the same account, which must end by itself.
fn refused(data: &Path, exchange: &Exchange, environment: &[(&str, &Path)]) -> String {
    let mut command = program();
    command.envs(environment.iter().copied());
    command.args(["run", "--mode", "demo", "--adopt", "--api-port", "0", "--dashboard-port", "0", "--for", "5s"]);
    let output = command.args(["--exchange", &exchange.address]).arg("--data-dir").arg(data).output().unwrap();
    assert!(!output.status.success(), "two engines are running on one account");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_engine_on_this_machine_is_refused_and_learns_of_the_first() {
    let Some(strategies) = strategies("two engines on one machine") else { return };
    let folder = Folder::new("two-engines");
    let exchange = Exchange::start(&folder.0.join("exchange"), 51);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let mut run = Run::start(&data, &strategies, &["--exchange", &exchange.address]);
    run.addresses();
    let [second, runtime, temporary] = ["second", "runtime", "temporary"].map(|name| folder.0.join(name));
    for dir in [&second, &runtime, &temporary] {
        std::fs::create_dir_all(dir).unwrap();
    }
    std::fs::copy(data.join("demo.key"), second.join("demo.key")).unwrap();
    let refusal = refused(&second, &exchange, &[("XDG_RUNTIME_DIR", &runtime), ("TMPDIR", &temporary)]);
    let first = format!("process {} ", run.pid());
    assert!(refusal.contains("another run trades on the account") && refusal.contains(&first), "{refusal}");
    assert!(refusal.contains(data.to_str().unwrap()), "{refusal}");
    run.signal(Signal::TERM);
    run.finish();
}

/// Sends a heartbeat of the account, as another engine would.
async fn beat(person: &Person, id: &mut String) {
    match person.client.heartbeat(id).await {
        Ok(next) => *id = next,
        Err(HeartbeatError::WrongId { expected }) => *id = person.client.heartbeat(&expected).await.unwrap(),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn an_engine_out_of_sight_is_found_at_the_venue() {
    let Some(strategies) = strategies("an engine on another machine") else { return };
    let folder = Folder::new("engine-elsewhere");
    let exchange = Exchange::start(&folder.0.join("exchange"), 52);
    let data = folder.0.join("host");
    std::fs::create_dir_all(&data).unwrap();
    let more = ["--exchange", &exchange.address];
    let log = || std::fs::read_to_string(data.join("stderr.log")).unwrap();
    let mut killed = Run::start(&data, &strategies, &more);
    let addresses = killed.addresses();
    Api::new(&data, &addresses).wait_for("/v1/trading/venue-orders", SOON, some);
    kill(&addresses);
    killed.fail();
    // A session after a kill is not blocked or delayed by its own last heartbeat.
    let mut run = Run::start(&data, &strategies, &more);
    let api = Api::new(&data, &run.addresses());
    assert!(!log().contains(WAITS), "{}", log());
    api.wait_for("/v1/trading/venue-orders", SOON, some);
    // During trading, one heartbeat of another engine ends the session.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let person = runtime.block_on(Person::new(&data, &exchange.address));
    let mut id = String::new();
    runtime.block_on(beat(&person, &mut id));
    api.wait_for("/v1/admin/bot/state", SOON, |bot| bot["state"] == "STOPPED");
    api.wait_for("/v1/trading/venue-orders", SOON, |orders| !some(orders));
    run.signal(Signal::TERM);
    run.finish();
    // At startup, heartbeats of another engine continue.
    let other = async {
        loop {
            beat(&person, &mut id).await;
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    };
    let started = Instant::now();
    let refused = std::thread::scope(|scope| {
        let refused = scope.spawn(|| refused(&data, &exchange, &[]));
        runtime.block_on(async {
            tokio::pin!(other);
            while !refused.is_finished() {
                assert!(started.elapsed() < SOON, "the start neither failed nor ended");
                let _beating = tokio::time::timeout(Duration::from_millis(200), &mut other).await;
            }
        });
        refused.join().unwrap()
    });
    assert!(refused.contains("another engine sends heartbeats for the account"), "{refused}");
}
