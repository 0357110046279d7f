//! Public queries, and the creation of API keys.

use super::transport::{Call, ClientError, RequestCounts, Timeouts, Transport};
use super::{BOOKS_MAX, Class, PAGES_MAX, RequestError};
use crate::LeftOut;
use crate::auth::{Credentials, Header, L1Headers};
use crate::parse::{self, BookSnapshot, ParseError, Tradable};
use crate::wire::Text;
use crate::wire::account::{ApiKey, Geoblock, Version};
use crate::wire::text::parse_time;
use futures_util::{StreamExt, stream};
use model::{Market, Time, TokenId, Usd};
use reqwest::Method;
use serde_json::json;
use std::sync::atomic::Ordering;

/// Number of markets read concurrently.
const MARKETS_AT_ONCE: usize = 8;
/// Maximum markets read to replace those that the order book does not describe, or whose description fails to parse.
const SPARE_MAX: usize = 50;
/// Maximum items of one scan that cannot be read; after them the venue itself is taken to be out of order.
pub(super) const FAILURES_MAX: usize = 8;
/// Path of the descriptions of markets.
const DESCRIPTIONS: &str = "/clob-markets";

/// A client for public data. Cheap to clone; clones share connections and counts.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) transport: Transport,
}

impl Client {
    /// Returns a client of the venue at `address`, such as `https://clob.polymarket.com`. Connects on the first
    /// request.
    ///
    /// # Errors
    /// If the address has a path, is invalid, or would send secrets unencrypted.
    pub fn new(address: &str, timeouts: Timeouts) -> Result<Self, ClientError> {
        Transport::new(address, timeouts).map(|transport| Self { transport })
    }

    /// Returns the trading state that the venue's refusals imply; `None` until the first such refusal.
    pub fn moods(&self) -> tokio::sync::watch::Receiver<Option<super::VenueStateHint>> {
        self.transport.moods()
    }

    /// Returns the request counts since the last call, over all clones and the account's client.
    pub fn take_counts(&self) -> RequestCounts {
        self.transport.take_counts()
    }

    /// Returns the record of parse failures, shared by all clones; other components record theirs in it too.
    pub const fn left_out(&self) -> &LeftOut {
        &self.transport.left_out
    }

    /// Returns the venue's clock, in whole seconds.
    ///
    /// # Errors
    /// If there is no valid response.
    pub async fn time(&self) -> Result<Time, RequestError> {
        self.get("/time", &[], |body| {
            let server_time: Text<'_> = serde_json::from_slice(body)?;
            parse::field("time", &server_time, parse_time)
        })
        .await
    }

    /// Returns the order version that the venue accepts for outcome tokens (PROTOCOL 1.4).
    ///
    /// # Errors
    /// If there is no valid response.
    pub async fn version(&self) -> Result<u32, RequestError> {
        let venue_version = self.get("/version", &[], |body| {
            let wire: Version<'_> = parse::document(body)?;
            parse::field("version", &wire.version, |text| text.parse().ok())
        });
        let venue_version = venue_version.await?;
        self.transport.version.store(venue_version, Ordering::Release);
        Ok(venue_version)
    }

    /// Returns the order version last reported by the venue; 2 before the first query.
    pub fn order_version(&self) -> u32 {
        self.transport.version.load(Ordering::Acquire)
    }

    /// Returns true if the venue's site blocks the location of this request, and that location. Must be requested from
    /// the site, `https://polymarket.com`, not from the order book (PROTOCOL 1.1).
    ///
    /// # Errors
    /// If there is no valid response.
    pub async fn geoblock(&self) -> Result<(bool, String), RequestError> {
        self.get("/api/geoblock", &[], |body| {
            let answer: Geoblock<'_> = parse::document(body)?;
            let blocked = parse::required_flag("blocked", &answer.blocked)?;
            Ok((blocked, parse::cut(parse::text_field("country", &answer.country)?)))
        })
        .await
    }

    /// Returns at most `limit` markets that can be traded now, in the venue's order. A market that fails to parse or
    /// cannot be read is skipped with a warning.
    ///
    /// # Errors
    /// If a list cannot be read, or none of the markets.
    pub async fn markets(&self, limit: usize) -> Result<Vec<Market>, RequestError> {
        let listed = self.tradable(limit).await?;
        self.described(listed.into_iter(), limit).await
    }

    /// Queries the order book for the trading rules of these markets, in order, until it has described `limit` of them.
    /// A market that cannot be read now is recorded by name and keeps its place among the `limit`, so that a later
    /// scan finds room for it. After an error that is not about one market, or after [`FAILURES_MAX`] of the others, the
    /// remaining markets are left to a later scan.
    ///
    /// # Errors
    /// If no market is described and one could not be read: the first such error.
    pub(super) async fn described(
        &self,
        listed: impl Iterator<Item = Tradable>,
        limit: usize,
    ) -> Result<Vec<Market>, RequestError> {
        let mut listed = listed.take(limit.saturating_add(SPARE_MAX));
        let mut markets = Vec::new();
        let mut failures = Failures::default();
        while !failures.is_over() {
            let room = limit.saturating_sub(markets.len()).saturating_sub(failures.count);
            let next: Vec<_> = listed.by_ref().take(room).map(|listed| self.market(listed)).collect();
            if next.is_empty() {
                break;
            }
            let mut answers = stream::iter(next).buffered(MARKETS_AT_ONCE);
            while !failures.is_over()
                && let Some((name, answer)) = answers.next().await
            {
                match answer {
                    Ok(market) => markets.extend(market),
                    Err(error) => {
                        let reason = parse::cut(&error.to_string());
                        self.left_out().record(DESCRIPTIONS, &name, &reason, "read again in the next scan");
                        failures.add(error);
                    }
                }
            }
        }
        match failures.first {
            Some(error) if markets.is_empty() => Err(error),
            _ => Ok(markets),
        }
    }

    async fn tradable(&self, limit: usize) -> Result<Vec<Tradable>, RequestError> {
        let mut listed = Vec::new();
        let mut pages = Pages::new("/markets");
        while let Some(cursor) = pages.cursor() {
            let page = self.get("/markets", &[("next_cursor", cursor)], parse::market_page).await?;
            let page = self.transport.noted("/markets", page);
            listed.extend(page.items);
            if listed.len() >= limit {
                break;
            }
            pages.turn(page.next)?;
        }
        Ok(listed)
    }

    /// Returns a market's name and its description; `None` if it has no valid one.
    async fn market(&self, listed: Tradable) -> (String, Result<Option<Market>, RequestError>) {
        let path = format!("{DESCRIPTIONS}/{}", listed.condition);
        let name = if listed.slug.is_empty() { listed.condition.to_string() } else { listed.slug.clone() };
        let answer = match self.get(&path, &[], |body| parse::clob_market(body, listed)).await {
            Ok(market) => Ok(Some(market)),
            // Already recorded by the transport.
            Err(RequestError::Malformed { .. }) => Ok(None),
            // New markets need minutes to appear everywhere (PROTOCOL 15.1).
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        };
        (name, answer)
    }

    /// Returns the payout per share of each of a market's tokens; `None` while it is not known. The market channel does
    /// not always report it (PROTOCOL 13.2).
    ///
    /// # Errors
    /// If there is no valid response, or it is about other tokens.
    pub async fn resolution(&self, market: &Market) -> Result<Option<[Usd; 2]>, RequestError> {
        let path = format!("/markets/{}", market.condition);
        self.get(&path, &[], |body| parse::resolution(body, &market.tokens)).await
    }

    /// Returns a token's book.
    ///
    /// # Errors
    /// If there is no valid response; 404 if the venue has no such book.
    pub async fn book(&self, token: &TokenId) -> Result<BookSnapshot, RequestError> {
        let id = token.to_string();
        let token = *token;
        self.get("/book", &[("token_id", &id)], move |body| {
            let book = parse::book(body)?;
            // A book of another token would be worse than none.
            if book.token == token { Ok(book) } else { Err(ParseError::Missing { field: "asset_id" }) }
        })
        .await
    }

    /// Returns the books of many tokens; tokens unknown to the venue, books that fail to parse, and those of a request
    /// that fails, are skipped.
    ///
    /// # Errors
    /// If no request has a valid response.
    pub async fn books(&self, tokens: &[TokenId]) -> Result<Vec<BookSnapshot>, RequestError> {
        let mut books = Vec::with_capacity(tokens.len());
        let mut failures = Failures::default();
        for tokens in tokens.chunks(BOOKS_MAX) {
            let body: Vec<_> = tokens.iter().map(|token| json!({"token_id": token.to_string()})).collect();
            let call = Call {
                method: Method::POST,
                path: "/books",
                query: &[],
                headers: &[],
                body: Some(serde_json::Value::Array(body).to_string()),
                timeout: self.transport.timeouts.read,
                class: Class::Read,
                departure: None,
            };
            match self.transport.call(call, parse::books).await {
                Ok(page) => books.extend(self.transport.noted("/books", page).items),
                Err(error) => {
                    let name = format!("a request for {} books", tokens.len());
                    self.left_out().record("/books", &name, &parse::cut(&error.to_string()), "the others are used");
                    failures.add(error);
                }
            }
            if failures.is_over() {
                break;
            }
        }
        match failures.first {
            Some(error) if books.is_empty() => Err(error),
            _ => Ok(books),
        }
    }

    /// Creates the API key of an address, or derives the existing one: keys are a function of address and nonce.
    ///
    /// # Errors
    /// If both fail; the error is that of the second attempt.
    pub async fn create_or_derive_api_key(&self, l1: &L1Headers) -> Result<Credentials, RequestError> {
        let headers = l1.headers();
        match self.api_key(Method::POST, "/auth/api-key", &headers).await {
            Ok(key) => Ok(key),
            // The venue answers 400 if the key exists; its official clients treat any error as that.
            Err(_) => self.api_key(Method::GET, "/auth/derive-api-key", &headers).await,
        }
    }

    async fn api_key(&self, method: Method, path: &str, headers: &[Header]) -> Result<Credentials, RequestError> {
        let timeout = self.transport.timeouts.read;
        let call = Call { method, path, query: &[], headers, body: None, timeout, class: Class::Read, departure: None };
        self.transport
            .call(call, |body| {
                let key: ApiKey<'_> = parse::document(body)?;
                Credentials::new(key.api_key.as_str(), key.secret.as_str(), key.passphrase.as_str())
                    .ok()
                    // The cause is not shown: it could contain a part of the secret.
                    .ok_or(ParseError::Missing { field: "apiKey, secret or passphrase" })
            })
            .await
    }

    async fn get<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        self.transport.get(path, query, parse).await
    }
}

/// Failed requests of one scan.
#[derive(Debug, Default)]
pub(super) struct Failures {
    pub(super) first: Option<RequestError>,
    pub(super) count: usize,
    /// True after an error that every further request would meet too.
    general: bool,
}

impl Failures {
    pub(super) fn add(&mut self, error: RequestError) {
        self.count = self.count.saturating_add(1);
        self.general |= !error.is_about_one_item();
        self.first.get_or_insert(error);
    }

    /// Returns true if the scan should end.
    pub(super) const fn is_over(&self) -> bool {
        self.general || self.count >= FAILURES_MAX
    }
}

/// Pagination of a list, with detection of a list that does not end.
pub(super) struct Pages {
    path: &'static str,
    cursor: Option<String>,
    turned: usize,
}

impl Pages {
    pub(super) fn new(path: &'static str) -> Self {
        Self { path, cursor: Some("MA==".to_owned()), turned: 0 }
    }

    /// Returns the cursor of the page to read; `None` after the last.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    pub(super) fn turn(&mut self, next: Option<String>) -> Result<(), RequestError> {
        self.turned = self.turned.saturating_add(1);
        let stuck = next.is_some() && next == self.cursor;
        if stuck || (next.is_some() && self.turned >= PAGES_MAX) {
            return Err(RequestError::Endless { path: self.path, limit: PAGES_MAX });
        }
        self.cursor = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::server;
    use std::sync::atomic::AtomicUsize;

    /// Fails the first request, and answers the second with one book.
    fn second_request_only(_: &str) -> (u16, String) {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        if ASKED.fetch_add(1, Ordering::Relaxed) == 0 {
            return (502, String::new());
        }
        let book = json!([{ "asset_id": "7", "bids": [{ "price": "0.4", "size": "5" }], "asks": [] }]);
        (200, book.to_string())
    }

    #[tokio::test]
    async fn a_request_for_books_that_fails_costs_no_other() {
        let (address, asked) = server(second_request_only).await;
        let client = Client::new(&address, Timeouts::default()).unwrap();
        let tokens: Vec<TokenId> = (0..=BOOKS_MAX).map(|n| TokenId::parse(&(n + 1).to_string()).unwrap()).collect();
        let books = client.books(&tokens).await.unwrap();
        assert_eq!((books.len(), books[0].token, asked.lock().unwrap().len()), (1, tokens[6], 2));
        let lists = client.left_out().lists();
        assert_eq!((&*lists[0].list, lists[0].count, &*lists[0].name), ("/books", 1, "a request for 500 books"));
    }

    #[test]
    fn a_list_that_repeats_itself_or_never_ends_is_an_error() {
        let mut pages = Pages::new("/x");
        assert_eq!(pages.cursor(), Some("MA=="));
        pages.turn(Some("a".into())).unwrap();
        assert!(pages.turn(Some("a".into())).is_err());
        let mut pages = Pages::new("/x");
        for page in 1..PAGES_MAX {
            pages.turn(Some(page.to_string())).unwrap();
        }
        assert!(pages.turn(Some("more".into())).is_err());
        let mut pages = Pages::new("/x");
        pages.turn(None).unwrap();
        assert_eq!(pages.cursor(), None);
    }
}
