//! Venue health for the engine: the results of requests, the venue's state and its clock.

use control::clock;
use control::inbox::Inbox;
use model::input::VenueState;
use model::{InputKind, Time};
use polymarket::Client;
use polymarket::client::VenueStateHint;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The interval of clock comparisons with the venue.
const CLOCK_EVERY: Duration = Duration::from_secs(60);
/// The interval of comparisons between our two clocks.
const APART_EVERY: Duration = Duration::from_secs(1);
/// The venue's clock confirms one of ours that differs by no more than this.
const AGREES_MICROS: u64 = 1_000_000;
/// The interval of request counts.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Starts the health tasks. Call it inside a runtime.
pub(crate) fn watch(client: &Client, inbox: &Inbox) {
    tokio::spawn(count_requests(client.clone(), inbox.clone()));
    tokio::spawn(compare_clocks(client.clone(), inbox.clone()));
    tokio::spawn(forward_state_hints(client.moods(), inbox.clone()));
}

/// Sends the engine the venue's state, and the next state when a temporary one has expired.
async fn forward_state_hints(mut moods: watch::Receiver<Option<VenueStateHint>>, inbox: Inbox) {
    let mut now: Option<VenueStateHint> = None;
    loop {
        let over = async {
            match now {
                Some(mood) => tokio::time::sleep(mood.lasts).await,
                None => std::future::pending().await,
            }
        };
        let next = tokio::select! {
            changed = moods.changed() => match changed {
                Ok(()) => *moods.borrow_and_update(),
                Err(_) => return,
            },
            () = over => now.and_then(VenueStateHint::next),
        };
        if let Some(VenueStateHint { state, lasts }) = next {
            tracing::warn!(?state, seconds = lasts.as_secs(), "venue state changed");
            inbox.account(clock::now(), InputKind::Venue { state });
        }
        // Open lasts until another state is reported.
        now = next.filter(|mood| mood.state != VenueState::Open);
    }
}

/// Compares the clocks: once a minute, and as soon as the wall clock diverges from host time or agrees with it again.
async fn compare_clocks(client: Client, inbox: Inbox) {
    let mut ticks = tokio::time::interval(APART_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut asked = TimeProbe::default();
    loop {
        ticks.tick().await;
        let apart = clock::is_apart();
        if !asked.is_due(Instant::now(), apart) {
            continue;
        }
        let before = Clocks::read();
        match client.time().await {
            Ok(theirs) => {
                asked.answered(apart);
                let skews = Skews::of(before, Clocks::read(), theirs);
                if skews.is_host_wrong() {
                    tracing::warn!(host = skews.host, wall = skews.wall, "the clock was set; host time follows it");
                    clock::follow_wall();
                }
                inbox.account(clock::now(), InputKind::ClockSkew { micros: skews.worse() });
            }
            Err(error) => tracing::debug!(%error, "reading the venue's clock failed"),
        }
    }
}

/// The last query of the venue's clock.
#[derive(Debug, Default)]
struct TimeProbe {
    at: Option<Instant>,
    /// True if our two clocks differed when it last answered.
    apart: bool,
}

impl TimeProbe {
    /// Returns true if a query is due now, and records it as done.
    fn is_due(&mut self, now: Instant, apart: bool) -> bool {
        let every = if apart == self.apart { CLOCK_EVERY } else { APART_EVERY };
        let due = self.at.is_none_or(|at| now.saturating_duration_since(at) >= every);
        if due {
            self.at = Some(now);
        }
        due
    }

    const fn answered(&mut self, apart: bool) {
        self.apart = apart;
    }
}

/// Our clocks at one moment.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    host: Time,
    wall: Time,
}

impl Clocks {
    fn read() -> Self {
        Self { host: clock::now(), wall: clock::wall() }
    }
}

/// The lead of the venue's clock over each of ours, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Skews {
    host: i64,
    wall: i64,
}

impl Skews {
    fn of(asked: Clocks, received: Clocks, theirs: Time) -> Self {
        Self { host: skew(asked.host, received.host, theirs), wall: skew(asked.wall, received.wall, theirs) }
    }

    /// Returns the greater skew: orders and days use host time, logins the wall clock, so both must be right.
    const fn worse(self) -> i64 {
        if self.wall.unsigned_abs() > self.host.unsigned_abs() { self.wall } else { self.host }
    }

    /// Returns true if the venue's clock confirms the wall clock and host time is far from both.
    const fn is_host_wrong(self) -> bool {
        self.wall.unsigned_abs() <= AGREES_MICROS && self.host.unsigned_abs() > clock::NEAR_MICROS
    }
}

async fn count_requests(client: Client, inbox: Inbox) {
    let mut ticks = tokio::time::interval(COUNT_EVERY);
    loop {
        ticks.tick().await;
        let counts = client.take_counts();
        if counts.ok > 0 || counts.failed > 0 {
            let (ok, failed) = (counts.ok, counts.failed);
            inbox.account(clock::now(), InputKind::Requests { ok, failed });
        }
    }
}

/// Returns the lead of the venue's clock over ours, in microseconds; 0 if its second overlaps the time of the query.
pub fn skew(asked: Time, received: Time, theirs: Time) -> i64 {
    let (first, last) = (theirs, theirs.plus_micros(999_999));
    if last < asked {
        return i64::try_from(asked.since(last)).map_or(i64::MIN, i64::wrapping_neg);
    }
    if first > received {
        return i64::try_from(first.since(received)).unwrap_or(i64::MAX);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Our two clocks against the venue's, each in milliseconds.
    fn skews(host: u64, wall: u64, theirs: u64) -> Skews {
        let clocks = Clocks { host: Time::from_millis(host), wall: Time::from_millis(wall) };
        Skews::of(clocks, clocks, Time::from_millis(theirs))
    }

    #[test]
    fn a_wrong_clock_opens_the_breaker_whichever_it_is() {
        let hour = 3_600_000;
        let set_ahead = skews(hour, 2 * hour, hour);
        assert_eq!((set_ahead.worse(), set_ahead.is_host_wrong()), (-3_599_000_001, false));
        let set_back = skews(2 * hour, hour, 2 * hour);
        assert_eq!((set_back.worse(), set_back.is_host_wrong()), (3_600_000_000, false));
        // The host was suspended without its clocks, as after a restore, and the wall clock was set since.
        let restored = skews(hour, hour + 90_000, hour + 90_000);
        assert_eq!((restored.worse(), restored.is_host_wrong()), (90_000_000, true));
        let right = skews(hour, hour + 900, hour);
        assert_eq!((right.worse(), right.is_host_wrong()), (0, false));
        let both = skews(hour, hour, 2 * hour);
        assert!(!both.is_host_wrong());
    }

    #[test]
    fn the_venue_is_asked_each_minute_and_when_our_clocks_part_or_meet() {
        let (mut asked, start) = (TimeProbe::default(), Instant::now());
        let mut due = |seconds, apart| {
            let due = asked.is_due(start + Duration::from_secs(seconds), apart);
            if due {
                asked.answered(apart);
            }
            due
        };
        assert_eq!([due(0, false), due(1, false), due(59, false), due(60, false)], [true, false, false, true]);
        assert_eq!([due(61, true), due(62, true), due(63, false), due(64, false)], [true, false, true, false]);
        // Without an answer the query is repeated.
        let mut silent = TimeProbe::default();
        assert!(silent.is_due(start, true) && silent.is_due(start + APART_EVERY, true));
    }

    #[test]
    fn clocks_agree_as_far_as_whole_seconds_tell() {
        let at = |millis: u64| Time(millis * 1_000);
        assert_eq!(skew(at(5_100), at(5_200), at(5_000)), 0);
        assert_eq!(skew(at(5_900), at(6_100), at(5_000)), 0);
        assert_eq!(skew(at(9_000), at(9_100), at(5_000)), -3_000_001);
        assert_eq!(skew(at(1_000), at(1_500), at(5_000)), 3_500_000);
    }
}
