//! What is not the venue's: the switches by which a test makes this exchange fail.

use super::{Fail, World};
use crate::world::{Faults, Shared};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Where the switches are; no route of the venue begins like this.
pub(super) const PATH: &str = "/exchange/faults";

pub(super) async fn show(State(shared): World) -> Response {
    Json(shared.lock().faults().clone()).into_response()
}

pub(super) async fn set(State(shared): World, body: Bytes) -> Result<Response, Fail> {
    let faults: Faults =
        serde_json::from_slice(&body).map_err(|error| Fail::bad(format!("these are no faults: {error}")))?;
    let mut inside = shared.lock();
    inside.set_faults(faults)?;
    Ok(Json(inside.faults().clone()).into_response())
}

/// Breaks and delays answers as the switches say; the switches themselves always answer.
pub(super) async fn meddle(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == PATH || path.starts_with("/ws/") {
        return next.run(request).await;
    }
    let (delay, broken) = {
        let mut inside = shared.lock();
        (inside.faults().delay_ms, inside.breaks_request())
    };
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    if broken {
        // A gateway's page, not the venue's words.
        return (StatusCode::BAD_GATEWAY, "<html><body>502 Bad Gateway</body></html>").into_response();
    }
    next.run(request).await
}
