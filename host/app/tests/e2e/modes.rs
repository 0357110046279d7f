//! Demo and live mode sharing a data directory: operators' decisions in the demo do not apply in live mode.

use crate::live::{KEY, keys, passphrase};
use crate::process::{Api, Exchange, Folder, Run, strategies};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_demos_limits_arming_and_token_do_not_hold_in_live() {
    let Some(built) = strategies("a demo and live in one folder") else { return };
    let folder = Folder::new("modes");
    let exchange = Exchange::start(&folder.0.join("exchange"), 31);
    let (data, dropped) = (folder.0.join("host"), folder.0.join("dropped"));
    std::fs::create_dir_all(&data).unwrap();
    std::fs::create_dir_all(&dropped).unwrap();
    std::fs::copy(built.join("quoter.wasm"), dropped.join("quoter.wasm")).unwrap();
    std::fs::write(data.join("polytrader.toml"), "[live]\nenabled = true\n").unwrap();
    let secret = passphrase(&folder.0, "correct horse battery");
    assert!(keys("import", &data, &secret, KEY).0);
    let quoter = |api: &Api, wanted: &dyn Fn(&Value) -> bool| {
        let of = |all: &Value| all.as_array().unwrap().iter().find(|one| one["name"] == "quoter").cloned();
        of(&api.wait_for("/v1/strategies", SOON, |all| of(all).is_some_and(|one| wanted(&one)))).unwrap()
    };
    let limit = |api: &Api| api.get("/v1/config/")["max_order_usd"]["value"].clone();

    let mut run = Run::start_as("demo", &data, &dropped, &["--exchange", &exchange.address]);
    let in_demo = Api::new(&data, &run.addresses());
    quoter(&in_demo, &|one| one["state"] == "running");
    let body = json!({ "value": "399", "user": "a test" }).to_string().into_bytes();
    assert_eq!(in_demo.put("/v1/config/max_order_usd", body).0, 200);
    in_demo.post_json("/v1/strategies/quoter/arm", &json!({ "reason": "a test" }));
    run.signal(Signal::INT);
    run.finish();

    let more = ["--exchange", &exchange.address, "--passphrase-file", secret.to_str().unwrap()];
    let token = std::fs::read_to_string(data.join("admin.token")).unwrap();
    let mut run = Run::start_as("live", &data, &dropped, &more);
    let in_live = Api::new(&data, &run.addresses());
    let waits = quoter(&in_live, &|one| one["state"] == "unarmed");
    let why = "waits to be armed; it was armed in demo mode, which does not count here";
    assert!(waits["error"].as_str().unwrap().contains(why), "{waits}");
    assert_ne!(limit(&in_live), "399");
    std::fs::write(data.join("admin.token"), &token).unwrap();
    let stranger = Api::new(&data, &run.addresses());
    assert_eq!(stranger.refused("/v1/strategies/quoter/arm", &json!({ "reason": "a test" })).0, 401);
    run.signal(Signal::INT);
    run.finish();
    let log = std::fs::read_to_string(data.join("stderr.log")).unwrap();
    assert!(log.contains("setting belongs to another mode or account; ignored"), "{log}");

    // Back in the demo, all of them apply.
    let mut run = Run::start_as("demo", &data, &dropped, &["--exchange", &exchange.address]);
    let in_demo = Api::new(&data, &run.addresses());
    assert_eq!(limit(&in_demo), "399");
    run.signal(Signal::INT);
    run.finish();
}
