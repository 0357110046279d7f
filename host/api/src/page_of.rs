//! Paging of lists: `limit` rows per page, and the address of the next page in the `Link` header. An invalid number of
//! rows is refused, never silently lowered; so is a filter that the list does not have.

use crate::problem::ProblemResponse;
use crate::state::AppState;
use axum::Json;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use model::hex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Write};
use std::marker::PhantomData;
use store::db::Filter;
use store::db::reads::PAGE_MAX;
use utoipa::IntoParams;

/// Rows of a page, unless the request sets a limit.
const ROWS: u32 = 100;
/// The longest text of a filter, in characters. An empty text matches all rows.
const TEXT_MAX: usize = 200;

/// The parameters of every list.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the OpenAPI document")]
pub(crate) struct PageParams {
    /// Rows of the page; 100 if absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// Start of the page, from the `Link` header of the previous page.
    before: Option<String>,
}

/// The filters that the lists of trades, orders and refusals share.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the OpenAPI document")]
pub(crate) struct FilterParams {
    /// This session only.
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    session: Option<u64>,
    /// This strategy only.
    #[param(max_length = 200)]
    strategy: Option<String>,
    /// The market with this slug only.
    #[param(max_length = 200)]
    market: Option<String>,
    /// The earliest time, in Unix milliseconds.
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    from_ms: Option<u64>,
    /// The time after the latest one, in Unix milliseconds.
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    to_ms: Option<u64>,
}

/// The filters of the audit.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "for the OpenAPI document")]
pub(crate) struct AuditParams {
    /// The token with this name only.
    #[param(max_length = 200)]
    who: Option<String>,
    /// This action and those below it: `strategies` matches all actions on strategies.
    #[param(max_length = 200)]
    action: Option<String>,
    /// The earliest time, in Unix milliseconds.
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    from_ms: Option<u64>,
    /// The time after the latest one, in Unix milliseconds.
    #[param(maximum = 9_223_372_036_854_775_807_u64)]
    to_ms: Option<u64>,
}

/// A list and its filters.
pub(crate) trait List: Debug {
    /// The names of the filters in a query.
    const FILTERS: &'static [&'static str];
}

macro_rules! list {
    ($(#[$doc:meta])* $name:ident: $($filter:literal)*) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;

        impl List for $name {
            const FILTERS: &'static [&'static str] = &[$($filter),*];
        }
    };
}

list!(
    /// Trades.
    Trades: "session" "strategy" "market" "side" "from_ms" "to_ms"
);
list!(
    /// Orders.
    Orders: "session" "strategy" "market" "state" "from_ms" "to_ms"
);
list!(
    /// Refusals.
    Refusals: "session" "strategy" "market" "rule" "from_ms" "to_ms"
);
list!(
    /// The audit.
    Audit: "who" "action" "from_ms" "to_ms"
);
list!(
    /// The fills or states of one order.
    OfOrder: "session"
);
list!(
    /// A list without filters.
    Plain:
);

/// The requested page.
#[derive(Debug)]
pub(crate) struct Page<L> {
    limit: u32,
    before: Option<String>,
    pub(crate) filter: Filter,
    path: String,
    /// The filters as in the request.
    given: Vec<(String, String)>,
    list: PhantomData<L>,
}

impl<L: List> Page<L> {
    /// Returns the number of rows to read: one more than the page has, to detect a next page.
    pub(crate) const fn rows(&self) -> u32 {
        self.limit.saturating_add(1)
    }

    /// Returns the position after which the page begins; `None` for the first page.
    ///
    /// # Errors
    /// If the position does not come from an answer of this list.
    pub(crate) fn before<K: DeserializeOwned>(&self) -> Result<Option<K>, ProblemResponse> {
        let Some(text) = &self.before else { return Ok(None) };
        let key = hex::decode(text).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        key.map(Some).ok_or_else(|| {
            ProblemResponse::bad(format!(
                "`{text}` is not a position in this list; take `before` from the `Link` header of the previous page"
            ))
        })
    }

    /// Returns the answer: the page's rows as views, and the address of the next page if there is one. `key` returns a
    /// row's position.
    pub(crate) fn respond<R, K: Serialize, V: Serialize>(
        &self,
        rows: Vec<R>,
        key: impl Fn(&R) -> K,
        views: impl FnOnce(Vec<R>) -> Vec<V>,
    ) -> Response {
        self.respond_with(rows, 0, key, views)
    }

    /// Returns the answer if `left_out` more rows were read and left out.
    pub(crate) fn respond_with<R, K: Serialize, V: Serialize>(
        &self,
        mut rows: Vec<R>,
        left_out: usize,
        key: impl Fn(&R) -> K,
        views: impl FnOnce(Vec<R>) -> Vec<V>,
    ) -> Response {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len().saturating_add(left_out) > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).and_then(|row| self.link(&key(row)));
        (AppendHeaders(next), Json(views(rows))).into_response()
    }

    fn link<K: Serialize>(&self, key: &K) -> Option<(HeaderName, HeaderValue)> {
        let before = hex::encode(&serde_json::to_vec(key).ok()?);
        let mut link = format!("<{}?limit={}", self.path, self.limit);
        for (name, value) in &self.given {
            link.push_str(&format!("&{name}={}", encoded(value)));
        }
        link.push_str(&format!("&before={before}>; rel=\"next\""));
        Some((header::LINK, HeaderValue::from_str(&link).ok()?))
    }
}

/// Percent-encodes a text for a query.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            all.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _written = write!(all, "%{byte:02X}");
        }
        all
    })
}

/// The parameters of a query, each name once.
struct Given(Vec<(String, String)>);

impl Given {
    fn of(parts: &Parts, known: &[&[&str]]) -> Result<Self, ProblemResponse> {
        let query = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(all) = query.map_err(|error| ProblemResponse::bad(error.body_text()))?;
        for (place, (name, _)) in all.iter().enumerate() {
            let shown: String = name.chars().take(TEXT_MAX).collect();
            if !known.iter().any(|known| known.contains(&name.as_str())) {
                let names = known.concat().join(", ");
                return Err(ProblemResponse::bad(format!(
                    "`{shown}` is not a parameter here; expected one of {names}"
                )));
            }
            if all.iter().take(place).any(|(before, _)| before == name) {
                return Err(ProblemResponse::bad(format!("`{shown}` was given twice")));
            }
        }
        Ok(Self(all))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str, what: &str) -> Result<Option<u64>, ProblemResponse> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| i64::try_from(*number).is_ok());
        number.map(Some).ok_or_else(|| ProblemResponse::bad(format!("`{text}` is not {what}")))
    }

    fn session(&self) -> Result<Option<u64>, ProblemResponse> {
        self.number("session", "a session; expected its number, such as 1800000000000000")
    }

    fn text(&self, names: &[&str]) -> Result<String, ProblemResponse> {
        let Some((name, text)) = names.iter().find_map(|name| Some((name, self.get(name)?))) else {
            return Ok(String::new());
        };
        let length = text.chars().count();
        if length > TEXT_MAX {
            return Err(ProblemResponse::bad(format!("`{name}` has {length} characters; expected at most {TEXT_MAX}")));
        }
        // No row contains a NUL, and a database may refuse to search for one.
        Ok(text.replace('\0', "\u{fffd}"))
    }

    fn limit(&self) -> Result<u32, ProblemResponse> {
        let Some(text) = self.get("limit") else { return Ok(ROWS) };
        text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
            ProblemResponse::bad(format!(
                "`{text}` is not a valid page size; expected 1 to {PAGE_MAX}. The next page's address is \
                 in the Link header"
            ))
        })
    }

    fn filter(&self) -> Result<Filter, ProblemResponse> {
        let time = |name| self.number(name, "a time; expected Unix milliseconds, such as 1800000000000");
        Ok(Filter {
            session: self.session()?,
            strategy: self.text(&["strategy", "who"])?,
            market: self.text(&["market"])?,
            kind: self.text(&["side", "state", "rule", "action"])?,
            from_ms: time("from_ms")?.unwrap_or(0),
            to_ms: time("to_ms")?,
        })
    }
}

impl<L: List> FromRequestParts<AppState> for Page<L> {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ProblemResponse> {
        let given = Given::of(parts, &[&["limit", "before"], L::FILTERS])?;
        let (limit, filter) = (given.limit()?, given.filter()?);
        let before = given.get("before").map(str::to_owned);
        let path = parts.uri.path().to_owned();
        let given = given.0.into_iter().filter(|(name, _)| L::FILTERS.contains(&name.as_str())).collect();
        Ok(Self { limit, before, filter, path, given, list: PhantomData })
    }
}

/// The filters of a list that is sent completely.
#[derive(Debug)]
pub(crate) struct Filtered<L> {
    pub(crate) filter: Filter,
    list: PhantomData<L>,
}

impl<L: List> FromRequestParts<AppState> for Filtered<L> {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ProblemResponse> {
        Ok(Self { filter: Given::of(parts, &[L::FILTERS])?.filter()?, list: PhantomData })
    }
}

/// The session that a request concerns.
#[derive(Debug)]
pub(crate) struct OfSession(pub(crate) Option<u64>);

impl FromRequestParts<AppState> for OfSession {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, ProblemResponse> {
        Ok(Self(Given::of(parts, &[OfOrder::FILTERS])?.session()?))
    }
}
