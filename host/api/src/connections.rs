//! The connections of one listener, limited in number. If a new one finds no place, the least important one is closed
//! for it, so that unauthenticated clients cannot keep an operator out by holding connections.

use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The most connections of one listener.
const MOST: usize = 200;
/// The fewest, however few descriptors there are.
const FEWEST: usize = 8;
/// Descriptors reserved for the host itself: venue sockets, journal segments, the database, strategy files.
const RESERVED: u64 = 128;
/// One in this many places is kept for connections that have not sent a request yet, so that a new one has time for its
/// first.
const NEW_SHARE: usize = 8;

/// Returns the most connections for each of the two listeners in a process that may open `files` files.
pub(crate) fn most_for(files: u64) -> usize {
    let each = files.saturating_sub(RESERVED).checked_div(2).unwrap_or(0);
    usize::try_from(each).unwrap_or(MOST).clamp(FEWEST, MOST)
}

/// The knowledge about the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PeerState {
    /// It has not sent a complete request head.
    Silent,
    /// It has sent requests, none with a valid token or login.
    Stranger,
    /// It has sent a valid token or login.
    Known,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    standing: AtomicU8,
    busy: AtomicBool,
    /// The start of the wait for a head: the start of the connection, later the first byte after an answer.
    head_since: Mutex<Option<Instant>>,
    closing: Notify,
}

impl Connection {
    fn new() -> Self {
        let head_since = Mutex::new(Some(Instant::now()));
        Self { standing: AtomicU8::new(0), busy: AtomicBool::new(false), head_since, closing: Notify::new() }
    }

    /// Records that bytes arrived.
    pub(crate) fn read(&self) {
        if !self.busy.load(Ordering::Relaxed) {
            self.head_since.lock().get_or_insert_with(Instant::now);
        }
    }

    /// Returns true if a head was started and is still incomplete after `time`. A connection that waits for its next
    /// request has not started one.
    pub(crate) fn is_late(&self, time: Duration) -> bool {
        self.head_since.lock().is_some_and(|since| since.elapsed() >= time)
    }

    /// Records that a request head is complete, and that the request is being answered until the returned guard is
    /// dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.standing.fetch_max(1, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
        *self.head_since.lock() = None;
        Busy(Arc::clone(self))
    }

    /// Records that a request had a valid token or login.
    pub(crate) fn know(&self) {
        self.standing.store(2, Ordering::Relaxed);
    }

    /// Waits until the connection is to be closed for another one.
    pub(crate) async fn closed(&self) {
        self.closing.notified().await;
    }

    fn standing(&self) -> PeerState {
        match self.standing.load(Ordering::Relaxed) {
            0 => PeerState::Silent,
            1 => PeerState::Stranger,
            _ => PeerState::Known,
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Table {
    open: BTreeMap<u64, Arc<Connection>>,
    last: u64,
}

/// The connections of one listener. A cheap handle.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    most: usize,
    places: Arc<Semaphore>,
    table: Arc<Mutex<Table>>,
}

/// The place of a connection; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) connection: Arc<Connection>,
    number: u64,
    table: Arc<Mutex<Table>>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.table.lock().open.remove(&self.number);
    }
}

impl Connections {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, places: Arc::new(Semaphore::new(most)), table: Arc::default() }
    }

    /// Gives a new connection its place. If there is none, another connection is closed, and its place is awaited.
    pub(crate) async fn admit(&self) -> Option<Seat> {
        let place = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => place,
            Err(_) => {
                self.close_one();
                Arc::clone(&self.places).acquire_owned().await.ok()?
            }
        };
        let connection = Arc::new(Connection::new());
        let mut table = self.table.lock();
        table.last = table.last.saturating_add(1);
        let number = table.last;
        table.open.insert(number, Arc::clone(&connection));
        drop(table);
        Some(Seat { connection, number, table: Arc::clone(&self.table), _place: place })
    }

    /// Closes the least important connection. It stops being counted, so that the next call closes another one.
    fn close_one(&self) {
        let mut table = self.table.lock();
        let Some(number) = least(&table.open, self.most.checked_div(NEW_SHARE).unwrap_or(0)) else { return };
        if let Some(connection) = table.open.remove(&number) {
            drop(table);
            tracing::debug!(standing = ?connection.standing(), most = self.most, "connection closed for a new one");
            connection.closing.notify_one();
        }
    }
}

/// Returns the connection to close: the oldest silent one if there are more than `new` of those; otherwise one without
/// a valid token or login, then a silent one, then a known one. In each group, idle ones come before those being
/// answered (such as streams), and the oldest first.
fn least(open: &BTreeMap<u64, Arc<Connection>>, new: usize) -> Option<u64> {
    let silent = || open.iter().filter(|(_, connection)| connection.standing() == PeerState::Silent);
    if silent().count() > new {
        return silent().next().map(|(number, _)| *number);
    }
    let worth = |connection: &Connection| {
        let group = match connection.standing() {
            PeerState::Stranger => 0,
            PeerState::Silent => 1,
            PeerState::Known => 2,
        };
        (group, connection.busy.load(Ordering::Relaxed))
    };
    open.iter().min_by_key(|(number, connection)| (worth(connection), **number)).map(|(number, _)| *number)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used,
        reason = "test code may fail loudly"
    )]

    use super::*;
    use std::time::Duration;

    /// Fills a listener with 16 places: `known` with a token, `strangers` with a request, the rest silent.
    async fn full(known: usize, strangers: usize) -> (Connections, Vec<Seat>) {
        let connections = Connections::new(16);
        let mut seats = Vec::new();
        for number in 0..16 {
            let seat = connections.admit().await.unwrap();
            if number < known + strangers {
                drop(seat.connection.begin());
            }
            if number < known {
                seat.connection.know();
            }
            seats.push(seat);
        }
        (connections, seats)
    }

    /// Admits one more connection, and returns the place of the one closed for it.
    async fn closed_for_one_more(connections: &Connections, seats: &[Seat]) -> usize {
        let more = tokio::spawn({
            let connections = connections.clone();
            async move { connections.admit().await }
        });
        let closed = seats.iter().map(|seat| Box::pin(seat.connection.closed()));
        let (_, place, _) =
            tokio::time::timeout(Duration::from_secs(10), futures_util::future::select_all(closed)).await.unwrap();
        assert!(!more.is_finished(), "it waits for the place");
        more.abort();
        place
    }

    #[tokio::test]
    async fn connections_that_have_sent_nothing_are_the_first_to_be_closed_and_the_oldest_of_them() {
        let (connections, seats) = full(5, 5).await;
        assert_eq!(closed_for_one_more(&connections, &seats).await, 10);
        assert_eq!(closed_for_one_more(&connections, &seats).await, 11, "the next one is different");
    }

    #[tokio::test]
    async fn a_few_that_have_sent_nothing_yet_are_spared_for_strangers() {
        let (connections, seats) = full(10, 4).await;
        assert_eq!(closed_for_one_more(&connections, &seats).await, 10);
    }

    #[tokio::test]
    async fn strangers_never_close_a_known_one() {
        let (connections, seats) = full(15, 0).await;
        assert_eq!(closed_for_one_more(&connections, &seats).await, 15);
    }

    #[tokio::test]
    async fn known_ones_alone_leave_a_place_for_one_more_and_a_request_in_hand_is_spared() {
        let (connections, seats) = full(16, 0).await;
        let _busy = seats[0].connection.begin();
        assert_eq!(closed_for_one_more(&connections, &seats).await, 1);
    }

    #[tokio::test]
    async fn a_place_is_taken_again_as_soon_as_it_is_free() {
        let (connections, mut seats) = full(16, 0).await;
        seats.truncate(15);
        assert!(tokio::time::timeout(Duration::from_secs(10), connections.admit()).await.unwrap().is_some());
    }

    #[test]
    fn the_most_connections_leave_descriptors_for_the_host() {
        for (files, most) in [(1 << 20, 200), (1_024, 200), (528, 200), (256, 64), (64, 8), (0, 8)] {
            assert_eq!(most_for(files), most, "{files}");
        }
    }
}
