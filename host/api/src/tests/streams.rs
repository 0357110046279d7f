//! The stream of changes: its resume position, and its end.

use super::*;
use futures_util::StreamExt;

/// Returns the first chunk of a stream.
async fn first(rig: &Rig, path: &str, headers: &[(&str, &str)]) -> String {
    let bearer = format!("Bearer {}", rig.viewer);
    let mut all = vec![("authorization", bearer.as_str())];
    all.extend(headers);
    let response = rig.request("GET", path, &all, "").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let mut body = response.into_body().into_data_stream();
    String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn the_stream_resumes_within_its_session_and_says_reset_elsewhere() {
    let rig = Rig::new("stream").await;
    rig.parts.picture.channel(model::input::Channel::Market, true);
    rig.parts.picture.channel(model::input::Channel::User, true);
    for (path, last, id) in [
        ("/v1/stream?after=7-0", None, "id: 7-1\n"),
        ("/v1/stream", Some("7-1"), "id: 7-2\n"),
        // A browser that reconnects automatically sends its last position.
        ("/v1/stream?after=7-0", Some("7-1"), "id: 7-2\n"),
    ] {
        let headers: Vec<_> = last.iter().map(|last| ("last-event-id", *last)).collect();
        let event = first(&rig, path, &headers).await;
        assert!(event.contains("event: update") && event.contains(id), "{path} {last:?}: {event}");
    }
    // Numbers of another session refer to other updates, whether or not such numbers exist here; so does a number
    // without a session.
    for foreign in ["6-1", "8-1", "1", "0", "7-99", "7-", "-1", "7", "7-1-1", "7-x", "%C3%BC"] {
        let event = first(&rig, &format!("/v1/stream?after={foreign}"), &[]).await;
        assert!(event.starts_with("event: reset"), "after={foreign}: {event}");
        let event = first(&rig, "/v1/stream", &[("last-event-id", foreign)]).await;
        assert!(event.starts_with("event: reset"), "Last-Event-ID: {foreign}: {event}");
    }
}

#[tokio::test]
async fn an_open_stream_ends_when_its_token_is_revoked() {
    let rig = Rig::new("revoked").await;
    let bearer = format!("Bearer {}", rig.viewer);
    let response = rig.request("GET", "/v1/stream", &[("authorization", &bearer)], "").await;
    let mut body = response.into_body().into_data_stream();
    rig.parts.picture.channel(model::input::Channel::Market, true);
    assert!(body.next().await.is_some(), "it is open");
    let (status, answer) = rig.as_(&rig.admin, "DELETE", "/v1/tokens/screen", "").await;
    assert_eq!((status, &answer["durable"]), (StatusCode::OK, &json!(true)));
    let ended = tokio::time::timeout(Duration::from_secs(20), async { while body.next().await.is_some() {} });
    ended.await.unwrap();
    assert_eq!(rig.as_(&rig.viewer, "GET", "/v1/session", "").await.0, StatusCode::UNAUTHORIZED);
}
