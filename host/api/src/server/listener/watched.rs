//! A connection and an answer that report their activity.

use crate::connections::{Busy, Connection};
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// The longest time in which the other end may accept none of the bytes sent to it. A slow reader is served; a reader
/// that has stopped keeps its place and the resources of its answer.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// A stream that reports received bytes, and that fails if the other end accepts none.
pub(super) struct Watched {
    stream: TcpStream,
    connection: Arc<Connection>,
    /// The longest time for bytes to wait, and its end if some are waiting.
    within: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, connection: Arc<Connection>) -> Self {
        Self { stream, connection, within: TAKEN_WITHIN, stuck: None }
    }

    /// Applies the time limit to a write: progress restarts it.
    fn timed<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let stuck = self.stuck.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.within)));
        match stuck.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) => {
                tracing::debug!(seconds = self.within.as_secs(), "connection closed; the other end accepts no bytes");
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        if buffer.filled().len() > before {
            self.connection.read();
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.timed(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.timed(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.timed(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The body of an answer. Its request counts as busy until the body is sent.
pub(super) struct Answer {
    pub(super) body: Body,
    pub(super) _busy: Busy,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "test code may fail loudly")]

    use super::*;
    use crate::connections::Connections;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    /// Returns both ends of a connection; `within` limits the time for the second one to accept bytes.
    async fn ends(within: Duration) -> (Watched, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let connection = Arc::clone(&Connections::new(1).admit().await.unwrap().connection);
        (Watched { within, ..Watched::new(stream, connection) }, other)
    }

    #[tokio::test]
    async fn an_end_that_takes_nothing_is_given_up_and_one_that_reads_slowly_is_not() {
        let (mut watched, _other) = ends(Duration::from_millis(200)).await;
        let sent = timeout(Duration::from_secs(60), watched.write_all(&vec![0; 64 << 20])).await.unwrap();
        assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::TimedOut);

        let (mut watched, mut other) = ends(Duration::from_secs(20)).await;
        let reading = tokio::spawn(async move {
            let (mut piece, mut read) = (vec![0; 1 << 20], 0_usize);
            while let Ok(some @ 1..) = other.read(&mut piece).await {
                read = read.saturating_add(some);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            read
        });
        watched.write_all(&vec![0; 16 << 20]).await.unwrap();
        drop(watched);
        assert_eq!(timeout(Duration::from_secs(60), reading).await.unwrap().unwrap(), 16 << 20);
    }
}
