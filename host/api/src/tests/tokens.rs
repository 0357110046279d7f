//! Tokens are created, listed and revoked by an admin.

use super::*;

#[tokio::test]
async fn an_admin_makes_lists_and_revokes_tokens() {
    let rig = Rig::new("tokens").await;
    for token in [&rig.viewer, &rig.trader] {
        for (method, path) in [("GET", "/v1/tokens"), ("POST", "/v1/tokens"), ("DELETE", "/v1/tokens/admin")] {
            assert_eq!(rig.as_(token, method, path, "").await.0, StatusCode::FORBIDDEN, "{method}");
        }
    }
    let body = json!({ "name": "grafana", "role": "viewer", "expires_in_s": 60, "reason": "graphs", "user": "joe" });
    let (status, made) = rig.as_(&rig.admin, "POST", "/v1/tokens", &body.to_string()).await;
    assert_eq!((status, &made["role"]), (StatusCode::OK, &json!("viewer")), "{made}");
    let expires = NOW().plus_millis(60_000).millis();
    assert_eq!(made["expires_at_ms"], expires);
    let secret = made["token"].as_str().unwrap().to_owned();
    assert_eq!(rig.as_(&secret, "GET", "/metrics", "").await.0, StatusCode::OK);
    let set = rig.as_(&secret, "PUT", "/v1/config/max_order_usd", r#"{"value": 1}"#).await;
    assert_eq!(set.0, StatusCode::FORBIDDEN);

    let (_, all) = rig.as_(&rig.admin, "GET", "/v1/tokens", "").await;
    let names: Vec<_> = all.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["admin", "desk", "grafana", "screen"]);
    assert_eq!((&all[0]["of_folder"], &all[2]["of_folder"]), (&json!(true), &json!(false)));
    assert_eq!((&all[0]["expires_at_ms"], &all[2]["expires_at_ms"]), (&Value::Null, &json!(expires)));
    assert!(!all.to_string().contains(&secret), "the secret is shown once");

    // Its actions are attributed to its name.
    rig.as_(&secret, "POST", "/v1/admin/emergency-stop", "").await;
    let (status, answer) = rig.as_(&rig.admin, "DELETE", "/v1/tokens/grafana", "leaked").await;
    assert_eq!((status, &answer["durable"]), (StatusCode::OK, &json!(true)));
    assert_eq!(rig.as_(&secret, "GET", "/metrics", "").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(rig.as_(&rig.admin, "DELETE", "/v1/tokens/grafana", "").await.0, StatusCode::NOT_FOUND);
    let audits = rig.parts.db.audits(10).await.unwrap();
    let of = |action: &str| audits.iter().find(|row| row.action == action).unwrap();
    let (created, stopped, revoked) = (of("tokens/create"), of("emergency-stop"), of("tokens/revoke/grafana"));
    assert_eq!((created.who.as_str(), created.detail.as_str()), ("admin", "grafana viewer: graphs"));
    assert_eq!((stopped.who.as_str(), revoked.who.as_str()), ("grafana", "admin"));
    assert_eq!((revoked.detail.as_str(), created.claimed_user.as_str()), ("leaked", "joe"));
    assert!(audits.iter().all(|row| !format!("{row:?}").contains(&secret)));
}

#[tokio::test]
async fn a_token_that_cannot_be_made_is_refused_by_name() {
    let rig = Rig::new("no-token").await;
    for (body, status, word) in [
        (json!({}), StatusCode::BAD_REQUEST, "name"),
        (json!({ "name": "a", "role": "owner" }), StatusCode::BAD_REQUEST, "`owner` is not a role"),
        (json!({ "name": "a b", "role": "viewer" }), StatusCode::BAD_REQUEST, "`a b`"),
        (json!({ "name": "../a", "role": "viewer" }), StatusCode::BAD_REQUEST, "`../a`"),
        (json!({ "name": "desk", "role": "viewer" }), StatusCode::CONFLICT, "`desk` already"),
        (json!({ "name": "a", "role": "viewer", "expires_in_s": 0 }), StatusCode::BAD_REQUEST, "expires_in_s"),
        // A misspelled expiry must not create a token without one.
        (json!({ "name": "a", "role": "viewer", "expires_in": 60 }), StatusCode::BAD_REQUEST, "expires_in"),
    ] {
        let (answered, problem) = rig.as_(&rig.admin, "POST", "/v1/tokens", &body.to_string()).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(answered == status && detail.contains(word), "{body}: {answered} {problem}");
    }
    assert_eq!(rig.as_(&rig.admin, "GET", "/v1/tokens", "").await.1.as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_revoked_admin_token_of_the_data_folder_is_replaced_in_its_file() {
    let rig = Rig::new("own-token").await;
    let path = crate::auth::admin_token_path(&rig.dir);
    assert_eq!(rig.as_(&rig.admin, "DELETE", "/v1/tokens/admin", "").await.0, StatusCode::OK);
    assert_eq!(rig.as_(&rig.admin, "GET", "/v1/session", "").await.0, StatusCode::UNAUTHORIZED);
    let next = std::fs::read_to_string(path).unwrap();
    assert_eq!(rig.as_(next.trim(), "GET", "/v1/tokens", "").await.0, StatusCode::OK);
}
