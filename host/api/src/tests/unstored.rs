//! A database locked by another connection: restricting actions are executed and report that they are not stored;
//! permitting ones are refused and change nothing.

use super::*;
use sqlx::{Connection, SqliteConnection};

const SOON: Duration = Duration::from_secs(30);

/// A rig with a strategy and another connection to its database.
async fn rig(name: &str) -> (Rig, SqliteConnection) {
    let rig = Rig::new(name).await;
    let view = readmodel::views::StrategyView { name: "quoter".to_owned(), ..Default::default() };
    rig.parts.picture.strategy(model::StrategyId(1), view);
    let file = format!("sqlite:{}", rig.dir.join("db.sqlite").display());
    let other = SqliteConnection::connect(&file).await.unwrap();
    (rig, other)
}

async fn lock(other: &mut SqliteConnection) {
    sqlx::query("BEGIN IMMEDIATE").execute(other).await.unwrap();
}

async fn free(other: &mut SqliteConnection) {
    sqlx::query("ROLLBACK").execute(other).await.unwrap();
}

#[tokio::test]
async fn what_makes_the_host_do_less_is_answered_soon_and_stored_later_in_its_order() {
    let (rig, mut other) = rig("less").await;
    let restrict = r#"{"scope": "session", "restriction": "reduce_only"}"#;
    let actions = [
        ("POST", "/v1/admin/emergency-stop", r#"{"reason": "odd fills"}"#, "emergency-stop"),
        ("POST", "/v1/admin/bot/stop", "", "stop"),
        ("POST", "/v1/trading/orders/cancel-all", "", "orders/cancel-all"),
        ("DELETE", "/v1/trading/orders/7", "", "orders/7/cancel"),
        ("PUT", "/v1/admin/restrictions", restrict, "restrictions/session/reduce_only"),
        ("PUT", "/v1/config/daily_loss_limit_usd", r#"{"value": 10, "user": 7}"#, "config/daily_loss_limit_usd"),
        ("POST", "/v1/strategies/quoter/disable", "", "strategies/quoter/disable"),
    ];
    lock(&mut other).await;
    for (method, path, body, _) in actions {
        let asked = std::time::Instant::now();
        let (status, answer) = rig.as_(&rig.admin, method, path, body).await;
        assert_eq!((status, &answer["durable"]), (StatusCode::OK, &json!(false)), "{path}: {answer}");
        // The database itself would refuse only after five seconds.
        assert!(asked.elapsed() < Duration::from_secs(4), "{path}: {:?}", asked.elapsed());
    }
    assert_eq!(rig.commands().len(), 5, "all of them took effect");
    assert_eq!(rig.words.lock().unwrap().len(), 1);
    let late = rig.parts.db.decisions().late().borrow().clone();
    let names: Vec<&str> = actions.iter().map(|(.., name)| *name).collect();
    assert_eq!(late, names);
    assert!(rig.parts.db.audits(9).await.unwrap().is_empty());
    free(&mut other).await;
    assert!(rig.parts.db.decisions().flush(SOON).await);
    assert!(rig.parts.db.decisions().late().borrow().is_empty());
    let stored: Vec<String> = rig.parts.db.audits(9).await.unwrap().into_iter().rev().map(|row| row.action).collect();
    assert_eq!(stored, names);
    assert_eq!(rig.parts.db.audits(9).await.unwrap()[6].detail, "odd fills");
    assert_eq!(rig.parts.db.settings(&super::scope()).await.unwrap()[0].value, "10");
    let (status, answer) = rig.as_(&rig.admin, "POST", "/v1/admin/emergency-stop", "").await;
    assert_eq!((status, &answer["durable"], &answer["mode"]), (StatusCode::OK, &json!(true), &json!("demo")));
    assert_eq!(rig.parts.db.halted("an account").await.unwrap().unwrap().at_ms, NOW().millis());
}

#[tokio::test]
async fn what_makes_the_host_do_more_is_refused_and_changes_nothing() {
    let (rig, mut other) = rig("more").await;
    let (status, _) = rig.as_(&rig.admin, "PUT", "/v1/config/daily_loss_limit_usd", r#"{"value": 10}"#).await;
    assert_eq!(status, StatusCode::OK);
    let actions = [
        ("POST", "/v1/admin/bot/start", ""),
        ("POST", "/v1/admin/bot/resume", ""),
        ("POST", "/v1/admin/emergency-stop/release", r#"{"reason": "checked"}"#),
        ("POST", "/v1/admin/circuit-breakers/drawdown/reset", ""),
        ("PUT", "/v1/admin/restrictions", r#"{"scope": "session", "restriction": "none"}"#),
        ("PUT", "/v1/config/daily_loss_limit_usd", r#"{"value": 20}"#),
        ("POST", "/v1/strategies/quoter/enable", ""),
        ("POST", "/v1/strategies/quoter/arm", ""),
        ("POST", "/v1/strategies/quoter/rollback", ""),
        ("POST", "/v1/admin/transfers", r#"{"kind": "deposit", "amount_usd": "5", "reason": "x"}"#),
    ];
    rig.trip(model::input::Breaker::Drawdown);
    lock(&mut other).await;
    for (method, path, body) in actions {
        let (status, answer) = rig.as_(&rig.admin, method, path, body).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {answer}");
    }
    assert!(rig.commands().is_empty() && rig.words.lock().unwrap().is_empty(), "nothing was executed");
    assert_eq!(rig.parts.settings.limits().await.daily_loss, model::Usd::dollars(10));
    free(&mut other).await;
    for (method, path, body) in actions {
        let (status, answer) = rig.as_(&rig.admin, method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
    }
    assert_eq!(rig.parts.settings.limits().await.daily_loss, model::Usd::dollars(20));
    assert_eq!(rig.parts.db.settings(&super::scope()).await.unwrap()[0].value, "20");
}

#[tokio::test]
async fn a_limit_is_tightened_while_another_waits_to_be_raised() {
    let (rig, mut other) = rig("beside").await;
    for (key, value) in [("daily_loss_limit_usd", 10), ("max_order_usd", 5)] {
        let (status, answer) =
            rig.as_(&rig.admin, "PUT", &format!("/v1/config/{key}"), &json!({ "value": value }).to_string()).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    lock(&mut other).await;
    let raise = rig.as_(&rig.admin, "PUT", "/v1/config/daily_loss_limit_usd", r#"{"value": 20}"#);
    let tighten = async {
        let (status, answer) = rig.as_(&rig.admin, "PUT", "/v1/config/max_order_usd", r#"{"value": 4}"#).await;
        assert_eq!((status, &answer["durable"]), (StatusCode::OK, &json!(false)), "{answer}");
        assert_eq!(rig.parts.settings.limits().await.max_order, model::Usd::dollars(4));
    };
    let ((status, answer), ()) = tokio::join!(raise, tighten);
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    free(&mut other).await;
    assert!(rig.parts.db.decisions().flush(SOON).await);
    let kept: Vec<String> =
        rig.parts.db.settings(&super::scope()).await.unwrap().into_iter().map(|row| row.value).collect();
    assert!(kept.contains(&"4".to_owned()) && kept.contains(&"10".to_owned()), "{kept:?}");
}

#[tokio::test]
async fn a_release_that_cannot_be_stored_leaves_the_emergency_stop_in_force() {
    let (rig, mut other) = rig("release").await;
    let (status, answer) = rig.as_(&rig.admin, "POST", "/v1/admin/emergency-stop", "").await;
    assert_eq!((status, &answer["durable"]), (StatusCode::OK, &json!(true)));
    // The audit can be written, the halts table cannot.
    sqlx::query("ALTER TABLE halts RENAME TO hidden").execute(&mut other).await.unwrap();
    let release = ("/v1/admin/emergency-stop/release", r#"{"reason": "checked"}"#);
    let (status, answer) = rig.as_(&rig.admin, "POST", release.0, release.1).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert!(matches!(rig.commands().last(), Some(Command::EmergencyStop { .. })), "it is in force again");
    sqlx::query("ALTER TABLE hidden RENAME TO halts").execute(&mut other).await.unwrap();
    assert!(rig.parts.control.is_halt_stored().await || rig.parts.db.halted("an account").await.unwrap().is_some());
    assert!(rig.parts.db.halted("an account").await.unwrap().is_some());
    let (status, answer) = rig.as_(&rig.admin, "POST", release.0, release.1).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(rig.parts.db.halted("an account").await.unwrap(), None);
}
