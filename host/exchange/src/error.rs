//! The venue's errors: a status and `{"error": text}` (PROTOCOL 9).

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use model::VenueOrderId;
use serde_json::json;
use sim::Reject;
use std::borrow::Cow;

/// Response to a request, or the refusal.
pub(crate) type Answer = Result<Response, ApiError>;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) text: Cow<'static, str>,
    /// The venue's error code, if it has one.
    pub(crate) code: Option<&'static str>,
    /// Seconds to wait.
    pub(crate) retry_after: Option<u64>,
    /// The remainder of the caller's rate limit.
    pub(crate) rate: Option<Rate>,
}

/// The rate-limit state that every response to a placement or a cancel contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Tokens left; negative after an overdraft by cancels.
    pub(crate) remaining: i64,
    /// Time when the bucket is full again, in seconds since the epoch.
    pub(crate) reset_s: u64,
}

impl ApiError {
    /// Wrong or missing L2 headers.
    pub(crate) const UNAUTHORIZED: Self = Self::with(StatusCode::UNAUTHORIZED, "Unauthorized/Invalid api key");
    /// Wrong or missing L1 headers.
    pub(crate) const L1: Self = Self::with(StatusCode::UNAUTHORIZED, "Invalid L1 Request headers");
    /// No such book.
    pub(crate) const NO_BOOK: Self =
        Self::with(StatusCode::NOT_FOUND, "No orderbook exists for the requested token id");

    /// Too many requests of one address: no rate-limit headers, and a minute to wait.
    pub(crate) const ADDRESS_RATE: Self = Self {
        status: StatusCode::TOO_MANY_REQUESTS,
        text: Cow::Borrowed("Too Many Requests"),
        code: None,
        retry_after: Some(60),
        rate: None,
    };

    const fn with(status: StatusCode, text: &'static str) -> Self {
        Self { status, text: Cow::Borrowed(text), code: None, retry_after: None, rate: None }
    }

    /// A bad request.
    pub(crate) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), ..Self::with(StatusCode::BAD_REQUEST, "") }
    }

    /// Not found.
    pub(crate) fn not_found(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), ..Self::with(StatusCode::NOT_FOUND, "") }
    }

    /// Returns the venue's error text for a refusal by the matching engine.
    pub(crate) fn reject(id: VenueOrderId, reject: &Reject) -> Self {
        let text = match reject {
            Reject::UnknownToken => return Self::NO_BOOK,
            Reject::UnknownAccount => return Self::UNAUTHORIZED,
            Reject::Closed => "the market is not yet ready to process new orders".to_owned(),
            Reject::Tick { price, tick } => {
                format!("order {id} is invalid. Price ({price}) breaks minimum tick size rule: {tick}")
            }
            Reject::Small { size, min } => {
                format!("order {id} is invalid. Size ({size}) lower than the minimum: {min}")
            }
            Reject::SmallMarketable { value } => {
                format!("invalid amount for a marketable BUY order (${value}), min size: $1")
            }
            Reject::Duplicate => format!("order {id} is invalid. Duplicated."),
            Reject::Balance { balance, reserved: 0, needed } => format!(
                "not enough balance / allowance: the balance is not enough -> balance: {balance}, order amount: {needed}"
            ),
            Reject::Balance { balance, reserved, needed } => format!(
                "not enough balance / allowance: the balance is not enough -> balance: {balance}, sum of matched orders: \
                 {reserved}, order amount: {needed}"
            ),
            Reject::PostOnly => "invalid post-only order: order crosses book".to_owned(),
            Reject::FokKilled => "order couldn't be fully filled. FOK orders are fully filled or killed.".to_owned(),
            Reject::FakKilled => {
                "no orders found to match with FAK order. FAK orders are partially filled or killed if \
                                  no match is found."
                    .to_owned()
            }
            Reject::TooManyOrders => "too many open orders".to_owned(),
            Reject::Range => "Invalid order payload".to_owned(),
        };
        Self::bad(text)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.text });
        if let (Some(code), Some(fields)) = (self.code, body.as_object_mut()) {
            fields.insert("code".to_owned(), code.into());
            fields.insert("retry_after_seconds".to_owned(), self.retry_after.into());
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        match self.rate {
            Some(rate) => stamp(response, rate),
            None => response,
        }
    }
}

/// Adds the caller's rate-limit headers to a response.
pub(crate) fn stamp(mut response: Response, rate: Rate) -> Response {
    let headers = response.headers_mut();
    headers.insert("poly-ratelimit-remaining", rate.remaining.into());
    headers.insert("poly-ratelimit-reset", rate.reset_s.into());
    headers.insert("poly-ratelimit-tier", HeaderValue::from_static("Standard"));
    response
}
