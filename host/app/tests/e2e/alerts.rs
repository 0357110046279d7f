//! Alerts of a demo, sent to a real server: problems are reported within seconds, and the webhook's address is never
//! revealed.

use crate::guest::Guest;
use crate::process::{Api, Folder, Run, program, strategies};
use axum::Json;
use axum::http::StatusCode;
use axum::routing::post;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const WEBHOOK: &str = "POLYTRADER_ALERTS_WEBHOOK";
const SECRET: &str = "T0-very-secret";
const SOON: Duration = Duration::from_secs(60);
/// Maximum delay of an alert.
const PROMISED: Duration = Duration::from_secs(5);

/// A server that receives alerts, with their times of receipt.
struct Server {
    url: String,
    got: Arc<Mutex<Vec<(Instant, Value)>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let got: Arc<Mutex<Vec<(Instant, Value)>>> = Arc::default();
        let kept = Arc::clone(&got);
        let take = move |Json(body): Json<Value>| {
            kept.lock().unwrap().push((Instant::now(), body));
            async { StatusCode::NO_CONTENT }
        };
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}/services/{SECRET}", listener.local_addr().unwrap());
        let router = axum::Router::new().route(&format!("/services/{SECRET}"), post(take));
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, got, _runtime: runtime }
    }

    /// Waits for an alert of this kind and strategy, and returns it with its time of receipt.
    #[track_caller]
    fn wait(&self, kind: &str, strategy: &str) -> (Instant, Value) {
        let started = Instant::now();
        loop {
            let got = self.got.lock().unwrap().clone();
            if let Some(found) = got.iter().find(|(_, body)| body["kind"] == kind && body["strategy"] == strategy) {
                return found.clone();
            }
            assert!(started.elapsed() < SOON, "no {kind} about `{strategy}` in {got:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Installs a file by renaming it into place, and returns the time.
fn dropped(folder: &Path, name: &str, bytes: &[u8]) -> Instant {
    let path = folder.join(name).with_extension("part");
    std::fs::write(&path, bytes).unwrap();
    std::fs::rename(&path, path.with_extension("wasm")).unwrap();
    Instant::now()
}

#[test]
fn problems_are_reported_within_seconds_and_the_address_stays_secret() {
    let Some(built) = strategies("alerts of a demo") else { return };
    let folder = Folder::new("alerts");
    let files = folder.0.join("dropped");
    std::fs::create_dir_all(&files).unwrap();
    std::fs::copy(built.join("quoter.wasm"), files.join("quoter.wasm")).unwrap();
    let server = Server::start();
    let mut run = Run::start_in(&[(WEBHOOK, &server.url)], "demo", &folder.0, &files, &["--seed", "13"]);
    let api = Api::new(&folder.0, &run.addresses());
    let runs =
        |all: &Value| all.as_array().unwrap().iter().any(|one| one["name"] == "quoter" && one["state"] == "running");
    api.wait_for("/v1/strategies", SOON, runs);

    // A version that does not load: the previous one keeps running.
    let clock = wat::parse_str("(component (import \"now\" (func (result u64))))").unwrap();
    let at = dropped(&files, "quoter", &clock);
    let (came, alert) = server.wait("version_refused", "quoter");
    assert!(came.duration_since(at) < PROMISED, "{:?}", came.duration_since(at));
    let detail = alert["detail"].as_str().unwrap();
    assert!(detail.contains("imports `now`") && detail.ends_with("the previous version keeps running"), "{detail}");
    assert_eq!((&alert["severity"], &alert["text"]), (&json!("warning"), &alert["content"]));
    assert!(runs(&api.get("/v1/strategies")));

    // A strategy that crashes on every event: each failure sends an alert, and the last one a different one.
    let at = dropped(&files, "mad", &Guest { on_events: "unreachable".into(), ..Guest::default() }.core());
    let (came, alert) = server.wait("strategy_quarantined", "mad");
    assert!(came.duration_since(at) < PROMISED, "{:?}", came.duration_since(at));
    assert!(alert["severity"] == "critical" && alert["detail"].as_str().unwrap().contains("it crashed"), "{alert}");
    server.wait("strategy_restarted", "mad");
    server.wait("breaker_tripped", "mad");

    let at = Instant::now();
    api.post_json("/v1/admin/emergency-stop", &json!({ "reason": "a drill" }));
    let (came, alert) = server.wait("emergency_stop", "");
    assert!(came.duration_since(at) < PROMISED, "{:?}", came.duration_since(at));
    assert_eq!(
        (&alert["severity"], &alert["detail"], &alert["bot"]),
        (&json!("critical"), &json!("emergency stop"), &json!("polytrader demo"))
    );

    let figures =
        api.wait_for("/health/detailed", SOON, |health| health["alerts"]["sent"].as_u64() >= Some(4))["alerts"].clone();
    assert_eq!((&figures["configured"], &figures["failed"], &figures["dropped"]), (&json!(true), &json!(0), &json!(0)));
    let shown = api.get("/v1/config")["alerts.webhook"]["value"].clone();
    assert!(shown.as_str().unwrap().ends_with("/***"), "{shown}");
    run.signal(Signal::INT);
    run.finish();
    for name in ["stdout.log", "stderr.log", "run.json"] {
        let printed = std::fs::read_to_string(folder.0.join(name)).unwrap_or_default();
        assert!(!printed.contains(SECRET), "{name} contains the secret");
    }
}

#[test]
fn a_test_alert_is_sent_and_the_response_is_printed() {
    let folder = Folder::new("alert-test");
    let tried = |url: &str, more: &[&str]| {
        let mut command = program();
        command.env(WEBHOOK, url).args(["alert", "test", "--json", "--data-dir"]).arg(&folder.0).args(more);
        let output = command.output().unwrap();
        let printed = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), printed(&output.stdout), printed(&output.stderr))
    };
    let server = Server::start();
    let (good, printed, errors) = tried(&server.url, &[]);
    let printed: Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}{errors}"));
    assert!(good && printed["status"] == 204 && printed["webhook"].as_str().unwrap().ends_with("/***"), "{printed}");
    assert_eq!(server.wait("test", "").1["severity"], "info");
    // A different path of the same server, and a server that does not exist.
    for (url, words) in [(format!("{}-not", server.url), "404"), (format!("http://127.0.0.1:1/{SECRET}"), "refused")] {
        let (good, _, errors) = tried(&url, &[]);
        assert!(!good && errors.contains(words) && !errors.contains(SECRET), "{errors}");
    }
    let (good, _, errors) = tried("", &[]);
    assert!(!good && errors.contains("alerts.webhook is not set"), "{errors}");
    let (good, _, errors) = tried(&format!("http://example.com/{SECRET}"), &[]);
    assert!(!good && errors.contains("on this machine") && !errors.contains(SECRET), "{errors}");
    let (good, _, errors) = tried("", &["--set", &format!("alerts.webhook=https://example.com/{SECRET}")]);
    assert!(!good && errors.contains("visible to all users") && !errors.contains(SECRET), "{errors}");
    std::fs::write(folder.0.join("polytrader.toml"), format!("alerts.webhook = \"https://example.com/{SECRET}\nx"))
        .unwrap();
    let (good, _, errors) = tried("", &[]);
    assert!(!good && errors.contains("polytrader.toml") && !errors.contains(SECRET), "{errors}");
}
