//! Serves one listener with limits on connections and on the time for a request's head.

mod watched;

use crate::connections::{Connection, Connections, Seat};
use crate::held::Held;
use crate::origin::Peer;
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

/// The longest time for a request's head to arrive, from the start of the connection or from the first byte after an
/// answer.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_secs(1);
/// Time that an idle connection is kept. Clients that do not check for a closed connection drop it earlier (most after
/// 90 s).
const KEPT_FOR: Duration = Duration::from_secs(300);
/// The most bytes of a head, and the buffer size of bodies and answers.
const BUFFER_MAX: usize = 64 * 1024;
/// The pause after the system refused a connection, usually for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until it is aborted. Open connections then continue.
pub(super) async fn accept(listener: TcpListener, router: Router, most: usize) {
    let connections = Connections::new(most);
    let mut refused = 0_u64;
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) if is_about_the_connection(&error) => continue,
            Err(error) => {
                refused = refused.saturating_add(1);
                if refused.is_power_of_two() {
                    tracing::error!(%error, refused, "accepting a connection failed; retrying");
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(seat) = connections.admit().await else { return };
        tokio::spawn(serve(stream, Peer(peer.ip()), router.clone(), seat));
    }
}

/// Returns true if the other end gave up before the connection was accepted.
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
async fn serve(stream: TcpStream, peer: Peer, router: Router, seat: Seat) {
    // Without it, answers are only delayed.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "setting TCP_NODELAY failed");
    }
    let connection = Arc::clone(&seat.connection);
    let seat = Held(Arc::new(seat));
    let held = seat.clone();
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let busy = connection.begin();
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Arc::clone(&connection));
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(held.clone());
        let answer = router.clone().oneshot(request);
        async move { answer.await.map(|answer| answer.map(|body| Answer { body, _busy: busy })) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(KEPT_FOR)
        .max_buf_size(BUFFER_MAX)
        .serve_connection(TokioIo::new(Watched::new(stream, Arc::clone(&seat.0.connection))), service)
        .with_upgrades();
    tokio::select! {
        biased;
        () = seat.closed() => {}
        () = late(&seat.0.connection) => {}
        served = served => if let Err(error) = served {
            tracing::debug!(%error, "connection ended");
        },
    }
}

/// Waits until a head that was started is late.
async fn late(connection: &Connection) {
    while !connection.is_late(HEAD_WITHIN) {
        tokio::time::sleep(LOOK).await;
    }
    tracing::debug!("connection closed; its request head was incomplete");
}
