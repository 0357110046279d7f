//! Other key management of an account: deleting a key, read-only keys and builder keys.

use super::{Answer, ApiError, Private, World};
use crate::world::Shared;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/auth/readonly-api-key", post(make_readonly).delete(drop_readonly))
        .route("/auth/readonly-api-keys", get(readonly))
        .route("/auth/builder-api-key", post(make_builder).get(builders).delete(revoke_builder))
}

pub(super) async fn delete_key(State(shared): World, private: Private) -> Response {
    shared.lock().delete_key(&private.caller);
    Json("OK").into_response()
}

async fn make_readonly(State(shared): World, private: Private) -> Answer {
    let key = shared.lock().keys_of(&private.caller).add_readonly().ok_or(ApiError::bad("Could not create api key"))?;
    Ok(Json(json!({ "apiKey": key })).into_response())
}

async fn readonly(State(shared): World, private: Private) -> Response {
    let keys = shared.lock().keys_of(&private.caller).readonly().to_vec();
    Json(json!({ "readonlyApiKeys": keys })).into_response()
}

#[derive(Deserialize)]
struct Named {
    key: String,
}

async fn drop_readonly(State(shared): World, private: Private) -> Answer {
    let named: Named = serde_json::from_slice(&private.body).ok().ok_or(ApiError::bad("Invalid payload"))?;
    if shared.lock().keys_of(&private.caller).drop_readonly(&named.key) {
        return Ok(Json("OK").into_response());
    }
    Err(ApiError::not_found("api key not found"))
}

async fn make_builder(State(shared): World, private: Private) -> Answer {
    let now = crate::clock::now();
    let key =
        shared.lock().keys_of(&private.caller).add_builder(now).ok_or(ApiError::bad("Could not create api key"))?;
    let body = json!({"key": key.id, "secret": key.secret, "passphrase": key.passphrase});
    Ok(Json(body).into_response())
}

async fn builders(State(shared): World, private: Private) -> Response {
    let date = |at: Option<model::Time>| at.map(model::Time::iso);
    let rows: Vec<Value> = shared
        .lock()
        .keys_of(&private.caller)
        .builders()
        .iter()
        .map(|(key, made, revoked)| json!({"key": key.id, "createdAt": date(Some(*made)), "revokedAt": date(*revoked)}))
        .collect();
    Json(rows).into_response()
}

async fn revoke_builder(State(shared): World, private: Private) -> Response {
    let now = crate::clock::now();
    shared.lock().keys_of(&private.caller).revoke_builders(now);
    Json("OK").into_response()
}
