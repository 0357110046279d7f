//! What the engine hears of the venue as such: how its requests fare, and what time it has.

use control::clock;
use control::inbox::Inbox;
use model::input::VenueState;
use model::{Body, Time};
use polymarket::Client;
use polymarket::client::Mood;
use std::time::Duration;
use tokio::sync::watch;

/// How often the clocks are compared.
const CLOCK_EVERY: Duration = Duration::from_secs(60);
/// How often the requests are counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Begins to watch. Call it inside a runtime.
pub(crate) fn watch(client: &Client, inbox: &Inbox) {
    tokio::spawn(count_requests(client.clone(), inbox.clone()));
    tokio::spawn(compare_clocks(client.clone(), inbox.clone()));
    tokio::spawn(tell_moods(client.moods(), inbox.clone()));
}

/// Tells the engine what the venue takes, and that it takes more again when the time is over.
async fn tell_moods(mut moods: watch::Receiver<Option<Mood>>, inbox: Inbox) {
    let mut now: Option<Mood> = None;
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
            () = over => now.and_then(Mood::next),
        };
        if let Some(Mood { state, lasts }) = next {
            tracing::warn!(?state, seconds = lasts.as_secs(), "what the venue takes has changed");
            inbox.account(clock::now(), Body::Venue { state });
        }
        // Open lasts until something else is told.
        now = next.filter(|mood| mood.state != VenueState::Open);
    }
}

/// Compares the clocks. The venue's tells whole seconds, so less than one says nothing.
async fn compare_clocks(client: Client, inbox: Inbox) {
    let mut ticks = tokio::time::interval(CLOCK_EVERY);
    loop {
        ticks.tick().await;
        let asked = clock::now();
        match client.time().await {
            Ok(theirs) => {
                let heard = clock::now();
                let micros = skew(asked, heard, theirs);
                inbox.account(heard, Body::Skew { micros });
            }
            Err(error) => tracing::debug!(%error, "the venue did not tell its time"),
        }
    }
}

async fn count_requests(client: Client, inbox: Inbox) {
    let mut ticks = tokio::time::interval(COUNT_EVERY);
    loop {
        ticks.tick().await;
        let counts = client.take_counts();
        if counts.ok > 0 || counts.failed > 0 {
            let (ok, failed) = (counts.ok, counts.failed);
            inbox.account(clock::now(), Body::Requests { ok, failed });
        }
    }
}

/// Returns how far the venue's clock is ahead of ours, in microseconds: nothing while its second could be the one in which it was asked.
pub fn skew(asked: Time, heard: Time, theirs: Time) -> i64 {
    let (first, last) = (theirs, theirs.plus_micros(999_999));
    if last < asked {
        return i64::try_from(asked.since(last)).map_or(i64::MIN, i64::wrapping_neg);
    }
    if first > heard {
        return i64::try_from(first.since(heard)).unwrap_or(i64::MAX);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_agree_as_far_as_whole_seconds_tell() {
        let at = |millis: u64| Time(millis * 1_000);
        assert_eq!(skew(at(5_100), at(5_200), at(5_000)), 0);
        assert_eq!(skew(at(5_900), at(6_100), at(5_000)), 0);
        assert_eq!(skew(at(9_000), at(9_100), at(5_000)), -3_000_001);
        assert_eq!(skew(at(1_000), at(1_500), at(5_000)), 3_500_000);
    }
}
