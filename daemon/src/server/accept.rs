//! Connections: each is served by its own task; when there are too many, one that is idle makes room ([`super::crowd`]);
//! when the daemon stops, requests in hand are finished within a bound.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::crowd::{Crowd, Seat};
use super::delivery::{Line, Outgoing};
use super::guard::Caller;
use crate::stop::Stop;

/// How long a client may take to send its request line and headers.
const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// How long requests in hand may take once the daemon stops.
const FINISH_LIMIT: Duration = Duration::from_secs(5);
/// How long to leave a listener alone that cannot accept (out of file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// What a caller hears for whom there is no place, as the API says it.
const NO_PLACE: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
    connection: close\r\ncontent-length: 165\r\n\r\n\
    {\"detail\":\"all connections of the daemon are in use\",\"error_code\":\"TOO_MANY_CONNECTIONS\",\
    \"status_code\":503,\"details\":{\"hint\":\"wait a moment, and close connections\"}}";
/// How long such a caller may take to hear it, and how many are told at a time; further ones are closed without a word.
const TOLD_WITHIN: Duration = Duration::from_secs(1);
const TOLD_AT_ONCE: usize = 32;

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
pub(crate) async fn serve<L: Listen>(listener: L, router: Router, crowd: Arc<Crowd>, stop: Stop) {
    let (mut open, mut refused) = (JoinSet::new(), JoinSet::new());
    loop {
        tokio::select! {
            () = stop.requested() => break,
            Some(_) = open.join_next() => {}
            Some(_) = refused.join_next() => {}
            accepted = listener.next() => match accepted {
                Ok(Some((io, caller))) => match crowd.enter() {
                    Some(seat) => drop(open.spawn(connection(io, caller, router.clone(), seat, stop.clone()))),
                    None if refused.len() < TOLD_AT_ONCE => drop(refused.spawn(refuse(io))),
                    None => {}
                },
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

async fn connection<I>(io: I, caller: Caller, router: Router, seat: Arc<Seat>, stop: Stop)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let (place, outgoing) = (Arc::clone(&seat), Arc::new(Outgoing::default()));
    let line = Line::new(io, Arc::clone(&outgoing));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(caller);
        let (busy, answer, outgoing) = (place.busy(), router.call(request), Arc::clone(&outgoing));
        async move {
            let mut answer = answer.await;
            if let Ok(answer) = &mut answer {
                outgoing.take_from(answer);
            }
            drop(busy);
            answer
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT);
    let mut served = pin!(builder.serve_connection(TokioIo::new(line), service));
    let result = tokio::select! {
        result = served.as_mut() => result,
        () = stop.requested() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
        () = seat.asked_to_leave() => {
            if !seat.is_busy() {
                return;
            }
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Says that there is no place. What the caller sent is read, since closing with something unread takes back the answer.
async fn refuse<I: AsyncRead + AsyncWrite + Unpin>(mut io: I) {
    let told = async {
        io.write_all(NO_PLACE.as_bytes()).await?;
        io.shutdown().await?;
        let mut unread = [0; 4096];
        while io.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = tokio::time::timeout(TOLD_WITHIN, told).await; // whoever does not listen is closed all the same
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::problem::Envelope;

    #[tokio::test]
    async fn whoever_finds_no_place_is_told_so_in_the_form_of_the_api() {
        let (mut here, there) = tokio::io::duplex(4096);
        let refusing = tokio::spawn(refuse(there));
        here.write_all(b"GET /health HTTP/1.1\r\n\r\n").await.unwrap();
        here.shutdown().await.unwrap();
        let mut text = String::new();
        here.read_to_string(&mut text).await.unwrap();
        refusing.await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 503 ") && head.contains(&format!("content-length: {}", body.len())),
            "{head}"
        );
        let problem: Envelope = serde_json::from_str(body).unwrap();
        assert_eq!((problem.status_code, problem.error_code.as_str()), (503, "TOO_MANY_CONNECTIONS"));
    }
}
