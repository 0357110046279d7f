//! One request and its response, bounded in time and size, and counted.

use super::departure::{Departure, Hold};
use super::limits::{Class, Limits, RateLimitHeaders};
use super::{BODY_MAX, RequestError, VenueStateHint};
use crate::auth::Header;
use crate::left_out::LeftOut;
use crate::parse::{Items, ParseError, Refused};
use crate::tls;
use crate::wire::account::Failure;
use model::RequestTier;
use parking_lot::{Mutex, MutexGuard};
use reqwest::{Method, Response, StatusCode, Url};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Reasons why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is invalid.
    #[error("venue address {text:?}: expected an http or https address without a path")]
    Address {
        /// The configured address.
        text: String,
    },
    /// API keys would be sent unencrypted.
    #[error("venue address {text:?}: expected https, or http on this machine")]
    Insecure {
        /// The configured address.
        text: String,
    },
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    /// The HTTP client cannot be built.
    #[error("the HTTP client cannot be built")]
    Build(#[source] reqwest::Error),
}

/// Timeouts per kind of request, connecting included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Limit for connecting.
    pub connect: Duration,
    /// Limit for reading market data or the account.
    pub read: Duration,
    /// Limit for placing an order. The venue holds some for a taker delay of up to 250 ms.
    pub place: Duration,
    /// Limit for cancelling.
    pub cancel: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(10),
            place: Duration::from_secs(8),
            cancel: Duration::from_secs(5),
        }
    }
}

/// Request counts since they were last taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests with a valid response, refusals included.
    pub ok: u32,
    /// Failed requests: see [`RequestError::is_failure`].
    pub failed: u32,
}

#[derive(Debug, Default)]
struct Counters {
    ok: AtomicU32,
    failed: AtomicU32,
}

/// Wait after a 429 that does not say how long.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// A request to be made.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Path without the query.
    pub(super) path: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) headers: &'a [Header],
    pub(super) body: Option<String>,
    pub(super) timeout: Duration,
    /// Rate-limit class.
    pub(super) class: Class,
    /// The guard of its body, if it has orders.
    pub(super) departure: Option<Departure>,
}

/// The connection pool to one venue. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    http: reqwest::Client,
    base: Url,
    counters: Arc<Counters>,
    limits: Arc<Mutex<Limits>>,
    moods: Arc<watch::Sender<Option<VenueStateHint>>>,
    /// The switch that holds back orders.
    pub(super) hold: Hold,
    /// The last response to `GET /version`.
    pub(super) version: Arc<AtomicU32>,
    /// Record of parse failures.
    pub(super) left_out: LeftOut,
    pub(super) timeouts: Timeouts,
}

impl Transport {
    pub(super) fn new(address: &str, timeouts: Timeouts) -> Result<Self, ClientError> {
        let text = address.to_owned();
        let Some(base) = Url::parse(address).ok().filter(is_bare) else { return Err(ClientError::Address { text }) };
        if !tls::is_private(&base, "https", "http") {
            return Err(ClientError::Insecure { text });
        }
        // No retries, redirects or proxies: a placement is sent once, to the configured address.
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config()?.as_ref().clone())
            .user_agent(concat!("polytrader/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeouts.connect)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .tcp_nodelay(true)
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(ClientError::Build)?;
        let moods = Arc::new(watch::channel(None).0);
        let limits = Arc::new(Mutex::new(Limits::new(Instant::now())));
        let version = Arc::new(AtomicU32::new(2));
        let (counters, hold, left_out) = (Arc::default(), Hold::default(), LeftOut::default());
        Ok(Self { http, base, counters, limits, moods, hold, version, left_out, timeouts })
    }

    pub(super) fn take_counts(&self) -> RequestCounts {
        RequestCounts {
            ok: self.counters.ok.swap(0, Ordering::Relaxed),
            failed: self.counters.failed.swap(0, Ordering::Relaxed),
        }
    }

    pub(super) fn moods(&self) -> watch::Receiver<Option<VenueStateHint>> {
        self.moods.subscribe()
    }

    /// Sends the request and parses the response. Safe to cancel for a read; a cancelled placement has an unknown
    /// outcome.
    pub(super) async fn call<T>(
        &self,
        call: Call<'_>,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        let path = call.path;
        let answer = match call.departure.clone() {
            Some(departure) => self.exchange_guarded(call, &departure).await,
            None => self.exchange(call).await,
        };
        let answer = answer
            .and_then(|body| parse(&body).map_err(|source| RequestError::Malformed { path: path.to_owned(), source }));
        if let Err(RequestError::Malformed { source, .. }) = &answer {
            let (list, name) = split_id(path);
            self.left_out.record(list, name, &source.explained(), "the response is discarded");
        }
        if let Some(mood) = answer.as_ref().err().and_then(VenueStateHint::of) {
            self.moods.send_replace(Some(mood));
        }
        let counter = match &answer {
            Err(error) if error.is_failure() => &self.counters.failed,
            _ => &self.counters.ok,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Reads public data.
    pub(super) async fn get<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        let (method, headers, timeout, class) = (Method::GET, &[], self.timeouts.read, Class::Read);
        self.call(Call { method, path, query, headers, body: None, timeout, class, departure: None }, parse).await
    }

    /// Records the rows of a page that failed to parse, and returns the page.
    pub(super) fn noted<T>(&self, list: &str, page: Items<T>) -> Items<T> {
        self.note(list, &page.refused);
        page
    }

    /// Records rows that failed to parse.
    pub(super) fn note(&self, list: &str, refused: &[Refused]) {
        for row in refused {
            self.left_out.record(list, &row.name, &row.reason, "skipped, the rest of the list is used");
        }
    }

    /// Waits for rate-limit room, at most for the patience of the request's class.
    async fn admit(&self, class: Class) -> Result<(), RequestError> {
        let last = Instant::now().checked_add(class.patience());
        loop {
            let now = Instant::now();
            let Err(wait) = self.limits().acquire(now, class) else { return Ok(()) };
            if now.checked_add(wait) > last {
                return Err(RequestError::NoRoom { wait });
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes as many cancels as there is room for, up to `most`.
    pub(super) fn acquire_cancels(&self, most: usize) -> Result<usize, Duration> {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let taken = self.limits().acquire_cancels(Instant::now(), most)?;
        Ok(usize::try_from(taken).unwrap_or(usize::MAX))
    }

    /// Returns the time until there is room for `count` cancels.
    pub(super) fn cancels_wait(&self, count: usize) -> Duration {
        self.limits().cancels_wait(Instant::now(), u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock()
    }

    /// Sends a request whose body may be withheld. On any failure before its bytes were yielded to a connection,
    /// nothing was sent.
    async fn exchange_guarded(&self, call: Call<'_>, departure: &Departure) -> Result<Vec<u8>, RequestError> {
        let answer = tokio::select! {
            biased;
            why = departure.withdrawn() => return Err(why.into()),
            answer = self.exchange(call) => answer,
        };
        match answer {
            Err(RequestError::Timeout { .. } | RequestError::Transport(_)) if departure.withdraw() => {
                Err(departure.why().into())
            }
            answer => answer,
        }
    }

    async fn exchange(&self, call: Call<'_>) -> Result<Vec<u8>, RequestError> {
        self.admit(call.class).await?;
        let class = call.class;
        let after = call.timeout;
        let mut url = self.base.clone();
        url.set_path(call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = self.http.request(call.method, url);
        for (name, value) in call.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = call.body {
            let body = match call.departure {
                Some(departure) => departure.body(body),
                None => body.into(),
            };
            request = request.header("content-type", "application/json").body(body);
        }
        let request = request.build().map_err(RequestError::NotSent)?;
        let answer = tokio::time::timeout(after, async {
            let response = self.http.execute(request).await.map_err(sent_or_not)?;
            self.limits().heed(Instant::now(), class, rate_limit_headers(&response));
            read(response).await
        });
        answer.await.unwrap_or(Err(RequestError::Timeout { after }))
    }
}

/// Splits a path into the list and the requested id in it.
fn split_id(path: &str) -> (&str, &str) {
    const TRANSACTIONS: &str = "/account/transactions";
    let transaction = || path.find(TRANSACTIONS).map(|at| at.saturating_add(TRANSACTIONS.len()));
    let at = path.find("/0x").or_else(transaction).filter(|at| *at < path.len());
    at.and_then(|at| path.split_at_checked(at)).unwrap_or((path, "the whole response"))
}

/// Splits an address into the part to connect to and the path prefix of every request, without a trailing slash.
pub(super) fn split(address: &str) -> (&str, &str) {
    let from = address.find("://").map_or(0, |at| at.saturating_add(3));
    let slash = address.get(from..).and_then(|rest| rest.find('/')).map(|at| from.saturating_add(at));
    let (base, prefix) = slash.and_then(|at| address.split_at_checked(at)).unwrap_or((address, ""));
    (base, prefix.trim_end_matches('/'))
}

fn is_bare(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none()
}

fn sent_or_not(error: reqwest::Error) -> RequestError {
    // A connection that could not be made, its own timeout included, has carried nothing.
    if error.is_connect() || error.is_builder() { RequestError::NotSent(error) } else { RequestError::Transport(error) }
}

/// Returns the rate-limit information of a response's headers (PROTOCOL 10.2).
fn rate_limit_headers(response: &Response) -> RateLimitHeaders {
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let wait = || text("retry-after").and_then(|value| value.parse().ok()).map_or(FIRST_WAIT, Duration::from_secs);
    RateLimitHeaders {
        remaining: text("poly-ratelimit-remaining").and_then(|value| value.parse().ok()),
        tier: text("poly-ratelimit-tier").and_then(RequestTier::of).map(RequestTier::orders),
        refused: (response.status() == StatusCode::TOO_MANY_REQUESTS).then(wait),
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, RequestError> {
    let status = response.status();
    let limited = response.headers().contains_key("poly-ratelimit-remaining");
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(RequestError::Transport)? {
        if body.len().saturating_add(chunk.len()) > BODY_MAX {
            return Err(RequestError::TooLarge { limit: BODY_MAX });
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return Ok(body);
    }
    let (reason, expected) = reason(&body);
    Err(RequestError::Status {
        status: status.as_u16(),
        reason,
        expected,
        limited: limited && status == StatusCode::TOO_MANY_REQUESTS,
        retry_after: retry_after.map(Duration::from_secs),
    })
}

/// Returns the venue's error text and the heartbeat id that it expected; empty if the body is not the venue's, such as
/// a gateway's page.
pub(super) fn reason(body: &[u8]) -> (String, String) {
    let Ok(failure) = serde_json::from_slice::<Failure<'_>>(body) else { return (String::new(), String::new()) };
    let words = if failure.error.is_empty() { &failure.error_msg } else { &failure.error };
    (crate::parse::cut(words.as_str()), crate::parse::cut(failure.heartbeat_id.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_and_private_address_is_taken() {
        let new = |text: &str| Transport::new(text, Timeouts::default());
        assert!(new("https://clob.example.com").is_ok());
        assert!(new("http://127.0.0.1:8080/").is_ok());
        for bad in
            ["", "clob.example.com", "https://clob.example.com/api", "https://me:pw@example.com", "ws://127.0.0.1"]
        {
            assert!(matches!(new(bad), Err(ClientError::Address { .. })), "{bad}");
        }
        assert!(matches!(new("http://clob.example.com"), Err(ClientError::Insecure { .. })));
    }

    #[test]
    fn only_the_venues_own_words_are_a_reason() {
        let words = |body: &[u8]| reason(body).0;
        assert_eq!(words(br#"{"error":"Unauthorized/Invalid api key"}"#), "Unauthorized/Invalid api key");
        let wrong = reason(br#"{"error_msg":"Invalid Heartbeat ID","heartbeat_id":"7"}"#);
        assert_eq!(wrong, ("Invalid Heartbeat ID".to_owned(), "7".to_owned()));
        assert_eq!(words(b"<html>502</html>"), "");
        assert_eq!(words(b"{}"), "");
    }
}
