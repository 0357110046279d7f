//! The task that sends, one after the other, and tries again what did not get through.

use super::Shared;
use super::delivery::{Door, Outcome};
use super::payload::{Bot, body};
use super::queue::{Post, Take};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often an alert is tried. With the pauses between that is about two minutes.
const TRIES_MAX: u32 = 8;
/// The pause after the first failure; each is twice the one before, up to the most.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Sends until the end, and what is left then.
pub(super) async fn run(shared: Arc<Shared>, door: Door, bot: Bot) {
    let mut closing = shared.closing.subscribe();
    loop {
        let ending = *closing.borrow_and_update();
        let take = shared.waiting().take(shared.now(), ending);
        match take {
            Take::Post(post) => deliver(&shared, &door, &bot, &post, &mut closing).await,
            Take::Nothing if ending => return,
            Take::Nothing => sleep(&shared, &mut closing, None).await,
            Take::Wait(millis) => sleep(&shared, &mut closing, Some(Duration::from_millis(millis))).await,
        }
    }
}

/// Sleeps until something comes, it is the end, or the time is over.
async fn sleep(shared: &Shared, closing: &mut watch::Receiver<bool>, time: Option<Duration>) {
    let over = async {
        match time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = shared.wake.notified() => {}
        _ = closing.changed() => {}
        () = over => {}
    }
}

/// Sends one, trying again while that makes sense. At the end it is tried once more.
async fn deliver(shared: &Shared, door: &Door, bot: &Bot, post: &Post, closing: &mut watch::Receiver<bool>) {
    let body = body(bot, post);
    let mut pause = PAUSE;
    let mut why = String::new();
    for _ in 0..TRIES_MAX {
        let ending = *closing.borrow();
        let after = match door.post(&body).await {
            Outcome::Taken(_) => return taken(shared, post.missed),
            Outcome::Refused(words) => return failed(shared, post, &words),
            Outcome::Later(words, after) => {
                shared.figures().error.clone_from(&words);
                why = words;
                after
            }
        };
        if ending {
            break;
        }
        // The end does not wait.
        tokio::select! {
            () = tokio::time::sleep(after.unwrap_or(pause)) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
        pause = pause.saturating_mul(2).min(PAUSE_MAX);
    }
    failed(shared, post, &why);
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
    tracing::error!(kind = post.alert.kind, title = post.alert.title, why, "an alert did not get through");
}
