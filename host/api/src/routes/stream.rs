//! The ordered stream of changes as server-sent events, resumed by number.

use crate::guard::Caller;
use crate::parts::App;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use readmodel::{Follow, Message};
use serde::Deserialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;

/// How often a silent stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where to begin.
#[derive(Debug, Deserialize)]
pub(crate) struct After {
    after: Option<u64>,
}

/// Events `update` (a StreamMessage, its number as id) from after `after` or the header `Last-Event-ID`; `reset` if what came
/// next is gone: fetch the snapshot again.
#[utoipa::path(get, path = "/v1/stream", tag = "page", params(("after" = Option<u64>, Query)), responses((status = 200, description = "text/event-stream", body = readmodel::views::StreamMessage)))]
pub(crate) async fn stream(
    State(app): State<App>,
    Query(query): Query<After>,
    headers: HeaderMap,
    _: Caller,
) -> ([(HeaderName, &'static str); 1], Sse<impl Stream<Item = Result<Event, Infallible>>>) {
    // A browser that connects again by itself says where it was.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let after = last.or(query.after).unwrap_or_else(|| app.picture.seq());
    let events = match app.picture.follow(after) {
        Some(follow) => follow_on(follow).boxed(),
        None => stream::iter([Ok(reset())]).boxed(),
    };
    // Proxies pass each event on at once, as nginx understands it.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    ([unbuffered], Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

fn follow_on(follow: Follow) -> impl Stream<Item = Result<Event, Infallible>> {
    let missed = stream::iter(follow.missed).map(|message| Ok(update(&message)));
    let live = stream::unfold(Some(follow.live), |live| async move {
        let mut live = live?;
        match live.recv().await {
            Ok(message) => Some((Ok(update(&message)), Some(live))),
            Err(RecvError::Lagged(_)) => Some((Ok(reset()), None)),
            Err(RecvError::Closed) => None,
        }
    });
    missed.chain(live)
}

fn update(message: &Message) -> Event {
    Event::default().event("update").id(message.seq.to_string()).data(&*message.json)
}

fn reset() -> Event {
    Event::default().event("reset").data("")
}
