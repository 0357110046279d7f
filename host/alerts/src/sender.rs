//! The task that sends, critical alerts beside the others. What does not get through goes back to the queue and is tried again when it is
//! due, so that nothing else waits for it.

use super::Shared;
use super::delivery::{Door, Outcome};
use super::payload::{Bot, body};
use super::queue::{Lane, Post, Put, Take};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Sends until the end, and what is left then.
pub(super) async fn run(shared: Arc<Shared>, door: Door, bot: Bot) {
    tokio::join!(
        send(&shared, &door, &bot, Lane::Critical, &shared.wake_critical),
        send(&shared, &door, &bot, Lane::Other, &shared.wake_other),
    );
}

/// Sends the alerts of a lane, one after the other.
async fn send(shared: &Shared, door: &Door, bot: &Bot, lane: Lane, wake: &Notify) {
    let mut closing = shared.closing.subscribe();
    loop {
        let ending = *closing.borrow_and_update();
        let take = shared.waiting().take(lane, shared.now(), ending);
        let time = match take {
            Take::Post(post) => {
                deliver(shared, door, bot, post).await;
                continue;
            }
            Take::Nothing if ending => return,
            Take::Nothing => None,
            Take::Wait(millis) => Some(Duration::from_millis(millis)),
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

/// Sends one. If it may be taken later, it goes back to the queue, unless it is the end.
async fn deliver(shared: &Shared, door: &Door, bot: &Bot, post: Post) {
    match door.post(&body(bot, &post)).await {
        Outcome::Taken(_) => taken(shared, post.missed),
        Outcome::Refused(why) => failed(shared, &post, &why),
        Outcome::Later(why, _) if *shared.closing.borrow() => failed(shared, &post, &why),
        Outcome::Later(why, after) => {
            let (kind, tries) = (post.alert.kind, post.tries.saturating_add(1));
            if tries.is_power_of_two() {
                tracing::warn!(kind, why, tries, ?after, "alert not delivered; it waits, retrying");
            }
            let after = after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
            let put = shared.waiting().put_back(post, shared.now(), after);
            let mut figures = shared.figures();
            figures.error = why;
            if put == Put::Dropped {
                figures.dropped = figures.dropped.saturating_add(1);
            }
        }
    }
}

fn taken(shared: &Shared, missed: u64) {
    shared.waiting().told(missed);
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
    tracing::error!(kind = post.alert.kind, title = post.alert.title, why, "alert not delivered; it is given up");
}
