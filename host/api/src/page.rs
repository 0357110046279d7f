//! The dashboard page, embedded in this program.

use super::problem::ProblemResponse;
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use include_dir::{Dir, File, include_dir};

static PAGE: Dir<'static> = include_dir!("$DASHBOARD");

/// Allows only our own files, and no embedding in frames.
const POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Serves the page's files; other paths belong to the page's own router.
pub(crate) async fn serve(State(_): State<AppState>, method: Method, uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    let reads = matches!(method, Method::GET | Method::HEAD);
    if !reads || path == "v1" || path.starts_with("v1/") {
        return ProblemResponse::not_found(format!("there is no {method} {}", uri.path())).into_response();
    }
    if let Some(file) = PAGE.get_file(path) {
        return serve_file(file, path.starts_with("assets/"));
    }
    if path.contains('.') {
        return ProblemResponse::not_found(format!("there is no file {}", uri.path())).into_response();
    }
    index()
}

/// Returns the page itself.
pub(crate) fn index() -> Response {
    match PAGE.get_file("index.html") {
        Some(file) => serve_file(file, false),
        None => ProblemResponse::not_found("this build has no page").into_response(),
    }
}

fn serve_file(file: &'static File<'static>, forever: bool) -> Response {
    let kind = match file.path().extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "map") => "application/json",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    // The names of assets change with their content.
    let cache = if forever { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], file.contents()).into_response()
}

/// Adds the headers that restrict browsers.
pub(crate) async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
