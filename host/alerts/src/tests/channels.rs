//! Telegram, ntfy and e-mail against servers of this machine, quiet hours, acknowledgements and the dead man's ping.

use super::*;
use crate::telegram::{TelegramClient, TelegramError};
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::any;
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

const TOKEN: &str = "123456:very-Secret_0123456789";

/// A request as it came.
#[derive(Debug, Clone)]
struct Request {
    path: String,
    headers: HeaderMap,
    body: Value,
}

type Answer = Arc<dyn Fn(&Request) -> (u16, Value) + Send + Sync>;

/// A server that answers every path by a function.
struct AnyServer {
    base: String,
    got: Arc<Mutex<Vec<Request>>>,
}

impl AnyServer {
    async fn start(answer: impl Fn(&Request) -> (u16, Value) + Send + Sync + 'static) -> Self {
        let got: Arc<Mutex<Vec<Request>>> = Arc::default();
        let state: (Arc<Mutex<Vec<Request>>>, Answer) = (Arc::clone(&got), Arc::new(answer));
        async fn take(
            State((got, answer)): State<(Arc<Mutex<Vec<Request>>>, Answer)>,
            path: Option<Path<String>>,
            headers: HeaderMap,
            body: axum::body::Bytes,
        ) -> Response {
            let path = path.map(|Path(path)| path).unwrap_or_default();
            let request = Request { path, headers, body: serde_json::from_slice(&body).unwrap_or_default() };
            let (status, body) = answer(&request);
            got.lock().push(request);
            (StatusCode::from_u16(status).unwrap(), Json(body)).into_response()
        }
        let router = axum::Router::new().route("/", any(take)).route("/{*path}", any(take)).with_state(state);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { base, got }
    }

    async fn wait(&self, count: usize) -> Vec<Request> {
        let started = Instant::now();
        while self.got.lock().len() < count {
            assert!(started.elapsed() < Duration::from_secs(20), "{:?}", self.got.lock());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.got.lock().clone()
    }

    fn telegram(&self, chats: Vec<i64>) -> Telegram {
        Telegram::new(&self.base, TOKEN, chats, false).unwrap()
    }
}

fn started(settings: &Settings) -> Alerts {
    let bot = Bot { mode: "demo".into(), account: "0x1".into() };
    Alerts::start(settings, &bot, || Time(1)).unwrap()
}

fn critical(kind: &'static str) -> Alert {
    Alert { severity: Severity::Critical, ..alert(kind) }
}

#[tokio::test]
async fn telegram_gets_each_alert_in_each_chat_and_one_that_fails_is_tried_again_alone() {
    let tries = AtomicU64::new(0);
    let server = AnyServer::start(move |request| {
        let first = tries.fetch_add(1, Ordering::Relaxed) == 0;
        let limited = request.body["chat_id"] == 7 && first;
        match limited {
            true => (429, json!({"ok": false, "description": "Too Many Requests", "parameters": {"retry_after": 1}})),
            false => (200, json!({"ok": true, "result": {"message_id": 1}})),
        }
    })
    .await;
    let settings = Settings { telegram: Some(server.telegram(vec![7, -100])), ..Settings::default() };
    let alerts = started(&settings);
    alerts.raise(critical("stop"));
    let got = server.wait(3).await;
    let chat = |chat: i64| got.iter().filter(|request| request.body["chat_id"] == chat).count();
    assert_eq!((chat(7), chat(-100)), (2, 1));
    assert_eq!(got[0].path, format!("bot{TOKEN}/sendMessage"));
    assert_eq!(got[0].body["text"], "[CRITICAL] something: happened - polytrader demo 0x1");
    assert_eq!(got[0].body["disable_notification"], false);
    let figures = settled(&alerts, (2, 0, 0)).await;
    assert!(figures.configured && figures.error.is_empty(), "{figures:?}");
}

#[tokio::test]
async fn a_bots_token_is_in_no_error() {
    // A server that repeats what it was asked for, one that is not there, and one that talks nonsense.
    let echo =
        AnyServer::start(|request| (401, json!({"ok": false, "description": format!("no {}", request.path)}))).await;
    let odd = AnyServer::start(|_| (200, json!("nonsense"))).await;
    let gone = AnyServer { base: "http://127.0.0.1:1".to_owned(), got: Arc::default() };
    for server in [&echo, &odd, &gone] {
        let client = TelegramClient::new(&server.telegram(vec![1])).unwrap();
        let sent = format!("{:?}", client.send(1, "text", false).await);
        let received = format!("{:?}", client.updates(0, Duration::ZERO).await);
        for text in [sent, received, format!("{client:?}")] {
            assert!(!text.contains("very-Secret") && !text.contains("Ok("), "{text}");
        }
    }
    let client = TelegramClient::new(&echo.telegram(vec![1])).unwrap();
    let refused = client.updates(0, Duration::ZERO).await.unwrap_err();
    assert!(matches!(&refused, TelegramError::Refused(why) if why.contains("no bot***/getUpdates")), "{refused:?}");
    let alerts = started(&Settings { telegram: Some(echo.telegram(vec![1])), ..Settings::default() });
    alerts.raise(critical("stop"));
    let figures = settled(&alerts, (0, 1, 0)).await;
    assert!(figures.error.starts_with("telegram: 401") && !figures.error.contains("very-Secret"), "{figures:?}");
}

#[tokio::test]
async fn telegrams_updates_are_confirmed_by_the_next_request_and_a_conflict_has_an_error_of_its_own() {
    let server = AnyServer::start(|request| match request.body["offset"].as_i64() {
        Some(0) => (200, json!({"ok": true, "result": [{"update_id": 41}, {"update_id": 40, "message": {"date": 9, "chat": {"id": 3}, "text": "/status"}}, 7]})),
        _ => (409, json!({"ok": false, "description": "Conflict: terminated by other getUpdates request"})),
    })
    .await;
    let client = TelegramClient::new(&server.telegram(vec![3])).unwrap();
    let updates = client.updates(0, Duration::ZERO).await.unwrap();
    assert_eq!((updates.last, updates.messages.len(), updates.messages[0].chat), (Some(41), 1, 3));
    assert!(updates.now_s.is_some(), "the server's clock");
    assert!(matches!(client.updates(42, Duration::ZERO).await, Err(TelegramError::Conflict(_))));
}

#[tokio::test]
async fn ntfy_gets_title_text_priority_and_its_token() {
    let server = AnyServer::start(|_| (200, json!({"id": "x"}))).await;
    let ntfy = Ntfy::parse(&format!("{}/my-topic", server.base), "tk_1").unwrap();
    let alerts = started(&Settings { ntfy: Some(ntfy), ..Settings::default() });
    alerts.raise(critical("stop"));
    let got = server.wait(1).await;
    assert_eq!(got[0].headers["authorization"], "Bearer tk_1");
    let expected = json!({
        "topic": "my-topic", "title": "polytrader demo", "priority": 5, "tags": ["critical", "stop"],
        "message": "[CRITICAL] something: happened - polytrader demo 0x1",
    });
    assert_eq!((got[0].path.as_str(), &got[0].body), ("", &expected));
    settled(&alerts, (1, 0, 0)).await;
}

/// A mail server for some connections, each with what it answers to `RCPT`; returns what it was received.
async fn mail_server(answers: &'static [&'static str]) -> (String, Arc<Mutex<Vec<Vec<String>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let received: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let kept = Arc::clone(&received);
    tokio::spawn(async move {
        for rcpt in answers {
            let (socket, _) = listener.accept().await.unwrap();
            let (read, mut write) = socket.into_split();
            let mut lines = BufReader::new(read).lines();
            let (mut received, mut data) = (Vec::new(), false);
            write.write_all(b"220 test ESMTP\r\n").await.unwrap();
            while let Ok(Some(line)) = lines.next_line().await {
                let word = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
                let answer = match (data, word.as_str()) {
                    (true, ".") => Some("250 queued".to_owned()),
                    (true, _) => None,
                    (_, "EHLO") => Some("250-test\r\n250 8BITMIME".to_owned()),
                    (_, "RCPT") => Some((*rcpt).to_owned()),
                    (_, "DATA") => Some("354 go on".to_owned()),
                    (_, "QUIT") => Some("221 bye".to_owned()),
                    _ => Some("250 ok".to_owned()),
                };
                data = (data || word == "DATA") && line != ".";
                received.push(line);
                let Some(answer) = answer else { continue };
                if write.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() || word == "QUIT" {
                    break;
                }
            }
            kept.lock().push(received);
        }
    });
    (address, received)
}

#[tokio::test]
async fn e_mail_is_tried_again_when_the_server_says_later_and_not_when_it_says_never() {
    let (address, received) = mail_server(&["451 later", "250 ok", "550 no such user"]).await;
    let email = Email::new(&format!("smtp://{address}"), "Bot <bot@example.com>", "ann@example.com, bob@example.com");
    let alerts = started(&Settings { email: Some(email.unwrap()), ..Settings::default() });
    alerts.raise(Alert { title: "größer\r\nBcc: eve@example.com".to_owned(), ..critical("stop") });
    settled(&alerts, (1, 0, 0)).await;
    alerts.raise(critical("other"));
    let figures = settled(&alerts, (1, 1, 0)).await;
    assert!(figures.error.contains("no such user"), "{figures:?}");
    let received = received.lock().clone();
    let message = received[1].join("\n");
    for part in ["MAIL FROM:<bot@example.com>", "RCPT TO:<ann@example.com>", "RCPT TO:<bob@example.com>", "Subject: "] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(!received[1].iter().any(|line| line.to_ascii_lowercase().starts_with("bcc:")), "{message}");
    assert!(!message.contains("eve@example.com>"), "{message}");
}

#[tokio::test]
async fn in_quiet_hours_all_but_critical_alerts_wait_and_a_channel_that_is_down_holds_up_no_other() {
    static NOW: AtomicU64 = AtomicU64::new(23 * 3_600 * 1_000_000);
    let server = Server::start(&[Act::Take]).await;
    let gone = AnyServer { base: "http://127.0.0.1:1".to_owned(), got: Arc::default() };
    let settings = Settings {
        webhook: Some(Webhook::parse(&server.address).unwrap()),
        telegram: Some(gone.telegram(vec![1])),
        quiet: QuietHours::parse("22:00-07:00"),
        ..Settings::default()
    };
    let alerts = Alerts::start(&settings, &Bot::default(), || Time(NOW.load(Ordering::Relaxed))).unwrap();
    alerts.raise(alert("a"));
    alerts.raise(critical("stop"));
    let got = server.wait(1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((&got[0].1["kind"], server.got.lock().len()), (&json!("stop"), 1));
    NOW.store(7 * 3_600 * 1_000_000, Ordering::Relaxed);
    // The next alert makes the sender check the clock.
    alerts.raise(alert("b"));
    let got = server.wait(3).await;
    let kinds: Vec<&Value> = got.iter().map(|(_, body)| &body["kind"]).collect();
    assert_eq!(kinds, [&json!("stop"), &json!("a"), &json!("b")]);
    let channels = alerts.channels();
    let sent: Vec<(&str, u64)> = channels.iter().map(|(channel, figures)| (*channel, figures.sent)).collect();
    assert_eq!(sent, [("webhook", 3), ("telegram", 0)]);
    assert!(alerts.figures().error.starts_with("telegram: "), "{:?}", alerts.figures());
}

#[tokio::test]
async fn repeats_of_an_acknowledged_alert_are_not_sent() {
    let server = Server::start(&[Act::Take]).await;
    let alerts = server.alerts(Severity::Info);
    alerts.raise(alert("a"));
    server.wait(1).await;
    let id = alerts.list(Time(1))[0].id;
    let ack = alerts.acknowledge(id, "ann", Time(5_000_000)).unwrap();
    assert_eq!((ack.kind.as_str(), alerts.acknowledge(99, "ann", Time(9))), ("a", None));
    alerts.raise(alert("a"));
    alerts.raise(alert("b"));
    let got = server.wait(2).await;
    assert_eq!(got[1].1["kind"], "b");
    // A host that starts again takes the acknowledgement over.
    let next = server.alerts(Severity::Info);
    next.restore([ack]);
    next.raise(alert("a"));
    next.raise(alert("c"));
    assert_eq!(server.wait(3).await[2].1["kind"], "c");
    assert_eq!(next.list(Time(1))[1].acknowledged.as_ref().unwrap().who, "ann");
}

#[tokio::test]
async fn a_dead_mans_ping_asks_for_the_address_and_an_error_does_not_show_it() {
    let server = AnyServer::start(|_| (200, json!("OK"))).await;
    let address = Webhook::parse(&format!("{}/ping/secret", server.base)).unwrap();
    let dead_man = DeadMan::new(address, Duration::from_secs(1)).unwrap();
    assert_eq!(dead_man.ping().await, Outcome::Taken(200));
    assert_eq!(server.wait(1).await[0].path, "ping/secret");
    let gone = DeadMan::new(Webhook::parse("http://127.0.0.1:1/secret").unwrap(), Duration::from_secs(1)).unwrap();
    let answer = format!("{:?} {gone:?}", gone.ping().await);
    assert!(answer.contains("Later") && !answer.contains("secret"), "{answer}");
}
