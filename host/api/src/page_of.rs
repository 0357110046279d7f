//! Pages of a list: `limit` rows, and in the header `Link` the address of the page that follows. A number of rows that is not given is
//! refused, never lowered silently.

use crate::parts::App;
use crate::problem::ProblemResponse;
use axum::Json;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use model::hex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::db::reads::PAGE_MAX;

/// How many rows a page has unless the request says otherwise.
const ROWS: u32 = 100;

/// A page that was asked for.
#[derive(Debug)]
pub(crate) struct Page {
    limit: u32,
    before: Option<String>,
    /// Of one session alone.
    pub(crate) session: Option<u64>,
    path: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    limit: Option<String>,
    before: Option<String>,
    session: Option<String>,
}

impl Page {
    /// Returns how many rows to read: one more than the page has, which shows whether another page follows.
    pub(crate) const fn rows(&self) -> u32 {
        self.limit.saturating_add(1)
    }

    /// Returns the place after which the page begins; none for the first page.
    ///
    /// # Errors
    /// If no answer of this list gave that place.
    pub(crate) fn before<K: DeserializeOwned>(&self) -> Result<Option<K>, ProblemResponse> {
        let Some(text) = &self.before else { return Ok(None) };
        let key = hex::decode(text).and_then(|bytes| serde_json::from_slice(&bytes).ok());
        key.map(Some).ok_or_else(|| {
            ProblemResponse::bad(format!(
                "`{text}` is not a place in this list; take `before` from the header Link of the page before"
            ))
        })
    }

    /// Returns the answer: the page's rows as views, and the address of the page that follows if there is one. `key` names a row's place.
    pub(crate) fn answer<R, K: Serialize, V: Serialize>(
        &self,
        rows: Vec<R>,
        key: impl Fn(&R) -> K,
        views: impl FnOnce(Vec<R>) -> Vec<V>,
    ) -> Response {
        self.answer_with(rows, 0, key, views)
    }

    /// Returns the answer where so many rows were read and left out.
    pub(crate) fn answer_with<R, K: Serialize, V: Serialize>(
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
        let session = self.session.map(|session| format!("&session={session}")).unwrap_or_default();
        let link = format!("<{}?limit={}{session}&before={before}>; rel=\"next\"", self.path, self.limit);
        Some((header::LINK, HeaderValue::from_str(&link).ok()?))
    }
}

impl FromRequestParts<App> for Page {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ProblemResponse> {
        let query = Query::<Fields>::try_from_uri(&parts.uri);
        let Query(fields) = query.map_err(|error| ProblemResponse::bad(error.body_text()))?;
        let limit = fields.limit.as_deref().map_or(Some(ROWS), |text| text.parse().ok());
        let limit = limit.filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
            let text = fields.limit.unwrap_or_default();
            ProblemResponse::bad(format!(
                "`{text}` is not a number of rows that a page can have; write 1 to {PAGE_MAX}, and take the rows that follow from the address \
                 in the header Link"
            ))
        })?;
        let session = session(fields.session)?;
        Ok(Self { limit, before: fields.before, session, path: parts.uri.path().to_owned() })
    }
}

/// The session that a request is about.
#[derive(Debug)]
pub(crate) struct OfSession(pub(crate) Option<u64>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionField {
    session: Option<String>,
}

impl FromRequestParts<App> for OfSession {
    type Rejection = ProblemResponse;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ProblemResponse> {
        let query = Query::<SessionField>::try_from_uri(&parts.uri);
        let Query(fields) = query.map_err(|error| ProblemResponse::bad(error.body_text()))?;
        Ok(Self(session(fields.session)?))
    }
}

fn session(text: Option<String>) -> Result<Option<u64>, ProblemResponse> {
    let parse = |text: String| {
        let wrong = || {
            ProblemResponse::bad(format!("`{text}` is not a session; expected its number, such as 1800000000000000"))
        };
        text.parse().ok().filter(|session| i64::try_from(*session).is_ok()).ok_or_else(wrong)
    };
    text.map(parse).transpose()
}
