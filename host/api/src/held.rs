//! The place of a connection that is used after its last response: a WebSocket.

use crate::connections::{Busy, Seat};
use std::sync::Arc;

/// Holds the place of a connection. The place is released when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Held(pub(crate) Arc<Seat>);

impl Held {
    /// Marks the connection as in use until the returned value is dropped.
    pub(crate) fn begin(&self) -> Busy {
        self.0.connection.begin()
    }

    /// Waits until the connection must be closed to make room for another one.
    pub(crate) async fn closed(&self) {
        self.0.connection.closed().await;
    }
}
