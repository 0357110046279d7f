//! Request bodies that are empty, invalid, or of no declared type.

use super::*;

/// The routes whose body has required fields: method, path, the fields as shown in an error, and the first one.
const REQUIRED: [(&str, &str, &str, &str); 8] = [
    ("PUT", "/v1/admin/restrictions", "`scope` and `restriction`", "scope"),
    ("POST", "/v1/admin/transfers", "`kind`, `amount_usd` and `reason`", "kind"),
    ("PUT", "/v1/config/daily_loss_limit_usd", "`value` and `user`", "value"),
    ("POST", "/v1/positions/assign", "`token`, `from` and `to`", "token"),
    ("POST", "/v1/positions/claims/execute", "`kind` and `market`", "kind"),
    ("POST", "/v1/session", "`token`", "token"),
    ("POST", "/v1/strategies/quoter/signal", "`name` and `value`", "name"),
    ("PUT", "/v1/strategies/quoter/parameters", "`parameters`", "parameters"),
];

/// The routes whose body may be empty.
const OPTIONAL: [(&str, &str, &str); 5] = [
    ("POST", "/v1/admin/bot/start", "`reason` and `user`"),
    ("POST", "/v1/admin/bot/resume", "`reason` and `user`"),
    ("POST", "/v1/strategies/quoter/enable", "`reason` and `user`"),
    ("POST", "/v1/strategies/quoter/rollback", "`hash` and `reason`"),
    ("POST", "/v1/strategies/quoter/arm", "`hash`, `budget` and `reason`"),
];

async fn rig(name: &str) -> Rig {
    let rig = Rig::new(name).await;
    let view = readmodel::views::StrategyView { name: "quoter".to_owned(), ..Default::default() };
    rig.parts.picture.strategy(model::StrategyId(1), view);
    rig
}

#[tokio::test]
async fn a_wrong_body_is_a_problem_that_names_the_fields() {
    let rig = rig("wrong-bodies").await;
    let required = REQUIRED.map(|(method, path, fields, _)| (method, path, fields));
    for (method, path, fields) in required.into_iter().chain(OPTIONAL) {
        for body in ["no json", "7", r#"{"reason": 5, "#] {
            let (status, problem) = rig.as_(&rig.admin, method, path, body).await;
            let detail = problem["detail"].as_str().unwrap();
            assert_eq!((status, &problem["status"]), (StatusCode::BAD_REQUEST, &json!(400)), "{path} {body}");
            assert!(detail.starts_with(&format!("expected a JSON object with {fields}: ")), "{path}: {detail}");
        }
    }
    assert!(rig.commands().is_empty() && rig.words.lock().unwrap().is_empty(), "nothing was executed");
}

/// The schema says which texts are amounts. Such a text of a market without claims is not found; any other one is refused
/// whatever there is to claim.
#[tokio::test]
async fn the_shares_of_a_claim_are_an_amount_or_empty() {
    let rig = rig("claim-shares").await;
    for (shares, expected) in [
        ("five", StatusCode::BAD_REQUEST),
        ("1e3", StatusCode::BAD_REQUEST),
        ("0", StatusCode::BAD_REQUEST),
        ("", StatusCode::NOT_FOUND),
        ("12.5", StatusCode::NOT_FOUND),
    ] {
        let body = json!({ "kind": "merge", "market": "nowhere", "shares": shares, "reason": "x" });
        let (status, problem) = rig.as_(&rig.trader, "POST", "/v1/positions/claims/execute", &body.to_string()).await;
        assert_eq!(status, expected, "{shares}: {problem}");
    }
}

#[tokio::test]
async fn an_empty_body_is_an_object_without_fields() {
    let rig = rig("empty-bodies").await;
    for (method, path, fields, first) in REQUIRED {
        for body in ["", " \n", "{}"] {
            let (status, problem) = rig.as_(&rig.admin, method, path, body).await;
            let words = format!("expected a JSON object with {fields}: missing field `{first}`");
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
            assert!(problem["detail"].as_str().unwrap().starts_with(&words), "{path}: {problem}");
        }
    }
    for (method, path, _) in OPTIONAL {
        for body in ["", " \n", "{}"] {
            let (status, answer) = rig.as_(&rig.admin, method, path, body).await;
            assert!(status.is_success(), "{path} {body:?}: {status} {answer}");
        }
    }
}

#[tokio::test]
async fn a_role_is_checked_before_the_body_and_its_type_does_not_matter() {
    let rig = rig("body-order").await;
    for (method, path, _) in OPTIONAL {
        assert_eq!(rig.as_(&rig.viewer, method, path, "no json").await.0, StatusCode::FORBIDDEN, "{path}");
    }
    let bearer = format!("Bearer {}", rig.admin);
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json"] {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        let response =
            rig.request("POST", "/v1/admin/bot/stop", &headers, r#"{"reason": "noon", "user": "joe"}"#).await;
        assert_eq!(response.status(), StatusCode::OK, "{kind}");
        let audit = &rig.parts.db.audits(1).await.unwrap()[0];
        assert_eq!((audit.detail.as_str(), audit.claimed_user.as_str()), ("noon", "joe"), "{kind}");
    }
}
