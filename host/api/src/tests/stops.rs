//! Restricting actions over real connections: they take effect when the token has been checked, whatever the body
//! contains and whether or not it arrives.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SOON: Duration = Duration::from_secs(20);

/// The restricting actions: method, path, and the engine's command.
fn stops() -> Vec<(&'static str, String, Command)> {
    let close = format!("/v1/positions/{}/close", testkit::market(1).tokens[0]);
    vec![
        ("POST", "/v1/admin/emergency-stop".to_owned(), Command::EmergencyStop { reason: String::new() }),
        ("POST", "/v1/admin/bot/stop".to_owned(), Command::Stop),
        ("POST", "/v1/trading/orders/cancel-all".to_owned(), Command::CancelAll),
        ("DELETE", "/v1/trading/orders/7".to_owned(), Command::Cancel { order: model::OrderId(7) }),
        ("POST", close, Command::Close { token: model::TokenIx(0) }),
    ]
}

async fn rig(name: &str) -> (Rig, std::net::SocketAddr) {
    let rig = Rig::new(name).await;
    rig.parts.picture.market(&testkit::market(1));
    let view = readmodel::views::StrategyView { name: "quoter".to_owned(), ..Default::default() };
    rig.parts.picture.strategy(model::StrategyId(1), view);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = rig.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (rig, address)
}

/// The head of a request, with more headers.
fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n")
}

/// Reads an answer on a connection that may stay open: its status and its body, by its length.
async fn read_response(stream: &mut TcpStream) -> (u16, Value) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return (status, serde_json::from_str(body).unwrap_or(Value::Null));
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the connection ended: {text}");
        bytes.extend(&piece[..read]);
    }
}

async fn request(address: std::net::SocketAddr, head: &str, body: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut sending = stream.into_split();
    // A host that answers before it has read everything must not leave the sender blocked.
    let body = body.to_owned();
    let sent = tokio::spawn(async move {
        let _cut = sending.1.write_all(&body).await;
        sending.1
    });
    let writing = sent.await.unwrap();
    let mut stream = sending.0.reunite(writing).unwrap();
    tokio::time::timeout(SOON, read_response(&mut stream)).await.expect("no answer")
}

/// Waits until the audit has this many rows, and returns the newest.
async fn audited(rig: &Rig, count: usize) -> store::db::AuditRow {
    let all = async {
        loop {
            let rows = rig.parts.db.audits(100).await.unwrap();
            if rows.len() >= count {
                return rows[0].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, all).await.expect("not in the audit")
}

#[tokio::test]
async fn headers_and_then_silence_stop_the_bot() {
    let (rig, address) = rig("silence").await;
    for more in ["Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"] {
        for (method, path, command) in stops() {
            let bearer = format!("Authorization: Bearer {}\r\n{more}", rig.admin);
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(head(method, &path, &bearer).as_bytes()).await.unwrap();
            let started = std::time::Instant::now();
            let (status, answer) = tokio::time::timeout(SOON, read_response(&mut stream)).await.expect("no answer");
            assert!(status == 200, "{path}: {status} {answer}");
            assert!(started.elapsed() < Duration::from_secs(4), "{path}: {:?}", started.elapsed());
            assert!(answer["durable"].is_boolean(), "{path}: {answer}");
            assert_eq!(rig.commands(), [command], "{path}");
        }
    }
    let bearer = format!("Authorization: Bearer {}\r\nContent-Length: 9\r\n", rig.trader);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head("POST", "/v1/strategies/quoter/disable", &bearer).as_bytes()).await.unwrap();
    let (status, answer) = tokio::time::timeout(SOON, read_response(&mut stream)).await.expect("no answer");
    assert_eq!(status, 200, "{answer}");
    audited(&rig, 11).await;
    assert_eq!(*rig.words.lock().unwrap(), [("quoter".to_owned(), StrategyCommand::Disable)]);
}

#[tokio::test]
async fn a_stop_acts_before_its_body_is_read() {
    let (rig, address) = rig("before").await;
    let bearer = format!("Authorization: Bearer {}\r\nContent-Length: 19\r\n", rig.viewer);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head("POST", "/v1/admin/emergency-stop", &bearer).as_bytes()).await.unwrap();
    let commands = async {
        loop {
            let commands = rig.commands();
            if !commands.is_empty() {
                return commands;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let commands = tokio::time::timeout(SOON, commands).await.expect("no action before the body arrived");
    assert_eq!(commands, [Command::EmergencyStop { reason: String::new() }]);
    // The body is still used as the note, if it arrives in time.
    stream.write_all(br#"{"reason": "smoke"}"#).await.unwrap();
    let (status, answer) = read_response(&mut stream).await;
    assert_eq!(status, 200, "{answer}");
    let audit = audited(&rig, 1).await;
    assert_eq!((audit.action.as_str(), audit.who.as_str(), audit.outcome.as_str()), ("emergency-stop", "screen", "ok"));
    assert!(["smoke", ""].contains(&audit.detail.as_str()), "{audit:?}");
}

#[tokio::test]
async fn a_stop_acts_whatever_its_body_is_and_the_audit_has_what_can_be_read_of_it() {
    let (rig, address) = rig("whatever").await;
    let long = json!({ "reason": "stack trace ".repeat(8_000) }).to_string();
    let noise = vec![0xff; 300_000];
    let bodies: [(&[u8], &str, &str); 10] = [
        (b"reason=panic", "reason=panic", ""),
        (b"{'reason': 'x'}", "{'reason': 'x'}", ""),
        (b"now!", "now!", ""),
        (br#"{"reason": 5, "user": "joe"}"#, "", "joe"),
        (br#"{"reason": "noon", "user": "joe"}"#, "noon", "joe"),
        (br#"{"reason": "odd"#, r#"{"reason": "odd"#, ""),
        (b"a\0b\r\nc", "a b  c", ""),
        (b"7", "7", ""),
        (long.as_bytes(), r#"{"reason":"stack trace stack"#, ""),
        (&noise, "\u{fffd}\u{fffd}", ""),
    ];
    let mut count = 0;
    for (body, note, user) in bodies {
        for (method, path, command) in stops() {
            let more = format!(
                "Authorization: Bearer {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                rig.admin,
                body.len()
            );
            let (status, answer) = request(address, &head(method, &path, &more), body).await;
            assert!(status == 200, "{path} {note}: {status} {answer}");
            assert_eq!(rig.commands(), [command], "{path} {note}");
            count += 1;
            let audit = audited(&rig, count).await;
            assert!(audit.detail.starts_with(note) && audit.detail.len() <= model::event::REASON_MAX, "{audit:?}");
            assert_eq!((audit.detail.is_empty(), audit.claimed_user.as_str()), (note.is_empty(), user), "{audit:?}");
        }
    }
}

#[tokio::test]
async fn a_stop_needs_its_role_and_a_login_its_mark_before_anything_is_done() {
    let (rig, address) = rig("roles-of-stops").await;
    let login = rig.parts.auth.login(&rig.admin, NOW()).unwrap();
    let cookie = format!("Cookie: {}={}\r\nContent-Length: 5\r\n", crate::guard::cookie_name(&rig.parts), login.cookie);
    for (method, path, command) in stops() {
        let (status, _) = request(address, &head(method, &path, "Content-Length: 5\r\n"), b"panic").await;
        assert_eq!(status, 401, "{path}");
        let (status, _) = request(address, &head(method, &path, &cookie), b"panic").await;
        assert_eq!(status, 403, "{path}: another site's page could send this");
        let viewer = format!("Authorization: Bearer {}\r\n", rig.viewer);
        if path != "/v1/admin/emergency-stop" {
            assert_eq!(request(address, &head(method, &path, &viewer), b"").await.0, 403, "{path}");
        }
        assert!(rig.commands().is_empty(), "{path}");
        let (status, _) =
            request(address, &head(method, &path, &format!("{cookie}X-PolyTrader: 1\r\n")), b"panic").await;
        assert!(status == 200, "{path}: {status}");
        assert_eq!(rig.commands(), [command], "{path}");
    }
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_a_stop_with_its_row_in_the_audit() {
    let (rig, address) = rig("hung-up").await;
    let bearer = format!("Authorization: Bearer {}\r\nContent-Length: 100\r\n", rig.viewer);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head("POST", "/v1/admin/emergency-stop", &bearer).as_bytes()).await.unwrap();
    while rig.commands().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(stream);
    assert_eq!(audited(&rig, 1).await.action, "emergency-stop");
}
