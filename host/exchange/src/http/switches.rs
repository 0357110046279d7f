//! What is not the venue's: the switches by which a test makes this exchange fail.

use super::{Answer, Fail, World};
use crate::world::{Faults, Shared};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::Usd;
use serde::Deserialize;
use std::time::Duration;

/// Where the switches are; no route of the venue begins like this.
pub(super) const PATH: &str = "/exchange/faults";

pub(super) async fn show(State(shared): World) -> Response {
    Json(shared.lock().faults().clone()).into_response()
}

pub(super) async fn set(State(shared): World, body: Bytes) -> Answer {
    let faults: Faults =
        serde_json::from_slice(&body).map_err(|error| Fail::bad(format!("these are no faults: {error}")))?;
    let mut inside = shared.lock();
    inside.set_faults(faults)?;
    Ok(Json(inside.faults().clone()).into_response())
}

/// How a market ends.
#[derive(Deserialize)]
struct Resolution {
    condition: String,
    /// What a share of the first token pays, in dollars: `1`, `0`, or `0.5` for a draw.
    pays: String,
    /// Whether all shares are paid at once, as the venue's operator does for those who asked for it.
    #[serde(default)]
    redeem: bool,
}

pub(super) async fn resolve(State(shared): World, body: Bytes) -> Answer {
    let told: Resolution =
        serde_json::from_slice(&body).map_err(|error| Fail::bad(format!("this is no resolution: {error}")))?;
    let yes = Usd::parse(&told.pays).filter(|pays| (Usd::ZERO..=Usd::dollars(1)).contains(pays));
    let yes = yes.ok_or_else(|| Fail::bad(format!("pays is `{}`; it is 0 to 1 dollar", told.pays)))?;
    let mut inside = shared.lock();
    let (market, _) = super::public::listed(&inside, &told.condition)?;
    let pays = [yes, Usd::dollars(1).saturating_sub(yes)];
    inside.resolve(market, pays, told.redeem).map_err(|error| Fail::bad(error.to_string()))?;
    Ok(Json("OK").into_response())
}

/// Breaks and delays answers as the switches say; the switches themselves always answer.
pub(super) async fn meddle(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path.starts_with("/exchange/") || path.starts_with("/ws/") {
        return next.run(request).await;
    }
    let (delay, refused, broken) = {
        let mut inside = shared.lock();
        (inside.faults().delay_ms, inside.refuses(request.method(), path), inside.breaks_request())
    };
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    if refused {
        return Fail::ADDRESS_RATE.into_response();
    }
    if broken {
        // A gateway's page, not the venue's words.
        return (StatusCode::BAD_GATEWAY, "<html><body>502 Bad Gateway</body></html>").into_response();
    }
    next.run(request).await
}
