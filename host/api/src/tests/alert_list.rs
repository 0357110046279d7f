//! The list of alerts and their acknowledgement.

use super::*;
use alerts::{Alert, Severity};

fn raise(rig: &Rig, kind: &'static str) {
    rig.parts.alerts.raise(Alert::new(NOW(), Severity::Warning, kind, "the disk is short", "3 MB left"));
}

#[tokio::test]
async fn an_alert_is_listed_and_acknowledged_by_a_trader_for_a_time_that_outlives_the_host() {
    let rig = Rig::new("alert-list").await;
    raise(&rig, "disk_short");
    raise(&rig, "disk_short");
    let (status, all) = rig.as_(&rig.viewer, "GET", "/v1/alerts", "").await;
    let one = &all[0];
    assert_eq!((status, all.as_array().unwrap().len(), &one["count"]), (StatusCode::OK, 1, &json!(2)));
    assert_eq!((&one["severity"], &one["acknowledged_until_ms"]), (&json!("warning"), &Value::Null));
    let path = format!("/v1/alerts/{}/acknowledge", one["id"]);
    assert_eq!(rig.as_(&rig.viewer, "POST", &path, "").await.0, StatusCode::FORBIDDEN);
    let body = json!({ "for_s": 3_600, "reason": "a bigger one is ordered" }).to_string();
    let (status, acked) = rig.as_(&rig.trader, "POST", &path, &body).await;
    assert_eq!((status, &acked["acknowledged_by"]), (StatusCode::OK, &json!("desk")));
    assert_eq!(acked["acknowledged_until_ms"], json!(NOW().millis() + 3_600_000));
    let kept = rig.parts.db.acknowledgements(&super::scope(), NOW().millis()).await.unwrap();
    assert_eq!((kept.len(), kept[0].kind.as_str(), kept[0].who.as_str()), (1, "disk_short", "desk"));
    assert!(rig.parts.db.acknowledgements(&super::scope(), NOW().millis() + 3_600_000).await.unwrap().is_empty());
    let audits = rig.parts.db.audits(10).await.unwrap();
    let done = audits.iter().find(|row| row.outcome == "ok").unwrap();
    assert!(done.detail.contains("disk_short") && done.detail.ends_with("a bigger one is ordered"), "{done:?}");
}

#[tokio::test]
async fn what_cannot_be_acknowledged_is_refused_with_a_sentence() {
    let rig = Rig::new("alert-refused").await;
    raise(&rig, "disk_short");
    for (path, body, status, word) in [
        ("/v1/alerts/9/acknowledge", "", StatusCode::NOT_FOUND, "no alert 9"),
        ("/v1/alerts/x/acknowledge", "", StatusCode::BAD_REQUEST, "`x`"),
        ("/v1/alerts/1/acknowledge", "{\"for_s\": 59}", StatusCode::BAD_REQUEST, "`59`"),
        ("/v1/alerts/1/acknowledge", "{\"for_s\": 604801}", StatusCode::BAD_REQUEST, "604800"),
        ("/v1/alerts/1/acknowledge", "{\"for_s\": -1}", StatusCode::BAD_REQUEST, "for_s"),
    ] {
        let (answered, problem) = rig.as_(&rig.admin, "POST", path, body).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(answered == status && detail.contains(word), "{path} {body}: {answered} {detail}");
    }
    assert!(rig.parts.db.acknowledgements(&super::scope(), 0).await.unwrap().is_empty());
}
