//! What anybody may read, and the making of API keys.

use super::transport::{Call, ClientError, RequestCounts, Timeouts, Transport};
use super::{BOOKS_MAX, Class, PAGES_MAX, RequestError};
use crate::LeftOut;
use crate::auth::{Credentials, Header, L1Headers};
use crate::parse::{self, BookSnapshot, ParseError, Tradable};
use crate::wire::Text;
use crate::wire::account::{ApiKey, Geoblock, Version};
use crate::wire::text::parse_time;
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{Market, Time, TokenId, Usd};
use reqwest::Method;
use serde_json::json;
use std::sync::atomic::Ordering;

/// How many markets are read at once.
const MARKETS_AT_ONCE: usize = 8;
/// How many markets are read in the place of those that the order book does not describe, or not in a way that is understood.
const SPARE_MAX: usize = 50;

/// A client for what is public. Cheap to clone; clones share connections and counts.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) transport: Transport,
}

impl Client {
    /// Returns a client of the venue at `address`, such as `https://clob.polymarket.com`. Connects when first asked.
    ///
    /// # Errors
    /// If the address has a path, is no address, or would carry secrets in the open.
    pub fn new(address: &str, timeouts: Timeouts) -> Result<Self, ClientError> {
        Transport::new(address, timeouts).map(|transport| Self { transport })
    }

    /// Returns what the venue takes, as refusals tell it; nothing while it never refused everything of a kind.
    pub fn moods(&self) -> tokio::sync::watch::Receiver<Option<super::Mood>> {
        self.transport.moods()
    }

    /// Returns the requests since the last call, of all clones and of the account's client too.
    pub fn take_counts(&self) -> RequestCounts {
        self.transport.take_counts()
    }

    /// Returns what of the venue's answers was not understood, for all clones; what else is not is noted there too.
    pub const fn left_out(&self) -> &LeftOut {
        &self.transport.left_out
    }

    /// Returns the venue's clock, in whole seconds.
    ///
    /// # Errors
    /// If there is no good answer.
    pub async fn time(&self) -> Result<Time, RequestError> {
        self.get("/time", &[], |body| {
            let told: Text<'_> = serde_json::from_slice(body)?;
            parse::field("time", &told, parse_time)
        })
        .await
    }

    /// Returns the version of orders that the venue takes for outcome tokens (PROTOCOL 1.4).
    ///
    /// # Errors
    /// If there is no good answer.
    pub async fn version(&self) -> Result<u32, RequestError> {
        let told = self.get("/version", &[], |body| {
            let told: Version<'_> = parse::document(body)?;
            parse::field("version", &told.version, |text| text.parse().ok())
        });
        let told = told.await?;
        self.transport.version.store(told, Ordering::Release);
        Ok(told)
    }

    /// Returns the version that the venue told last, 2 if it was never asked.
    pub fn order_version(&self) -> u32 {
        self.transport.version.load(Ordering::Acquire)
    }

    /// Returns whether the venue's site refuses people from where this request comes from, and where that is. To be asked of the
    /// site, `https://polymarket.com`, not of the order book (PROTOCOL 1.1).
    ///
    /// # Errors
    /// If there is no good answer.
    pub async fn geoblock(&self) -> Result<(bool, String), RequestError> {
        self.get("/api/geoblock", &[], |body| {
            let answer: Geoblock<'_> = parse::document(body)?;
            let blocked = parse::told_flag("blocked", &answer.blocked)?;
            Ok((blocked, parse::cut(parse::words("country", &answer.country)?)))
        })
        .await
    }

    /// Returns at most `limit` markets that can be traded now, in the venue's order. A market that we do not understand is
    /// left out with a warning.
    ///
    /// # Errors
    /// If a list or a market cannot be read.
    pub async fn markets(&self, limit: usize) -> Result<Vec<Market>, RequestError> {
        let listed = self.tradable(limit).await?;
        self.described(listed.into_iter(), limit).await
    }

    /// Asks the order book how these markets are traded, one after the other until it has described `limit` of them.
    pub(super) async fn described(
        &self,
        listed: impl Iterator<Item = Tradable>,
        limit: usize,
    ) -> Result<Vec<Market>, RequestError> {
        let mut listed = listed.take(limit.saturating_add(SPARE_MAX));
        let mut markets = Vec::new();
        while markets.len() < limit {
            let next: Vec<_> =
                listed.by_ref().take(limit.saturating_sub(markets.len())).map(|listed| self.market(listed)).collect();
            if next.is_empty() {
                break;
            }
            let described: Vec<Option<Market>> = stream::iter(next).buffered(MARKETS_AT_ONCE).try_collect().await?;
            markets.extend(described.into_iter().flatten());
        }
        Ok(markets)
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

    async fn market(&self, listed: Tradable) -> Result<Option<Market>, RequestError> {
        let path = format!("/clob-markets/{}", listed.condition);
        match self.get(&path, &[], |body| parse::clob_market(body, listed)).await {
            Ok(market) => Ok(Some(market)),
            // The transport has named it.
            Err(RequestError::Malformed { .. }) => Ok(None),
            // New markets need minutes to appear everywhere (PROTOCOL 15.1).
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns what a share of each of a market's tokens pays; nothing while that is not known. The market channel does not
    /// always tell (PROTOCOL 13.2).
    ///
    /// # Errors
    /// If there is no good answer, or it is about other tokens.
    pub async fn resolution(&self, market: &Market) -> Result<Option<[Usd; 2]>, RequestError> {
        let path = format!("/markets/{}", market.condition);
        self.get(&path, &[], |body| parse::resolution(body, &market.tokens)).await
    }

    /// Returns a token's book.
    ///
    /// # Errors
    /// If there is no good answer; 404 if the venue has no such book.
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

    /// Returns the books of many tokens; those that the venue does not know, or that are not understood, are left out.
    ///
    /// # Errors
    /// If there is no good answer.
    pub async fn books(&self, tokens: &[TokenId]) -> Result<Vec<BookSnapshot>, RequestError> {
        let mut books = Vec::with_capacity(tokens.len());
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
            let page = self.transport.call(call, parse::books).await?;
            books.extend(self.transport.noted("/books", page).items);
        }
        Ok(books)
    }

    /// Makes the API key of an address, or finds the one it has: keys are a function of address and nonce.
    ///
    /// # Errors
    /// If neither works; the error is that of the second attempt.
    pub async fn create_or_derive_api_key(&self, l1: &L1Headers) -> Result<Credentials, RequestError> {
        let headers = l1.headers();
        match self.api_key(Method::POST, "/auth/api-key", &headers).await {
            Ok(key) => Ok(key),
            // The venue answers 400 where the key exists; its official clients take any error for that.
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
                    // The cause is not shown: it could hold a part of the secret.
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

/// Turns the pages of a list, and notices one that does not end.
pub(super) struct Pages {
    path: &'static str,
    cursor: Option<String>,
    turned: usize,
}

impl Pages {
    pub(super) fn new(path: &'static str) -> Self {
        Self { path, cursor: Some("MA==".to_owned()), turned: 0 }
    }

    /// Returns the cursor of the page to read; none after the last.
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
