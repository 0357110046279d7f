//! Requests with an idempotency key: executed once, with the stored response on repetition, also after a restart; and
//! stops that never wait for a key.

use super::*;
use std::time::Instant;

impl Rig {
    async fn keyed(
        &self,
        token: &str,
        (method, path): (&str, &str),
        key: &str,
        body: &str,
    ) -> (StatusCode, bool, Value) {
        let bearer = format!("Bearer {token}");
        let response = self.request(method, path, &[("authorization", &bearer), ("idempotency-key", key)], body).await;
        let replayed = response.headers().contains_key("idempotent-replayed");
        let (status, answer) = read(response).await;
        (status, replayed, answer)
    }
}

const TRANSFER: (&str, &str) = ("POST", "/v1/admin/transfers");

fn deposit(amount: &str) -> String {
    json!({ "kind": "deposit", "amount_usd": amount, "reason": "0xabc" }).to_string()
}

async fn rows(rig: &Rig) -> usize {
    rig.parts.db.decisions().flush(Duration::from_secs(5)).await;
    rig.parts.db.audits(100).await.unwrap().len()
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_answered_as_before_and_not_done_again() {
    let rig = Rig::new("keys").await;
    let (status, replayed, first) = rig.keyed(&rig.admin, TRANSFER, "k-1", &deposit("5")).await;
    assert_eq!((status, replayed), (StatusCode::OK, false), "{first}");
    let before = rows(&rig).await;
    let (status, replayed, second) = rig.keyed(&rig.admin, TRANSFER, "k-1", &deposit("5")).await;
    assert_eq!((status, replayed), (StatusCode::OK, true));
    assert_eq!((second, rows(&rig).await), (first, before), "the same response, and no further audit entry");
    let (status, _, problem) = rig.keyed(&rig.admin, TRANSFER, "k-1", &deposit("6")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("`k-1`"));
    // A key belongs to a token, and a request refused because of the role releases it.
    let (status, ..) = rig.keyed(&rig.trader, TRANSFER, "k-1", &deposit("6")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    // A refusal is stored too.
    for replayed in [false, true] {
        let (status, again, _) = rig.keyed(&rig.admin, TRANSFER, "k-2", &deposit("-1")).await;
        assert_eq!((status, again), (StatusCode::BAD_REQUEST, replayed));
    }
    for key in ["", "two words", &"k".repeat(256)] {
        assert_eq!(rig.keyed(&rig.admin, TRANSFER, key, &deposit("5")).await.0, StatusCode::BAD_REQUEST, "`{key}`");
    }
    assert_eq!(rows(&rig).await, before, "a refusal is not an action");
}

#[tokio::test]
async fn keys_hold_over_restarts_and_for_a_day() {
    use store::db::request_keys::{KEPT_MILLIS, KeptAnswer, KeyClaim, KeyedRequest};
    let rig = Rig::new("keys-kept").await;
    let (status, ..) = rig.keyed(&rig.admin, TRANSFER, "k", &deposit("5")).await;
    assert_eq!(status, StatusCode::OK);
    // Another host on the same database.
    let db = Db::open(&format!("sqlite:{}", rig.dir.join("db.sqlite").display())).await.unwrap();
    let of = |name, request, session, at_ms| KeyedRequest { who: "admin", name, request, session, at_ms };
    let now = NOW().millis();
    let scope = rig.parts.settings.scope().clone();
    assert_eq!(db.claim_key(&scope, of("k", "other", 8, now)).await.unwrap(), KeyClaim::OfAnother);
    // A request that was running when its session ended.
    assert_eq!(db.claim_key(&scope, of("cut", "r", 7, now)).await.unwrap(), KeyClaim::New);
    assert_eq!(db.claim_key(&scope, of("cut", "r", 7, now)).await.unwrap(), KeyClaim::Running);
    assert_eq!(db.claim_key(&scope, of("cut", "r", 8, now)).await.unwrap(), KeyClaim::CutOff { session: 7 });
    let answer =
        KeptAnswer { status: 202, content_type: String::new(), etag: String::new(), body: String::new(), secret: 0 };
    db.keep_answer(&scope, of("cut", "r", 7, now), &answer).await.unwrap();
    assert_eq!(db.claim_key(&scope, of("cut", "r", 9, now)).await.unwrap(), KeyClaim::Answered(answer));
    let late = now + KEPT_MILLIS;
    assert!(matches!(db.claim_key(&scope, of("cut", "r", 9, late)).await.unwrap(), KeyClaim::Answered(_)));
    assert_eq!(db.claim_key(&scope, of("cut", "r", 9, late + 1)).await.unwrap(), KeyClaim::New);
}

#[tokio::test]
async fn a_request_that_runs_is_not_done_beside_itself() {
    let rig = Rig::new("keys-running").await;
    use store::db::request_keys::{KeyClaim, KeyedRequest};
    let body = deposit("5");
    let request = crate::idempotency::digest(&axum::http::Method::POST, TRANSFER.1, body.as_bytes());
    let claimed = KeyedRequest { who: "admin", name: "k", request: &request, session: 7, at_ms: NOW().millis() };
    let (first, second) =
        tokio::join!(rig.keyed(&rig.admin, TRANSFER, "both", &body), rig.keyed(&rig.admin, TRANSFER, "both", &body));
    let mut found = [(first.0, first.1), (second.0, second.1)];
    found.sort_by_key(|(status, replayed)| (status.as_u16(), *replayed));
    assert_eq!(found[0], (StatusCode::OK, false));
    assert!([(StatusCode::CONFLICT, false), (StatusCode::OK, true)].contains(&found[1]), "{found:?}");
    // A request without a response yet.
    assert_eq!(rig.parts.db.claim_key(rig.parts.settings.scope(), claimed).await.unwrap(), KeyClaim::New);
    let (status, _, problem) = rig.keyed(&rig.admin, TRANSFER, "k", &body).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("is still running"), "{problem}");
}

#[tokio::test]
async fn an_answer_with_a_secret_is_not_kept() {
    let rig = Rig::new("keys-secret").await;
    let body = json!({ "name": "grafana", "role": "viewer" }).to_string();
    let route = ("POST", "/v1/tokens");
    let (status, _, made) = rig.keyed(&rig.admin, route, "k", &body).await;
    let token = made["token"].as_str().unwrap();
    assert_eq!(status, StatusCode::OK);
    let (status, _, problem) = rig.keyed(&rig.admin, route, "k", &body).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(problem["detail"].as_str().unwrap().contains("contained a secret"), "{problem}");
    for file in std::fs::read_dir(&rig.dir).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "{}", path.display());
    }
}

#[tokio::test]
async fn a_stop_with_a_key_acts_each_time_and_without_the_database() {
    let rig = Rig::new("keys-stop").await;
    for path in ["/v1/admin/emergency-stop", "/v1/trading/orders/cancel-all", "/v1/admin/bot/stop"] {
        for body in ["", "", "{\"reason\": \"another body\"}"] {
            let (status, replayed, _) = rig.keyed(&rig.trader, ("POST", path), "same", body).await;
            assert_eq!((status, replayed), (StatusCode::OK, false), "{path}");
        }
    }
    assert_eq!(rig.commands().len(), 9);
    rig.parts.db.close(Duration::from_secs(5)).await;
    let started = Instant::now();
    let (status, ..) = rig.keyed(&rig.viewer, ("POST", "/v1/admin/emergency-stop"), "same", "").await;
    assert_eq!((status, rig.commands().len()), (StatusCode::OK, 1));
    assert!(started.elapsed() < Duration::from_secs(30));
    // Loosening actions are refused without their key; tightening actions are executed.
    let (status, ..) = rig.keyed(&rig.admin, TRANSFER, "k", &deposit("5")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let tighten = json!({ "value": 3 }).to_string();
    let (status, ..) = rig.keyed(&rig.admin, ("PUT", "/v1/config/max_open_positions"), "k", &tighten).await;
    assert_eq!(status, StatusCode::OK);
    let market = testkit::market(0);
    rig.parts.picture.market(&market);
    let lock = format!("/v1/admin/locks/{}", market.slug);
    let (status, ..) = rig.keyed(&rig.trader, ("PUT", &lock), "k", r#"{"seconds": 60}"#).await;
    assert_eq!(status, StatusCode::OK);
}
