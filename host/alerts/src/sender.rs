//! The delivery task, with one loop for critical alerts and one for the others. An undelivered alert returns to the
//! queue and is retried when it is due, so that no other alert waits for it.

use super::Shared;
use super::delivery::{Outcome, Route};
use super::payload::Bot;
use super::queue::{Enqueued, Lane, NextAlert, Post};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Interval at which the quiet hours are checked.
const QUIET_CHECK: Duration = Duration::from_secs(60);

/// Sends alerts until the end, and then the remaining ones.
pub(super) async fn run(shared: Arc<Shared>, route: Route, bot: Bot) {
    tokio::join!(
        send(&shared, &route, &bot, Lane::Critical, &shared.wake_critical),
        send(&shared, &route, &bot, Lane::Other, &shared.wake_other),
    );
}

/// Sends the alerts of a lane, one at a time.
async fn send(shared: &Shared, route: &Route, bot: &Bot, lane: Lane, wake: &Notify) {
    let mut closing = shared.closing.subscribe();
    loop {
        let ending = *closing.borrow_and_update();
        let quiet = shared.quiet_rest().filter(|_| lane == Lane::Other && !ending);
        let take = match quiet {
            // Checked every minute, because the wall clock may be adjusted.
            Some(rest) => NextAlert::Wait(u64::try_from(rest.min(QUIET_CHECK).as_millis()).unwrap_or(u64::MAX).max(1)),
            None => shared.waiting().next(lane, shared.now(), ending),
        };
        let time = match take {
            NextAlert::Post(post) => {
                deliver(shared, route, bot, post).await;
                continue;
            }
            NextAlert::Nothing if ending => return,
            NextAlert::Nothing => None,
            NextAlert::Wait(millis) => Some(Duration::from_millis(millis)),
        };
        let over = async {
            match time {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wake.notified() => {}
            _ = closing.changed() => {}
            () = over => {}
        }
    }
}

/// Sends one alert. If the channel may accept it later, it returns to the queue, unless the host is ending.
async fn deliver(shared: &Shared, route: &Route, bot: &Bot, post: Post) {
    match route.deliver(bot, &post).await {
        Outcome::Taken(_) => taken(shared, post.missed),
        Outcome::Refused(why) => failed(shared, &post, &why),
        Outcome::Later(why, _) if *shared.closing.borrow() => failed(shared, &post, &why),
        Outcome::Later(why, after) => {
            let (kind, tries) = (post.alert.kind, post.tries.saturating_add(1));
            if tries.is_power_of_two() {
                let channel = shared.channel;
                tracing::warn!(channel, kind, why, tries, ?after, "alert delivery failed; retrying later");
            }
            let after = after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
            let put = shared.waiting().requeue(post, shared.now(), after);
            let mut figures = shared.figures();
            figures.error = why;
            if put == Enqueued::Dropped {
                figures.dropped = figures.dropped.saturating_add(1);
            }
        }
    }
}

fn taken(shared: &Shared, missed: u64) {
    shared.waiting().reported_missed(missed);
    let mut figures = shared.figures();
    figures.sent = figures.sent.saturating_add(1);
    figures.error.clear();
}

fn failed(shared: &Shared, post: &Post, why: &str) {
    shared.waiting().miss();
    let mut figures = shared.figures();
    figures.failed = figures.failed.saturating_add(1);
    why.clone_into(&mut figures.error);
    drop(figures);
    tracing::error!(
        channel = shared.channel,
        kind = post.alert.kind,
        title = post.alert.title,
        why,
        "alert delivery failed; not retried"
    );
}
