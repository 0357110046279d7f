//! Locks of markets.

use super::*;
use model::{MarketIx, input::Command};

#[tokio::test]
async fn a_market_is_locked_by_a_trader_listed_and_unlocked() {
    let rig = Rig::new("locks").await;
    let market = testkit::market(0);
    rig.parts.picture.market(&market);
    let path = format!("/v1/admin/locks/{}", market.slug);
    let body = r#"{"seconds": 60, "reason": "news at noon"}"#;
    assert_eq!(rig.as_(&rig.viewer, "PUT", &path, body).await.0, StatusCode::FORBIDDEN);
    let (status, lock) = rig.as_(&rig.trader, "PUT", &path, body).await;
    let until = NOW().plus_millis(60_000);
    assert_eq!(status, StatusCode::OK, "{lock}");
    assert_eq!(lock, json!({ "market": market.slug, "until_ms": until.millis(), "durable": true }));
    assert_eq!(rig.commands(), [Command::Lock { market: MarketIx(0), until }]);
    let (_, listed) = rig.as_(&rig.viewer, "GET", "/v1/admin/locks", "").await;
    assert_eq!(listed, json!([{ "market": market.slug, "until_ms": until.millis() }]));

    // A shorter lock allows more, so it is stored in the audit first.
    let (status, _) = rig.as_(&rig.trader, "PUT", &path, r#"{"seconds": 5}"#).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(rig.as_(&rig.trader, "DELETE", &path, r#"{"reason": "over"}"#).await.0, StatusCode::NO_CONTENT);
    let shorter = Command::Lock { market: MarketIx(0), until: NOW().plus_millis(5_000) };
    assert_eq!(rig.commands(), [shorter, Command::Lock { market: MarketIx(0), until: Time(0) }]);
    assert_eq!(rig.as_(&rig.viewer, "GET", "/v1/admin/locks", "").await.1, json!([]));
    let (_, audit) = rig.as_(&rig.admin, "GET", "/v1/admin/audit", "").await;
    let outcomes: Vec<(&str, &str)> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["action"].as_str().unwrap(), row["outcome"].as_str().unwrap()))
        .collect();
    let name = format!("locks/{}", market.slug);
    let ended = format!("{name}/delete");
    let expected = [
        (ended.as_str(), "ok"),
        (ended.as_str(), "asked"),
        (name.as_str(), "ok"),
        (name.as_str(), "asked"),
        (name.as_str(), "ok"),
    ];
    assert_eq!(outcomes, expected);
    assert!(audit[4]["detail"].as_str().unwrap().contains("news at noon"), "{audit}");
}

#[tokio::test]
async fn a_lock_without_a_time_or_a_market_changes_nothing() {
    let rig = Rig::new("bad-locks").await;
    let market = testkit::market(0);
    rig.parts.picture.market(&market);
    let path = format!("/v1/admin/locks/{}", market.slug);
    for (path, body, status, words) in [
        (path.as_str(), r#"{"seconds": 0}"#, StatusCode::BAD_REQUEST, "`0` is not a duration of a lock"),
        (path.as_str(), r#"{"seconds": 31536001}"#, StatusCode::BAD_REQUEST, "expected 1 to 31536000 seconds"),
        (path.as_str(), "{}", StatusCode::BAD_REQUEST, "`seconds` and `reason`"),
        ("/v1/admin/locks/none", r#"{"seconds": 9}"#, StatusCode::NOT_FOUND, "there is no market `none` here"),
    ] {
        let (refused, problem) = rig.as_(&rig.trader, "PUT", path, body).await;
        assert_eq!(refused, status, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
    assert_eq!(rig.as_(&rig.trader, "DELETE", "/v1/admin/locks/none", "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(rig.commands(), []);
}
