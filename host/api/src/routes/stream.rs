//! The ordered stream of changes as server-sent events, resumed by session and number.

use crate::auth::Proof;
use crate::guard::Caller;
use crate::params::Query;
use crate::state::AppState;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use readmodel::{Follow, Message};
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// The interval of keep-alive messages on a silent stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The interval of checks whether the caller's token is still valid.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The position to start from.
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    pub(super) after: Option<String>,
}

/// Streams changes as server-sent events `update`, each a StreamMessage with the id SESSION-SEQ.
///
/// The stream starts after the update that `after` or the header `Last-Event-ID` names by its id; without either, from
/// now on. If that update belongs to another session, or the updates after it are no longer kept, the only event is
/// `reset`: fetch the snapshot again. The stream ends when the token is revoked or expires.
#[utoipa::path(get, path = "/v1/stream", tag = "page", params(("after" = Option<String>, Query, description = "SESSION-SEQ: `bot.session` and `seq` of a snapshot"), ("Last-Event-ID" = Option<String>, Header)), responses((status = 200, description = "text/event-stream", body = readmodel::views::StreamMessage)))]
pub(crate) async fn stream(
    State(app): State<AppState>,
    Caller(_, proof, _): Caller,
    Query(query): Query<After>,
    headers: HeaderMap,
) -> ([(HeaderName, &'static str); 1], Sse<impl Stream<Item = Result<Event, Infallible>>>) {
    // A browser that reconnects automatically sends its last position.
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default().to_owned());
    let session = app.session;
    let follow = follow_of(&app, last.or(query.after));
    let events = match follow {
        Some(follow) => follow_on(follow, session).boxed(),
        None => stream::iter([Ok(reset())]).boxed(),
    };
    // Tells proxies to forward each event at once, in the form that nginx supports.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    let events = events.take_until(refused(app, proof));
    ([unbuffered], Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// Returns the updates after a place, or new updates only if there is none; `None` if the next update is not
/// kept.
pub(super) fn follow_of(app: &AppState, place: Option<String>) -> Option<Follow> {
    match place {
        Some(place) => seq_of(&place, app.session).and_then(|seq| app.picture.follow(seq)),
        None => app.picture.follow(app.picture.seq()),
    }
}

/// Returns the number of an update of this session; `None` for an update of another one, whose numbers refer to other
/// updates.
fn seq_of(place: &str, session: u64) -> Option<u64> {
    let (of, seq) = place.split_once('-')?;
    (of.parse() == Ok(session)).then(|| seq.parse().ok()).flatten()
}

/// Resolves when the caller's credential becomes invalid.
pub(super) async fn refused(app: AppState, proof: Proof) {
    while app.auth.holds(proof, (app.clock)()) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn follow_on(follow: Follow, session: u64) -> impl Stream<Item = Result<Event, Infallible>> {
    let missed = stream::iter(follow.missed).map(move |message| Ok(update(&message, session)));
    let live = stream::unfold(Some(follow.live), move |live| async move {
        let mut live = live?;
        match live.recv().await {
            Ok(message) => Some((Ok(update(&message, session)), Some(live))),
            Err(RecvError::Lagged(_)) => Some((Ok(reset()), None)),
            Err(RecvError::Closed) => None,
        }
    });
    missed.chain(live)
}

fn update(message: &Message, session: u64) -> Event {
    Event::default().event("update").id(format!("{session}-{}", message.seq)).data(&*message.json)
}

fn reset() -> Event {
    Event::default().event("reset").data("")
}
