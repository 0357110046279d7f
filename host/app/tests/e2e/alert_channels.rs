//! A demo with Telegram and a dead man's ping, against a local server: commands act on the real engine, pings arrive while
//! it is healthy, and the token is in no output.

use crate::process::{Api, Folder, Run, strategies};
use axum::extract::{Path, State};
use axum::routing::any;
use axum::{Json, Router};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

const TOKEN: &str = "123456:very-Secret_0123456789";
const SOON: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Seen {
    updates: Vec<Value>,
    sent: Vec<String>,
    polls: u32,
    pings: u32,
}

type Shared = Arc<Mutex<Seen>>;

async fn call(State(seen): State<Shared>, Path(path): Path<String>, body: axum::body::Bytes) -> Json<Value> {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let method = path.rsplit('/').next().unwrap().to_owned();
    if method == "getUpdates" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut seen = seen.lock().unwrap();
    let result = match method.as_str() {
        "ping" => {
            seen.pings += 1;
            json!("OK")
        }
        "sendMessage" => {
            seen.sent.push(body["text"].as_str().unwrap().to_owned());
            json!({})
        }
        _ => {
            assert_eq!(path, format!("bot{TOKEN}/getUpdates"));
            seen.polls += 1;
            let offset = body["offset"].as_i64().unwrap();
            seen.updates.retain(|update| update["update_id"].as_i64().unwrap() >= offset);
            Value::from(seen.updates.clone())
        }
    };
    Json(json!({ "ok": true, "result": result }))
}

fn wait(seen: &Shared, what: &str, is: impl Fn(&Seen) -> bool) {
    let started = Instant::now();
    while !is(&seen.lock().unwrap()) {
        assert!(started.elapsed() < SOON, "no {what}: {:?}", seen.lock().unwrap());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn push_message(seen: &Shared, number: i64, text: &str) {
    let date = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let message = json!({"date": date, "chat": {"id": 5}, "from": {"id": 9, "username": "ann"}, "text": text});
    seen.lock().unwrap().updates.push(json!({"update_id": number, "message": message}));
}

#[test]
fn telegram_commands_act_on_a_demo_and_pings_arrive_while_it_is_healthy() {
    let Some(built) = strategies("Telegram and a dead man's ping") else { return };
    let folder = Folder::new("alert-channels");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let seen = Shared::default();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/{*path}", any(call)).with_state(Arc::clone(&seen));
    runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let ping = format!("{base}/very-Secret/ping");
    // One from before the start.
    push_message(&seen, 1, "/emergency_stop");
    let environment = [
        ("POLYTRADER_ALERTS_TELEGRAM_TOKEN", TOKEN),
        ("POLYTRADER_ALERTS_TELEGRAM_CHATS", "5"),
        ("POLYTRADER_ALERTS_TELEGRAM_COMMANDS", "true"),
        ("POLYTRADER_ALERTS_TELEGRAM_URL", &base),
        ("POLYTRADER_ALERTS_DEAD_MAN_URL", &ping),
        ("POLYTRADER_ALERTS_DEAD_MAN_EVERY_S", "1"),
    ];
    let mut run = Run::start_in(&environment, "demo", &folder.0, &built, &["--seed", "13"]);
    let api = Api::new(&folder.0, &run.addresses());
    wait(&seen, "answer to what was queued", |seen| seen.sent.iter().any(|text| text.starts_with("a command was")));
    api.wait_for("/v1/admin/bot/state", SOON, |bot| bot["state"] == "RUNNING");
    wait(&seen, "pings", |seen| seen.pings >= 2);
    let polls = seen.lock().unwrap().polls;
    wait(&seen, "polls", |seen| seen.polls > polls + 1);
    push_message(&seen, 2, "/status");
    wait(&seen, "status", |seen| seen.sent.iter().any(|text| text.starts_with("RUNNING (demo)")));
    push_message(&seen, 3, "/emergency_stop");
    api.wait_for("/v1/admin/bot/state", SOON, |bot| bot["restriction"] == "halted");
    wait(&seen, "the alert of it", |seen| seen.sent.iter().any(|text| text.starts_with("[CRITICAL] emergency stop")));
    let audit = api.get("/v1/admin/audit");
    let who = audit.as_array().unwrap().iter().find(|row| row["action"] == "emergency-stop").map(|row| &row["who"]);
    assert_eq!(who, Some(&json!("telegram:5")), "{audit}");
    let shown = api.get("/v1/config");
    assert_eq!(shown["alerts.telegram_token"]["value"], "***");
    run.signal(Signal::INT);
    run.finish();
    for name in ["stdout.log", "stderr.log", "run.json"] {
        let text = std::fs::read_to_string(folder.0.join(name)).unwrap_or_default();
        assert!(!text.contains("very-Secret"), "{name} has a secret");
    }
}
