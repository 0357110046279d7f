//! Authenticated requests of an account: orders, cancels, heartbeats, trades and balances.

use super::departure::Departure;
use super::listed::Listed;
use super::public::Pages;
use super::transport::{Call, Transport};
use super::{Ack, BATCH_MAX, Class, Client, HeartbeatError, PlaceError, RequestError, Terms, Withheld, place};
use crate::auth::Credentials;
use crate::parse::{self, BalanceAllowance, Owner, ParseError, TradeEvent, VenueOrder, cut};
use crate::wire::account::Heartbeat as WireHeartbeat;
use crate::wire::order::CancelAnswer as WireCancel;
use model::event::Reason;
use model::input::CancelOutcome;
use model::{ConditionId, OrderKind, Side, Size, Time, TokenId, Usd, VenueOrderId};
use order::{Account, SignedOrder};
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Phrases in a cancel error that mean the order is already done.
const OVER: [&str; 4] = ["already canceled or matched", "not found", "can't be found", "does not exist"];

/// Maximum heartbeats sent in a row to correct a wrong id.
const HEARTBEAT_TRIES: usize = 3;

/// A client that acts for an account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AccountClient {
    client: Client,
    credentials: Arc<Credentials>,
    account: Account,
}

/// The venue's response to a cancel request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CancelAnswer {
    /// Cancelled orders.
    pub cancelled: Vec<VenueOrderId>,
    /// Orders that were not cancelled, with the reason.
    pub not_cancelled: Vec<(VenueOrderId, Reason)>,
}

impl CancelAnswer {
    /// Returns the outcome for one of the orders.
    pub fn outcome(&self, id: VenueOrderId) -> CancelOutcome {
        if self.cancelled.contains(&id) {
            return CancelOutcome::Cancelled;
        }
        match self.not_cancelled.iter().find(|(other, _)| *other == id) {
            Some((_, reason)) if OVER.iter().any(|word| reason.contains(word)) => CancelOutcome::NotOpen,
            Some((_, reason)) => CancelOutcome::Failed { reason: reason.clone() },
            None => CancelOutcome::Failed { reason: "the venue did not name the order".to_owned() },
        }
    }
}

/// The venue's state of an order whose outcome is unknown to the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderLookup {
    /// The venue has it, open or done.
    Found(VenueOrder),
    /// The venue no longer has it, and it traded.
    Traded(Vec<TradeEvent>),
    /// Absent from the order by id, the open orders and the trades.
    Denied,
}

impl AccountClient {
    /// Returns a client that acts for `account` with the API key of its signer.
    pub fn new(client: Client, credentials: Credentials, account: Account) -> Self {
        Self { client, credentials: Arc::new(credentials), account }
    }

    /// Returns the client for public data, which shares connections and request counts.
    pub const fn public(&self) -> &Client {
        &self.client
    }

    /// Returns our identity in trades.
    pub fn owner(&self) -> Owner {
        Owner { api_key: self.credentials.api_key().to_owned(), funder: self.account.funder }
    }

    /// Holds back all unsent orders of this client and its clones until [`Self::release_orders`]. Requests that are
    /// waiting to be sent return at once.
    pub fn hold_orders(&self) {
        self.client.transport.hold.set(true);
    }

    /// Allows orders to be sent again.
    pub fn release_orders(&self) {
        self.client.transport.hold.set(false);
    }

    /// Checks that an order may be sent now.
    ///
    /// # Errors
    /// The reason why it may not.
    pub fn may_leave(&self, leaves_by: Instant) -> Result<(), Withheld> {
        self.client.transport.hold.check(leaves_by)
    }

    /// Waits until an order may no longer be sent. Safe to cancel.
    pub async fn withheld(&self, leaves_by: Instant) -> Withheld {
        self.client.transport.hold.ends(leaves_by).await
    }

    /// Places an order, once, if it can be sent within its terms.
    ///
    /// # Errors
    /// Distinguishes three cases: refused, not sent, or outcome unknown.
    pub async fn post_order(&self, order: &SignedOrder, kind: OrderKind, terms: Terms) -> Result<Ack, PlaceError> {
        let body = place::order_body(order, kind, self.credentials.api_key())
            .map_err(|error| PlaceError::NotSent { reason: cut(&error.to_string()) })?;
        let (id, side) = (order.id, order.order.side);
        let class = class_of(1, side == Side::Sell, terms);
        let sent = self.place("/order", class, body, terms, |body| place::parse_placement(body, id, side));
        let answer = sent.await.unwrap_or_else(|error| Err(PlaceError::judge(id, &error)));
        if let Err(error) = &answer {
            self.learn_version(error).await;
        }
        answer
    }

    /// Places up to [`BATCH_MAX`] orders with one request, once; returns one result per order, in the same order.
    /// Reducing and other orders have different priorities in the rate limits, and a batch is admitted as a whole: it
    /// gets the lower priority.
    pub async fn post_orders(&self, orders: &[(SignedOrder, OrderKind)], terms: Terms) -> Vec<Result<Ack, PlaceError>> {
        let not_sent =
            |reason: String| orders.iter().map(|_| Err(PlaceError::NotSent { reason: cut(&reason) })).collect();
        if orders.len() > BATCH_MAX {
            return not_sent(format!("{} orders exceed the maximum of {BATCH_MAX} per request", orders.len()));
        }
        let parts: Result<Vec<String>, _> =
            orders.iter().map(|(order, kind)| place::order_body(order, *kind, self.credentials.api_key())).collect();
        let body = match parts {
            Ok(parts) => format!("[{}]", parts.join(",")),
            Err(error) => return not_sent(error.to_string()),
        };
        let asked: Vec<_> = orders.iter().map(|(order, _)| (order.id, order.order.side)).collect();
        let reduces = asked.iter().all(|(_, side)| *side == Side::Sell);
        let class = class_of(orders.len(), reduces, terms);
        let sent = self.place("/orders", class, body, terms, |body| place::parse_placements(body, &asked)).await;
        let answers: Vec<Result<Ack, PlaceError>> = match sent {
            Ok(answers) => answers,
            Err(error) => asked.iter().map(|(id, _)| Err(PlaceError::judge_part(*id, &error))).collect(),
        };
        let mut errors = answers.iter().filter_map(|answer| answer.as_ref().err());
        if let Some(error) = errors.find(|error| is_of_another_version(error)) {
            self.learn_version(error).await;
        }
        answers
    }

    async fn place<T>(
        &self,
        path: &str,
        class: Class,
        body: String,
        terms: Terms,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        let Transport { timeouts, hold, .. } = &self.client.transport;
        let departure = Some(hold.departure(terms.leaves_by));
        self.send((Method::POST, path, class), &[], Some(body), (timeouts.place, departure), parse).await
    }

    /// Queries the venue's order version after a refusal for the wrong version, so that the next order is signed with
    /// it.
    async fn learn_version(&self, error: &PlaceError) {
        if is_of_another_version(error)
            && let Err(error) = self.client.version().await
        {
            tracing::warn!(%error, "order version query failed; orders stay signed for the refused version");
        }
    }

    /// Reserves rate-limit room for as many cancels as fit into one request now, up to `most`; [`Self::cancel_taken`]
    /// uses it.
    ///
    /// # Errors
    /// The time until there is room for some of them.
    pub fn acquire_cancels(&self, most: usize) -> Result<usize, Duration> {
        self.client.transport.acquire_cancels(most)
    }

    /// Returns the time until there is room for `count` cancels.
    pub fn cancels_wait(&self, count: usize) -> Duration {
        self.client.transport.cancels_wait(count)
    }

    /// Cancels orders with one request, using room reserved by [`Self::acquire_cancels`].
    ///
    /// # Errors
    /// If there is no valid response; some orders may be cancelled.
    pub async fn cancel_taken(&self, ids: &[VenueOrderId]) -> Result<CancelAnswer, RequestError> {
        let (path, body) = match ids {
            [one] => ("/order", json!({"orderID": one.to_string()})),
            many => ("/orders", json!(many.iter().map(ToString::to_string).collect::<Vec<_>>())),
        };
        self.cancel_call(path, Class::Cancel, Some(body.to_string())).await
    }

    /// Cancels all orders of the account in a market. No rate limit delays it.
    ///
    /// # Errors
    /// If there is no valid response; orders may or may not be cancelled.
    pub async fn cancel_market(&self, market: &ConditionId) -> Result<CancelAnswer, RequestError> {
        let body = json!({"market": market.to_string()}).to_string();
        self.cancel_call("/cancel-market-orders", Class::Sweep, Some(body)).await
    }

    /// Cancels all orders of the account. No rate limit delays it.
    ///
    /// # Errors
    /// If there is no valid response; orders may or may not be cancelled.
    pub async fn cancel_all(&self) -> Result<CancelAnswer, RequestError> {
        self.cancel_call("/cancel-all", Class::Sweep, None).await
    }

    async fn cancel_call(&self, path: &str, class: Class, body: Option<String>) -> Result<CancelAnswer, RequestError> {
        let timeout = self.client.transport.timeouts.cancel;
        self.call((Method::DELETE, path, class), &[], body, timeout, cancel_answer).await
    }

    /// Sends a heartbeat and corrects a wrong id: another process may have sent the last one. Returns the id of the
    /// next.
    ///
    /// # Errors
    /// As [`AccountClient::heartbeat`], if the id is still wrong after three attempts.
    pub async fn heartbeat_put_right(&self, mut id: String) -> Result<String, HeartbeatError> {
        let mut last = self.heartbeat(&id).await;
        for _ in 1..HEARTBEAT_TRIES {
            let Err(HeartbeatError::WrongId { expected }) = last else { break };
            id = expected;
            last = self.heartbeat(&id).await;
        }
        last
    }

    /// Sends a heartbeat, the first one with an empty id, and returns the id of the next. Ten seconds after the last
    /// accepted heartbeat the venue cancels all open orders of the API key (PROTOCOL 11).
    ///
    /// # Errors
    /// [`HeartbeatError`] holds the expected id, or the reason why there is no response.
    pub async fn heartbeat(&self, id: &str) -> Result<String, HeartbeatError> {
        let body = json!({ "heartbeat_id": id }).to_string();
        let timeout = self.client.transport.timeouts.cancel;
        let parse = |bytes: &[u8]| {
            let answer: WireHeartbeat<'_> = parse::document(bytes)?;
            parse::text_field("heartbeat_id", &answer.heartbeat_id).map(ToOwned::to_owned)
        };
        let what = (Method::POST, "/v1/heartbeats", Class::Vital);
        match self.call(what, &[], Some(body), timeout, parse).await {
            Err(RequestError::Status { status: 400, expected, .. }) if !expected.is_empty() => {
                Err(HeartbeatError::WrongId { expected })
            }
            answer => Ok(answer?),
        }
    }

    /// Returns the open orders of the account.
    ///
    /// # Errors
    /// If a page cannot be read. A row that fails to parse does not affect the others.
    pub async fn open_orders(&self) -> Result<Listed<VenueOrder>, RequestError> {
        self.orders(&[], Class::Read).await
    }

    /// Returns the open orders of the account for display to an operator. A rate-limit refusal delays only such display
    /// requests, not the host's own reads.
    ///
    /// # Errors
    /// If a page cannot be read. A row that fails to parse does not affect the others.
    pub async fn shown_orders(&self) -> Result<Listed<VenueOrder>, RequestError> {
        self.orders(&[], Class::Look).await
    }

    async fn orders(&self, filter: &[(&str, &str)], class: Class) -> Result<Listed<VenueOrder>, RequestError> {
        let mut orders = Listed::new();
        let mut pages = Pages::new("/data/orders");
        while let Some(cursor) = pages.cursor() {
            let mut query = filter.to_vec();
            query.push(("next_cursor", cursor));
            let (what, timeout) = ((Method::GET, "/data/orders", class), self.client.transport.timeouts.read);
            let page = self.call(what, &query, None, timeout, parse::open_order_page).await?;
            pages.turn(orders.add(self.client.transport.noted("/data/orders", page)))?;
        }
        Ok(orders)
    }

    /// Returns an order by its id; `None` if the venue does not or no longer know it.
    ///
    /// # Errors
    /// If there is no valid response.
    pub async fn order(&self, id: VenueOrderId) -> Result<Option<VenueOrder>, RequestError> {
        let path = format!("/data/order/{id}");
        match self.get(&path, &[], parse::open_order).await {
            Err(error) if error.is_not_found() => Ok(None),
            answer => answer,
        }
    }

    /// Returns our trades since `after`, newest first as the venue lists them. `after` is truncated to whole seconds.
    ///
    /// # Errors
    /// If a page cannot be read. A row that fails to parse does not affect the others.
    pub async fn trades(&self, after: Time) -> Result<Listed<TradeEvent>, RequestError> {
        let owner = self.owner();
        let after = after.seconds().to_string();
        let mut trades = Listed::new();
        let mut pages = Pages::new("/data/trades");
        while let Some(cursor) = pages.cursor() {
            let query = [("after", after.as_str()), ("next_cursor", cursor)];
            let page = self.get("/data/trades", &query, |body| parse::trade_page(body, &owner)).await?;
            pages.turn(trades.add(self.client.transport.noted("/data/trades", page)))?;
        }
        Ok(trades)
    }

    /// Queries an order by id, among the open orders, and among the trades since `after`.
    ///
    /// # Errors
    /// If one of the three queries has no valid response, or a row that could be about the order fails to parse: an
    /// incomplete list does not prove absence.
    pub async fn query_order(&self, id: VenueOrderId, after: Time) -> Result<OrderLookup, RequestError> {
        if let Some(order) = self.order(id).await? {
            return Ok(OrderLookup::Found(order));
        }
        let text = id.to_string();
        let orders = self.orders(&[("id", &text)], Class::Read).await?;
        if let Some(order) = orders.rows.iter().find(|order| order.id == id) {
            return Ok(OrderLookup::Found(order.clone()));
        }
        let mut trades = self.trades(after).await?;
        trades.rows.retain(|trade| trade.parts.iter().any(|part| part.order == id));
        if !trades.rows.is_empty() {
            return Ok(OrderLookup::Traded(trades.rows));
        }
        match [("/data/orders", orders.may_hide(id)), ("/data/trades", trades.may_hide(id))].iter().find(|list| list.1)
        {
            Some((path, _)) => Err(RequestError::Unread { path }),
            None => Ok(OrderLookup::Denied),
        }
    }

    /// Returns the account's cash balance as reported by the venue.
    ///
    /// # Errors
    /// If there is no valid response.
    pub async fn cash(&self) -> Result<Usd, RequestError> {
        let balance = self.balance_allowance(None).await?.balance;
        Ok(Usd(i64::try_from(balance).unwrap_or(i64::MAX)))
    }

    /// Returns the account's balance of a token as reported by the venue.
    ///
    /// # Errors
    /// If there is no valid response.
    pub async fn shares(&self, token: &TokenId) -> Result<Size, RequestError> {
        Ok(Size(self.balance_allowance(Some(token)).await?.balance))
    }

    /// Returns balance and allowances of the collateral, or of a token.
    ///
    /// # Errors
    /// If there is no valid response.
    pub async fn balance_allowance(&self, token: Option<&TokenId>) -> Result<BalanceAllowance, RequestError> {
        let path = "/balance-allowance";
        let read = self.balance(path, token, parse::balance).await?;
        self.client.transport.note(path, &read.refused);
        Ok(read)
    }

    /// Makes the venue refresh its cached balance and allowance from the chain, for the collateral or for a token
    /// (PROTOCOL 3).
    ///
    /// # Errors
    /// If there is no valid response.
    pub async fn refresh(&self, token: Option<&TokenId>) -> Result<(), RequestError> {
        self.balance("/balance-allowance/update", token, |_| Ok(())).await
    }

    async fn balance<T>(
        &self,
        path: &str,
        token: Option<&TokenId>,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        let kind = self.account.signature_type.code().to_string();
        let id = token.map(ToString::to_string);
        let mut query = vec![("signature_type", kind.as_str())];
        match &id {
            Some(id) => query.extend([("asset_type", "CONDITIONAL"), ("token_id", id.as_str())]),
            None => query.push(("asset_type", "COLLATERAL")),
        }
        self.get(path, &query, parse).await
    }

    async fn get<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        self.call((Method::GET, path, Class::Read), query, None, self.client.transport.timeouts.read, parse).await
    }

    async fn call<T>(
        &self,
        what: (Method, &str, Class),
        query: &[(&str, &str)],
        body: Option<String>,
        timeout: Duration,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        self.send(what, query, body, (timeout, None), parse).await
    }

    async fn send<T>(
        &self,
        (method, path, class): (Method, &str, Class),
        query: &[(&str, &str)],
        body: Option<String>,
        (timeout, departure): (Duration, Option<Departure>),
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        let signed = body.as_deref().unwrap_or_default();
        let headers = self.credentials.headers(self.account.signer, unix_seconds(), method.as_str(), path, signed);
        let call = Call { method, path, query, headers: &headers, body, timeout, class, departure };
        self.client.transport.call(call, parse).await
    }
}

/// Returns the rate-limit class of `count` orders. The gate ensures that sold shares are owned.
fn class_of(count: usize, reduces: bool, terms: Terms) -> Class {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    if terms.exit { Class::Exit { count } } else { Class::Order { count, reduces } }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

pub(super) fn cancel_answer(bytes: &[u8]) -> Result<CancelAnswer, ParseError> {
    let wire: WireCancel<'_> = parse::document(bytes)?;
    let cancelled = wire.canceled.unwrap_or_default();
    let not_cancelled = wire.not_canceled.unwrap_or_default();
    Ok(CancelAnswer {
        cancelled: cancelled.iter().filter_map(|id| VenueOrderId::parse(id.as_str())).collect(),
        not_cancelled: not_cancelled
            .iter()
            .filter_map(|(id, reason)| Some((VenueOrderId::parse(id)?, cut(reason.as_str()))))
            .collect(),
    })
}

fn is_of_another_version(error: &PlaceError) -> bool {
    matches!(error, PlaceError::Refused { reason } if reason.contains("order_version_mismatch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_order_of_a_cancel_has_its_own_outcome() {
        let id = |digit| VenueOrderId([digit; 32]);
        let wire = json!({"canceled": [id(1).to_string()], "not_canceled": {
            id(2).to_string(): "already canceled or matched",
            id(3).to_string(): "the order is held by a delay",
        }});
        let answer = cancel_answer(wire.to_string().as_bytes()).unwrap();
        assert_eq!(answer.outcome(id(1)), CancelOutcome::Cancelled);
        assert_eq!(answer.outcome(id(2)), CancelOutcome::NotOpen);
        assert!(matches!(answer.outcome(id(3)), CancelOutcome::Failed { .. }));
        assert!(matches!(answer.outcome(id(4)), CancelOutcome::Failed { .. }));
        assert_eq!(cancel_answer(br#"{"canceled":null}"#).unwrap(), CancelAnswer::default());
        assert!(cancel_answer(b"7").is_err());
    }
}
