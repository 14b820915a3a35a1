//! Whether an answer reached whoever asked. A [`Delivery`] goes with the response, and hears from the connection's
//! stream ([`Line`]) what became of it: a hook that had given up when its answer came has told nobody.
//!
//! An answer has arrived when, after it was written out, its reader goes on with the connection or ends it in order. One
//! who leaves with the answer unread resets a Unix socket as well as a TCP connection, which the next read says.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::http::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

type Hear = Box<dyn FnOnce(bool) + Send>;

/// Hears once whether an answer arrived; when it is dropped before, it did not.
pub(super) struct Delivery(Option<Hear>);

/// A delivery on its way through the layers: extensions of a response have to be clonable.
#[derive(Clone)]
struct Enclosed(Arc<Mutex<Option<Delivery>>>);

impl Delivery {
    /// `hear` is told whether the answer arrived, on the runtime.
    pub(super) fn new(hear: impl FnOnce(bool) + Send + 'static) -> Self {
        Self(Some(Box::new(hear)))
    }

    /// Puts it to the response on whose arrival it waits.
    pub(super) fn go_with<B>(self, response: &mut Response<B>) {
        response.extensions_mut().insert(Enclosed(Arc::new(Mutex::new(Some(self)))));
    }

    fn arrived(mut self) {
        if let Some(hear) = self.0.take() {
            hear(true);
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(hear) = self.0.take() {
            hear(false);
        }
    }
}

/// What a connection still has to deliver; shared by its stream and its service.
#[derive(Default)]
pub(super) struct Outgoing {
    /// True while `stage` holds anything, for the many answers on which nothing depends.
    waits: AtomicBool,
    stage: Mutex<Stage>,
}

#[derive(Default)]
enum Stage {
    #[default]
    Nothing,
    /// Made, and not written out.
    Made(Delivery),
    /// Written out; its reader has not been heard of since.
    Sent(Delivery),
}

impl Outgoing {
    /// Takes over what depends on the response, which is written next.
    pub(super) fn take_from<B>(&self, response: &mut Response<B>) {
        let Some(Enclosed(delivery)) = response.extensions_mut().remove() else { return };
        if let Some(delivery) = locked(&delivery).take() {
            *locked(&self.stage) = Stage::Made(delivery);
            self.waits.store(true, Ordering::Release);
        }
    }

    fn is_waiting(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }

    fn written_out(&self) {
        let mut stage = locked(&self.stage);
        *stage = match std::mem::take(&mut *stage) {
            Stage::Made(delivery) => Stage::Sent(delivery),
            other => other,
        };
    }

    /// What was sent is heard of now: its reader went on, or left in order.
    fn read(&self) {
        let sent = {
            let mut stage = locked(&self.stage);
            match std::mem::take(&mut *stage) {
                Stage::Sent(delivery) => Some(delivery),
                other => {
                    *stage = other;
                    None
                }
            }
        };
        if let Some(delivery) = sent {
            self.waits.store(false, Ordering::Release);
            delivery.arrived();
        }
    }

    /// The connection failed: nothing more arrives.
    fn lost(&self) {
        self.waits.store(false, Ordering::Release);
        let stage = std::mem::take(&mut *locked(&self.stage));
        drop(stage); // its delivery hears of it here, with nothing locked
    }
}

/// A connection's stream, which sees what becomes of answers.
pub(super) struct Line<I> {
    io: I,
    outgoing: Arc<Outgoing>,
    /// Whether anything was written since an answer began to wait.
    is_begun: bool,
}

impl<I> Line<I> {
    pub(super) fn new(io: I, outgoing: Arc<Outgoing>) -> Self {
        Self { io, outgoing, is_begun: false }
    }
}

/// When it is we who end the connection, its reader may still read what is written out: it counts as arrived.
impl<I> Drop for Line<I> {
    fn drop(&mut self) {
        self.outgoing.read();
        self.outgoing.lost();
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Line<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.io).poll_read(cx, buffer));
        if self.outgoing.is_waiting() {
            match &result {
                Ok(()) => self.outgoing.read(),
                Err(_) => self.outgoing.lost(),
            }
        }
        Poll::Ready(result)
    }
}

impl<I: AsyncWrite + Unpin> Line<I> {
    fn wrote(&mut self, result: &io::Result<usize>) {
        if self.outgoing.is_waiting() {
            match result {
                Ok(_) => self.is_begun = true,
                Err(_) => self.outgoing.lost(),
            }
        }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Line<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.io).poll_write(cx, bytes));
        self.wrote(&result);
        Poll::Ready(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, pieces));
        self.wrote(&result);
        Poll::Ready(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = ready!(Pin::new(&mut self.io).poll_flush(cx));
        // Hyper flushes once all that it has is written.
        if result.is_ok() && std::mem::take(&mut self.is_begun) {
            self.outgoing.written_out();
        }
        Poll::Ready(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;

    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::sync::Notify;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    /// Serves one connection as the daemon does; an answer is made once `go` says so. What is heard comes out.
    fn served(go: Arc<Notify>) -> (UnixStream, mpsc::Receiver<bool>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let io = tokio::net::UnixStream::from_std(ours).unwrap();
        let (tell, heard) = mpsc::channel();
        let outgoing = Arc::new(Outgoing::default());
        let line = Line::new(io, Arc::clone(&outgoing));
        let service = service_fn(move |_| {
            let (go, outgoing, tell) = (Arc::clone(&go), Arc::clone(&outgoing), tell.clone());
            async move {
                go.notified().await;
                let mut response = Response::new("the answer".to_owned());
                Delivery::new(move |arrived| tell.send(arrived).unwrap()).go_with(&mut response);
                outgoing.take_from(&mut response);
                io::Result::Ok(response)
            }
        });
        tokio::spawn(async move { http1::Builder::new().serve_connection(TokioIo::new(line), service).await });
        (theirs, heard)
    }

    async fn outcome(heard: mpsc::Receiver<bool>) -> Option<bool> {
        tokio::task::spawn_blocking(move || heard.recv_timeout(std::time::Duration::from_secs(30)).ok()).await.unwrap()
    }

    fn read_answer(stream: &mut UnixStream) {
        let mut text = Vec::new();
        while !text.ends_with(b"the answer") {
            let mut piece = [0; 512];
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0);
            text.extend_from_slice(&piece[..count]);
        }
    }

    /// One who has asked, and read the answer.
    async fn answered() -> (UnixStream, mpsc::Receiver<bool>) {
        let go = Arc::new(Notify::new());
        let (mut asker, heard) = served(Arc::clone(&go));
        asker.write_all(REQUEST).unwrap();
        go.notify_one();
        let reading = tokio::task::spawn_blocking(move || {
            read_answer(&mut asker);
            asker
        });
        (reading.await.unwrap(), heard)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_that_was_read_has_arrived() {
        let (asker, heard) = answered().await;
        assert!(heard.try_recv().is_err(), "the asker is still there");
        drop(asker);
        assert_eq!(outcome(heard).await, Some(true));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_asks_again_has_read_the_answer_before() {
        let (mut asker, heard) = answered().await;
        asker.write_all(REQUEST).unwrap();
        assert_eq!(outcome(heard).await, Some(true));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_leaves_before_or_with_the_answer_unread_has_not_got_it() {
        let go = Arc::new(Notify::new());
        let (mut asker, heard) = served(Arc::clone(&go));
        asker.write_all(REQUEST).unwrap();
        go.notify_one();
        // The answer is there, and is left unread.
        asker.set_nonblocking(true).unwrap();
        let asker = tokio::net::UnixStream::from_std(asker).unwrap();
        asker.readable().await.unwrap();
        drop(asker);
        assert_eq!(outcome(heard).await, Some(false));

        let (mut asker, heard) = served(Arc::clone(&go));
        asker.write_all(REQUEST).unwrap();
        drop(asker);
        go.notify_one();
        assert_ne!(outcome(heard).await, Some(true), "made for nobody, or not made at all");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_never_reached_a_connection_has_not_arrived() {
        let (tell, heard) = mpsc::channel();
        let mut response = Response::new(());
        Delivery::new(move |arrived| tell.send(arrived).unwrap()).go_with(&mut response);
        drop(response);
        assert_eq!(heard.recv(), Ok(false));
    }
}
