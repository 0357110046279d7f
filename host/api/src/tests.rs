#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code may fail loudly"
)]

mod access;
mod alert_list;
mod assigning;
mod bodies;
mod keys;
mod lists;
mod locks;
mod metrics;
mod pages;
mod reload;
mod roles;
mod states;
mod stops;
mod strategies;
mod streams;
mod telegram;
mod tokens;
mod unstored;
mod versions;

use super::*;
use crate::auth::{Auth, NewToken, Role};
use crate::runtime_limits::RuntimeLimits;
use alerts::Alerts;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use control::Control;
use control::inbox::Inbox;
use control::{ControlError, PendingCommand, StrategyCommand, StrategyCommands};
use model::Time;
use model::input::Command;
use readmodel::Begin;
use readmodel::ReadModel;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;
use store::db::Db;
use tower::ServiceExt;

const NOW: fn() -> Time = || Time(1_795_424_400_000_000);

/// An API over a real database, with an engine that accepts and records every command but `Pause`.
pub(crate) struct Rig {
    pub(crate) router: Router,
    pub(crate) parts: Arc<AppParts>,
    dir: PathBuf,
    inbox: Inbox,
    commands: Arc<Mutex<Vec<Command>>>,
    words: Arc<Mutex<Vec<(String, StrategyCommand)>>>,
    admin: String,
    trader: String,
    pub(crate) viewer: String,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.inbox.close();
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

impl Rig {
    pub(crate) async fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("polytrader-http-{}-{name}", std::process::id()));
        let _gone = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let db = Db::open(&format!("sqlite:{}", dir.join("db.sqlite").display())).await.unwrap();
        let auth = Auth::open(&db, scope(), &dir, NOW()).await.unwrap();
        let admin = std::fs::read_to_string(crate::auth::admin_token_path(&dir)).unwrap().trim().to_owned();
        let trader = auth.create_token(&db, &lasting("desk", Role::Trader), NOW()).await.unwrap();
        let viewer = auth.create_token(&db, &lasting("screen", Role::Viewer), NOW()).await.unwrap();
        let inbox = Inbox::default();
        let received = Arc::default();
        let halts = store::db::Halts::start(&db, "an account".to_owned(), |_| {});
        answer_commands(inbox.clone(), Arc::clone(&received), halts.clone());
        let picture = ReadModel::new(&Begin { mode: readmodel::views::ModeView::Demo, session: 7, at: NOW() });
        let (words, asked) = StrategyCommands::new(None);
        let words_received = answer_strategy_commands(asked);
        let control = Control::new(inbox.clone(), None).with_words(words).with_halts(halts);
        let settings = RuntimeLimits::open(&config(&dir), &db, scope()).await.unwrap();
        let parts = AppParts {
            picture,
            alerts: Alerts::start(&alerts::Settings::default(), &alerts::Bot::default(), NOW).unwrap(),
            control,
            auth,
            db,
            settings,
            reread: Reread(Box::new(reread(dir.clone()))),
            chain: None,
            account: String::new(),
            keep_versions: 20,
            session: 7,
            remote: false,
            trusted_proxies: vec![std::net::IpAddr::from([10, 0, 0, 7])],
            lost_lines: || 7,
            clock: NOW,
        };
        let parts = Arc::new(parts);
        let router = router(Arc::clone(&parts));
        Self { router, parts, dir, inbox, commands: received, words: words_received, admin, trader, viewer }
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        let here = crate::origin::Peer(std::net::Ipv4Addr::LOCALHOST.into());
        let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8000").extension(here);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
    }

    async fn as_(&self, token: &str, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        let bearer = format!("Bearer {token}");
        read(self.request(method, path, &[("authorization", &bearer)], body).await).await
    }

    fn trip(&self, breaker: model::input::Breaker) {
        let (scope, reason) = (model::input::Scope::Session, "for a test".into());
        self.parts.picture.record(NOW(), &engine::EngineEvent::Breaker { breaker, scope, tripped: true, reason });
    }

    fn commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.commands.lock().unwrap())
    }
}

fn lasting(name: &str, role: Role) -> NewToken<'_> {
    NewToken { name, role, expires_at: None }
}

fn scope() -> store::db::AccountScope {
    store::db::AccountScope::new("paper", "an account")
}

/// Reads the configuration of a folder again.
fn reread(dir: PathBuf) -> impl Fn() -> anyhow::Result<::config::Config> + Send + Sync + 'static {
    move || {
        let mode = ::config::Mode::Paper;
        let sources = ::config::Sources { mode, data_dir: dir.clone(), file: None, flags: Vec::new() };
        ::config::Config::from_sources(sources, std::iter::empty())
    }
}

fn config(dir: &std::path::Path) -> ::config::Config {
    reread(dir.to_owned())().unwrap()
}

fn answer_commands(inbox: Inbox, commands: Arc<Mutex<Vec<Command>>>, halts: store::db::Halts) {
    std::thread::spawn(move || {
        let mut taken = control::inbox::Taken::default();
        while !taken.closed {
            inbox.next_round(&mut taken, 16, Duration::from_millis(50));
            for arrival in taken.arrivals.drain(..) {
                use model::InputKind as Input;
                if let Input::Limits(_) | Input::Transfer(_) | Input::Strategy(_) | Input::Reallocate(_) = arrival.body
                {
                    let _sent = arrival.reply.map(|reply| reply.send(Ok(())));
                    continue;
                }
                let model::InputKind::Command(command) = arrival.body else { continue };
                match &command {
                    Command::EmergencyStop { reason } => {
                        halts.set(Some(store::db::Halt { reason: reason.clone(), at_ms: NOW().millis() }));
                    }
                    Command::Release { .. } => halts.set(None),
                    _ => {}
                }
                let answer = match &command {
                    Command::Pause => Err("not RUNNING".to_owned()),
                    Command::Cancel { order: model::OrderId(id @ 404..) } => Err(format!("there is no order {id}")),
                    _ => Ok(()),
                };
                commands.lock().unwrap().push(command);
                let _sent = arrival.reply.map(|reply| reply.send(answer));
            }
        }
    });
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// Answers strategy commands as the strategy manager does, and records them.
fn answer_strategy_commands(
    mut asked: tokio::sync::mpsc::Receiver<PendingCommand>,
) -> Arc<Mutex<Vec<(String, StrategyCommand)>>> {
    let commands: Arc<Mutex<Vec<(String, StrategyCommand)>>> = Arc::default();
    let noted = Arc::clone(&commands);
    tokio::spawn(async move {
        while let Some(asked) = asked.recv().await {
            let answer = match &asked.command {
                _ if asked.name == "down" => Err(ControlError::Refused("down: its file is gone".to_owned())),
                StrategyCommand::Arm { .. } => Ok(Value::String(format!("armed {}", asked.name))),
                _ => Ok(Value::Null),
            };
            noted.lock().unwrap().push((asked.name, asked.command));
            asked.reply.send(answer).unwrap();
        }
    });
    commands
}

#[tokio::test]
async fn the_versions_of_a_strategy_are_listed_with_their_source() {
    let rig = Rig::new("versions").await;
    let view =
        readmodel::views::StrategyView { name: "quoter".to_owned(), hash: "ab".to_owned(), ..Default::default() };
    rig.parts.picture.strategy(model::StrategyId(1), view);
    for (hash, loaded_at_ms) in [("ab", 1), ("cd", 2)] {
        let (name, version, source) = ("quoter".to_owned(), "1.0.0".to_owned(), "quoter.wasm".to_owned());
        let (hash, first_seen_ms, bytes) = (hash.to_owned(), loaded_at_ms, 7);
        let row = store::db::StrategyRow { hash, name, version, first_seen_ms, source, bytes, loaded_at_ms };
        rig.parts.db.writer().write(store::db::DbWrite::Strategy(scope(), row));
    }
    assert!(rig.parts.db.writer().flush(Duration::from_secs(5)).await);
    let (status, payload) = rig.as_(&rig.viewer, "GET", "/v1/strategies/quoter/versions", "").await;
    assert_eq!(status, StatusCode::OK);
    let shown = |place: usize| (payload[place]["hash"].as_str(), payload[place]["running"].as_bool());
    assert_eq!([shown(0), shown(1)], [(Some("cd"), Some(false)), (Some("ab"), Some(true))]);
    assert_eq!((&payload[0]["source"], &payload[0]["first_seen_ms"]), (&json!("quoter.wasm"), &json!(2)));
    let (status, _) = rig.as_(&rig.viewer, "GET", "/v1/strategies/missing/versions", "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_signal_to_a_strategy_is_accepted_from_a_trader_and_audited() {
    let rig = Rig::new("signals").await;
    let view = readmodel::views::StrategyView { name: "momentum".into(), ..readmodel::views::StrategyView::default() };
    rig.parts.picture.strategy(model::StrategyId(3), view);
    let path = "/v1/strategies/momentum/signal";
    let word = |name: &str, value: &str| json!({ "name": name, "value": value }).to_string();
    let status = async |token: &str, path: &str, body: &str| rig.as_(token, "POST", path, body).await.0;
    assert_eq!(status(&rig.trader, path, &word("score", "0.7")).await, StatusCode::ACCEPTED);
    assert_eq!(rig.parts.db.audits(1).await.unwrap()[0].action, "strategies/momentum/signal");
    assert_eq!(status(&rig.viewer, path, &word("score", "0.7")).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&rig.trader, "/v1/strategies/none/signal", &word("a", "b")).await, StatusCode::NOT_FOUND);
    for body in ["{}", "no", &word("", "1"), &word(&"n".repeat(65), "1"), &word("n", &"v".repeat(16 * 1024 + 1))] {
        assert_eq!(status(&rig.trader, path, body).await, StatusCode::BAD_REQUEST, "{body:.80}");
    }
}

#[tokio::test]
async fn scopes_are_restricted_and_transfers_booked_with_a_reason() {
    let rig = Rig::new("scopes").await;
    let restrict = |scope: &str, word: &str| json!({ "scope": scope, "restriction": word }).to_string();
    let path = "/v1/admin/restrictions";
    assert_eq!(rig.as_(&rig.trader, "PUT", path, &restrict("session", "reduce_only")).await.0, StatusCode::OK);
    assert_eq!(rig.as_(&rig.viewer, "PUT", path, &restrict("session", "none")).await.0, StatusCode::FORBIDDEN);
    for (scope, word, status) in [
        ("market:none-such", "none", StatusCode::NOT_FOUND),
        ("strategy:x", "none", StatusCode::NOT_FOUND),
        ("all", "none", StatusCode::BAD_REQUEST),
        ("session", "tight", StatusCode::BAD_REQUEST),
        ("session", "halted", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(rig.as_(&rig.trader, "PUT", path, &restrict(scope, word)).await.0, status, "{scope}");
    }
    let commands = rig.commands.lock().unwrap().clone();
    let scope = model::input::Scope::Session;
    assert_eq!(commands, [Command::Restrict { scope, restriction: model::input::Restriction::ReduceOnly }]);
    let transfer = |kind: &str, amount: &str, reason: &str| {
        json!({ "kind": kind, "amount_usd": amount, "reason": reason }).to_string()
    };
    let path = "/v1/admin/transfers";
    assert_eq!(rig.as_(&rig.trader, "POST", path, &transfer("deposit", "5", "x")).await.0, StatusCode::FORBIDDEN);
    assert_eq!(rig.as_(&rig.admin, "POST", path, &transfer("deposit", "5.25", "0xabc")).await.0, StatusCode::OK);
    for (kind, amount, reason) in [("gift", "5", "x"), ("deposit", "-5", "x"), ("deposit", "0", "x"), ("gas", "1", " ")]
    {
        let (status, _) = rig.as_(&rig.admin, "POST", path, &transfer(kind, amount, reason)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{kind} {amount} {reason}");
    }
    let audits = rig.parts.db.audits(1).await.unwrap();
    assert_eq!((audits[0].action.as_str(), audits[0].detail.as_str()), ("transfers/deposit", "5.25: 0xabc"));
    for (body, refused, problem) in [
        (json!({ "kind": "split", "market": "nowhere", "shares": "5", "reason": "x" }), 404, "is not a known market"),
        (json!({ "kind": "merge", "market": "nowhere", "shares": "0", "reason": "x" }), 400, "number of shares"),
        (
            json!({ "kind": "redeem", "token": "7", "shares": "5", "amount_usd": "5", "reason": "x" }),
            404,
            "has the token",
        ),
    ] {
        let (status, answer) = rig.as_(&rig.admin, "POST", path, &body.to_string()).await;
        let detail = answer["detail"].as_str().unwrap();
        assert!(status.as_u16() == refused && detail.contains(problem), "{detail}");
    }
    let (status, problem) = rig.as_(&rig.trader, "POST", "/v1/positions/123/close", "").await;
    assert_eq!(
        (status, problem["detail"].as_str().unwrap()),
        (StatusCode::NOT_FOUND, "no known market has the token `123`")
    );
}

#[tokio::test]
async fn a_limit_is_changed_kept_and_audited_and_a_ceiling_holds() {
    let rig = Rig::new("limits").await;
    let path = "/v1/config/daily_loss_limit_usd";
    let body = |value: Value| json!({ "value": value, "user": "joe" }).to_string();
    assert_eq!(rig.as_(&rig.trader, "PUT", path, &body(json!(10))).await.0, StatusCode::FORBIDDEN);
    let (status, view) = rig.as_(&rig.admin, "PUT", path, &body(json!(10.5))).await;
    assert_eq!((status, &view["value"], &view["source"]), (StatusCode::OK, &json!("10.5"), &json!("operator")));
    let (_, all) = rig.as_(&rig.viewer, "GET", "/v1/config/", "").await;
    assert_eq!(all["daily_loss_limit_usd"]["value"], "10.5");
    let (status, problem) = rig.as_(&rig.admin, "PUT", path, &body(json!("100.01"))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().unwrap().contains("the limit is 100"), "{problem}");
    for bad in [json!("much"), json!(null), json!(-1), json!({})] {
        assert_eq!(rig.as_(&rig.admin, "PUT", path, &body(bad.clone())).await.0, StatusCode::BAD_REQUEST, "{bad}");
    }
    assert_eq!(rig.as_(&rig.admin, "PUT", "/v1/config/api.listen", &body(json!(1))).await.0, StatusCode::BAD_REQUEST);
    let audits = rig.parts.db.audits(10).await.unwrap();
    assert_eq!((audits[0].action.as_str(), audits[0].detail.as_str()), ("config/daily_loss_limit_usd", "25 -> 10.5"));
    assert_eq!((audits[0].who.as_str(), audits[0].claimed_user.as_str()), ("admin", "joe"));
    // It stays in effect after a restart, as long as it is valid.
    let again = RuntimeLimits::open(&config(&rig.dir), &rig.parts.db, scope()).await.unwrap();
    assert_eq!(again.limits().await.daily_loss, model::Usd(10_500_000));
}

#[tokio::test]
async fn limits_of_another_mode_do_not_hold_and_of_an_unknown_one_only_where_they_tighten() {
    use store::db::{AccountScope, SettingRow};
    let rig = Rig::new("modes").await;
    let set = |name: &str, value: &str, at_ms| {
        let (name, value) = (name.to_owned(), value.to_owned());
        SettingRow { name, value, who: "admin".to_owned(), at_ms }
    };
    let db = &rig.parts.db;
    let demo = AccountScope::new("demo", "an account");
    for (scope, row) in [
        (&demo, set("max_order_usd", "400", 1)),
        (&AccountScope::new("paper", "another account"), set("max_open_orders", "3", 2)),
        (&AccountScope::UNKNOWN, set("max_order_usd", "300", 3)),
        (&AccountScope::UNKNOWN, set("daily_loss_limit_usd", "9", 4)),
        (&AccountScope::UNKNOWN, set("max_orders_per_minute", "5", 5)),
        (&scope(), set("max_orders_per_minute", "6", 6)),
    ] {
        db.set_setting(scope, &row).await.unwrap();
    }
    let boot = config(&rig.dir).limits();
    let held = RuntimeLimits::open(&config(&rig.dir), db, scope()).await.unwrap().limits().await;
    let expected = model::Limits { daily_loss: model::Usd::dollars(9), max_orders_per_minute: 6, ..boot };
    assert_eq!(held, expected);
    let in_demo = RuntimeLimits::open(&config(&rig.dir), db, demo).await.unwrap().limits().await;
    assert_eq!((in_demo.max_order, in_demo.max_orders_per_minute), (model::Usd::dollars(400), 5));
}

#[tokio::test]
async fn the_runbooks_actions_reach_the_engine_with_an_empty_body_and_are_audited() {
    let rig = Rig::new("actions").await;
    for path in ["start", "stop", "resume"] {
        let (status, state) = rig.as_(&rig.trader, "POST", &format!("/v1/admin/bot/{path}"), "").await;
        assert_eq!((status, state["mode"].as_str()), (StatusCode::OK, Some("demo")), "{path}");
    }
    let (status, problem) = rig.as_(&rig.trader, "POST", "/v1/admin/bot/pause", "").await;
    assert_eq!((status, problem["detail"].as_str()), (StatusCode::CONFLICT, Some("not RUNNING")));
    let (status, _) = rig.as_(&rig.trader, "DELETE", "/v1/trading/orders/17", "").await;
    assert_eq!(status, StatusCode::OK);
    let body = r#"{"reason": "odd fills", "user": "mallory"}"#;
    let (status, _) = rig.as_(&rig.viewer, "POST", "/v1/admin/emergency-stop", body).await;
    assert_eq!(status, StatusCode::OK, "any token may stop everything");
    let commands = rig.commands();
    assert_eq!(commands[..4], [Command::Start, Command::Stop, Command::Resume, Command::Pause]);
    assert_eq!(commands[4], Command::Cancel { order: model::OrderId(17) });
    assert_eq!(commands[5], Command::EmergencyStop { reason: String::new() });
    let audit = rig.parts.db.audits(100).await.unwrap();
    let stop = audit.iter().find(|row| row.action == "emergency-stop").unwrap();
    assert_eq!((stop.who.as_str(), stop.claimed_user.as_str(), stop.outcome.as_str()), ("screen", "mallory", "ok"));
    assert_eq!(stop.detail, "odd fills");
    assert!(audit.iter().any(|row| row.action == "pause" && row.outcome == "not RUNNING"));
}

#[tokio::test]
async fn a_role_does_what_it_may_and_no_more() {
    let rig = Rig::new("roles").await;
    rig.trip(model::input::Breaker::StaleData);
    let release = r#"{"reason": "checked"}"#;
    for (token, path, body, expected) in [
        (&rig.viewer, "/v1/admin/bot/stop", "", StatusCode::FORBIDDEN),
        (&rig.viewer, "/v1/trading/orders/cancel-all", "", StatusCode::FORBIDDEN),
        (&rig.trader, "/v1/trading/orders/cancel-all", "", StatusCode::OK),
        (&rig.trader, "/v1/admin/emergency-stop/release", release, StatusCode::FORBIDDEN),
        (&rig.admin, "/v1/admin/emergency-stop/release", "", StatusCode::BAD_REQUEST),
        (&rig.admin, "/v1/admin/emergency-stop/release", release, StatusCode::OK),
        (&rig.trader, "/v1/admin/circuit-breakers/stale_data/reset", "", StatusCode::OK),
        (&rig.trader, "/v1/admin/circuit-breakers/toaster/reset", "", StatusCode::NOT_FOUND),
        (&rig.admin, "/v1/admin/bot/start", "no json", StatusCode::BAD_REQUEST),
        // An invalid body does not prevent an emergency stop.
        (&rig.viewer, "/v1/admin/emergency-stop", "no json", StatusCode::OK),
    ] {
        let (status, answer) = rig.as_(token, "POST", path, body).await;
        assert_eq!(status, expected, "{path}: {answer}");
    }
    assert_eq!(rig.commands().len(), 4);
}

#[tokio::test]
async fn a_breaker_that_is_not_tripped_is_not_reset_and_the_answer_reports_it() {
    let rig = Rig::new("untripped").await;
    rig.trip(model::input::Breaker::StaleData);
    let (status, problem) = rig.as_(&rig.trader, "POST", "/v1/admin/circuit-breakers/drawdown/reset", "").await;
    let refusal = "the breaker `drawdown` is not tripped; nothing was changed";
    assert_eq!((status, problem["detail"].as_str()), (StatusCode::CONFLICT, Some(refusal)));
    assert!(rig.commands().is_empty());
    let (status, _) = rig.as_(&rig.trader, "POST", "/v1/admin/circuit-breakers/stale_data/reset", "").await;
    assert_eq!(
        (status, rig.commands()),
        (StatusCode::OK, vec![Command::ResetBreaker { breaker: model::input::Breaker::StaleData }])
    );
}

#[tokio::test]
async fn other_names_for_this_machine_are_refused_and_the_page_is_served() {
    let rig = Rig::new("page").await;
    let rebound = Request::builder().uri("/v1/snapshot").header("host", "evil.example").body(Body::empty()).unwrap();
    let response = rig.router.clone().oneshot(rebound).await.unwrap();
    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    for path in ["/", "/trades", "/config"] {
        let response = rig.request("GET", path, &[], "").await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"), "{path}");
        assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
    }
    let response = rig.request("GET", "/health", &[("accept", "text/html,*/*")], "").await;
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(rig.request("GET", "/missing.js", &[], "").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(rig.request("POST", "/trades", &[], "").await.status(), StatusCode::NOT_FOUND);
    let large = "x".repeat(BODY_MAX + 1);
    let (status, _) = rig.as_(&rig.trader, "POST", "/v1/admin/bot/start", &large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(rig.commands().is_empty());
}

#[tokio::test]
async fn bad_numbers_are_named() {
    let rig = Rig::new("numbers").await;
    let (status, problem) = rig.as_(&rig.viewer, "GET", "/v1/trading/orders/seven", "").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(problem["detail"].as_str().unwrap().contains("`seven`"), "{problem}");
    let (status, problem) = rig.as_(&rig.viewer, "GET", "/v1/trading/orders/7", "").await;
    assert_eq!(
        (status, problem["detail"].as_str()),
        (StatusCode::NOT_FOUND, Some("there is no order 7 in this session"))
    );
    let (status, _) = rig.as_(&rig.viewer, "GET", "/v1/trading/venue-orders", "").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    let (status, trades) = rig.as_(&rig.viewer, "GET", "/v1/trading/trades?limit=5", "").await;
    assert_eq!((status, trades), (StatusCode::OK, json!([])));
}
