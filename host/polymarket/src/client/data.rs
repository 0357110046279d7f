//! The Data API, the venue's public account records (PROTOCOL 15.2): an account's activity and holdings. It lags the
//! chain by seconds and uses floating point, so it only explains differences and never drives orders.

use super::transport::{ClientError, Timeouts, Transport, split};
use super::{Client, RequestError};
use crate::parse::{self, ActivityRow, Holding, Items, ParseError, RecordCounts};
use model::Time;
use order::Address;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Maximum rows per page (PROTOCOL 15.2).
const PAGE: usize = 500;
/// Maximum pages of one activity query: ten thousand activities between two queries cannot be ours.
const DEED_PAGES_MAX: usize = 20;
/// Maximum pages of an account's holdings.
const HOLDING_PAGES_MAX: usize = 20;

/// A client of the Data API. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct DataApi {
    transport: Transport,
    /// Path prefix of every request.
    prefix: String,
    /// True if the second generation was not available, so that the first is used.
    old: Arc<AtomicBool>,
}

/// One of the Data API's lists.
struct List {
    /// Its paths in the second generation and in the first.
    paths: [&'static str; 2],
    /// Query parameters that only the first generation needs.
    old_query: &'static [(&'static str, &'static str)],
    pages: usize,
}

const DEEDS: List = List {
    paths: ["/v2/activity", "/activity"],
    old_query: &[("sortBy", "TIMESTAMP"), ("sortDirection", "DESC")],
    pages: DEED_PAGES_MAX,
};
const HOLDINGS: List =
    List { paths: ["/v2/positions", "/positions"], old_query: &[("sizeThreshold", "0")], pages: HOLDING_PAGES_MAX };

type Page<T> = (Items<T>, RecordCounts);

impl DataApi {
    /// Returns a client of the Data API at `address`, such as `https://data-api.polymarket.com`. A path in it is
    /// prefixed to every request; the local exchange has one.
    ///
    /// # Errors
    /// If the address is invalid or not private.
    pub fn new(address: &str, timeouts: Timeouts) -> Result<Self, ClientError> {
        let (base, prefix) = split(address);
        Ok(Self { transport: Transport::new(base, timeouts)?, prefix: prefix.to_owned(), old: Arc::default() })
    }

    /// Shares the record of parse failures with `client`.
    #[must_use]
    pub fn noting_with(mut self, client: &Client) -> Self {
        self.transport.left_out = client.left_out().clone();
        self
    }

    /// Returns the activity of the wallet `user` since `since`, newest first, and counts of the rows that failed to
    /// parse.
    ///
    /// # Errors
    /// If a page cannot be read, or the list does not end.
    pub async fn deeds(&self, user: Address, since: Time) -> Result<(Vec<ActivityRow>, RecordCounts), RequestError> {
        let recent = |deed: &ActivityRow| deed.at >= since;
        // Rows are newest first: after a page without recent rows, no page has any.
        self.list(&DEEDS, user, parse::deeds, recent, |page| !page.is_empty() && !page.iter().any(recent)).await
    }

    /// Returns the holdings of the wallet `user`, dust included, and counts of the rows that failed to parse.
    ///
    /// # Errors
    /// If a page cannot be read, or the list does not end.
    pub async fn holdings(&self, user: Address) -> Result<(Vec<Holding>, RecordCounts), RequestError> {
        self.list(&HOLDINGS, user, parse::holdings, |_| true, |_| false).await
    }

    async fn list<T>(
        &self,
        list: &List,
        user: Address,
        read: fn(&[u8]) -> Result<Page<T>, ParseError>,
        wanted: impl Fn(&T) -> bool,
        last: impl Fn(&[T]) -> bool,
    ) -> Result<(Vec<T>, RecordCounts), RequestError> {
        let user = user.to_string();
        let (mut all, mut counts) = (Vec::new(), RecordCounts::default());
        let mut cursor: Option<String> = None;
        for page in 0..list.pages {
            let (items, page_counts) = self.page(list, &user, page, cursor.as_deref(), read).await?;
            for refused in &page_counts.refused {
                let left_out = &self.transport.left_out;
                left_out.record(list.paths[0], &refused.name, &refused.reason, "the row is ignored");
            }
            counts.add(page_counts);
            let done = last(&items.items);
            all.extend(items.items.into_iter().filter(|item| wanted(item)));
            match items.next {
                Some(next) if !done && cursor.as_ref() != Some(&next) => cursor = Some(next),
                _ => return Ok((all, counts)),
            }
        }
        Err(RequestError::Endless { path: list.paths[0], limit: list.pages })
    }

    /// Reads a page of the second generation, or of the first if the second is not available.
    async fn page<T>(
        &self,
        list: &List,
        user: &str,
        page: usize,
        cursor: Option<&str>,
        read: fn(&[u8]) -> Result<Page<T>, ParseError>,
    ) -> Result<Page<T>, RequestError> {
        let limit = PAGE.to_string();
        if !self.old.load(Ordering::Relaxed) {
            let mut query = vec![("user", user), ("limit", &*limit)];
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            match self.get(list.paths[0], &query, read).await {
                Err(RequestError::Status { status: 404 | 410, .. }) if page == 0 => {
                    self.old.store(true, Ordering::Relaxed);
                }
                answer => return answer,
            }
        }
        let offset = page.saturating_mul(PAGE).to_string();
        let mut query = vec![("user", user), ("limit", &*limit), ("offset", &*offset)];
        query.extend(list.old_query);
        let answer = self.get(list.paths[1], &query, read).await;
        if matches!(answer, Err(RequestError::Status { status: 404 | 410, .. })) {
            // The first generation is announced to be removed: try the second again next time.
            self.old.store(false, Ordering::Relaxed);
        }
        let (mut items, counts) = answer?;
        // A bare list does not indicate whether more rows follow; only a full page may have more.
        let full = items.items.len().saturating_add(usize::try_from(counts.left_out()).unwrap_or(0)) >= PAGE;
        items.next = full.then_some(offset);
        Ok((items, counts))
    }

    async fn get<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        read: fn(&[u8]) -> Result<T, ParseError>,
    ) -> Result<T, RequestError> {
        self.transport.get(&format!("{}{path}", self.prefix), query, read).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::server;
    use crate::parse::Recorded;

    async fn data_api(answer: fn(&str) -> (u16, String)) -> (String, Arc<std::sync::Mutex<Vec<String>>>) {
        let (address, asked) = server(answer).await;
        (format!("{address}/data-api"), asked)
    }

    fn row(second: u64) -> String {
        format!(r#"{{"type":"REWARD","timestamp":{second},"usdc_size":1}}"#)
    }

    fn seconds(deeds: &[ActivityRow]) -> Vec<u64> {
        deeds.iter().map(|deed| deed.at.seconds()).collect()
    }

    #[tokio::test]
    async fn pages_are_read_until_nothing_is_recent() {
        let (address, asked) = data_api(|line| {
            let (first, next) = match line {
                line if line.contains("cursor=b") => (100, "c"),
                line if line.contains("cursor=a") => (200, "b"),
                _ => (300, "a"),
            };
            let rows = [row(first + 1), row(first)].join(",");
            (200, format!(r#"{{"data":[{rows}],"pagination":{{"has_more":true,"next_cursor":"{next}"}}}}"#))
        })
        .await;
        let api = DataApi::new(&address, Timeouts::default()).unwrap();
        let (deeds, _) = api.deeds(Address([1; 20]), Time::from_millis(201_000)).await.unwrap();
        assert_eq!(seconds(&deeds), [301, 300, 201]);
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 3, "the page after the last recent one shows that none follows: {asked:?}");
        assert!(asked[0].starts_with("GET /data-api/v2/activity?user=0x0101"), "{asked:?}");
    }

    #[tokio::test]
    async fn the_first_generation_is_asked_where_there_is_no_second() {
        let (address, asked) = data_api(|line| match line {
            line if line.contains("/v2/") => (404, "{}".to_owned()),
            line if line.contains("offset=500") => (200, format!("[{}]", row(1))),
            _ => (200, format!("[{}]", vec![row(5); 499].join(",") + r#",{"type":"NEW","timestamp":5}"#)),
        })
        .await;
        let api = DataApi::new(&address, Timeouts::default()).unwrap();
        let (deeds, counts) = api.deeds(Address([1; 20]), Time(0)).await.unwrap();
        assert_eq!((deeds.len(), deeds[499].at, deeds[0].kind), (500, Time(1_000_000), Recorded::Reward));
        assert!(counts.unknown_kinds.contains("NEW"));
        assert!(api.deeds(Address([1; 20]), Time(0)).await.is_ok());
        let asked = asked.lock().unwrap();
        let second = asked.iter().filter(|line| line.contains("/v2/")).count();
        assert_eq!((second, asked.len()), (1, 5), "the second generation is not asked again: {asked:?}");
    }

    #[tokio::test]
    async fn a_list_without_an_end_is_an_error() {
        let (address, _) = data_api(|line| {
            let next = if line.contains("cursor=a") { "b" } else { "a" };
            (200, format!(r#"{{"data":[{}],"pagination":{{"next_cursor":"{next}"}}}}"#, row(9)))
        })
        .await;
        let api = DataApi::new(&address, Timeouts::default()).unwrap();
        let answer = api.deeds(Address([1; 20]), Time(0)).await;
        assert!(matches!(answer, Err(RequestError::Endless { limit: DEED_PAGES_MAX, .. })), "{answer:?}");
    }
}
