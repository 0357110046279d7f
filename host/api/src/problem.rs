//! Errors as problem documents (RFC 9457).

use crate::auth::AuthError;
use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use control::ControlError;
use readmodel::views::Problem;
use store::db::DbError;

/// The text shown to callers for a database error.
const DATABASE_FAILED: &str = "the database failed; see the host's log";

/// An error of a request.
#[derive(Debug)]
pub(crate) struct ProblemResponse {
    status: StatusCode,
    detail: String,
}

impl ProblemResponse {
    /// Returns a problem with this status and detail.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    /// Returns the status.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the message.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }
}

/// Returns the problem of a temporary failure.
pub(crate) fn unavailable(detail: &str) -> ProblemResponse {
    ProblemResponse::new(StatusCode::SERVICE_UNAVAILABLE, detail)
}

/// Answers a method that a path does not support.
pub(crate) async fn method_not_allowed(method: Method, uri: Uri) -> ProblemResponse {
    ProblemResponse::new(StatusCode::METHOD_NOT_ALLOWED, format!("there is no {method} {}", uri.path()))
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(problem)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

impl From<ControlError> for ProblemResponse {
    fn from(error: ControlError) -> Self {
        let status = match error {
            ControlError::Refused(_) => StatusCode::CONFLICT,
            ControlError::Silent | ControlError::NotStored(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<DbError> for ProblemResponse {
    fn from(error: DbError) -> Self {
        // Database errors may contain file names, hosts and values, which only the machine's operator may see.
        tracing::error!(%error, "request failed; database error");
        unavailable(DATABASE_FAILED)
    }
}

impl From<AuthError> for ProblemResponse {
    fn from(error: AuthError) -> Self {
        let status = match &error {
            AuthError::Unknown => StatusCode::UNAUTHORIZED,
            AuthError::TooMany => StatusCode::TOO_MANY_REQUESTS,
            AuthError::Name(_) => StatusCode::BAD_REQUEST,
            AuthError::Taken(_) => StatusCode::CONFLICT,
            AuthError::Db(_) | AuthError::File { .. } | AuthError::Random(_) | AuthError::Role(..) => {
                tracing::error!(%error, "token or login request failed");
                return unavailable("the host failed to handle the request; see its log");
            }
        };
        Self::new(status, error.to_string())
    }
}
