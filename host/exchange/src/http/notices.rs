//! The notifications of an account.

use super::{Answer, ApiError, Private, World};
use crate::world::Shared;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use std::collections::BTreeMap;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/notifications", get(list).delete(forget))
}

async fn list(State(shared): World, private: Private) -> Response {
    Json(shared.lock().notices(&private.caller)).into_response()
}

async fn forget(State(shared): World, Query(query): Query<BTreeMap<String, String>>, private: Private) -> Answer {
    let read = |text: &String| text.split(',').map(|id| id.trim().parse()).collect::<Result<Vec<u64>, _>>();
    let ids = query.get("ids").map(read).transpose().ok().ok_or(ApiError::bad("Invalid payload: ids"))?;
    shared.lock().drop_notices(&private.caller, ids.as_deref());
    Ok(Json("OK").into_response())
}
