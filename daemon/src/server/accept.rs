//! Connections: each is served by its own task; when the daemon stops, requests in hand are finished within a bound.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::guard::Caller;
use crate::stop::Stop;

/// How long a client may take to send its request line and headers.
const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// How long requests in hand may take once the daemon stops.
const FINISH_LIMIT: Duration = Duration::from_secs(5);
/// How long to leave a listener alone that cannot accept (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listener that knows who is calling. `None`: a caller that was turned away.
pub(crate) trait Listen: Send + 'static {
    /// The connection's stream.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The next connection.
    fn next(&self) -> impl Future<Output = io::Result<Option<(Self::Io, Caller)>>> + Send;
}

impl Listen for TcpListener {
    type Io = tokio::net::TcpStream;

    async fn next(&self) -> io::Result<Option<(Self::Io, Caller)>> {
        let (stream, _) = self.accept().await?;
        stream.set_nodelay(true)?;
        let port = self.local_addr()?.port();
        Ok(Some((stream, Caller::Loopback { port })))
    }
}

#[cfg(unix)]
impl Listen for tokio::net::UnixListener {
    type Io = tokio::net::UnixStream;

    async fn next(&self) -> io::Result<Option<(Self::Io, Caller)>> {
        let (stream, _) = self.accept().await?;
        let uid = stream.peer_cred()?.uid();
        if uid == rustix::process::geteuid().as_raw() {
            return Ok(Some((stream, Caller::SameUser)));
        }
        tracing::warn!(uid, "a connection of another user was refused");
        Ok(None)
    }
}

/// Serves connections until `stop`, then finishes those in hand.
pub(crate) async fn serve<L: Listen>(listener: L, router: Router, stop: Stop) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.requested() => break,
            Some(_) = open.join_next() => {}
            accepted = listener.next() => match accepted {
                Ok(Some((io, caller))) => {
                    let service = router.clone().layer(Extension(caller));
                    open.spawn(connection(io, service, stop.clone()));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    let finished = tokio::time::timeout(FINISH_LIMIT, async { while open.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        tracing::warn!(left = open.len(), "requests still in hand were dropped at the stop");
    }
}

async fn connection<I>(io: I, router: Router, stop: Stop)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT);
    let mut served = pin!(builder.serve_connection(TokioIo::new(io), TowerToHyperService::new(router)));
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stop.requested() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
