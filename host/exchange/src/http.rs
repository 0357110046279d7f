//! REST (PROTOCOL 7): public queries, and the queries and actions of an account.

mod account;
mod api_keys;
mod batch_queries;
mod data;
mod fault_injection;
mod gamma;
mod history;
mod notices;
mod public;
mod relayer;
mod rewards;
mod trading;

use crate::error::{Answer, ApiError};
use crate::keys::{Holder, Request};
use crate::world::Shared;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::{delete, get, post};

/// The largest body: fifteen orders have under 16 KB, a thousand ids under 70 KB.
const BODY_MAX: usize = 256 * 1024;

/// Returns all routes.
pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .merge(public::routes())
        .merge(batch_queries::routes())
        .merge(history::routes())
        .merge(gamma::routes())
        .merge(data::routes())
        .merge(api_keys::routes())
        .merge(rewards::routes())
        .merge(notices::routes())
        .merge(relayer::routes())
        .route("/auth/api-key", post(account::create_key).delete(api_keys::delete_key))
        .route("/auth/derive-api-key", get(account::derive_key))
        .route("/auth/api-keys", get(account::keys))
        .route("/auth/ban-status/closed-only", get(account::closed_only))
        .route("/order", post(trading::post_order).delete(trading::cancel))
        .route("/orders", post(trading::post_orders).delete(trading::cancel_many))
        .route("/cancel-all", delete(trading::cancel_all))
        .route("/cancel-market-orders", delete(trading::cancel_market))
        .route("/data/orders", get(account::orders))
        .route("/data/order/{id}", get(account::order))
        .route("/order/{id}", get(account::order))
        .route("/data/trades", get(account::trades))
        .route("/balance-allowance", get(account::balance))
        .route("/balance-allowance/update", get(account::update_balance))
        .route("/ws/market", get(crate::ws::market))
        .route("/ws/user", get(crate::ws::user))
        .route("/v1/heartbeats", post(trading::heartbeat))
        .route(fault_injection::PATH, get(fault_injection::show).put(fault_injection::set))
        .route("/exchange/resolve", post(fault_injection::resolve))
        .fallback(|| async { ApiError::not_found("the route was not found") })
        .layer(axum::middleware::from_fn_with_state(shared.clone(), fault_injection::meddle))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(shared)
}

/// Checks the L2 headers of a request.
fn caller(shared: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Holder, ApiError> {
    let request = Request { method: method.as_str(), path: uri.path(), headers, body };
    shared.lock().caller(&request)
}

/// A private request, checked.
pub(crate) struct Private {
    caller: Holder,
    body: Bytes,
}

impl axum::extract::FromRequest<Shared> for Private {
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, shared: &Shared) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_MAX).await.ok().ok_or(ApiError::bad("Payload exceeds the limit"))?;
        let caller = caller(shared, &parts.method, &parts.uri, &parts.headers, &body)?;
        Ok(Self { caller, body })
    }
}

type World = State<Shared>;
