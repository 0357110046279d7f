//! Queries of an account, and the creation of its key.

use super::{Answer, ApiError, Private, World};
use crate::keys::{ApiKey, login};
use crate::world::{Shared, is_open};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use model::{ConditionId, TokenId, VenueOrderId};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Maximum orders or trades per page.
const PAGE: usize = 500;
/// The value of an unlimited allowance.
const UNLIMITED: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";

pub(super) async fn create_key(State(shared): World, headers: HeaderMap) -> Answer {
    let (address, nonce) = login(shared.domains(), crate::clock::now(), &headers)?;
    let key = shared.lock().create_key(address, nonce).ok_or(ApiError::bad("Could not create api key"))?;
    Ok(triple(&key))
}

pub(super) async fn derive_key(State(shared): World, headers: HeaderMap) -> Answer {
    let (address, nonce) = login(shared.domains(), crate::clock::now(), &headers)?;
    let key = shared.lock().existing_key(address, nonce).ok_or(ApiError::bad("Could not derive api key!"))?;
    Ok(triple(&key))
}

fn triple(key: &ApiKey) -> Response {
    Json(json!({"apiKey": key.id, "secret": key.secret, "passphrase": key.passphrase})).into_response()
}

pub(super) async fn keys(State(_): World, private: Private) -> Response {
    Json(json!({"apiKeys": [private.caller.key.id]})).into_response()
}

pub(super) async fn closed_only(State(_): World, _: Private) -> Response {
    Json(json!({"closed_only": false})).into_response()
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    id: Option<String>,
    market: Option<String>,
    asset_id: Option<String>,
    after: Option<u64>,
    before: Option<u64>,
    next_cursor: Option<String>,
}

impl Filter {
    /// Returns true if a row, as it is sent, matches the filter.
    fn matches(&self, row: &Value) -> bool {
        let is = |key: &str, wanted: &Option<String>| {
            wanted.as_deref().is_none_or(|wanted| wanted.is_empty() || row[key].as_str() == Some(wanted))
        };
        let time = row["match_time"].as_str().and_then(|text| text.parse::<u64>().ok());
        is("id", &self.id)
            && is("market", &self.market)
            && is("asset_id", &self.asset_id)
            && self.after.is_none_or(|after| time.is_none_or(|time| time >= after))
            && self.before.is_none_or(|before| time.is_none_or(|time| time <= before))
    }

    /// Returns the number of rows on earlier pages.
    fn offset(&self) -> Result<usize, ApiError> {
        use base64::Engine;
        let Some(cursor) = self.next_cursor.as_deref().filter(|cursor| !cursor.is_empty()) else { return Ok(0) };
        let text = base64::engine::general_purpose::STANDARD.decode(cursor).ok();
        let offset = text.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
        offset.ok_or(ApiError::bad("Invalid payload: next_cursor"))
    }

    fn page(&self, rows: impl Iterator<Item = Value>) -> Answer {
        use base64::Engine;
        let offset = self.offset()?;
        let mut rows = rows.filter(|row| self.matches(row)).skip(offset);
        let data: Vec<Value> = rows.by_ref().take(PAGE).collect();
        let next = match rows.next() {
            Some(_) => offset.saturating_add(PAGE).to_string(),
            None => "-1".to_owned(),
        };
        let next = base64::engine::general_purpose::STANDARD.encode(next);
        Ok(Json(json!({"limit": PAGE, "count": data.len(), "next_cursor": next, "data": data})).into_response())
    }
}

pub(super) async fn orders(State(shared): World, Query(filter): Query<Filter>, private: Private) -> Answer {
    let world = shared.lock();
    // By id the venue also returns orders that are done (PROTOCOL 7.5).
    if let Some(id) = filter.id.as_deref().and_then(VenueOrderId::parse) {
        return filter.page(world.order_row(&private.caller, id).into_iter());
    }
    filter.page(world.open_orders(&private.caller))
}

pub(super) async fn order(State(shared): World, Path(id): Path<String>, private: Private) -> Answer {
    let id = VenueOrderId::parse(&id).ok_or(ApiError::bad("Invalid orderID"))?;
    let row = shared.lock().order_row(&private.caller, id);
    // Orders that are done are no longer found under their id (PROTOCOL 7.5).
    Ok(Json(row.filter(|row| row["status"].as_str().is_some_and(is_open))).into_response())
}

pub(super) async fn trades(State(shared): World, Query(filter): Query<Filter>, private: Private) -> Answer {
    let world = shared.lock();
    filter.page(world.trades(&private.caller))
}

pub(super) async fn balance(
    State(shared): World,
    Query(query): Query<BTreeMap<String, String>>,
    private: Private,
) -> Answer {
    let read = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let world = shared.lock();
    let balance = match read("asset_type") {
        "COLLATERAL" => world.venue().cash(private.caller.account),
        "CONDITIONAL" => {
            let token = TokenId::parse(read("token_id")).ok_or(ApiError::bad("Invalid token id"))?;
            let token = world.venue().token_of(&token).ok_or(ApiError::bad("Invalid token id"))?;
            world.venue().shares(private.caller.account, token)
        }
        _ => return Err(ApiError::bad("Invalid asset type")),
    };
    let allowances: BTreeMap<String, &str> = order::Exchange::ALL
        .iter()
        .map(|exchange| (exchange.contract(Shared::CHAIN).checksummed(), UNLIMITED))
        .collect();
    Ok(Json(json!({"balance": balance.total.to_string(), "allowances": allowances})).into_response())
}

pub(super) async fn update_balance(State(_): World, _: Private) -> Response {
    // There is no cache to refresh.
    Json(json!({})).into_response()
}

/// The parameters of `cancel-market-orders`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct MarketFilter {
    market: Option<String>,
    asset_id: Option<String>,
}

impl MarketFilter {
    pub(super) fn market(&self) -> Option<ConditionId> {
        self.market.as_deref().and_then(ConditionId::parse)
    }

    pub(super) fn asset(&self) -> Option<TokenId> {
        self.asset_id.as_deref().and_then(TokenId::parse)
    }
}
