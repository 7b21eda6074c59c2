//! The sockets that clients reach: each is taken, served, and let go of when its client is gone or does not move.
//!
//! A client may vanish without a word (its network was cut, its machine lost power), stop in the middle of a request, or
//! stop reading an answer. None of them holds a watcher, a stream of events, an upload or a socket for ever: every wait
//! for a client is bounded by [`Bounds`]. What a request asks for ([`crate::routes`]) is not looked at here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// After a socket could not be taken: too many files are open, and some will be closed.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a client is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// From when a connection has nothing to do until the whole head of its next request is there.
    pub(crate) head: Duration,
    /// From one part of a body to the next.
    pub(crate) part: Duration,
    /// A body that takes longer than this has to come with [`rate`](Self::rate).
    pub(crate) body: Duration,
    /// Bytes of a body in a second, on average.
    pub(crate) rate: u64,
    /// Until a client takes more of an answer that waits for it, and until it confirms what was sent (RFC 5482).
    pub(crate) write: Duration,
    /// A connection on which nothing was heard for so long is asked whether it is still there, four times.
    pub(crate) quiet: Duration,
    /// Between two such questions.
    pub(crate) again: Duration,
}

impl Default for Bounds {
    /// Longer than a proxy keeps a connection for the next request, and than a bad mobile network is away.
    fn default() -> Self {
        Self {
            head: Duration::from_secs(75),
            part: Duration::from_secs(30),
            body: Duration::from_mins(1),
            rate: 1024,
            write: Duration::from_mins(1),
            quiet: Duration::from_secs(30),
            again: Duration::from_secs(10),
        }
    }
}

/// Questions to a quiet connection.
const QUESTIONS: u32 = 4;

/// Serves until `stop` is cancelled and what was asked before is answered.
pub(crate) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(bounds.head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(bounds.quiet)
        .keep_alive_timeout(bounds.write);
    let open = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                if !is_of_one_client(&error) {
                    tracing::error!(%error, "no connection can be taken");
                    tokio::time::sleep(PAUSE).await;
                }
                continue;
            }
        };
        if let Err(error) = prepare(&socket, bounds) {
            // It went between being taken and being asked.
            tracing::debug!(%error, "a connection is not served");
            continue;
        }
        let service = router.clone().map_request(move |request: Request<Incoming>| {
            request.map(|body| Body::new(Moving::new(Body::new(body), bounds)))
        });
        let stream = TokioIo::new(Stream::new(socket, bounds));
        let connection = builder.serve_connection_with_upgrades(stream, TowerToHyperService::new(service));
        let connection = open.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %error, "a connection ended early");
            }
        });
    }
    drop(listener);
    open.shutdown().await;
}

/// Errors of accept(2) that are over with the connection that had them.
fn is_of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Small answers go at once, and the kernel lets go of who is not there any more.
fn prepare(socket: &TcpStream, bounds: Bounds) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let socket = SockRef::from(socket);
    let asked =
        TcpKeepalive::new().with_time(bounds.quiet).with_interval(bounds.again).with_retries(QUESTIONS);
    socket.set_tcp_keepalive(&asked)?;
    socket.set_tcp_user_timeout(Some(bounds.write))
}

/// What a client says first that speaks HTTP/2 without being asked (RFC 9113, 3.4). Nobody else bounds the wait for it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A socket whose client has to say what it speaks, and to take what is written.
#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    limit: Duration,
    /// Runs while something waits to be written.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs until it is known what the client speaks.
    opening: Option<Pin<Box<Sleep>>>,
    /// How much of [`PREFACE`] has come.
    matched: usize,
}

impl Stream {
    fn new(socket: TcpStream, bounds: Bounds) -> Self {
        let opening = Some(Box::pin(tokio::time::sleep(bounds.head)));
        Self { socket, limit: bounds.write, stalled: None, opening, matched: 0 }
    }

    /// Takes note of what came while nobody knew what the client speaks.
    fn heard(&mut self, bytes: &[u8]) {
        let rest = &PREFACE[self.matched..];
        self.matched += bytes.len().min(rest.len());
        if bytes.is_empty() || bytes.len() >= rest.len() || !rest.starts_with(bytes) {
            self.opening = None;
        }
    }

    fn bounded<T>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.stalled = None;
            return done;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes no more of its answer")))
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let done = Pin::new(&mut self.socket).poll_read(context, buffer);
        let Some(opening) = &mut self.opening else { return done };
        if done.is_ready() {
            self.heard(&buffer.filled()[before..]);
            return done;
        }
        ready!(opening.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client says nothing")))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.bounded(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.socket).poll_write_vectored(context, parts);
        self.bounded(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// A body that has to come: each part in time, and all of it with a rate.
#[derive(Debug)]
struct Moving {
    body: Body,
    bounds: Bounds,
    begun: Option<Instant>,
    received: u64,
    /// Runs while a part is waited for.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Moving {
    fn new(body: Body, bounds: Bounds) -> Self {
        Self { body, bounds, begun: None, received: 0, waiting: None }
    }

    /// When the next part has to be there.
    fn deadline(&mut self) -> Instant {
        let now = Instant::now();
        let begun = *self.begun.get_or_insert(now);
        let earned = Duration::from_secs(self.received / self.bounds.rate.max(1));
        (now + self.bounds.part).min(begun + self.bounds.body + earned)
    }
}

impl HttpBody for Moving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.waiting = None;
            let bytes = frame.as_ref().and_then(|f| f.as_ref().ok()?.data_ref().map(Bytes::len));
            self.begun.get_or_insert_with(Instant::now);
            self.received += bytes.unwrap_or(0) as u64;
            return Poll::Ready(frame);
        }
        if self.waiting.is_none() {
            let deadline = self.deadline();
            self.waiting = Some(Box::pin(tokio::time::sleep_until(deadline)));
        }
        if let Some(waiting) = &mut self.waiting {
            ready!(waiting.as_mut().poll(context));
        }
        Poll::Ready(Some(Err(axum::Error::new(io::Error::new(
            io::ErrorKind::TimedOut,
            "the body does not come",
        )))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

/// Whether a body was given up because it did not come.
pub(crate) fn is_late(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests;
