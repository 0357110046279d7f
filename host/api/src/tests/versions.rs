//! The configuration's groups and versions.

use super::*;

#[tokio::test]
async fn the_runbooks_keys_come_first_and_the_rest_in_groups() {
    let rig = Rig::new("groups").await;
    let bearer = format!("Bearer {}", rig.viewer);
    let response = rig.request("GET", "/v1/config/", &[("authorization", &bearer)], "").await;
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let mut keys: Vec<(usize, &String)> =
        all.as_object().unwrap().keys().map(|key| (text.find(&format!("\"{key}\":")).unwrap(), key)).collect();
    keys.sort();
    let keys: Vec<&str> = keys.into_iter().map(|(_, key)| key.as_str()).collect();
    let runbook = [
        "portfolio_trade_pct",
        "max_market_usd",
        "daily_loss_limit_usd",
        "take_profit_pct",
        "stop_loss_pct",
        "max_open_positions",
    ];
    assert_eq!(keys[..6], runbook);
    let mut groups: Vec<&str> = keys.iter().map(|key| all[*key]["group"].as_str().unwrap()).collect();
    groups.dedup();
    assert_eq!(groups[..3], ["risk", "limits", "general"]);
    let mut once = groups.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), groups.len(), "the keys of a group are adjacent: {groups:?}");
}

#[tokio::test]
async fn a_change_of_a_version_that_is_gone_is_refused_and_one_without_a_version_is_not() {
    let rig = Rig::new("etags").await;
    let bearer = format!("Bearer {}", rig.admin);
    let path = "/v1/config/daily_loss_limit_usd";
    let tag = async |path: &str| {
        let response = rig.request("GET", path, &[("authorization", &bearer)], "").await;
        response.headers()["etag"].to_str().unwrap().to_owned()
    };
    let put = async |seen: Option<&str>, value: i64| {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(seen.map(|seen| ("if-match", seen)));
        let response = rig.request("PUT", path, &headers, &json!({ "value": value }).to_string()).await;
        let tag = response.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
        (response.status(), tag)
    };
    let first = tag("/v1/config/").await;
    assert_eq!(first, tag(path).await, "one version for the whole configuration");
    let (status, second) = put(Some(&first), 20).await;
    assert_eq!((status, second.as_deref()), (StatusCode::OK, Some(tag(path).await.as_str())));
    // Stale: nothing has changed, whether it would tighten or loosen.
    for value in [10, 24] {
        assert_eq!(put(Some(&first), value).await, (StatusCode::PRECONDITION_FAILED, None));
        assert_eq!(tag(path).await, second.clone().unwrap());
    }
    assert_eq!(put(None, 19).await.0, StatusCode::OK, "as in the runbook");
    assert_eq!(put(Some("*"), 18).await.0, StatusCode::OK);
    assert_eq!(put(Some("nonsense"), 17).await.0, StatusCode::PRECONDITION_FAILED);
    let unknown = format!("/v1/config/{}", "x".repeat(3_000));
    let (status, problem) = rig.as_(&rig.admin, "GET", &unknown, "").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(problem["detail"].as_str().unwrap().len() < 200, "the key is cut: {problem}");
    let (status, problem) = rig.as_(&rig.admin, "PUT", &unknown, "{\"value\": 1}").await;
    assert!(status == StatusCode::NOT_FOUND && problem["detail"].as_str().unwrap().len() < 200, "{problem}");
}
