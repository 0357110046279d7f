//! Fault injection for tests; not a part of the venue's API.

use super::{Answer, ApiError, World};
use crate::world::{Faults, Shared};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use model::Usd;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Maximum size of a response that can be corrupted.
const ANSWER_MAX: usize = 16 * 1024 * 1024;
/// Path of the fault switches; no route of the venue begins like this.
pub(super) const PATH: &str = "/exchange/faults";

pub(super) async fn show(State(shared): World) -> Response {
    Json(shared.lock().faults().clone()).into_response()
}

pub(super) async fn set(State(shared): World, body: Bytes) -> Answer {
    let faults: Faults =
        serde_json::from_slice(&body).map_err(|error| ApiError::bad(format!("invalid faults: {error}")))?;
    let mut inside = shared.lock();
    inside.set_faults(faults)?;
    Ok(Json(inside.faults().clone()).into_response())
}

/// The resolution of a market.
#[derive(Deserialize)]
struct Resolution {
    condition: String,
    /// Payout per share of the first token, in dollars: `1`, `0`, or `0.5` for a draw.
    pays: String,
    /// True if all shares are redeemed immediately, as the venue's operator does for accounts that requested it.
    #[serde(default)]
    redeem: bool,
}

pub(super) async fn resolve(State(shared): World, body: Bytes) -> Answer {
    let resolution: Resolution =
        serde_json::from_slice(&body).map_err(|error| ApiError::bad(format!("invalid resolution: {error}")))?;
    let yes = Usd::parse(&resolution.pays).filter(|pays| (Usd::ZERO..=Usd::dollars(1)).contains(pays));
    let yes = yes.ok_or_else(|| ApiError::bad(format!("pays is `{}`; expected 0 to 1 dollar", resolution.pays)))?;
    let mut inside = shared.lock();
    let (market, _) = super::public::listed(&inside, &resolution.condition)?;
    let pays = [yes, Usd::dollars(1).saturating_sub(yes)];
    inside.resolve(market, pays, resolution.redeem).map_err(|error| ApiError::bad(error.to_string()))?;
    Ok(Json("OK").into_response())
}

/// Breaks and delays responses according to the switches; requests to the switches themselves are unaffected.
pub(super) async fn meddle(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path.starts_with("/exchange/") || path.starts_with("/ws/") {
        return next.run(request).await;
    }
    let (delay, refused, broken, spoils) = {
        let mut inside = shared.lock();
        let spoils = request.method() == Method::GET && inside.faults().spoil_rows > 0;
        (inside.faults().delay_ms, inside.refuses(request.method(), path), inside.breaks_request(), spoils)
    };
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    if refused {
        return ApiError::ADDRESS_RATE.into_response();
    }
    if broken {
        // A gateway's page, not the venue's own format.
        return (StatusCode::BAD_GATEWAY, "<html><body>502 Bad Gateway</body></html>").into_response();
    }
    let response = next.run(request).await;
    if spoils { spoil(&shared, response).await } else { response }
}

/// Replaces one field of one row with another kind of JSON, if the response is a list.
async fn spoil(shared: &Shared, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, ANSWER_MAX).await else {
        return ApiError::bad("the response is too long to be corrupted").into_response();
    };
    let spoilt = serde_json::from_slice::<Value>(&bytes).ok().and_then(|mut answer| {
        let field = spoilt_field(&mut answer, || shared.lock().spoils_row())?;
        *field = json!({ "odd": true });
        serde_json::to_vec(&answer).ok()
    });
    let Some(spoilt) = spoilt else { return Response::from_parts(parts, bytes.into()) };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, spoilt.into())
}

/// Selects the field with a number that is drawn only if there is a row.
fn spoilt_field(answer: &mut Value, draw: impl FnOnce() -> Option<u32>) -> Option<&mut Value> {
    let rows = match answer {
        Value::Array(rows) => rows,
        Value::Object(fields) => fields.values_mut().find_map(Value::as_array_mut)?,
        _ => return None,
    };
    let objects = rows.iter_mut().filter_map(Value::as_object_mut).filter(|row| !row.is_empty());
    let mut rows: Vec<_> = objects.collect();
    if rows.is_empty() {
        return None;
    }
    let number = usize::try_from(draw()?).ok()?;
    let place = number.checked_rem(rows.len())?;
    let row = rows.swap_remove(place);
    let place = number.checked_rem(row.len())?;
    row.values_mut().nth(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_a_row_is_found_wherever_the_list_stands() {
        let mut bare = json!([{"id": 1, "price": "0.5"}, {"id": 2, "price": "0.6"}]);
        *spoilt_field(&mut bare, || Some(3)).unwrap() = json!("odd");
        assert_eq!(bare, json!([{"id": 1, "price": "0.5"}, {"id": 2, "price": "odd"}]));
        let mut page = json!({"count": 1, "data": [{"id": 1}]});
        assert_eq!(spoilt_field(&mut page, || Some(7)), Some(&mut json!(1)));
        for mut none in [json!({"id": 1}), json!([]), json!(["text"]), json!(7)] {
            assert_eq!(spoilt_field(&mut none, || panic!("no row, no draw")), None);
        }
    }
}
