//! Serves one listener with limits: of connections, and of the time that a request's head may take.

mod watched;

use crate::connections::{Connection, Connections, Seat};
use axum::Router;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;
use watched::{Answer, Watched};

/// How long the head of a request may take to arrive, from the connection's beginning or the first byte after an answer.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_secs(1);
/// How long a connection is kept for its next request. Clients that do not look whether it was closed forget it before (after 90 s, most).
const KEPT_FOR: Duration = Duration::from_secs(300);
/// The bytes of a head, and of a body or an answer at once.
const BUFFER_MAX: usize = 64 * 1024;
/// How long to wait after the system refused a connection, usually for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until it is aborted. Connections that are open then go on.
pub(super) async fn accept(listener: TcpListener, router: Router, most: usize) {
    let connections = Connections::new(most);
    let mut refused = 0_u64;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) if is_about_the_connection(&error) => continue,
            Err(error) => {
                refused = refused.saturating_add(1);
                if refused.is_power_of_two() {
                    tracing::error!(%error, refused, "connection not accepted; retrying");
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(seat) = connections.admit().await else { return };
        tokio::spawn(serve(stream, router.clone(), seat));
    }
}

/// Returns whether the other end gave up before it was accepted.
fn is_about_the_connection(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
    )
}

/// Answers the requests of a connection until it ends or its place is needed.
async fn serve(stream: TcpStream, router: Router, seat: Seat) {
    // An answer that is not sent at once is late, and nothing else is wrong with it.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY not set");
    }
    let connection = Arc::clone(&seat.connection);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let busy = connection.begin();
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Arc::clone(&connection));
        let answer = router.clone().oneshot(request);
        async move { answer.await.map(|answer| answer.map(|body| Answer { body, _busy: busy })) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(KEPT_FOR)
        .max_buf_size(BUFFER_MAX)
        .serve_connection(TokioIo::new(Watched { stream, connection: Arc::clone(&seat.connection) }), service);
    tokio::select! {
        biased;
        () = seat.connection.closed() => {}
        () = late(&seat.connection) => {}
        served = served => if let Err(error) = served {
            tracing::debug!(%error, "connection ended");
        },
    }
}

/// Waits until a head that was begun is late.
async fn late(connection: &Connection) {
    while !connection.is_late(HEAD_WITHIN) {
        tokio::time::sleep(LOOK).await;
    }
    tracing::debug!("connection closed; it sent no whole head of a request");
}
