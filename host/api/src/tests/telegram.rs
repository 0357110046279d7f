//! Commands of a Telegram bot, against a server of this machine that answers as Telegram does.

use super::*;
use crate::telegram::{Reload, start};
use alerts::Telegram;
use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::response::IntoResponse;
use axum::routing::post;
use std::time::{Instant, SystemTime};
use tokio::net::TcpListener;

const TOKEN: &str = "123456:very-Secret_0123456789";
const CHAT: i64 = 77;

#[derive(Debug, Default)]
struct Bot {
    updates: Vec<Value>,
    sent: Vec<(i64, String)>,
    conflict: bool,
    /// The offset of each request.
    offsets: Vec<i64>,
}

type State = Arc<Mutex<Bot>>;

async fn call(
    Shared(bot): Shared<State>,
    Path(path): Path<String>,
    Json(body): Json<Value>,
) -> axum::response::Response {
    if path == format!("bot{TOKEN}/sendMessage") {
        let text = body["text"].as_str().unwrap().to_owned();
        bot.lock().unwrap().sent.push((body["chat_id"].as_i64().unwrap(), text));
        return Json(json!({"ok": true, "result": {}})).into_response();
    }
    assert_eq!(path, format!("bot{TOKEN}/getUpdates"));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut bot = bot.lock().unwrap();
    if bot.conflict {
        let problem = json!({"ok": false, "description": "Conflict: terminated by other getUpdates request"});
        return (StatusCode::CONFLICT, Json(problem)).into_response();
    }
    let offset = body["offset"].as_i64().unwrap();
    bot.offsets.push(offset);
    // As Telegram does: what is asked for after is confirmed, and gone.
    bot.updates.retain(|update| update["update_id"].as_i64().unwrap() >= offset);
    Json(json!({"ok": true, "result": bot.updates.clone()})).into_response()
}

/// A rig that listens to a bot.
struct Listening {
    rig: Rig,
    bot: State,
    next: i64,
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

impl Listening {
    async fn new(name: &str, queued: &[(u64, &str)]) -> Self {
        let bot = State::default();
        let mut listening = Self { rig: Rig::new(name).await, bot: Arc::clone(&bot), next: 100 };
        for (age, text) in queued {
            listening.push_message(CHAT, now_s() - age, text);
        }
        let router = Router::new().route("/{*path}", post(call)).with_state(bot);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let telegram = Telegram::new(&base, TOKEN, vec![CHAT], true).unwrap();
        let entries = config(&listening.rig.dir).entries();
        start(&listening.rig.parts, &telegram, Reload::new(move || Ok(entries.clone()))).unwrap().unwrap();
        listening
    }

    fn push_message(&mut self, chat: i64, date: u64, text: &str) {
        let from = json!({"id": 9, "username": "ann"});
        let message = json!({"date": date, "chat": {"id": chat}, "from": from, "text": text});
        self.bot.lock().unwrap().updates.push(json!({"update_id": self.next, "message": message}));
        self.next += 1;
    }

    /// Waits until the host listens: its first request was answered.
    async fn listens(&self) {
        let started = Instant::now();
        while self.bot.lock().unwrap().offsets.len() < 2 {
            assert!(started.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a command and returns the answer.
    async fn command(&mut self, text: &str) -> String {
        let before = self.bot.lock().unwrap().sent.len();
        self.push_message(CHAT, now_s(), text);
        self.answer(before).await
    }

    async fn answer(&self, before: usize) -> String {
        let started = Instant::now();
        loop {
            if let Some((chat, text)) = self.bot.lock().unwrap().sent.get(before).cloned() {
                assert_eq!(chat, CHAT);
                return text;
            }
            assert!(started.elapsed() < Duration::from_secs(20), "no answer");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn alert(&self, kind: &str) -> alerts::ListedAlert {
        let started = Instant::now();
        loop {
            let all = self.rig.parts.alerts.list(NOW());
            if let Some(found) = all.iter().find(|alert| alert.kind == kind) {
                return found.clone();
            }
            assert!(started.elapsed() < Duration::from_secs(20), "no {kind} in {all:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn commands_show_and_do_what_the_routes_do() {
    let mut bot = Listening::new("telegram", &[]).await;
    bot.listens().await;
    for (command, words) in [
        ("/status", "STOPPED (demo)"),
        ("/profit@a_bot", "profit 0"),
        ("/daily", "since 00:00 UTC 0"),
        ("/positions", "no positions"),
        ("/orders", "no open orders"),
        ("/help", "/emergency_stop"),
        ("/nonsense", "unknown command"),
        ("/reload", "as it was"),
    ] {
        let answer = bot.command(command).await;
        assert!(answer.contains(words), "{command}: {answer}");
    }
    assert_eq!(bot.rig.commands(), [], "nothing was done");
    bot.command("/stop").await;
    bot.command("/resume").await;
    assert_eq!(bot.rig.commands(), [Command::Stop, Command::Resume]);
    assert!(bot.command("/pause").await.contains("not RUNNING"), "the engine's refusal is the answer");
    bot.rig.commands();
    let audits = bot.rig.parts.db.audits(20).await.unwrap();
    let stop = audits.iter().find(|row| row.action == "stop").unwrap();
    assert_eq!((stop.who.as_str(), stop.claimed_user.as_str()), ("telegram:77", "ann (9)"));
}

#[tokio::test]
async fn an_emergency_stop_acts_at_once_and_start_and_release_ask_for_a_code() {
    let mut bot = Listening::new("telegram-code", &[]).await;
    bot.listens().await;
    let asked = bot.command("/start").await;
    let confirm = asked.rsplit_once(": ").unwrap().1.to_owned();
    assert!(confirm.starts_with("/start ") && bot.rig.commands().is_empty(), "{asked}");
    // A wrong code ends it: the right one is one of a million, once.
    assert!(bot.command("/start 0000000").await.contains("to do it, send"));
    assert!(bot.command(&confirm).await.contains("to do it, send"));
    let asked = bot.command("/start").await;
    let confirm = asked.rsplit_once(": ").unwrap().1.to_owned();
    bot.command(&confirm).await;
    assert_eq!(bot.rig.commands(), [Command::Start]);
    bot.command("/emergency_stop").await;
    assert!(matches!(bot.rig.commands()[..], [Command::EmergencyStop { .. }]));
    assert!(bot.command("/release").await.contains("needs a reason"));
    let asked = bot.command("/release looked at it").await;
    let confirm = asked.rsplit_once(": ").unwrap().1.to_owned();
    // A stop in between ends it.
    bot.command("/emergency_stop").await;
    bot.rig.commands();
    bot.command(&confirm).await;
    assert_eq!(bot.rig.commands(), []);
    let asked = bot.command("/release looked at it").await;
    bot.command(asked.rsplit_once(": ").unwrap().1).await;
    assert_eq!(bot.rig.commands(), [Command::Release { reason: "looked at it".to_owned() }]);
}

#[tokio::test]
async fn what_was_sent_before_the_start_or_long_ago_is_answered_and_not_done() {
    // Two that wait from before the start, one of them sent this very second.
    let mut bot = Listening::new("telegram-old", &[(0, "/stop"), (600, "/emergency_stop")]).await;
    let answer = bot.answer(0).await;
    assert!(answer.starts_with("2 commands were") && answer.contains("not done"), "{answer}");
    bot.listens().await;
    bot.push_message(CHAT, now_s() - 61, "/stop");
    assert!(bot.answer(1).await.starts_with("a command was"));
    bot.command("/status").await;
    assert_eq!(bot.rig.commands(), []);
    // Each update was confirmed: none comes twice.
    let bot = bot.bot.lock().unwrap();
    assert!(bot.offsets.is_sorted() && bot.sent.len() == 3, "{bot:?}");
}

#[tokio::test]
async fn other_chats_get_silence_and_the_operators_one_alert_an_hour() {
    let mut bot = Listening::new("telegram-strangers", &[]).await;
    bot.listens().await;
    for _ in 0..5 {
        bot.push_message(666, now_s(), "/emergency_stop");
    }
    let alert = bot.alert("telegram_unknown_chat").await;
    assert!(alert.detail.contains("chat 666"), "{alert:?}");
    bot.push_message(667, now_s(), "/status");
    bot.command("/status").await;
    assert_eq!((bot.rig.commands(), bot.bot.lock().unwrap().sent.len()), (Vec::new(), 1));
    assert_eq!(bot.alert("telegram_unknown_chat").await.count, 1);
}

#[tokio::test]
async fn another_program_that_receives_the_bots_messages_is_an_alert() {
    let bot = Listening::new("telegram-conflict", &[]).await;
    bot.bot.lock().unwrap().conflict = true;
    let alert = bot.alert("telegram_conflict").await;
    assert_eq!(alert.severity, alerts::Severity::Critical);
    assert!(alert.detail.contains("other getUpdates") && !alert.detail.contains("very-Secret"), "{alert:?}");
}
